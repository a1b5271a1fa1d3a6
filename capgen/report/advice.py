"""The advice of a search over settings: the cheapest that keeps the bounds, and what the others would have cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from capgen import units
from capgen.report.color import painted
from capgen.report.simulation import unknown
from capgen.report.text import wrapped
from capgen.report.visible import encodable, visible
from capgen.simulate.known_limits import KNOWN_LIMITS

if TYPE_CHECKING:
    from capgen.simulate.advice import Advice, Candidate

SCHEMA_VERSION = 1


def as_json(advice: Advice) -> str:
    """The best setting (null when none keeps the bounds), today's, and the curve between cost and pressure."""
    document = {"schema_version": SCHEMA_VERSION, **_advice(advice), "known_limits": list(KNOWN_LIMITS)}
    return encodable(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"


def all_json(found: Sequence[tuple[str, Advice]]) -> str:
    """The same of every workload of specs, by its name."""
    workloads = [{"workload": name, **_advice(advice)} for name, advice in found]
    document = {"schema_version": SCHEMA_VERSION, "workloads": workloads, "known_limits": list(KNOWN_LIMITS)}
    return encodable(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"


def all_text(found: Sequence[tuple[str, Advice]], *, color: bool = False, width: int = 80) -> str:
    """A table a workload."""
    tables = [
        f"{painted(visible(name), 'bold', color)}\n{_table(advice, color=color, width=width)}\n"
        for name, advice in found
    ]
    return "\n".join([*tables, *unknown(KNOWN_LIMITS, color=color, width=width)]) + "\n"


def _advice(advice: Advice) -> dict[str, Any]:
    return {
        "best": _data(advice.best) if advice.best else None,
        "today": _data(advice.today),
        "curve": [_data(candidate) for candidate in advice.curve],
        "tried": advice.tried,
    }


def _data(candidate: Candidate) -> dict[str, Any]:
    hpa, summary = candidate.hpa, candidate.summary
    return {
        "min": hpa.minimum,
        "max": hpa.maximum,
        "targets": {str(m): m.target if m.target_type == "Utilization" else m.target / 1000 for m in hpa.metrics},
        "behavior": candidate.behavior,
        "keeps_bounds": candidate.kept,
        "pod_hours": round(summary.pod_hours, 4),
        "minutes_above_target_of_today": round(_pressure(candidate) / 60, 4),
        "minutes_at_max": round(summary.at_max / 60, 4),
        "events_a_day": round(summary.events_a_day, 4),
        "money": None if summary.money is None else str(summary.money),
    }


def as_text(advice: Advice, *, color: bool = False, width: int = 80) -> str:
    """A row a setting: today's, the best, the curve; with what it costs where a price is known."""
    said = unknown(KNOWN_LIMITS, color=color, width=width)
    return "\n".join([_table(advice, color=color, width=width), *said]) + "\n"


def _table(advice: Advice, *, color: bool, width: int) -> str:
    priced = advice.today.summary.money is not None
    head = f"{'':6}{'target':>9}{'min':>5}{'max':>5}{'pod-hours':>12}{'above target':>14}{'at max':>10}{'a day':>8}"
    rows = [_row("today", advice.today), *([_row("best", advice.best)] if advice.best else [])]
    rows += [_row("", candidate) for candidate in advice.curve]
    lines = [painted(head + (f"{'money':>11}" if priced else ""), "bold", color)]
    lines += [painted(row, "green", color and row.startswith("best")) for row in rows]
    notes = ["Above target counts against today's target; each row was replayed over the same demand."]
    if any("!" in row for row in rows):
        notes.append("! breaks a bound.")
    lines += [painted(line, "bold", color) for line in wrapped(_verdict(advice), width, width)]
    return "\n".join([*lines, *(line for note in notes for line in wrapped(note, width, width))])


def _verdict(advice: Advice) -> str:
    best, today = advice.best, advice.today
    if best is None:
        return f"none of {advice.tried} settings keeps the bounds: allow more, or make pods larger or faster to start"
    if best is today:
        return "nothing cheaper keeps the bounds than what there is"
    saved = 1 - best.summary.pod_hours / max(today.summary.pod_hours, 1e-9)
    more, of = abs(saved), "of the pod-hours"
    money = _difference(best, today)
    if today.kept:
        return f"the best saves {more:.1%} {of}{money} and keeps the bounds, as today's does; scaling: {best.behavior}"
    verb = "saves" if saved > 0 else "costs"
    extra = "" if saved > 0 else " more"
    return f"the best {verb} {more:.1%}{extra} {of}{money} and keeps the bounds, which today's does not; scaling: {best.behavior}"


def _difference(best: Candidate, today: Candidate) -> str:
    if best.summary.money is None or today.summary.money is None:
        return ""
    days = units.duration(round(best.summary.duration)) if best.summary.duration else "0s"
    return f" ({abs(best.summary.money - today.summary.money):,} of money over {days})"


def _row(name: str, candidate: Candidate) -> str:
    summary, first = candidate.summary, candidate.hpa.metrics[0]
    target = f"{first.target}%" if first.target_type == "Utilization" else units.number(first.target / 1000)
    money = "" if summary.money is None else f"{summary.money:>11,}"
    return (
        f"{name + ('' if candidate.kept else '!'):6}{target:>9}{candidate.hpa.minimum:>5}{candidate.hpa.maximum:>5}"
        f"{summary.pod_hours:>12,.1f}{_time(_pressure(candidate)):>14}{_time(summary.at_max):>10}"
        f"{summary.events_a_day:>8.1f}{money}"
    )


def _pressure(candidate: Candidate) -> float:
    return max(candidate.summary.above_target.values(), default=0.0)


def _time(seconds: float) -> str:
    """To the minute: a column has no room for more."""
    return units.duration(round(seconds / 60) * 60) if seconds >= 60 else units.duration(round(seconds))
