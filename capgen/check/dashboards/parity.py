"""A colour that begins elsewhere than the alert: the panel is green and the pager rings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from capgen import promql, units
from capgen.blueprint import Blueprint
from capgen.check.dashboards.panels import panels
from capgen.check.scaling.finding import finding
from capgen.diagnostics import Diagnostic
from capgen.spec.parse import Spec

CODE = "CG613"
_COMPARED = re.compile(rf"(?:{'|'.join(sorted(promql.COMPARISONS, key=len, reverse=True))}) (-?[0-9.]+)")


def check(spec: Spec, blueprint: Blueprint) -> Iterator[Diagnostic]:
    """The steps of a signal's panel are its levels, and each number that an alert compares with is one of them."""
    signals = {signal.id: signal for signal in blueprint.signals}
    shown: dict[str, set[float]] = {}
    for panel, dashboard, path in panels(blueprint):
        if (signal := signals.get(panel.signal)) is None:
            continue
        steps = [step.value for step in panel.steps]
        levels = sorted(level.threshold for level in signal.levels)
        shown[signal.id] = {value for value in steps if value is not None}
        if steps != [None, *levels]:
            message = f"the panel {panel.title!r} of {dashboard.title!r} has its steps at {steps[1:]}, and {signal.id} its levels at {levels}"
            yield finding(spec, CODE, message, path, "both come from `levels`")
    for group in blueprint.groups:
        for alert in group.alerts:
            level = (
                next((one for one in group.signal.levels if one.name == alert.level), None) if group.signal else None
            )
            if alert.signal not in shown or level is None:
                continue
            number = units.number(level.threshold)
            if level.threshold not in shown[alert.signal] or not _compared(alert.expr, number):
                message = f"the alert {alert.name} does not compare with {number}, where its panel changes colour"
                yield finding(
                    spec, CODE, message, ("signals", alert.signal, "levels", level.name), "both come from `levels`"
                )


def _compared(expr: str, number: str) -> bool:
    return expr.endswith((f">= {number}", f"<= {number}")) or number in _COMPARED.findall(expr)
