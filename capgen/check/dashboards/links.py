"""An alert that links to a panel that is not there: who is paged lands on a dashboard without it."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.blueprint import Blueprint
from capgen.check.scaling.finding import finding
from capgen.diagnostics import Diagnostic
from capgen.spec.parse import Spec

CODE = "CG614"
UID, PANEL = "__dashboardUid__", "__panelId__"
"""Grafana takes the two together, or neither."""


def check(spec: Spec, blueprint: Blueprint) -> Iterator[Diagnostic]:
    """Both annotations or neither; what they name exists and shows that signal; and each signal has a panel."""
    known = {
        (dashboard.uid, str(panel.id)): panel.signal
        for dashboard in blueprint.dashboards
        for row in dashboard.rows
        for panel in row.panels
    }
    for group in blueprint.groups:
        for alert in group.alerts:
            texts = dict(alert.annotations)
            pair = (texts.get(UID, ""), texts.get(PANEL, ""))
            if pair == ("", ""):
                continue
            if known.get(pair) != alert.signal:
                message = f"the alert {alert.name} links to the panel {pair[1]!r} of {pair[0]!r}, which does not show {alert.signal}"
                yield finding(spec, CODE, message, ("signals", alert.signal), "link to the panel of its signal")
    shown = set(known.values())
    for signal in blueprint.signals if blueprint.dashboards else ():
        if signal.id not in shown:
            yield finding(spec, CODE, f"no panel shows {signal.id}", ("signals", signal.id), "every signal has a panel")
