"""A service built again and again with one level changed, and what that changes: files, lines, numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from capgen import api, units
from capgen.blueprint import Blueprint, Level, Signal
from capgen.check.dashboards import check_dashboards
from capgen.check.scaling import check_scaling
from capgen.compile.fleet import Facts, assemble, facts
from capgen.compile.service import compile_spec
from capgen.diagnostics import Diagnostic
from capgen.render.artifacts import render_fleet, render_service
from capgen.render.templates import Templates
from capgen.spec.parse import Project, parse_project, specs
from capgen.yamlio import Source

SPECS = Path(__file__).parents[2] / "specs"


@dataclass(frozen=True)
class Shop:
    """One service in one environment; what is beside it there never changes."""

    service: str
    environment: str
    project: Project
    beside: tuple[Facts, ...]

    def build(self, *settings: str) -> tuple[Blueprint | None, dict[str, str], tuple[Diagnostic, ...]]:
        """The service with settings on top: compiled, its files and those about all services, and findings."""
        layered, found = specs(self.project, [f"{self.service}:{setting}" for setting in settings], [self.environment])
        assert found == ()
        (spec,) = (spec for spec in layered if spec.name == self.service)
        blueprint, found = compile_spec(spec, CATALOG)
        if blueprint is None:
            return None, {}, found
        found = (*found, *check_scaling(spec, blueprint), *check_dashboards(spec, blueprint))
        known = sorted((*self.beside, facts(blueprint)), key=lambda one: one.service)
        fleet, _ = assemble(known, CATALOG.ladders)
        assert fleet is not None
        own = render_service(blueprint, Templates())
        files = {artifact.path: artifact.text for artifact in (*own, *render_fleet(fleet, own, Templates()))}
        return blueprint, files, found


CATALOG = api.load_catalog(Path("nowhere"))


def shops() -> Iterator[Shop]:
    """Every example service in every environment that it goes to, with all levels in its spec.

    A signal that a spec names has a better place on a dashboard, which would be a second change.
    """
    compiled = api.compile_project([SPECS])
    sources = api.read_sources([SPECS])
    for fleet in compiled.fleets:
        for service in fleet.services:
            shared = [source for source in sources if "kind: Capacity" not in source.text]
            (own,) = (source for source in sources if source.name.endswith(f"/{service.spec}"))
            project, _ = parse_project([*shared, Source(own.name, explicit(own.text, service))], partial=True)
            beside = tuple(facts(other) for other in fleet.services if other is not service)
            yield Shop(service.name, fleet.environment, project, beside)


def explicit(text: str, service: Blueprint) -> str:
    """The spec with the levels that it leaves to the catalogue."""
    document = yaml.safe_load(text)
    for signal in service.signals:
        if signal.levels:
            levels = {level.name: written(level.threshold, signal) for level in signal.levels}
            own = document.setdefault("signals", {}).setdefault(signal.id, {})
            own["levels"] = levels | own.get("levels", {})
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def written(value: float, signal: Signal) -> str:
    """The number as a spec writes it."""
    return (
        units.human(value, signal.unit).removesuffix("/s")
        if signal.unit == "per_second"
        else units.human(value, signal.unit)
    )


def another(signal: Signal, level: Level, files: Mapping[str, str]) -> float:
    """A number for the level that is nowhere in the files yet, between it and the next worse one."""
    worse = 1 if signal.worse == "above" else -1
    beyond = [other.threshold for other in signal.levels if (other.threshold - level.threshold) * worse > 0]
    end = level.threshold * (1 + worse * 0.05)
    if beyond:
        end = min(beyond, key=lambda value: abs(value - level.threshold))
    elif signal.unit == "ratio" and end > 1:  # a share ends there
        end = (level.threshold + 1) / 2 if level.threshold < 1 else 0.95
    texts = "\n".join(files.values())
    for parts in (137, 173, 219, 271, 313, 359, 397, 419):
        value = float(f"{level.threshold + (end - level.threshold) * parts / 1000:.5g}")
        if value != level.threshold and not any(spelling in texts for spelling in spellings(value, signal)):
            return value
    raise AssertionError(f"every number between {level.threshold} and {end} is taken")


def spellings(value: float, signal: Signal) -> set[str]:
    """How a threshold is written: for programs, and for people."""
    return {units.number(value), units.human(value, signal.unit)}
