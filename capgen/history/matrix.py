"""What an expression would have given at each evaluation of a rule: all of its series, tick by tick, and where it failed.

A range query evaluates an expression at every step as an instant query does, and a rule group is evaluated at a fixed
interval; so the one tells what the other would have seen. A rule that fails fails at its tick alone, a range query as a
whole: a range that the server refuses is halved until the ticks that cannot be evaluated are found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from capgen.errors import TargetError
from capgen.history.prometheus import PIECE, Refused, Server, TooMuch, lacking, post
from capgen.history.series import Floats, Notice, instant

Labels: TypeAlias = tuple[tuple[str, str], ...]
Ticks: TypeAlias = NDArray[np.int64]

_MOST_FAILING = 2000
"""Ticks that may fail before it is the query that is taken to be wrong."""


class Clock(Struct, frozen=True):
    """The instants of evaluations: `count` of them, each `step` after the one before. Milliseconds since 1970."""

    start: int
    step: int
    count: int

    @classmethod
    def over(cls, begin: int, end: int, step: int, phase: int = 0) -> Clock:
        """All instants from `begin` to before `end` that are `phase` after a multiple of the step."""
        first = begin + (phase - begin) % step
        return cls(first, step, max(-(-(end - first) // step), 0))

    def at(self, tick: int) -> int:
        """The instant of a tick, in milliseconds."""
        return self.start + tick * self.step


class Matrix(Struct, frozen=True, eq=False):
    """The series of a result by their labels without the metric's name, each as ticks and values; ticks in order."""

    rows: Mapping[Labels, tuple[Ticks, Floats]]
    failed: tuple[int, ...] = ()
    """Ticks at which the expression could not be evaluated."""
    notices: tuple[Notice, ...] = ()
    stopped: tuple[int, ...] = ()
    """Ticks at which nothing was evaluated, since the server did not run."""


class _Collected(Struct):
    rows: dict[Labels, list[tuple[Ticks, Floats]]] = {}
    failed: list[int] = []
    notices: list[Notice] = []
    last: str = ""


def query_matrix(
    server: Server, query: str, clock: Clock, *, on_piece: Callable[[int], None] = lambda _: None
) -> Matrix:
    """The result at each tick of the clock. `on_piece` is told how many ticks were answered. Raises TargetError."""
    found = _Collected()
    for first in range(0, clock.count, PIECE):
        last = min(first + PIECE, clock.count) - 1
        _piece(server, query, clock, first, last, found)
        on_piece(last - first + 1)
    rows = {
        labels: (np.concatenate([ticks for ticks, _ in parts]), np.concatenate([values for _, values in parts]))
        for labels, parts in sorted(found.rows.items())
    }
    return Matrix(rows, tuple(sorted(found.failed)), tuple(found.notices))


def _piece(server: Server, query: str, clock: Clock, first: int, last: int, found: _Collected) -> None:
    begin, end = (f"{clock.at(tick) / 1000:.3f}" for tick in (first, last))
    # Without its cache VictoriaMetrics does not move the instants to multiples of the step; others know no such word.
    form = {"query": query, "start": begin, "end": end, "step": f"{clock.step / 1000:.3f}", "nocache": "1"}
    try:
        document = post(server, "/api/v1/query_range", form)
    except (Refused, TooMuch) as problem:
        if first == last:
            found.failed.append(first)
            if len(found.failed) > _MOST_FAILING:
                message = f"{server.url} cannot evaluate a rule at {len(found.failed)} instants and more: {problem}"
                raise TargetError(message) from problem
            return
        half = (first + last) // 2
        _piece(server, query, clock, first, half, found)
        _piece(server, query, clock, half + 1, last, found)
        return
    for labels, part in parsed(server.url, document, clock).items():
        found.rows.setdefault(labels, []).append(part)
    if warnings := lacking(document):
        span = (clock.at(first) / 1000, clock.at(last) / 1000)
        said = "; ".join(warnings)[:300]
        message = f"{instant(span[0])} to {instant(span[1])}: the server calls its answer partial: {said}"
        found.notices.append(Notice("CG918", message, *span))


def parsed(url: str, document: Mapping[str, Any], clock: Clock) -> dict[Labels, tuple[Ticks, Floats]]:
    """The rows of an answer of query_range, with every number as the server has it. Raises TargetError."""
    data = document.get("data")
    if document.get("status") != "success" or not isinstance(data, dict) or data.get("resultType") != "matrix":
        raise TargetError(f"{url} does not answer like Prometheus: {str(document)[:300]}")
    try:
        rows = {_labels(series["metric"]): _samples(series.get("values", ()), clock) for series in data["result"] or ()}
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise TargetError(f"{url} does not answer like Prometheus: {error}") from error
    if any((off > 0).any() for _, off, _ in rows.values()):
        message = f"{url} answers for other instants than those it is asked for: a cache in front of it aligns them to the step"
        raise TargetError(
            f"{message}; ask a server behind it, or let it not align (Thanos: --no-query-range.align-range-with-step)"
        )
    return {labels: (ticks, values) for labels, (ticks, _, values) in rows.items()}


def _labels(metric: Mapping[str, str]) -> Labels:
    return tuple(sorted((str(name), str(value)) for name, value in metric.items() if name != "__name__"))


def _samples(values: Sequence[Sequence[Any]], clock: Clock) -> tuple[Ticks, Ticks, Floats]:
    """Ticks, by how many milliseconds each is off, values."""
    times = np.rint(np.asarray([float(at) for at, _ in values], dtype=np.float64) * 1000).astype(np.int64)
    ticks = (times - clock.start + clock.step // 2) // clock.step
    off = np.abs(times - clock.start - ticks * clock.step)
    return ticks, off, np.asarray([float(text) for _, text in values], dtype=np.float64)
