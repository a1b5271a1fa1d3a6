"""A replay for a terminal and for programs.

`events` of the JSON form are a promise: `t` in seconds from the start, replicas before and after, and the reason of the
ScalingLimited condition, "" as long as there is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from capgen import units
from capgen.report.color import painted
from capgen.report.machine import plain
from capgen.report.text import wrapped
from capgen.report.visible import encodable, visible
from capgen.simulate.known_limits import KNOWN_LIMITS

if TYPE_CHECKING:
    from capgen.diagnostics import Diagnostic
    from capgen.simulate.pods import Rollouts
    from capgen.simulate.replay import Replay
    from capgen.simulate.result import Comparison, Simulation, Summary

SCHEMA_VERSION = 1
_LATEST = 12
_SECOND = 10**9


def as_json(done: Simulation) -> str:
    """Everything: the events, the summary, what went in, and what a replay cannot know."""
    return _dumped({**_data(done), "known_limits": list(KNOWN_LIMITS), "diagnostics": _plain(done.diagnostics)})


def compared_json(compared: Sequence[Comparison], found: Sequence[Diagnostic]) -> str:
    """Each workload's replay, and the one under the autoscaler before it, null where there is no other."""
    workloads = [
        {
            "service": one.service,
            "workload": one.workload,
            "before": _data(one.before) if one.before else None,
            "after": _data(one.after),
            "price": one.price or None,
            "demand": one.demand or None,
            "ahead": {name: _summary(done.summary) for name, done in one.ahead},
        }
        for one in compared
    ]
    return _dumped({"workloads": workloads, "known_limits": list(KNOWN_LIMITS), "diagnostics": _plain(found)})


def _dumped(document: Mapping[str, Any]) -> str:
    whole = {"schema_version": SCHEMA_VERSION, **document}
    try:
        # A quarter of a million events take the standard library seconds.
        return orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode() + "\n"
    except TypeError:  # half of a surrogate pair in somebody's name
        return encodable(json.dumps(whole, indent=2, ensure_ascii=False)) + "\n"


def _plain(found: Sequence[Diagnostic]) -> list[dict[str, object]]:
    return [plain(diagnostic) for diagnostic in found]


def _data(done: Simulation) -> dict[str, Any]:
    replay, model = done.replay, done.model
    return {
        "hpa": {"name": done.hpa.name, "min": done.hpa.minimum, "max": done.hpa.maximum},
        "model": {
            "initial": model.initial,
            "sync_seconds": _number(model.sync / _SECOND),
            "ready_after_seconds": _number(model.ready_after / _SECOND),
            "metric_window_seconds": _number(model.window / _SECOND),
            "sample_after_seconds": _number(model.sample_after / _SECOND),
            "requests": {name: _number(amount / 1000) for name, amount in sorted(model.requests.items())},
            "rollouts": _rollouts(model.rollouts) if model.rollouts else None,
        },
        "ticks": len(replay.replicas),
        "events": [
            {"t": at, "from": event.before, "to": event.after, "reason": event.reason}
            for at, event in zip(_instants(replay), replay.events, strict=True)
        ],
        "summary": _summary(done.summary),
    }


def _instants(replay: Replay) -> list[int] | list[int | float]:
    """When each event is, in seconds."""
    seconds, rest = divmod(replay.sync, _SECOND)
    if rest:
        return [_number(replay.seconds(event.tick)) for event in replay.events]
    return [(event.tick + 1) * seconds for event in replay.events]


def _summary(summary: Summary) -> dict[str, Any]:
    return {
        "duration_seconds": _number(summary.duration),
        "replicas": {"min": summary.least, "mean": round(summary.mean, 4), "max": summary.most},
        "events": summary.events,
        "events_a_day": round(summary.events_a_day, 4),
        "flapping": summary.flapping,
        "minutes_at_max": round(summary.at_max / 60, 4),
        "minutes_above_target": {name: round(s / 60, 4) for name, s in summary.above_target.items()},
        "minutes_above_limit": {name: round(s / 60, 4) for name, s in summary.above_limit.items()},
        "pod_hours": round(summary.pod_hours, 4),
        "money": None if summary.money is None else str(summary.money),
    }


def _rollouts(rollouts: Rollouts) -> dict[str, Any]:
    return {
        "at": [_number(at / _SECOND) for at in rollouts.at],
        "every_seconds": _number(rollouts.every / _SECOND) if rollouts.every else None,
        "max_surge": str(rollouts.surge),
        "max_unavailable": str(rollouts.unavailable),
    }


def _rolled_out(rollouts: Rollouts) -> str:
    when = [f"after {units.duration(at / _SECOND)}" for at in rollouts.at]
    when += [f"every {units.duration(rollouts.every / _SECOND)}"] if rollouts.every else []
    return f"{', '.join(when)}; {rollouts.surge} more and {rollouts.unavailable} fewer pods meanwhile"


def as_text(done: Simulation, *, color: bool = False, width: int = 80) -> str:
    """The summary, the latest events, and what a replay cannot know."""
    return "\n".join(_lines(done, color, width)) + "\n"


def compared_text(compared: Sequence[Comparison], *, color: bool = False, width: int = 80) -> str:
    """A table a workload, the autoscaler before beside the one that the spec makes."""
    lines: list[str] = []
    for one in compared:
        covers = _duration(one.after.summary.duration)
        lines.append(painted(visible(f"{one.service}: {one.workload}, replayed over {covers}"), "bold", color))
        before = _rows(one.before) if one.before else {}
        if one.before:
            lines.append(f"  {'':24}{'before':>20}{'after':>20}")
        for name, value in _rows(one.after).items():
            lines.append(f"  {name:24}" + (f"{before.get(name, '-'):>20}" if one.before else "") + f"{value:>20}")
        for words in filter(None, (one.price, one.demand)):
            lines += [f"  {line}" for line in wrapped(visible(words), width - 2, width - 2)]
        if one.after.model.rollouts:
            lines += wrapped(f"  rolled out {_rolled_out(one.after.model.rollouts)}", width, width)
        lines += _ahead_lines(one, color)
    return "\n".join([*lines, *unknown(KNOWN_LIMITS, color=color, width=width)]) + "\n"


def ahead_rows(one: Comparison) -> list[tuple[str, ...]]:
    """Name and a cell a percentile of each number of the replays over forecast demand."""
    sides = [_rows(done) for _, done in one.ahead]
    return [(name, *(side[name] for side in sides)) for name in sides[0]] if sides else []


def _ahead_lines(one: Comparison, color: bool) -> Iterator[str]:
    if one.ahead:
        covers = _duration(one.ahead[0][1].summary.duration)
        yield painted(f"over the next {covers}, as the demand is forecast (means of its steps)", "bold", color)
        yield "  " + " " * 24 + "".join(f"{name:>16}" for name, _ in one.ahead)
        yield from (f"  {name:24}" + "".join(f"{cell:>16}" for cell in cells) for name, *cells in ahead_rows(one))


def compared_rows(one: Comparison) -> list[tuple[str, str, str]]:
    """Name, before, after of each number; equal where nothing changed."""
    before = _rows(one.before or one.after) if one.before or not one.alone else {}
    return [(name, before.get(name, "-"), value) for name, value in _rows(one.after).items()]


def _rows(done: Simulation) -> dict[str, str]:
    summary = done.summary
    times = {"above target, " + visible(name): s for name, s in summary.above_target.items()}
    times |= {"above limit, " + visible(name): s for name, s in summary.above_limit.items()}
    return {
        "replicas": f"{summary.least} to {summary.most}",
        "on average": f"{summary.mean:.2f}",
        "changes a day": f"{summary.events_a_day:.1f}",
        "turned back within 10m": f"{summary.flapping:,}",
        "at max": _duration(summary.at_max),
        **{name: _duration(seconds) for name, seconds in times.items()},
        "pod-hours": f"{summary.pod_hours:,.1f}",
        **({"money": str(summary.money)} if summary.money is not None else {}),
    }


def unknown(limits: Sequence[str], *, color: bool, width: int) -> Iterator[str]:
    """Where a replay departs from reality, as the last lines of what is said of it."""
    yield painted("what a replay does not know", "dim", color)
    for limit in limits:
        first, *rest = wrapped(limit, width - 4, width - 4)
        yield f"  - {first}"
        yield from (f"    {line}" for line in rest)


def _lines(done: Simulation, color: bool, width: int) -> Iterator[str]:
    summary, replay = done.summary, done.replay
    name = visible(done.hpa.name) or "the autoscaler"
    ticks = f"{len(replay.replicas):,} ticks of {units.duration(done.model.sync / _SECOND)}"
    yield painted(f"{name}: {_duration(summary.duration)}, {ticks}", "bold", color)
    yield f"  replicas         {summary.least} to {summary.most}, {summary.mean:.2f} on average"
    yield f"  changes          {summary.events:,}, {summary.events_a_day:.1f} a day, {summary.flapping:,} turned back within 10m"
    yield f"  at max ({done.hpa.maximum})".ljust(19) + _duration(summary.at_max)
    for what, amounts in (("above target", summary.above_target), ("above limit", summary.above_limit)):
        for metric, seconds in amounts.items():
            yield f"  {what}".ljust(19) + f"{_duration(seconds)} of {visible(metric)} for each ready pod"
    money = f", {summary.money}" if summary.money is not None else ""
    if done.model.rollouts:
        yield f"  rolled out       {_rolled_out(done.model.rollouts)}"
    yield f"  pod-hours        {summary.pod_hours:,.1f}{money}"
    if replay.events:
        shown = replay.events[-_LATEST:]
        yield painted(
            "changes" if len(shown) == len(replay.events) else f"the last {len(shown)} changes", "bold", color
        )
        for event in shown:
            at = units.duration(replay.seconds(event.tick))
            yield f"  {at:>12}  {event.before:>4} -> {event.after:<4} {event.reason}".rstrip()
    yield from unknown(KNOWN_LIMITS, color=color, width=width)


def _duration(seconds: float) -> str:
    return units.duration(round(seconds)) if seconds else "0s"


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value
