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
        missed: int = 0,
        restart: int = 0,
        start: Mapping[int, float] | None = None,
    ) -> Segment:
        """Keeps a state for some evaluations. `missed` and `restart` are evaluations after its begin: there one
        scrape fails, or all counters begin anew. `start` sets series that have slopes to a value first."""
        for series, value in (start or {}).items():
            self._level[series] = value - state[series] * self.interval
        per_step = round(self.step / self.interval)
        begin = bool(self.segments)
        count = steps * per_step + (0 if begin else 1)
        done = len(self.rows[0])
        self.changes.append((done - 1) * self.interval)
        for event in (missed, restart):
            if event:
                self.changes.append((done + event * per_step) * self.interval)
        for series in range(len(self.rows)):
            self._extend(series, state[series], count, missed * per_step, restart * per_step)
        first = self.evaluations
        self.evaluations += steps + (0 if begin else 1)
        segment = Segment(name, tuple(state), first, self.evaluations - 1)
        self.segments.append(segment)
        return segment

    def _extend(self, series: int, value: float, count: int, missed: int, restart: int) -> None:
        if math.isnan(value):
            self._gone(series, count)
            return
        cuts = sorted({0, count, *((missed, missed + 1) if missed else ()), *((restart,) if restart else ())})
        for start, end in pairwise(cuts):
            if restart and start == restart and self.universe.counters[series]:
                self._level[series] = 0.0
            self._run(series, value, end - start, missing=bool(missed) and start == missed)

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
