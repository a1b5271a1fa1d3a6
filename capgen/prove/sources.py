"""Samples for a plan: a steady state for solving, a recorded timeline for everything that depends on time.

A steady state gives each series one number, the value of a gauge or the slope of a counter, as if it had always
been so; range functions then have closed forms. A timeline holds the samples that promtool will load, and
answers as Prometheus would: look-back, staleness, and either rule for the older end of a range (closed up to
Prometheus 2, open since 3).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from msgspec import Struct

from capgen.prove import functions
from capgen.prove.vectors import Unsupported, Value

LOOKBACK = 300.0
LONG_AGO = 86_400.0
STALE = math.inf
"""In a row of samples: the series ends here."""

_CONSTANT_ZERO = frozenset(("changes", "resets", "stddev_over_time", "stdvar_over_time", "delta", "idelta", "deriv"))


class Steady(Struct, frozen=True):
    """One number a series: a counter's slope a second (`counters`), else its value; NaN for a missing series.

    A `clocks` series is a point in time: its number is the distance from now.
    """

    state: Sequence[float]
    counters: Sequence[bool]
    clocks: bool = False
    interval: float = 15.0
    now: float = 0.0

    def instant(self, series: int, offset: float) -> Value:
        """The value; a counter has been counting for a day."""
        value = self.state[series]
        if math.isnan(value):
            return None
        if self.counters[series]:
            return value * (LONG_AGO - offset)
        return value + self.now - offset if self.clocks else value

    def over(self, function: str, series: int, seconds: float, offset: float, extra: Sequence[float]) -> Value:
        """The closed form of a range function over a straight line."""
        value = self.state[series]
        if math.isnan(value):
            return None
        slope = value if self.counters[series] else 1.0 if self.clocks else 0.0
        match function:
            case "rate" | "irate" | "deriv":
                return slope
            case "increase" | "delta":
                return slope * seconds
            case "idelta":
                return slope * self.interval
            case "count_over_time":
                return float(max(1, math.floor(seconds / self.interval)))
            case "present_over_time":
                return 1.0
            case "changes":
                return 0.0 if slope == 0 else float(max(1, math.floor(seconds / self.interval)))
        if slope and function not in _CONSTANT_ZERO:
            raise Unsupported(f"{function}() of a counter")
        if function in _CONSTANT_ZERO:
            return 0.0
        if function == "sum_over_time":
            return value * max(1, math.floor(seconds / self.interval))
        return value

    def time(self) -> float:
        """The instant."""
        return self.now

    def within(self, seconds: float, step: float | None, offset: float) -> Iterable[Steady]:
        """The same state at each step of a subquery."""
        every = step or 60.0
        last = math.floor((self.now - offset) / every)
        count = min(1000, max(1, math.floor(seconds / every)))
        return [
            Steady(self.state, self.counters, self.clocks, self.interval, (last - back) * every)
            for back in range(count - 1, -1, -1)
        ]


class Recording:
    """The samples of all series of a test: row by row a value, None for a missed scrape, STALE for the end."""

    def __init__(self, rows: Sequence[Sequence[Value]], interval: float, step: float) -> None:
        self.rows = rows
        self.interval = interval
        self.step = step
        self._drops = [_drops(row) for row in rows]
        self._dense = [all(value is not None and value != STALE for value in row) for row in rows]

    def at(self, now: float, *, closed: bool) -> Moment:
        """What an evaluation sees at an instant."""
        return Moment(self, now, closed)

    def window(self, series: int, start: float, end: float, *, closed: bool) -> Sequence[int]:
        """The places of the samples in a range."""
        first = math.ceil(start / self.interval - 1e-9)
        if not closed and abs(first * self.interval - start) < 1e-6:
            first += 1
        row = self.rows[series]
        last = min(len(row) - 1, math.floor(end / self.interval + 1e-9))
        places = range(max(0, first), last + 1)
        # Most windows have no hole at either end or between; only those that do are looked through.
        if self._dense[series] or (
            None not in row[places.start : places.stop] and STALE not in row[places.start : places.stop]
        ):
            return places
        return [k for k in places if row[k] is not None and row[k] != STALE]

    def increase(self, series: int, first: int, last: int) -> float:
        """The change between two samples, with resets added back."""
        row, drops = self.rows[series], self._drops[series]
        return (row[last] or 0.0) - (row[first] or 0.0) + (drops[last] - drops[first] if drops else 0.0)


def _drops(row: Sequence[Value]) -> list[float]:
    """What a counter lost in resets up to each sample; [] when it never fell."""
    total, last, sums, fell = 0.0, None, [], False
    for value in row:
        if value is not None and value != STALE:
            if last is not None and value < last:
                total += last
                fell = True
            last = value
        sums.append(total)
    return sums if fell else []


class Moment(Struct, frozen=True):
    """A recording at one instant."""

    recording: Recording
    now: float
    closed: bool

    def instant(self, series: int, offset: float) -> Value:
        """The latest sample of the last five minutes, unless the series ended."""
        recording = self.recording
        row, interval = recording.rows[series], recording.interval
        at = self.now - offset
        place = min(len(row) - 1, math.floor(at / interval + 1e-9))
        while place >= 0 and at - place * interval <= LOOKBACK:
            value = row[place]
            if value is not None:
                return None if value == STALE else value
            place -= 1
        return None

    def over(self, function: str, series: int, seconds: float, offset: float, extra: Sequence[float]) -> Value:
        """The range function over the samples of the range."""
        recording, interval = self.recording, self.recording.interval
        end = self.now - offset
        places = recording.window(series, end - seconds, end, closed=self.closed)
        row = recording.rows[series]
        if function in ("rate", "increase", "delta"):
            if len(places) < 2:
                return None
            first, last = places[0], places[-1]
            counter = function != "delta"
            change = recording.increase(series, first, last) if counter else (row[last] or 0.0) - (row[first] or 0.0)
            ends = ((first * interval, row[first] or 0.0), (last * interval, row[last] or 0.0))
            result = functions.extrapolated(change, *ends, len(places), (end - seconds, end), counter=counter)
            return result / seconds if function == "rate" else result
        points = [(k * interval, row[k] or 0.0) for k in places]
        return functions.over(function, points, (end - seconds, end), extra)

    def time(self) -> float:
        """The instant."""
        return self.now

    def within(self, seconds: float, step: float | None, offset: float) -> Iterable[Moment]:
        """The instants of a subquery: multiples of its step, whatever the evaluation's own grid."""
        every = step or self.recording.step
        end = self.now - offset
        first = math.ceil((end - seconds) / every - 1e-9)
        if not self.closed and abs(first * every - (end - seconds)) < 1e-6:
            first += 1
        return [
            Moment(self.recording, k * every, self.closed) for k in range(first, math.floor(end / every + 1e-9) + 1)
        ]
