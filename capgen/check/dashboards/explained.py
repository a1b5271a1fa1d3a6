"""A panel that says not what it shows or what to do, or whose colours alone say what is wrong.

Who looks at a dashboard at night did not draw it. One in twelve men cannot tell its red from its green.
"""

from __future__ import annotations

from collections.abc import Iterator

from capgen.blueprint import Blueprint
from capgen.blueprint.dashboards import Panel
from capgen.check.dashboards.panels import panels
from capgen.check.scaling.finding import finding
from capgen.diagnostics import Diagnostic
from capgen.spec.parse import Spec

CODE = "CG610"
_ADVICE = "What to do:"
_LINES = ("Levels:", "Lines:")
_SHOWN = ("timeseries", "stat", "bargauge", "heatmap", "state-timeline", "table")


def check(spec: Spec, blueprint: Blueprint) -> Iterator[Diagnostic]:
    """Each panel has a title, a description with advice, somewhere to go on, and words beside its colours."""
    leads_on = {dashboard.uid: bool(dashboard.tag_links or dashboard.links) for dashboard in blueprint.dashboards}
    for panel, dashboard, path in panels(blueprint):
        for missing in _missing(panel, leads_on=leads_on[dashboard.uid]):
            yield finding(
                spec,
                CODE,
                f"the panel {panel.title or panel.key!r} of {dashboard.title!r} has no {missing}",
                path,
                "say it in the catalogue, or in the signal's words",
            )


def _missing(panel: Panel, *, leads_on: bool) -> Iterator[str]:
    if not panel.title:
        yield "title"
    if _ADVICE not in panel.description:
        yield "description that says what to do"
    if not (panel.links or panel.data_links or leads_on):
        yield "link that leads on"
    if panel.type in _SHOWN and len(panel.steps) > 1 and not _worded(panel):
        yield "words beside its colours"


def _worded(panel: Panel) -> bool:
    """Numbers are words; a drawn line needs a name in the legend or in the description."""
    drawn = panel.type in ("timeseries", "state-timeline")
    said = any(words in panel.description for words in _LINES)
    return not drawn or said or bool(panel.values or panel.overrides)
