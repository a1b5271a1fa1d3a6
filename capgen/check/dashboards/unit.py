"""A unit that Grafana does not know: it prints the id behind the number, `0.42 cores`, and scales nothing."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.blueprint import Blueprint
from capgen.blueprint.dashboards import Panel
from capgen.check.dashboards.panels import panels
from capgen.check.dashboards.units import UNITS
from capgen.check.scaling.finding import finding
from capgen.diagnostics import Diagnostic, suggest
from capgen.spec.parse import Spec

CODE = "CG611"
_NUMBERS = ("timeseries", "stat", "bargauge", "heatmap", "table")


def check(spec: Spec, blueprint: Blueprint) -> Iterator[Diagnostic]:
    """Each panel that shows numbers has a unit that Grafana knows, and so has each series that differs."""
    for panel, dashboard, path in panels(blueprint):
        for unit in _units(panel):
            if unit not in UNITS:
                message = f"the panel {panel.title!r} of {dashboard.title!r} has the unit {unit!r}, which Grafana does not know"
                yield finding(spec, CODE, message, path, suggest(unit, UNITS, what="units"))


def _units(panel: Panel) -> Iterator[str]:
    if panel.unit or panel.type in _NUMBERS:
        yield panel.unit
    for override in panel.overrides:
        for name, value in override.properties:
            if name == "unit":
                yield str(value)
