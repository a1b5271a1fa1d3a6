"""What a plan finds: a declared limit that is passed within the horizon, each at the line of the spec that declares it."""

from __future__ import annotations

from collections.abc import Iterator

from capgen import units
from capgen.blueprint import Signal
from capgen.blueprint.origin import Origin
from capgen.blueprint.planning import Planning, Volume
from capgen.diagnostics import Diagnostic, Severity, in_order
from capgen.history.series import instant
from capgen.planning.cost import CostForecast
from capgen.planning.crossing import Reached
from capgen.planning.roadmap import RoadmapItem
from capgen.planning.storage import VolumePlan

_SEVERITIES = {"limit": Severity.ERROR, "critical": Severity.WARNING, "emergency": Severity.WARNING}


def judge(
    declared: Planning | None,
    *,
    levels: tuple[tuple[Signal, str, str, Reached], ...],
    volumes: tuple[tuple[Volume, VolumePlan | None, Reached | None], ...],
    costs: CostForecast | None,
    roadmap: tuple[RoadmapItem, ...],
) -> tuple[Diagnostic, ...]:
    """Everything that is passed, in the order of the spec."""
    found: list[Diagnostic] = []
    for signal, level, severity, when in levels:
        if severity in _SEVERITIES and (when.already or when.expected is not None):
            found.append(_level(signal, level, severity, when))
    for volume, plan, measured in volumes:
        found += _full(volume, plan, measured)
    if costs is not None and declared is not None and declared.costs is not None:
        found += _budget(costs, declared.costs.origin)
    found += [_late(item) for item in roadmap if item.late]
    return in_order(found)


def day(at: float | None) -> str:
    """A date, or that there is none within the horizon."""
    return "not within the horizon" if at is None else instant(at)[:10]


def span(when: Reached) -> str:
    """The range of dates, in words."""
    return f"expected {day(when.expected)} (one in ten before {day(when.early)}, one in ten after {day(when.late)})"


def _level(signal: Signal, level: str, severity: str, when: Reached) -> Diagnostic:
    origin = next((one.origin for one in signal.levels if one.name == level), signal.origin)
    amount = units.human(when.threshold, signal.unit)
    state = "is reached already" if when.already else f"is reached within the horizon: {span(when)}"
    hint = "add capacity before the early date, or move the level if it is not where the signal gets worse"
    return Diagnostic(
        "CG915", f"{signal.id}: {level} ({amount}) {state}", origin.span, hint, _SEVERITIES[severity]
    )  # fmt: skip


def _full(volume: Volume, plan: VolumePlan | None, measured: Reached | None) -> Iterator[Diagnostic]:
    hint = "make it larger, keep less, or plan its steps with `step:`"
    if measured is not None and (measured.already or measured.expected is not None):
        when = "is full already" if measured.already else f"gets full: {span(measured)}"
        yield Diagnostic("CG915", f"{volume.name} {when}, by its history", volume.origin.span, hint)
    elif plan is not None and plan.full_after is not None and not plan.resizes:
        message = f"{volume.name} is full after {units.number(float(plan.full_after))} months, by its declared growth"
        yield Diagnostic("CG915", message, volume.origin.span, hint)


def _budget(costs: CostForecast, origin: Origin) -> Iterator[Diagnostic]:
    for alert in costs.alerts:
        if alert.month is None:
            continue
        whole = alert.share == 1
        amount = f"{alert.amount} {costs.currency}"
        passed = "exceed the budget" if whole else f"reach {units.human(float(alert.share), 'ratio')} of the budget"
        when = "today" if alert.month == 0 else f"in month {alert.month}"
        severity = Severity.ERROR if whole else Severity.NOTE
        hint = "see the plan's options, or raise the budget"
        yield Diagnostic("CG916", f"the costs {passed} ({amount}) {when}", origin.span, hint, severity)


def _late(item: RoadmapItem) -> Diagnostic:
    entry = item.entry
    full = "already" if item.already else f"on {day(item.full)}"
    message = f"{entry.title!r} is due by {day(item.due)}, and {entry.moves} is full {full}"
    hint = "bring it forward, or plan capacity to bridge the time"
    return Diagnostic("CG917", message, entry.origin.span, hint, Severity.WARNING)
