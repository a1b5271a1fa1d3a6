"""Compiles some services of a project without the others: the piece of work that a process or a changed spec is.

A file that holds Defaults or an Environment concerns every service and is shared by all pieces; a Capacity
concerns no other service but through its facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from capgen.artifact import AnyArtifact
from capgen.catalog.load import Catalog
from capgen.check.dashboards import check_dashboards, check_sizes
from capgen.check.scaling import check_scaling
from capgen.compile.fleet import Facts, facts
from capgen.compile.service import compile_spec
from capgen.diagnostics import Diagnostic, has_errors, in_order
from capgen.errors import Findings
from capgen.render.artifacts import render_service
from capgen.render.templates import Templates
from capgen.spec.parse import parse_project, specs
from capgen.yamlio import Source, read

UNKNOWN_NAME = "CG302"
# A hint and no proof: a file without these words that is shared after all shows when it is compiled.
_SHARED = ("Defaults", "Environment")


class Part(Struct, frozen=True):
    """What a service gives to one environment: its facts, its files, and notes about it."""

    facts: Facts
    artifacts: tuple[AnyArtifact, ...]
    found: tuple[Diagnostic, ...]


class Share(Struct, frozen=True):
    """What the service `name`, declared in `file`, gives to the project: a part for each environment it goes to."""

    file: str
    name: str
    parts: tuple[Part, ...]


def divide(sources: Iterable[Source]) -> tuple[tuple[Source, ...], tuple[Source, ...]]:
    """The files that concern every service, and those that concern one each."""
    shared: list[Source] = []
    single: list[Source] = []
    for source in sources:
        named = any(kind in source.text for kind in _SHARED)
        (shared if named and not _is_capacity(source) else single).append(source)
    return tuple(shared), tuple(single)


def _is_capacity(source: Source) -> bool:
    node, _ = read(source)
    kind = node.at(("kind",)) if node else None
    return kind is not None and kind.value == "Capacity"


def shares_of(
    shared: Sequence[Source],
    single: Sequence[Source],
    environments: Sequence[str],
    catalog: Catalog,
    templates: Templates,
) -> tuple[Share, ...] | None:
    """What the services declared in `single` give; None when anything is wrong."""
    project, found = parse_project((*shared, *single))
    # An override of a service that is not among these is no mistake yet.
    if any(finding.code != UNKNOWN_NAME for finding in found) or len(project.capacities) != len(single):
        return None
    layered, found = specs(project, (), environments)
    if found:
        return None
    parts: dict[str, list[Part]] = {capacity.name: [] for capacity in project.capacities}
    try:
        for spec in layered:
            blueprint, found = compile_spec(spec, catalog)
            notes = (
                in_order((*found, *check_scaling(spec, blueprint), *check_dashboards(spec, blueprint)))
                if blueprint
                else found
            )
            if blueprint is None or has_errors(notes):
                return None
            files = render_service(blueprint, templates)
            notes = in_order((*notes, *check_sizes(spec, files)))
            if has_errors(notes):
                return None
            parts[spec.name].append(Part(facts(blueprint), files, notes))
    except Findings:
        return None
    return tuple(Share(capacity.file, capacity.name, tuple(parts[capacity.name])) for capacity in project.capacities)
