"""Importing: from what runs, or was exported, to a draft that validates, and to what it would change.

The draft is compiled before anybody sees it. Whatever of it would be an error is taken out and told with that error's
words, so that a draft is never a spec to repair first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from capgen import disk, naming
from capgen.api import load_catalog
from capgen.api.reading import project_folder, read_project
from capgen.catalog.load import Catalog
from capgen.check.dashboards import check_dashboards
from capgen.check.scaling import check_scaling
from capgen.compile.service import compile_spec
from capgen.diagnostics import Diagnostic, Severity, Span, has_errors, in_order
from capgen.errors import Findings, Refused, UsageError
from capgen.intake.changes import counted, differences, replaced
from capgen.intake.draft import Draft, draft, dropped
from capgen.intake.found import CONFIGURATION, KINDS, SERVICE, WORKLOADS, Found, read_found, view
from capgen.intake.imported import Imported
from capgen.intake.printed import printed
from capgen.spec.parse import parse_project, specs
from capgen.yamlio import Node, Source, read

if TYPE_CHECKING:
    from capgen.blueprint import Blueprint

_SUFFIXES = (".yaml", ".yml", ".json")
_LARGEST = 64 << 20


class Asked(Struct, frozen=True):
    """What is imported: exported files, or namespaces of the cluster of an environment or of a context."""

    name: str
    specs: Path = Path("specs")
    environment: str = ""
    context: str = ""
    namespaces: tuple[str, ...] = ()
    exported: tuple[Path, ...] = ()
    selector: str = ""
    levels: bool = False
    """Whether signals that no alert was found for take the catalogue's levels."""


def import_(asked: Asked) -> Imported:
    """A draft of what is there. Writes nothing.

    Raises Findings for exports that cannot be read, UsageError for bad arguments, TargetError when the cluster does not
    answer or does not show what was asked for.
    """
    if not re.fullmatch(naming.DNS_LABEL, asked.name):
        raise UsageError(f"{asked.name!r} cannot be a service's name: use lower-case letters, digits and hyphens")
    around = _around(asked)
    sources, unread = _exported(asked) if asked.exported else _live(asked)
    found, wrong = _found(sources, live=not asked.exported)
    found = [f for f in found if _chosen(f, asked)]
    if has_errors(wrong):
        raise Findings(in_order(wrong))
    catalog = load_catalog(_project(asked))
    made, wrong = draft(asked.name, found, catalog, more=asked.levels)
    if has_errors(wrong):
        raise Findings(in_order(_without_secrets(wrong)))
    if not {"sources", "workloads", "signals"} & made.spec.keys():
        others = "; ".join(f"{r.span}: {r.why}" if r.span else r.why for r in made.remarks[:3])
        raise UsageError(f"nothing of {asked.name} was found in what was read{f' ({others})' if others else ''}")
    if asked.environment:
        made.spec["metadata"]["environments"] = [asked.environment]
    text, blueprint, manifests, warnings = _settled(made, asked, catalog, around)
    remarks = tuple(dict.fromkeys(made.remarks))
    files = {asked.specs / f"{asked.name}.yaml": text}
    folder = _project(asked) / "catalog"
    files |= {folder / f"{name}.yaml": printed(exporter) for name, exporter in sorted(_used(made).items())}
    return Imported(
        asked.name, files, counted(made.found), remarks, differences(made, blueprint, manifests), replaced(made),
        warnings, unread, asked.environment,
    )  # fmt: skip


def write(imported: Imported, out: Path | None = None) -> tuple[Path, ...]:
    """Writes the draft's files. Raises Refused when one of them is there already: then nothing is written."""
    files = dict(imported.files)
    if out is not None:
        spec = next(path for path in files if path.name == f"{imported.name}.yaml" and path.parent.name != "catalog")
        files = {out if path == spec else path: text for path, text in files.items()}
    if there := [path for path in files if path.exists()]:
        raise Refused(
            f"{there[0]} exists already: name another place with --out, or remove it first; nothing was written"
        )
    for path, text in files.items():
        disk.write(path.parent, (disk.FileChange(path.name, "missing", None, text),))
    return tuple(files)


def _project(asked: Asked) -> Path:
    """The folder that holds the specs' one, which need not be there yet."""
    return project_folder([asked.specs]) if asked.specs.is_dir() else Path(os.path.normpath(asked.specs / ".."))


def _around(asked: Asked) -> tuple[Source, ...]:
    """The Defaults and the Environments that the draft will stand among."""
    if not asked.specs.is_dir() or not any(asked.specs.rglob("*.y*ml")):
        return ()
    reading = read_project([asked.specs])
    return tuple(s for s in reading.sources if re.search(r"^kind:\s*(Defaults|Environment)\b", s.text, re.MULTILINE))


def _found(sources: Sequence[Source], *, live: bool) -> tuple[list[Found], tuple[Diagnostic, ...]]:
    found: dict[str, Found] = {}
    wrong: list[Diagnostic] = []
    for source in sources:
        read_, problems = read_found(source, live=live)
        wrong += problems
        for one in read_:
            if str(one) in found and one.kind != CONFIGURATION:
                first = found[str(one)].node.source.name
                hint = "give one export of each namespace"
                wrong.append(Diagnostic("CG441", f"{one} is here twice, first in {first}", one.node.span, hint))
            found[str(one)] = one
    return list(found.values()), tuple(wrong)


def _chosen(found: Found, asked: Asked) -> bool:
    """Whether it is of the namespaces and labels that were asked for."""
    if asked.exported and asked.namespaces and found.namespace and found.namespace not in asked.namespaces:
        return False
    if not asked.selector or found.kind in (*WORKLOADS, SERVICE, CONFIGURATION):
        return True
    wanted = dict(part.partition("=")[::2] for part in asked.selector.split(","))
    return all(found.labels.get(key) == value for key, value in wanted.items())


def _exported(asked: Asked) -> tuple[tuple[Source, ...], tuple[str, ...]]:
    if asked.context:
        raise UsageError("an export is read from files: --from goes without --context")
    files: dict[str, Path] = {}
    for path in asked.exported:
        if path.is_dir():
            files |= {p.as_posix(): p for p in sorted(path.rglob("*")) if p.suffix in _SUFFIXES and p.is_file()}
        elif path.is_file():
            files[path.as_posix()] = path
        else:
            raise UsageError(f"there is no file or folder {path}")
    sources = {name: _source(name, path) for name, path in files.items()}
    for name, path in list(files.items()):
        for more in _named_by(sources[name], path):
            sources.setdefault(more.as_posix(), _source(more.as_posix(), more))
    if not sources:
        raise UsageError(f"no *.yaml and no *.json below {', '.join(map(str, asked.exported))}")
    return tuple(sources.values()), ()


def _source(name: str, path: Path) -> Source:
    if path.stat().st_size > _LARGEST:
        raise UsageError(f"{path} is larger than {_LARGEST >> 20} MiB: export fewer kinds into each file")
    raw = path.read_bytes()
    return Source(name, raw.decode("utf-8", errors="surrogateescape"), name)


def _named_by(source: Source, path: Path) -> Iterator[Path]:
    """The rule files and scrape files that a prometheus.yml names, as far as they lie beside it."""
    if not re.search(r"^(rule_files|scrape_config_files)\s*:", source.text, re.MULTILINE):
        return
    found, _ = read_found(source)
    for one in found:
        for key in ("rule_files", "scrape_config_files"):
            for pattern in view(one, []).at(key).items():
                relative = pattern.text()
                if relative and not Path(relative).is_absolute() and ".." not in Path(relative).parts:
                    yield from sorted(p for p in path.parent.glob(relative) if p.is_file())


def _live(asked: Asked) -> tuple[tuple[Source, ...], tuple[str, ...]]:
    from capgen.targets import kubeconfig
    from capgen.targets.inspected import inspect
    from capgen.targets.kubernetes import Cluster, connect

    if asked.environment:
        from capgen.api.reconcile import environment_of
        from capgen.delivery import target_of

        if asked.context:
            raise UsageError("the environment names its context: --env goes without --context")
        declared = environment_of([asked.specs], asked.environment)
        if declared.kubernetes is None:
            raise UsageError(f"the environment {asked.environment!r} has no cluster: name files with --from")
        cluster = target_of(declared.model_copy(update={"directory": None}), project_folder([asked.specs]))
        if not isinstance(cluster, Cluster):
            raise UsageError(f"the environment {asked.environment!r} has no cluster: name files with --from")
    else:
        access = kubeconfig.load(kubeconfig.default_paths(os.environ), asked.context)
        cluster = connect(access, asked.namespaces[0] if asked.namespaces else "")
    homes = {*asked.namespaces, cluster.namespace}
    return inspect(cluster, KINDS, homes, optional=(*WORKLOADS, SERVICE), selector=asked.selector)


def _settled(
    made: Draft, asked: Asked, catalog: Catalog, around: Sequence[Source]
) -> tuple[str, Blueprint, Mapping[tuple[str, str, str], Mapping[str, Any]], tuple[Diagnostic, ...]]:
    """The draft's text, once nothing in it is an error, and what it compiles to."""
    path = asked.specs / f"{asked.name}.yaml"
    while True:
        text = printed(made.spec, _COMMENT)
        own = {f"{name}.yaml": Source(f"catalog/{name}.yaml", printed(e)) for name, e in _used(made).items()}
        everything = Catalog({**catalog.project, **own})
        source = Source(path.as_posix(), text, path.as_posix())
        blueprint, manifests, found = _compiled((source, *around), asked, everything)
        errors = [d for d in found if d.severity is Severity.ERROR]
        if not errors and blueprint is not None:
            return text, blueprint, manifests, tuple(d for d in found if d.severity is Severity.WARNING)
        node, _ = read(source)
        gone = [dropped(made, _path_of(node, d.span), d.message) for d in errors] if node else []
        if not any(gone):
            raise Findings(in_order(errors))


_COMMENT = """Drafted by `capgen import` from what runs. See that it is what is meant before it is applied."""


def _used(made: Draft) -> dict[str, dict[str, Any]]:
    names = {spec.get("exporter") for spec in made.spec.get("sources", {}).values()}
    return {name: exporter for name, exporter in made.exporters.items() if name in names}


def _compiled(
    sources: Sequence[Source], asked: Asked, catalog: Catalog
) -> tuple[Blueprint | None, Mapping[tuple[str, str, str], Mapping[str, Any]], tuple[Diagnostic, ...]]:
    from capgen.reconcile.wanted import read_manifests
    from capgen.render.autoscalers import autoscaler_objects
    from capgen.render.templates import Templates

    project, found = parse_project(sources, partial=True)
    layered, problems = specs(project, (), [asked.environment] if asked.environment else [])
    found = (*found, *problems)
    blueprint = None
    manifests: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for spec in layered:
        compiled, problems = compile_spec(spec, catalog)
        found = (*found, *problems)
        if compiled is None:
            continue
        found = (*found, *check_scaling(spec, compiled), *check_dashboards(spec, compiled))
        if blueprint is None or (compiled.delivery.kubernetes and not blueprint.delivery.kubernetes):
            blueprint = compiled
        for manifest in read_manifests(autoscaler_objects(compiled, Templates()), ""):
            manifests[manifest.kind.name, manifest.namespace, manifest.name] = manifest.document
    return blueprint, manifests, in_order(found)


def _path_of(node: Node, span: Span | None) -> tuple[str | int, ...]:
    """The innermost part of the draft that a finding is about."""
    if span is None:
        return ()
    best: tuple[str | int, ...] = ()
    place = (span.line, span.column)
    for path, inside in node.walk():
        for key, mark in inside.keys.items():
            if mark[:2] <= place < mark[2:]:
                return (*path, key)
        if inside.mark[:2] <= place < inside.mark[2:] and len(path) >= len(best):
            best = path
    return best


def _without_secrets(found: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Findings about exports without the lines they are about, in which anything may stand."""

    return [replace(d, excerpt="") for d in found]
