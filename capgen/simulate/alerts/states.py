"""When an alert is pending and when it fires, as Prometheus' rule engine decides it at each evaluation.

From prometheus/rules/alerting.go, for each set of labels: an element of the result makes an alert pending; it fires at
the first evaluation that is `for` or more after that one; without the element a pending alert is forgotten, and a firing
one goes on while less than `keep_firing_for` has passed since the first evaluation without it. An evaluation that fails
changes nothing. Hysteresis reads ALERTS, which has what the evaluation before wrote.

State changes only where the result does, so it is followed from run to run of equal results, and not from tick to tick.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from capgen.history.matrix import Clock, Labels, Matrix
from capgen.simulate.alerts.questions import Watched

LOOKBACK = 300_000
"""Milliseconds for which a sample is seen that no newer one follows: Prometheus' default."""
_NOTHING, _HELD, _REACHED, _FAILED = 0, 1, 2, 3
"""At a tick: nothing; a value that holds a firing alert and makes none; one that makes it; an evaluation that failed."""


class Period(Struct, frozen=True):
    """An alert from its first element to its end, in ticks: pending from `since`, firing from `fired` if it came to that,
    and gone at `until`. `open`: it had not ended when the history did. `early`: it may have begun before the history."""

    since: int
    fired: int | None
    until: int
    open: bool
    early: bool


def follow(watched: Watched, matrix: Matrix, clock: Clock) -> dict[Labels, tuple[Period, ...]]:
    """The periods of each of an alert's label sets, as they stand in ALERTS without its name and state."""
    found: dict[Labels, tuple[Period, ...]] = {}
    hold, keep = (-(-length // clock.step) for length in (watched.hold, watched.keep))
    for labels, (ticks, values) in matrix.rows.items():
        codes = np.zeros(clock.count, dtype=np.int8)
        codes[ticks] = _codes(watched, values)
        _with_failures(codes, matrix.failed, clock, recorded=bool(watched.record))
        codes[list(matrix.stopped)] = _FAILED
        periods = tuple(_periods(_runs(codes), hold, keep, clock.count))
        if periods:
            found[_overlaid(labels, watched.own)] = periods
    return found


def _codes(watched: Watched, values: NDArray[np.float64]) -> NDArray[np.int8]:
    if watched.question.above is None:
        return np.full(len(values), _REACHED, dtype=np.int8)
    above = watched.question.above
    reached = values >= watched.threshold if above else values <= watched.threshold
    held = values >= watched.release if above else values <= watched.release
    return np.where(reached, _REACHED, np.where(held, _HELD, _NOTHING)).astype(np.int8)


def _with_failures(codes: NDArray[np.int8], failed: Sequence[int], clock: Clock, *, recorded: bool) -> None:
    """A record that fails is not marked stale, so its last sample is seen until it is too old; an alert keeps its state."""
    present = set(failed)
    for tick in failed:
        if not recorded:
            codes[tick] = _FAILED
            continue
        before = tick - 1
        while before in present:
            before -= 1
        if before >= 0 and (tick - before) * clock.step < LOOKBACK:
            codes[tick] = codes[before]


def _runs(codes: NDArray[np.int8]) -> Iterator[tuple[int, int, int]]:
    edges = np.flatnonzero(np.diff(codes)) + 1
    starts = np.concatenate(([0], edges)) if len(codes) else edges
    ends = np.append(edges, len(codes))
    for start, end in zip(starts.tolist(), ends.tolist(), strict=False):
        yield start, end, int(codes[start])


def _periods(runs: Iterator[tuple[int, int, int]], hold: int, keep: int, count: int) -> Iterator[Period]:
    since: int | None = None
    fired: int | None = None
    missing: int | None = None
    for start, end, code in runs:
        if code == _FAILED:
            continue
        if code == _REACHED or (code == _HELD and fired is not None):
            missing = None
            since = start if since is None else since
            fires = max(start, since + hold)
            if fired is None and fires < end:
                fired = fires
        elif since is not None:
            missing = start if missing is None else missing
            until = start if fired is None else max(start, missing + keep)
            if until < end:
                yield Period(since, fired, until, open=False, early=since == 0)
                since = fired = missing = None
    if since is not None:
        yield Period(since, fired, count, open=True, early=since == 0)


def _overlaid(labels: Labels, own: Labels) -> Labels:
    return tuple(sorted({**dict(labels), **dict(own)}.items()))
