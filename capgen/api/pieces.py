"""A fleet compiled a piece at a time, so that nobody holds all of it: of the other services only what they claim.

The pieces can be compiled on other machines, which get the text of a few specs and what every spec stands on. That is for
specs in which everything is fine. Mistakes are told best by who sees all specs, so where a piece has any, or two pieces do
not go together, no fleet comes out of it, and the caller compiles the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

from msgspec import Struct

from capgen.api.engine import run
from capgen.api.project import load_catalog
from capgen.api.reading import project_folder, read_project
from capgen.blueprint import Blueprint
from capgen.blueprint.cost import Cost
from capgen.catalog.load import Catalog
from capgen.compile.cost import over_budget
from capgen.compile.fleet import digests_of, distinct, facts
from capgen.compile.service import compile_spec
from capgen.diagnostics import Diagnostic, has_errors
from capgen.errors import Findings, TargetError
from capgen.incremental.crew import PIECE
from capgen.incremental.parts import divide
from capgen.spec.documents import PrometheusEndpoint
from capgen.spec.layers import setting
from capgen.spec.parse import Project, parse_project, specs
from capgen.yamlio import Source


class Ground(Struct, frozen=True):
    """What every service stands on. It can be sent to another machine."""

    environment: str
    shared: tuple[Source, ...]
    """The files that hold Defaults and Environments."""
    catalog: tuple[tuple[str, Source], ...]
    """The project's own, by the files' names."""
    settings: tuple[tuple[str, str], ...]
    """Of `--set`: the service that is meant ("" for all), and the whole text."""


class Pieces(Struct, frozen=True):
    """The services of an environment in the order of their names, each as the file that declares it."""

    ground: Ground
    endpoint: PrometheusEndpoint | None
    """The environment's Prometheus."""
    services: tuple[Source, ...]


class _Known(Struct, frozen=True):
    """What is known of a service once it has been compiled. Of 10,000 services this is all in memory."""

    name: str
    here: bool
    """Whether it goes to the environment."""
    claims: bytes
    """See `digests_of`."""
    cost: Cost | None


def divided(paths: Sequence[Path], environment: str, settings: Sequence[str], engine: str) -> Pieces | None:
    """The services of an environment, compiled once where `engine` says; None when anything is wrong with any.

    Raises TargetError when the engine fails.
    """
    reading = read_project(paths)
    shared, single = divide(reading.sources)
    named = tuple((setting(text)[1], text) for text in settings)
    ground = Ground(environment, shared, tuple(sorted(load_catalog(project_folder(paths)).project.items())), named)
    project, found = _shared(shared)
    declared = next(((d, model) for d, model in project.environments if d.name == environment), None)
    if has_errors(found) or declared is None:
        return None
    batches = [single[start : start + PIECE] for start in range(0, len(single), PIECE)]
    known: list[_Known] = []
    for some in run(partial(_known, ground), batches, engine):
        if some is None:
            return None
        known += some
    names = {one.name for one in known}
    spoken = {name for _, model in project.environments for name in model.overrides} if not reading.partial else set()
    spoken |= {name for name, _ in named if name}
    if len(names) != len(single) or not spoken <= names or not distinct(b"".join(one.claims for one in known)):
        return None
    document, model = declared
    spent = {one.name: one.cost for one in known if one.cost is not None}
    if model.budget is not None and has_errors(tuple(over_budget(document.node, model.budget, spent))):
        return None
    files = sorted((one.name, source) for one, source in zip(known, single, strict=True) if one.here)
    return Pieces(ground, model.prometheus, tuple(source for _, source in files))


def compiled(ground: Ground, source: Source) -> Blueprint:
    """The service that a file declares, one of `Pieces`."""
    found = _compiled(ground, (source,))
    if found is None or (blueprint := found[0][1]) is None:
        raise TargetError(f"{source.name} compiles on one worker and not on another: run the same capgen on all")
    return blueprint


def _known(ground: Ground, single: tuple[Source, ...]) -> tuple[_Known, ...] | None:
    found = _compiled(ground, single)
    if found is None:
        return None
    return tuple(
        _Known(name, blueprint is not None, *((b"", None) if blueprint is None else _claims(blueprint)))
        for name, blueprint in found
    )


def _claims(blueprint: Blueprint) -> tuple[bytes, Cost | None]:
    told = facts(blueprint)
    return digests_of(told.claims), told.cost


def _compiled(ground: Ground, single: tuple[Source, ...]) -> list[tuple[str, Blueprint | None]] | None:
    """The name that each file declares, and its service in the environment where it goes there; None for mistakes."""
    base, _ = _shared(ground.shared)
    own, found = parse_project(single, partial=True)
    if has_errors(found) or len(own.capacities) != len(single):
        return None
    names = {document.file: document.name for document in own.capacities}
    settings = [text for name, text in ground.settings if not name or name in names.values()]
    project = Project(own.capacities, base.defaults, base.environments)
    layered, found = specs(project, settings, (ground.environment,))
    if has_errors(found):
        return None
    services: dict[str, Blueprint] = {}
    try:
        for spec in layered:
            blueprint, found = compile_spec(spec, _catalog(ground.catalog))
            if blueprint is None or has_errors(found):
                return None
            services[spec.name] = blueprint
    except Findings:
        return None
    return [(names[source.name], services.get(names[source.name])) for source in single]


@lru_cache(maxsize=1)
def _shared(sources: tuple[Source, ...]) -> tuple[Project, tuple[Diagnostic, ...]]:
    return parse_project(sources, partial=True)


@lru_cache(maxsize=1)
def _catalog(own: tuple[tuple[str, Source], ...]) -> Catalog:
    return Catalog(dict(own))
