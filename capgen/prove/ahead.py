"""The tests of what looks ahead: weeks of hours in which a signal drifts to its limit, or a month gets dearer.

The records that such groups read are another group's, so the tests bring them as series. What is expected is worked
out from the hours themselves and from what the spec declares, and never from an expression. Evaluations stand every
three and a half hours: between the hours, every second time, where Prometheus 2 and 3 count the same samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from msgspec import Struct

from capgen.blueprint import Ahead, Alert, Group, Spending
from capgen.blueprint.origin import Labels
from capgen.naming import SERVICE, SOURCE
from capgen.promql import Selector, parse, walk
from capgen.prove.expectations import ELSEWHERE, alert_names, check_alerts, check_record, check_states, state_table
from capgen.prove.oracle import Rows, Rule, Trace, follow
from capgen.prove.suite import Case, Gap, SampleCheck, Suite
from capgen.prove.tape import Segment, spelled
from capgen.prove.templates import UnknownTemplate
from capgen.prove.vectors import Identity
from capgen.units import number

HOUR, STEP = 3600.0, 12600.0
WEEK = 168
_HOURS_OF_A_MONTH = 730
Line = list[float | None]
"""A value an hour; None where none was recorded."""


class Piece(Struct, frozen=True):
    """So many hours from a value on, each by `slope` more than the one before; NaN for no value."""

    name: str
    hours: int
    start: float
    slope: float = 0.0


def prove_ahead(group: Group, ahead: Ahead | Spending) -> Suite:
    """The tests of the group, and what they leave open."""
    try:
        case = _full(group, ahead) if isinstance(ahead, Ahead) else _spent(group, ahead)
    except UnknownTemplate as failed:
        names_ = [record.name for record in group.records] + [alert.name for alert in group.alerts]
        return Suite(group, (), tuple(Gap(group.name, name, str(failed)) for name in names_), ())
    proves = [record.name for record in group.records] + [alert.name for alert in group.alerts]
    return Suite(group, (case,), (), tuple(proves))


# --- a signal that gets full ------------------------------------------------------------------------------------


def _full(group: Group, ahead: Ahead) -> Case:
    pieces = tuple(_drifting(ahead))
    main, still = line(pieces), [0.6 * ahead.full] * sum(piece.hours for piece in pieces)
    labels = _identity(group)
    series = {_own(labels, ahead.signal.labels, "a"): main}
    if ahead.signal.labels:
        # Another one beside it that does not move, and a third that is too young to be judged.
        series[_own(labels, ahead.signal.labels, "b")] = [*still]
        young = len(main) - WEEK - WEEK // 2
        series[_own(labels, ahead.signal.labels, "c")] = [*([None] * young), *main[:WEEK], *main[: WEEK // 2]]

    def value(hours: Sequence[float | None]) -> float | None:
        return _left(hours, ahead)

    rows = _trace(series, 2 * WEEK, value)
    rules = [Rule(alert, ahead.lead, ahead.lead, above=False, floor=0.0) for alert in group.alerts]
    return _case(group, "drifting to the limit", ahead.signal.record, pieces, series, rows, rules)


def _drifting(ahead: Ahead) -> Iterator[Piece]:
    """Slowly, twice the lead time away; then four times as fast, past the limit; then no more."""
    weeks = ahead.lead / HOUR / WEEK
    up = ahead.worse == "above"
    pace = min(0.01, 0.2 / weeks)
    # So far away that it takes two lead times at the first pace.
    far = 1 + 2 * weeks * pace
    begin = ahead.full / far if up else ahead.full * far
    slope = begin * pace / WEEK * (1 if up else -1)
    ends = begin
    start = ends - slope * (2 * WEEK + 35)
    early = 2 * WEEK + 10
    yield Piece("drifting slowly", early, start, slope)
    yield Piece("three missed hours", 3, math.nan)
    yield Piece("drifting on", 22, start + slope * (early + 3), slope)
    yield Piece("a missed hour", 1, math.nan)
    # Past the limit within these weeks, or as far as the pace gets.
    faster = slope * 4
    yield Piece("drifting fast", 2 * WEEK + 13, ends, faster)
    beyond = ahead.full * (1.1 if up else 0.9)
    yield Piece("beyond the limit", WEEK // 2 + 7, beyond, faster)
    yield Piece("at rest", 2 * WEEK + 49, beyond, 0.0)


def _left(hours: Sequence[float | None], ahead: Ahead) -> float | None:
    """Seconds until the peak is at the limit, from the hours of two weeks, the older one first."""
    before, now = ([x for x in part if x is not None] for part in (hours[: len(hours) // 2], hours[-WEEK:]))
    if len(before) + len(now) < 303 or not before or not now:
        return None
    up = ahead.worse == "above"
    peak_before, peak = (_quantile(week, 0.95 if up else 0.05) for week in (before, now))
    if ahead.proportional:
        height_before, height = sum(before) / len(before), sum(now) / len(now)
    else:
        height_before, height = peak_before, peak
    if min(height_before, height, peak) <= 0:
        return None
    drift = 1 - height_before / height if up else height_before / height - 1
    # Sums of equal numbers differ in their last bits: what is at rest has no drift.
    if drift <= 1e-12:
        return None
    room = ahead.full / peak - 1 if up else 1 - ahead.full / peak
    return max(0.0, room / drift * WEEK * HOUR)


def _quantile(values: Sequence[float], share: float) -> float:
    ordered, rank = sorted(values), share * (len(values) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(values) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


# --- a month that costs too much --------------------------------------------------------------------------------


def _spent(group: Group, spending: Spending) -> Case:
    pieces = tuple(_dearer(spending))
    main = line(pieces)
    labels = _identity(group)
    # Two namespaces of one service: together they are what it costs.
    shares = {"a": 0.75, "b": 0.25} if spending.signal.labels else {"": 1.0}
    series = {
        _own(labels, spending.signal.labels, name): [None if x is None else x * share for x in main]
        for name, share in shares.items()
    }
    each = {identity: _trace({identity: values}, WEEK, _mean) for identity, values in series.items()}
    sides: list[list[Rows]] = []
    for side in (0, 1):
        moments = zip(*(found[side] for found in each.values()), strict=True)
        sides.append([_summed(rows) for rows in moments])
    amounts: Mapping[str, float] = dict(spending.amounts)
    rules = [Rule(alert, amounts[alert.level], amounts[alert.level], above=True, floor=0.0) for alert in group.alerts]
    return _case(group, "a month gets dearer", spending.signal.record, pieces, series, (sides[0], sides[1]), rules)


def _dearer(spending: Spending) -> Iterator[Piece]:
    """A week short of each share and one beyond it, in order, and back."""
    yield Piece("cheap", WEEK + 7, spending.amounts[0][1] * 0.5 / _HOURS_OF_A_MONTH)
    for share, amount in spending.amounts:
        for word, factor in (("short of", 0.99), ("at", 1.01)):
            yield Piece(f"{word} {share}", WEEK + 7, amount * factor / _HOURS_OF_A_MONTH)
    yield Piece("cheap again", WEEK + 49, spending.amounts[0][1] * 0.5 / _HOURS_OF_A_MONTH)


def _mean(hours: Sequence[float | None]) -> float | None:
    known = [x for x in hours if x is not None]
    return sum(known) / len(known) if known else None


def _summed(rows: Sequence[Rows]) -> Rows:
    """What all series of the service come to a month."""
    values = [value for row in rows for value in row.values()]
    return {(): sum(values) * _HOURS_OF_A_MONTH} if values else {}


# --- weeks of hours ----------------------------------------------------------------------------------------------


def line(pieces: Sequence[Piece]) -> Line:
    """The hours of the pieces, one after another."""
    return [
        None if math.isnan(piece.start) else piece.start + piece.slope * hour
        for piece in pieces
        for hour in range(piece.hours)
    ]


def written(values: Line) -> str:
    """As promtool reads it: each value by itself, since what it adds up drifts; equal ones together."""
    parts = []
    for value, run in groupby(values):
        count = sum(1 for _ in run)
        text = "_" if value is None else number(float(f"{value:.12g}"))
        parts.append(text if count == 1 else f"_x{count}" if value is None else f"{text}x{count - 1}")
    return " ".join(parts)


def _identity(group: Group) -> Labels:
    record = group.records[0]
    found = next(node for node in walk(parse(record.expr)) if isinstance(node, Selector))
    declared = {k: v for k, v in record.labels if k in (SERVICE, SOURCE)}
    assert {m.name: m.value for m in found.matchers} == declared, "the record is scoped to its service and source"  # noqa: S101 - an invariant of the compiler
    return tuple(sorted(declared.items()))


def _own(labels: Labels, names: Sequence[str], value: str) -> Labels:
    return tuple(sorted({**dict(labels), **dict.fromkeys(names, value)}.items()))


def _trace(series: Mapping[Labels, Line], hours: int, value: Callable[[Sequence[float | None]], float | None]) -> Trace:
    """The rows of each evaluation, with the oldest hour of the range in it or not, where it is just at the edge."""
    length = len(next(iter(series.values())))
    evaluations = int((length - 1) * HOUR // STEP) + 1
    sides: tuple[list[Rows], list[Rows]] = ([], [])
    for rows, closed in zip(sides, (True, False), strict=True):
        for k in range(evaluations):
            at = k * STEP / HOUR
            last = math.floor(at)
            span = hours + 1 if closed and at == last else hours
            found = {}
            for labels, values in series.items():
                known = values[max(0, last - span + 1) : last + 1]
                window: Line = [*([None] * (span - len(known))), *known]
                if (result := value(window)) is not None:
                    found[labels] = result
            rows.append(found)
    return sides


def _case(
    group: Group,
    name: str,
    metric: str,
    pieces: Sequence[Piece],
    series: Mapping[Labels, Line],
    rows: Trace,
    rules: Sequence[Rule],
) -> Case:
    readings = follow(rules, rows, None, STEP)
    segments = list(_segments(pieces, len(rows[0])))
    alerts: tuple[Alert, ...] = group.alerts
    ends = [segment.last for segment in segments]
    extra = group.records[0].labels
    samples = [*check_states(readings, segments, STEP, extra)]
    # On the hour, where the samples of strangers are seen.
    samples += [SampleCheck(k * STEP, "ALERTS", state_table(readings[k][0], extra)) for k in (segments[0].last - 1,)]
    middles = [(segment.first + segment.last) // 2 | 1 for segment in segments]
    for record in group.records:
        samples += check_record(record, rows, sorted({*ends, *middles}), STEP)
    lines = [(Identity(metric, labels), values) for labels, values in series.items()]
    return Case(
        name, HOUR, STEP,
        tuple((spelled(identity), written(values)) for identity, values in (*lines, *_strangers(group, lines[0]))),
        check_alerts(readings, ends, STEP, alert_names(alerts), extra),
        tuple(sorted(samples, key=lambda sample: (sample.at, sample.expr))),
    )  # fmt: skip


def _strangers(group: Group, main: tuple[Identity, Line]) -> Iterator[tuple[Identity, Line]]:
    """What others record under the same names, and worse: none of this service's business."""
    identity, values = main
    for other in (SERVICE, SOURCE):
        yield Identity(identity.name, tuple(sorted({**dict(identity.labels), other: ELSEWHERE}.items()))), values
    alarming = 1e12 if isinstance(group.ahead, Spending) else 0.0
    for record in group.records:
        for other, _ in record.labels:
            labels = tuple(sorted({**dict(record.labels), other: ELSEWHERE}.items()))
            yield Identity(record.name, labels), [alarming] * len(values)


def _segments(pieces: Sequence[Piece], evaluations: int) -> Iterator[Segment]:
    """The evaluations that fall into each piece, the last of them between two hours."""
    first = hours = 0
    for piece in pieces:
        hours += piece.hours
        last = min(evaluations - 1, math.floor((hours - 1) * HOUR / STEP))
        last -= (last + 1) % 2
        if last >= first:
            yield Segment(piece.name, (), first, last)
            first = last + 1
