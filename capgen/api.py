"""The library: what the commands call, and what Python users call.

Reads and writes happen here and in `targets`; everything in between is pure. Each function tells its story
in named calls, top to bottom, and returns what the command prints.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from capgen.artifact import Artifact
from capgen.blueprint import Fleet
from capgen.catalog.load import Catalog
from capgen.check.scaling import check_scaling
from capgen.compile.fleet import assemble
from capgen.compile.service import compile_spec
from capgen.diagnostics import Diagnostic, has_errors, in_order
from capgen.errors import Findings, UsageError
from capgen.render.artifacts import render_fleet, render_service
from capgen.render.templates import Template, Templates
from capgen.spec.parse import Project, Spec, parse_project, specs
from capgen.yamlio import MAX_BYTES, Source


@dataclass(frozen=True, slots=True)
class Compiled:
    """All specs of a project, compiled: a fleet an environment, and what the checks had to say."""

    project: Project
    specs: tuple[Spec, ...]
    fleets: tuple[Fleet, ...]
    catalog: Catalog
    templates: Templates
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Built:
    """The files of each environment, by path below `<out>/<environment>/`."""

    compiled: Compiled
    artifacts: tuple[tuple[str, tuple[Artifact, ...]], ...]


def read_sources(paths: Sequence[Path]) -> tuple[Source, ...]:
    """The YAML files at the paths; a folder stands for all below it. Raises UsageError for what is not there."""
    files: dict[str, Path] = {}
    for path in paths:
        if path.is_dir():
            found = [p for pattern in ("*.yaml", "*.yml") for p in path.rglob(pattern) if p.is_file()]
            files.update({p.as_posix(): p for p in found})
        elif path.is_file():
            files[path.as_posix()] = path
        else:
            raise UsageError(f"there is no file or folder {path}: name one, or run `capgen init` for a first spec")
    if not files:
        raise UsageError(f"no *.yaml below {', '.join(map(str, paths))}: run `capgen init` for a first spec")
    return tuple(_source(name, path) for name, path in sorted(files.items()))


def _source(name: str, path: Path) -> Source:
    # One byte more than is accepted is enough to know that a file is too large.
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    return Source(name, raw.decode("utf-8", errors="surrogateescape"), name)


def load_catalog(folder: Path) -> Catalog:
    """The packaged catalogue, with the project's `catalog/` beside the specs over it."""
    own = folder / "catalog"
    files = sorted(own.glob("*.yaml")) if own.is_dir() else []
    return Catalog({path.name: _source(path.as_posix(), path) for path in files})


def load_templates(folder: Path) -> Templates:
    """The packaged templates, with the project's `templates/` beside the specs over them."""
    own = folder / "templates"
    if not own.is_dir() or _is_packaged(own):
        return Templates()
    files = sorted(p for p in own.rglob("*.j2") if p.is_file())
    names = {p.relative_to(own).as_posix(): p for p in files}
    return Templates({name: Template(name, path.as_posix(), _source(path.as_posix(), path).text) for name, path in names.items()})


def _is_packaged(folder: Path) -> bool:
    from capgen.render.templates import template_root

    return folder.resolve() == template_root().resolve()


def compile_project(paths: Sequence[Path], *, settings: Sequence[str] = (), environments: Sequence[str] = ()) -> Compiled:
    """Reads, parses and compiles everything; mistakes are in the result's diagnostics, all of them."""
    project, found = parse_project(read_sources(paths))
    _know_environments(project, environments)
    layered, problems = specs(project, settings, environments)
    found = (*found, *problems)
    root = _project_folder(paths)
    catalog, templates = load_catalog(root), load_templates(root)
    fleets: list[Fleet] = []
    by_environment: dict[str, list[Spec]] = {}
    for spec in layered:
        by_environment.setdefault(spec.environment.metadata.name, []).append(spec)
    try:
        for _, members in sorted(by_environment.items()):
            blueprints = []
            for spec in members:
                blueprint, problems = compile_spec(spec, catalog)
                found = (*found, *problems)
                blueprints += [blueprint] if blueprint else []
            fleet, problems = assemble(blueprints, catalog.ladders)
            found = (*found, *problems)
            fleets += [fleet] if fleet else []
    except Findings as broken:
        found = (*found, *broken.diagnostics)
    return Compiled(project, layered, tuple(fleets), catalog, templates, in_order(found))


def check_compiled(compiled: Compiled) -> tuple[Diagnostic, ...]:
    """What the checks say of specs that compiled."""
    blueprints = {(fleet.environment, service.name): service for fleet in compiled.fleets for service in fleet.services}
    found: list[Diagnostic] = []
    for spec in compiled.specs:
        blueprint = blueprints.get((spec.environment.metadata.name, spec.name))
        if blueprint is not None:
            found += check_scaling(spec, blueprint)
    return in_order(found)


def _know_environments(project: Project, wanted: Sequence[str]) -> None:
    known = [document.name for document, _ in project.environments]
    for name in wanted:
        if name not in known:
            raise UsageError(f"there is no environment {name!r}; {'known: ' + ', '.join(known) if known else 'the specs declare none'}")


def _project_folder(paths: Sequence[Path]) -> Path:
    """The folder that holds `specs/`, `catalog/` and `templates/`: beside the specs' folder."""
    first = paths[0] if paths[0].is_dir() else paths[0].parent
    return Path(os.path.normpath(first / ".."))


def build(paths: Sequence[Path], *, settings: Sequence[str] = (), environments: Sequence[str] = ()) -> Built:
    """Compiles and renders. Raises Findings when any spec has an error: then nothing is rendered."""
    compiled = compile_project(paths, settings=settings, environments=environments)
    found = in_order((*compiled.diagnostics, *check_compiled(compiled)))
    if has_errors(found):
        raise Findings(found)
    rendered = []
    for fleet in compiled.fleets:
        services = tuple(artifact for service in fleet.services for artifact in render_service(service, compiled.templates))
        fleetwide = render_fleet(fleet, services, compiled.templates)
        rendered.append((fleet.environment, tuple(sorted((*services, *fleetwide), key=lambda a: a.path))))
    return Built(compiled, tuple(rendered))


def generated_files(built: Built) -> dict[str, str]:
    """The text of every file below the output folder, by path."""
    return {f"{environment}/{artifact.path}": artifact.text for environment, artifacts in built.artifacts for artifact in artifacts}
