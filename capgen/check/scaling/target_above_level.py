"""An HPA that aims at or above the level that pages: it works as told, and somebody is woken for it."""

from __future__ import annotations

from collections.abc import Iterator

from capgen import units
from capgen.blueprint import Blueprint, Signal
from capgen.check.scaling.finding import finding
from capgen.diagnostics import Diagnostic
from capgen.spec.parse import Spec
from capgen.spec.sections import TargetSpec

CODE = "CG403"
_PAGES = ("critical", "emergency")


def check(spec: Spec, blueprint: Blueprint) -> Iterator[Diagnostic]:
    """For each target that is compared with a signal of its own kind: a share of the request, a total, a script's."""
    signals = {signal.id: signal for signal in blueprint.signals}
    for name, workload in spec.model.workloads.items():
        if workload.horizontal is None:
            continue
        for key, target in sorted(workload.horizontal.targets.items()):
            signal = _compared(name, key, target, signals, scripted=workload.horizontal.by == "script")
            if signal is None:
                continue
            value = _value(target, signal)
            level = next((level for level in signal.levels if level.severity in _PAGES), None)
            if value is None or level is None:
                continue
            if value >= level.threshold if signal.worse == "above" else value <= level.threshold:
                aim, pages = units.human(value, signal.unit), units.human(level.threshold, signal.unit)
                yield finding(
                    spec, CODE, f"{key}: the target {aim} lies where {signal.id} is {level.name} already ({pages})", ("workloads", name, "horizontal", "targets", key),
                    f"aim below {pages}, or begin the level later",
                )  # fmt: skip


def _compared(workload: str, key: str, target: object, signals: dict[str, Signal], *, scripted: bool) -> Signal | None:
    if key in signals:
        totals = isinstance(target, TargetSpec) and target.value is not None
        return signals[key] if scripted or totals else None
    resource = key.partition("/")[0]
    return next((s for s in signals.values() if s.of_request == (workload, resource)), None)


def _value(target: object, signal: Signal) -> float | None:
    amount = target.value if isinstance(target, TargetSpec) else target
    if isinstance(target, TargetSpec) and target.utilization is not None:
        return float(target.utilization)
    if signal.unit == "ratio" and isinstance(amount, str) and not amount.strip().endswith("%"):
        return None  # an amount for each pod, not a share
    try:
        return units.parse(amount, signal.unit) if isinstance(amount, (str, int, float)) else None
    except units.BadQuantity:
        return None  # noted where the target was compiled
