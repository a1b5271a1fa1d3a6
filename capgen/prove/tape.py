"""Series over time: states held one after another, as samples for the oracle and as promtool's notation.

Samples stand at multiples of the sample interval, evaluations at multiples of the step, and a state begins
right after an evaluation, so that no assertion depends on which of two things at one instant comes first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

from capgen.promql import string
from capgen.prove.sources import STALE, Recording
from capgen.prove.universe import Universe
from capgen.prove.vectors import Identity, Value
from capgen.units import number


class Segment(Struct, frozen=True):
    """One state held from evaluation `first` to `last`, both included."""

    name: str
    state: tuple[float, ...]
    first: int
    last: int
    missed: tuple[int, ...] = ()
    """Evaluations that see nothing newer than what was scraped before some scrapes failed."""


class Missed(Struct, frozen=True):
    """Scrapes in a row that fail, the last of them at an evaluation, counted from the segment's begin: there a range
    holds the fewest samples."""

    at: int
    scrapes: int


def failures(after: int, interval: float, step: float) -> tuple[Missed, Missed]:
    """One scrape fails, and then three in a row, some evaluations after a state's begin."""
    return Missed(after, 1), Missed(after + 1 + math.ceil(3 * interval / step), 3)


class Tape:
    """Records states one after another. `step` is a multiple of `interval`, both in seconds."""

    def __init__(
        self, universe: Universe, interval: float, step: float, *, clocks: bool = False, lead: float = 0.0
    ) -> None:
        self.universe = universe
        self.interval = interval
        self.step = step
        self.clocks = clocks
        self.lead = lead
        self.segments: list[Segment] = []
        self.changes: list[float] = []
        self.rows: list[list[Value]] = [[] for _ in universe.members]
        self._tokens: list[list[str]] = [[] for _ in universe.members]
        self._level: list[float] = [math.nan] * len(universe.members)
        self.evaluations = 0

    def hold(
        self,
        name: str,
        state: Sequence[float],
        steps: int,
        *,
        missed: Sequence[Missed] = (),
        restart: int = 0,
        start: Mapping[int, float] | None = None,
    ) -> Segment:
        """Keeps a state for some evaluations. `restart` is an evaluation after its begin, right after which all
        counters begin anew. `start` sets series that have slopes to a value first."""
        for series, value in (start or {}).items():
            self._level[series] = value - state[series] * self.interval
        per_step = round(self.step / self.interval)
        begin = bool(self.segments)
        count = steps * per_step + (0 if begin else 1)
        done = len(self.rows[0])
        self.changes.append((done - 1) * self.interval)
        # The sample of evaluation n: the first segment has one more, at its very begin.
        ends = [gap.at * per_step + (0 if begin else 1) for gap in missed]
        holes = [(end - gap.scrapes, end) for gap, end in zip(missed, ends, strict=True)]
        for event in (*(place for hole in holes for place in hole), *((restart * per_step,) if restart else ())):
            self.changes.append((done + event) * self.interval)
        for series in range(len(self.rows)):
            self._extend(series, state[series], count, holes, restart * per_step)
        first = self.evaluations
        self.evaluations += steps + (0 if begin else 1)
        seen = tuple(first + gap.at - (1 if begin else 0) for gap in missed)
        segment = Segment(name, tuple(state), first, self.evaluations - 1, seen)
        self.segments.append(segment)
        return segment

    def _extend(self, series: int, value: float, count: int, holes: Sequence[tuple[int, int]], restart: int) -> None:
        if math.isnan(value):
            self._gone(series, count)
            return
        cuts = sorted({0, count, *(place for hole in holes for place in hole), *((restart,) if restart else ())})
        for start, end in pairwise(cuts):
            if restart and start == restart and self.universe.counters[series]:
                self._level[series] = 0.0
            self._run(series, value, end - start, missing=any(first <= start < last for first, last in holes))

    def _run(self, series: int, value: float, count: int, *, missing: bool) -> None:
        increment = self.interval if self.clocks else 0.0
        level = self._level[series]
        if self.universe.counters[series]:
            increment = value * self.interval
            level = value * self.lead if math.isnan(level) else level + increment
        else:
            level = value + len(self.rows[series]) * increment
        row = self.rows[series]
        if missing:
            row.extend([None] * count)
            self._tokens[series].append("_" if count == 1 else f"_x{count}")
            self._level[series] = level + increment * (count - 1)
            return
        sign = "-" if increment < 0 else "+"
        text = number(level)
        self._tokens[series].append(text if count == 1 else f"{text}{sign}{number(abs(increment))}x{count - 1}")
        for _ in range(count):
            row.append(level)
            level += increment
        self._level[series] = row[-1] or 0.0

    def _gone(self, series: int, count: int) -> None:
        row, tokens = self.rows[series], self._tokens[series]
        if row and row[-1] is not None and row[-1] != STALE:
            row.append(STALE)
            tokens.append("stale")
            count -= 1
            self._level[series] = math.nan
        if count:
            row.extend([STALE if row and row[-1] == STALE else None] * count)
            tokens.append("_" if count == 1 else f"_x{count}")

    def recording(self) -> Recording:
        """The samples, for the oracle."""
        return Recording(self.rows, self.interval, self.step)

    def series(self) -> tuple[tuple[str, str], ...]:
        """The series with their samples, as promtool writes them; those that never exist are left out."""
        written = []
        for member, row, tokens in zip(self.universe.members, self.rows, self._tokens, strict=True):
            if any(value is not None for value in row):
                written.append((spelled(member.identity), " ".join(tokens)))
        return tuple(written)


def spelled(identity: Identity) -> str:
    """A series as PromQL writes it: `up{instance="i1",job="j"}`."""
    inside = ",".join(f"{name}={string(value)}" for name, value in identity.labels)
    return f"{identity.name}{{{inside}}}"
