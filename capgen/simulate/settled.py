"""What the metrics propose while nothing but the demand moves: one vector for each number of replicas.

Between two changes all pods are ready and measured, and then a proposal depends on the demand and on how many they
are. So proposals are computed for thousands of ticks at once, by the arithmetic of `proposals`, and kept, since a
workload comes back to the same few numbers of replicas again and again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from capgen.simulate.autoscaler import Autoscaler, Metric
from capgen.simulate.proposals import LEAST, MOST_REPLICAS, Band, band

Numbers = NDArray[np.int64]
FAILED = -(2**40)
"""A tick at which the metrics give no answer, and replicas stay; lower than what an answer of 32 bits can be."""
PIECE = 4096
NEVER = 2**62


class Changes(NamedTuple):
    """When a number of replicas is left in one direction; places in a piece."""

    beyond: NDArray[np.bool_]
    """Where a proposal is beyond the number,"""
    held: NDArray[np.bool_]
    """or not, which keeps replicas from changing for a window of ticks."""
    free: list[int]
    """Where such a window is over and no other has begun."""
    window: int

    def first(self, place: int, earliest: int) -> int:
        """The first from a place on, where what was proposed before that holds replicas until the earliest; or NEVER."""
        if not self.window:
            return _next(self.beyond, place)
        change, held = _next(self.beyond, earliest), _next(self.held, place)
        while held < change:
            free = bisect_right(self.free, held)
            if free == len(self.free):
                return NEVER
            change, held = _next(self.beyond, self.free[free]), _next(self.held, self.free[free])
        return change


class Course(NamedTuple):
    """What is proposed to one number of replicas in a piece of the time, and where it would change."""

    proposed: Numbers
    rises: Changes
    falls: Changes


class Settled:
    """Proposals by number of replicas, a piece of the time at once. The windows are ticks before the present one."""

    def __init__(
        self,
        hpa: Autoscaler,
        demand: Mapping[str, NDArray[np.float64]],
        requests: Mapping[str, int],
        up_window: int,
        down_window: int,
    ) -> None:
        self.metrics, self.requests, self.still = hpa.metrics, requests, band(hpa.tolerances)
        self.thousandths = {name: values * 1000 for name, values in demand.items()}
        self.unknown = {name: gaps for name, values in demand.items() if (gaps := np.isnan(values)).any()}
        self.fails = bool(self.unknown) or any(self._without_request(metric) for metric in self.metrics)
        self.up_window, self.down_window = up_window, down_window
        self._piece = -1
        self._courses: dict[int, Course] = {}

    def course(self, replicas: int, piece: int) -> Course:
        """The proposals of a piece, FAILED where there is none, and the changes that they would make."""
        if piece != self._piece:
            self._piece, self._courses = piece, {}
        if replicas not in self._courses:
            proposed = self._combined(replicas, slice(piece * PIECE, (piece + 1) * PIECE))
            above, below = proposed > replicas, proposed < replicas
            not_above, not_below = ~above, ~below
            if self.fails:
                known = proposed != FAILED
                below, not_above = below & known, not_above & known
            self._courses[replicas] = Course(
                proposed, _changes(above, not_above, self.up_window), _changes(below, not_below, self.down_window)
            )
        return self._courses[replicas]

    def _combined(self, replicas: int, ticks: slice) -> Numbers:
        """The largest; a failing metric never lets it scale down, and when all fail nothing happens."""
        each = [self._proposals(metric, replicas, ticks) for metric in self.metrics]
        largest = each[0] if len(each) == 1 else np.maximum.reduce(each)
        if len(each) > 1:
            some_fail = np.minimum.reduce(each) == FAILED
            largest = np.where(some_fail & (largest < replicas), FAILED, largest)
        return largest

    def _proposals(self, metric: Metric, replicas: int, ticks: slice) -> Numbers:
        total = self.thousandths[metric.name][ticks]
        unknown = self.unknown[metric.name][ticks] if metric.name in self.unknown else None
        if unknown is not None:
            total = np.where(unknown, 0.0, total)
        if metric.of_pods:
            used = (total / float(replicas)).astype(np.int64)  # astype cuts off, as the controller does
            proposed = self._of_pods(metric, replicas, used)
        else:
            proposed = _of_all(metric, replicas, total.astype(np.int64), self.still)
        return proposed if unknown is None else np.where(unknown, FAILED, proposed)

    def _without_request(self, metric: Metric) -> bool:
        return metric.target_type == "Utilization" and not self.requests.get(metric.name, 0)

    def _of_pods(self, metric: Metric, replicas: int, used: Numbers) -> Numbers:
        if metric.target_type != "Utilization":
            return _scaled(used / metric.target, replicas, self.still, saturates=False)
        if self._without_request(metric):
            return np.full(len(used), FAILED)
        request = self.requests[metric.name]
        percent = used * (replicas * 100) // (request * replicas)
        if not _fits(percent):
            percent = (percent - LEAST) % (-2 * LEAST) + LEAST
        return _scaled(percent / metric.target, replicas, self.still, saturates=False)


def _changes(beyond: NDArray[np.bool_], held: NDArray[np.bool_], window: int) -> Changes:
    if not window:
        return Changes(beyond, held, [], window)
    places = np.flatnonzero(held)
    over = places + (window + 1)
    free = [*over[:-1][places[1:] > over[:-1]].tolist(), *over[-1:].tolist()]
    return Changes(beyond, held, free, window)


def _next(where: NDArray[np.bool_], place: int) -> int:
    rest = where[place:]
    if not len(rest):
        return NEVER
    first = int(rest.argmax())
    return place + first if rest[first] else NEVER


def _scaled(ratio: Any, replicas: int, still: Band, *, saturates: bool) -> Numbers:
    wanted = _fitting(np.ceil(ratio * replicas), saturates=saturates)
    near = (ratio >= still[0]) & (ratio <= still[1])
    return np.where(near, replicas, wanted).astype(np.int64)


def _fitting(wanted: Any, *, saturates: bool) -> Any:
    """In 32 bits: at most the most, or the least number there is for what does not fit."""
    if _fits(wanted):
        return wanted
    return np.where((wanted > MOST_REPLICAS) | (wanted < LEAST), MOST_REPLICAS if saturates else LEAST, wanted)


def _fits(numbers: Any) -> bool:
    # To look costs a fraction of what is done about it, and there is hardly ever anything to do.
    return bool(numbers.min(initial=0) >= LEAST and numbers.max(initial=0) <= MOST_REPLICAS)


def _of_all(metric: Metric, replicas: int, value: Numbers, still: Band) -> Numbers:
    if metric.target_type == "Value":
        return _scaled(value / metric.target, replicas, still, saturates=True)
    ratio = value / (metric.target * float(replicas))
    near = (ratio >= still[0]) & (ratio <= still[1])
    wanted = _fitting(np.ceil(value / metric.target), saturates=metric.kind == "External")
    return np.where(near, replicas, wanted).astype(np.int64)


def sliding(values: Numbers, width: int, extreme: Any) -> Numbers:
    """The extreme (`np.maximum`, `np.minimum`) of each value and the `width` before it, where there are so many."""
    result, covered = values, 1
    while covered <= width:
        step = min(covered, width + 1 - covered)
        longer = result.copy()
        longer[step:] = extreme(result[step:], result[:-step])
        result, covered = longer, covered + step
    return result
