"""From the text of spec files to validated specs, one a service and environment; all mistakes at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from msgspec import Struct

from capgen import naming
from capgen.diagnostics import Diagnostic, Span, in_order, suggest
from capgen.fields import Model
from capgen.spec.documents import KINDS, Capacity, DeliverSpec, Environment, EnvironmentMetadata
from capgen.spec.environments import check_environment
from capgen.spec.layers import merge, setting, without_removed
from capgen.validation import unknown_removals, validated
from capgen.yamlio import Node, Source, read


class Document(Struct, frozen=True):
    """One file's tree, before layers."""

    file: str
    kind: str
    name: str
    node: Node


class Project(Struct, frozen=True):
    """The documents of a folder of specs, by kind and in the order of their names."""

    capacities: tuple[Document, ...]
    defaults: tuple[Document, ...]
    environments: tuple[tuple[Document, Environment], ...]
    incomplete: bool = False
    """Whether a file or a name could not be read: a name that nothing has may then be in there."""

    @property
    def places(self) -> Mapping[str, Environment]:
        """Where the specs go, by name; never nothing."""
        return {document.name: model for document, model in self.environments} or {IMPLICIT.metadata.name: IMPLICIT}


class Spec(Struct, frozen=True):
    """One service in one environment: all layers folded, as a model and as the tree that knows each place."""

    file: str
    environment: Environment
    model: Capacity
    node: Node
    removable: frozenset[str] = frozenset()
    """The signals that may be removed though no exporter has them: a layer makes them, or Defaults speak of them."""

    @property
    def name(self) -> str:
        """The service's name."""
        return self.model.metadata.name

    @property
    def path(self) -> str:
        """Its file as output names it: the same, wherever capgen was started and however the folder was typed."""
        path = PurePosixPath(self.file)
        folders = path.parts[:-1]
        if naming.SPECS in folders:
            return "/".join(path.parts[len(folders) - 1 - folders[::-1].index(naming.SPECS) :])
        return path.name if path.is_absolute() or ".." in folders else self.file


IMPLICIT = Environment.model_construct(
    api_version="capgen/v1",
    kind="Environment",
    metadata=EnvironmentMetadata.model_construct(name="default"),
    kubernetes=None,
    directory=None,
    deliver=DeliverSpec.model_construct(
        prometheus="files", grafana="files", jobs="crontab", alertmanager="files", metrics="adapter"
    ),
    prometheus=None,
    alertmanager=None,
    pages=None,
    budget=None,
    overrides={},
)
"""Where specs go when a project declares no environment: files, and manifests for whatever cluster."""


def parse_project(sources: Iterable[Source], *, partial: bool = False) -> tuple[Project, tuple[Diagnostic, ...]]:
    """Reads every file. Findings are about single files and about names that two of them share; what only
    shows when layers are folded is found by `specs`. `partial`: there are services beside these, which an
    environment may speak of."""
    found: list[Diagnostic] = []
    documents: list[Document] = []
    for source in sorted(sources, key=lambda s: s.name):
        node, problems = read(source)
        found += problems
        if node is not None:
            document, problems = _document(source, node)
            found += problems
            documents += [document] if document else []
    incomplete = bool(found) or any(not _has_name(document) for document in documents)
    documents, problems = _declared_once(documents)
    found += problems
    environments: list[tuple[Document, Environment]] = []
    for document in documents:
        if document.kind == "Capacity":
            continue
        node, problems = _without_removed(KINDS[document.kind], document.node)
        found += problems
        model, problems = validated(KINDS[document.kind], node)
        found += problems
        incomplete = incomplete or (document.kind == "Environment" and model is None)
        if isinstance(model, Environment):
            environments.append((document, model))
            found += check_environment(model, document.node)
    capacities = tuple(sorted((d for d in documents if d.kind == "Capacity"), key=lambda d: d.name))
    names = {d.name for d in capacities}
    for document, environment in environments:
        overrides = document.node.at(("overrides",)) or document.node
        for name in environment.overrides:
            if name not in names and capacities and not incomplete and not partial:
                span = overrides.key_span(name)
                found.append(
                    _finding(
                        "CG302",
                        f"there is no Capacity {name!r} to override",
                        span,
                        suggest(name, names, what="capacities"),
                        overrides,
                    )
                )
    defaults = tuple(d for d in documents if d.kind == "Defaults")
    ordered = tuple(sorted(environments, key=lambda pair: pair[0].name))
    return Project(capacities, defaults, ordered, incomplete), in_order(found)


def specs(
    project: Project, settings: Sequence[str] = (), only: Iterable[str] = ()
) -> tuple[tuple[Spec, ...], tuple[Diagnostic, ...]]:
    """Every service in every environment (or those named in `only`), with `--set` on top."""
    found: list[Diagnostic] = []
    wanted = set(only)
    chosen = [pair for pair in project.environments if not wanted or pair[0].name in wanted]
    pairs: list[tuple[Document | None, Environment]] = list(chosen) if project.environments else [(None, IMPLICIT)]
    layers: list[tuple[str, Node]] = []
    for text in settings:
        node, name, problems = setting(text)
        found += problems
        if node is not None:
            layers.append((name, node))
    found += _unknown_targets(project, layers)
    result: list[Spec] = []
    for capacity in project.capacities:
        beneath = _beneath(project.defaults, capacity)
        done: dict[int, tuple[Capacity | None, Node]] = {}
        for document, environment in pairs:
            override = document.node.at(("overrides", capacity.name)) if document else None
            key = id(override) if override else 0
            if key not in done:
                chosen_layers = [node for name, node in layers if name in ("", capacity.name)]
                layered = _fold(beneath, override, chosen_layers)
                folded, problems = _without_removed(Capacity, layered)
                found += problems
                model, problems = validated(Capacity, folded, layered)
                found += problems
                found += _unknown_environments(project, model, folded) if model else []
                if model is not None and model.metadata.name != capacity.name:
                    found.append(_renamed(capacity, folded))
                    model = None
                done[key] = (model, folded)
            model, folded = done[key]
            if model is not None and _goes_to(model, environment):
                removable = _removable(project.defaults, capacity.node, override)
                result.append(Spec(capacity.file, environment, model, folded, removable))
    return tuple(result), in_order(found)


def _renamed(capacity: Document, folded: Node) -> Diagnostic:
    name = folded.at(("metadata", "name")) or folded
    wrong = f"{capacity.name!r} is called {name.value!r} here, and a service has one name everywhere"
    return _finding("CG624", wrong, name.span, "leave the name out; `title:` may differ", name)


def _removable(defaults: Sequence[Document], *layers: Node | None) -> frozenset[str]:
    named: set[str] = set()
    for node, shared in (*((document.node, True) for document in defaults), *((layer, False) for layer in layers)):
        signals = node.at(("signals",)) if node is not None else None
        for name, words in signals.value.items() if signals is not None and isinstance(signals.value, dict) else ():
            if shared or words.at(("expr",)) is not None:
                named.add(name)
    return frozenset(named)


def _goes_to(model: Capacity, environment: Environment) -> bool:
    wanted = model.metadata.environments
    return not wanted or environment is IMPLICIT or environment.metadata.name in wanted


def _unknown_environments(project: Project, model: Capacity, node: Node) -> list[Diagnostic]:
    known = [document.name for document, _ in project.environments]
    found = []
    for index, name in enumerate(model.metadata.environments):
        if known and name not in known and not project.incomplete:
            at = node.at(("metadata", "environments", index)) or node
            found.append(
                _finding(
                    "CG302", f"there is no Environment {name!r}", at.span, suggest(name, known, what="environments"), at
                )
            )
    return found


def _fold(beneath: Node, override: Node | None, settings: Sequence[Node]) -> Node:
    folded = merge(beneath, override) if override is not None else beneath
    for node in settings:
        folded = merge(folded, node)
    return folded


def _without_removed(model: type[Model], node: Node) -> tuple[Node, tuple[Diagnostic, ...]]:
    """The tree with its removals carried out, and the removals of what could never be there."""
    kept = without_removed(node)
    return kept, unknown_removals(model, node) if kept is not node else ()


def _beneath(defaults: Sequence[Document], capacity: Document) -> Node:
    """The capacity over the defaults of its folder and of the folders above, nearest last."""
    folder = PurePosixPath(capacity.file).parent
    above = [d for d in defaults if PurePosixPath(d.file).parent in (folder, *folder.parents)]
    node: Node | None = None
    for document in sorted(above, key=lambda d: len(PurePosixPath(d.file).parts)):
        layer = _without_identity(document.node)
        node = layer if node is None else merge(node, layer, place="upper")
    return capacity.node if node is None else merge(node, capacity.node, place="upper")


def _without_identity(node: Node) -> Node:
    values: Mapping[str, Node] = node.value if isinstance(node.value, dict) else {}
    kept = {key: child for key, child in values.items() if key not in ("apiVersion", "kind")}
    return Node(kept, node.source, node.mark, node.keys)


def _document(source: Source, node: Node) -> tuple[Document | None, tuple[Diagnostic, ...]]:
    if not isinstance(node.value, dict):
        return None, (_finding("CG203", "a spec is a mapping", node.span, "start with `apiVersion: capgen/v1`", node),)
    kind = node.at(("kind",))
    if kind is None:
        here = Span(source.name, 1, 1, 1, 2)
        return None, (
            _finding(
                "CG202", "the key 'kind' is missing", here, "add `kind: Capacity`, `Defaults` or `Environment`", node
            ),
        )
    if not isinstance(kind.value, str) or kind.value not in KINDS:
        return None, (
            _finding(
                "CG207",
                f"kind: {_plainly(kind)} is not one of the choices",
                kind.span,
                suggest(str(kind.value), KINDS, what="kinds"),
                kind,
            ),
        )
    name = node.at(("metadata", "name"))
    shown = name.value if name is not None and isinstance(name.value, str) else ""
    return Document(source.name, kind.value, shown, node), ()


def _has_name(document: Document) -> bool:
    return document.kind == "Defaults" or re.fullmatch(naming.DNS_LABEL, document.name) is not None


def _declared_once(documents: Sequence[Document]) -> tuple[list[Document], tuple[Diagnostic, ...]]:
    """The documents without those that a file before declares already, each of which is a finding."""
    found: list[Diagnostic] = []
    kept: list[Document] = []
    first: dict[tuple[str, str], Document] = {}
    for document in documents:
        folder = str(PurePosixPath(document.file).parent)
        key = (document.kind, folder if document.kind == "Defaults" else document.name)
        earlier = first.setdefault(key, document) if key[1] else document
        if earlier is document:
            kept.append(document)
            continue
        name = document.node.at(("metadata", "name")) or document.node.at(("kind",)) or document.node
        what = (
            f"the {document.kind} {document.name!r}" if document.kind != "Defaults" else "the Defaults of this folder"
        )
        found.append(
            _finding(
                "CG303",
                f"{what} is declared twice, first in {earlier.file}",
                name.span,
                "rename or remove one of the two",
                name,
            )
        )
    return kept, tuple(found)


def _unknown_targets(project: Project, layers: Sequence[tuple[str, Node]]) -> list[Diagnostic]:
    names = {d.name for d in project.capacities}
    return [
        _finding(
            "CG302", f"there is no Capacity {name!r} to set", node.span, suggest(name, names, what="capacities"), node
        )
        for name, node in layers
        if name and name not in names
    ]


def _finding(code: str, message: str, span: Span, hint: str, node: Node) -> Diagnostic:
    return Diagnostic(code, message, span, hint, excerpt=node.source.line(span.line))


def _plainly(node: Node) -> str:
    return repr(node.value) if isinstance(node.value, str) else "null" if node.value is None else "this"
