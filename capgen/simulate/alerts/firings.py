"""Alerts that fired, as spans of time: what notifications, summaries and incidents are read from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import TypeAlias

from msgspec import Struct

from capgen.history.matrix import Clock, Labels
from capgen.simulate.alerts.questions import Watched
from capgen.simulate.alerts.states import Period

Span: TypeAlias = tuple[int, int]
"""From the first to before the second, milliseconds since 1970."""


class Firing(Struct, frozen=True):
    """One alert from when it fired to when it was resolved, milliseconds since 1970.

    `open`: it still fired when the history ended. `early`: it may have begun before it.
    """

    watched: Watched
    labels: Labels
    since: int
    fired: int
    resolved: int
    open: bool
    early: bool

    @property
    def length(self) -> int:
        """How long it fired, milliseconds."""
        return self.resolved - self.fired


def firings(watched: Watched, periods: Mapping[Labels, Sequence[Period]], clock: Clock, begin: int) -> Iterator[Firing]:
    """Those that fired at or after `begin`, and those that still did then."""
    for labels, each in periods.items():
        for one in each:
            if one.fired is not None and clock.at(one.until) > begin:
                times = (clock.at(one.since), clock.at(one.fired), clock.at(one.until))
                yield Firing(watched, labels, *times, open=one.open, early=one.early)


def united(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in order, those that touch as one."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif begin < end:
            found.append((begin, end))
    return tuple(found)


def without(span: Span, holes: Sequence[Span]) -> tuple[Span, ...]:
    """What is left of a span without the holes, which are in order and apart."""
    found: list[Span] = []
    at, end = span
    first = max(bisect_right(holes, at, key=itemgetter(0)) - 1, 0)
    for place in range(first, len(holes)):
        begin, stop = holes[place]
        if begin >= end:
            break
        if begin > at:
            found.append((at, begin))
        at = max(at, stop)
    return (*found, (at, end)) if at < end else tuple(found)
