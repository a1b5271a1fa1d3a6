"""The advice of a search over settings: the cheapest that keeps the bounds, and what the others would have cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from capgen import units
from capgen.report.color import painted
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


def all_text(found: Sequence[tuple[str, Advice]], *, color: bool = False) -> str:
    """A table a workload."""
    return "\n".join(
        f"{painted(visible(name), 'bold', color)}\n{as_text(advice, color=color)}" for name, advice in found
    )


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


def as_text(advice: Advice, *, color: bool = False) -> str:
    """A row a setting: today's, the best, the curve."""
    lines = [
        painted(
            f"{'':6}{'target':>9}{'min':>5}{'max':>5}{'pod-hours':>12}{'above target':>14}{'at max':>10}{'a day':>8}",
            "bold",
            color,
        )
    ]
    lines.append(_row("today", advice.today))
    if advice.best is not None:
        lines.append(painted(_row("best", advice.best), "green", color))
        saved = 1 - advice.best.summary.pod_hours / max(advice.today.summary.pod_hours, 1e-9)
        if advice.best is advice.today:
            verdict = "nothing cheaper keeps the bounds than what there is"
        elif advice.today.kept:
            verdict = f"the best saves {saved:.1%} of the pod-hours and keeps the bounds, as today's does; scaling: {advice.best.behavior}"
        else:
            verdict = f"the best costs {-saved:+.1%} of the pod-hours and keeps the bounds, which today's does not; scaling: {advice.best.behavior}"
    else:
        verdict = (
            f"none of {advice.tried} settings keeps the bounds: allow more, or make pods larger or faster to start"
        )
    lines += [_row("", candidate) for candidate in advice.curve]
    lines += [
        painted(verdict, "bold", color),
        "Above target counts against today's target; each row was replayed over the same demand.",
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, candidate: Candidate) -> str:
    summary, first = candidate.summary, candidate.hpa.metrics[0]
    target = f"{first.target}%" if first.target_type == "Utilization" else units.number(first.target / 1000)
    kept = "" if candidate.kept else "  breaks a bound"
    return (
        f"{name:6}{target:>9}{candidate.hpa.minimum:>5}{candidate.hpa.maximum:>5}{summary.pod_hours:>12,.1f}"
        f"{_time(_pressure(candidate)):>14}{_time(summary.at_max):>10}{summary.events_a_day:>8.1f}{kept}"
    )


def _pressure(candidate: Candidate) -> float:
    return max(candidate.summary.above_target.values(), default=0.0)


def _time(seconds: float) -> str:
    """To the minute: a column has no room for more."""
    return units.duration(round(seconds / 60) * 60) if seconds >= 60 else units.duration(round(seconds))
