"""What the metrics propose while nothing but the demand moves: one vector for each number of replicas.

Between two changes all pods are ready and measured, and then a proposal depends on the demand and on how many they
are. So proposals are computed for thousands of ticks at once, by the arithmetic of `proposals`, and kept, since a
workload comes back to the same few numbers of replicas again and again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capgen.simulate.autoscaler import Autoscaler, Metric
from capgen.simulate.proposals import LEAST, MOST_REPLICAS, Band, band

Numbers = NDArray[np.int64]
FAILED = -(2**40)
"""A tick at which the metrics give no answer, and replicas stay; lower than what an answer of 32 bits can be."""
PIECE = 4096


class Settled:
    """Proposals by number of replicas, a piece of the time at once."""

    def __init__(self, hpa: Autoscaler, demand: Mapping[str, NDArray[np.float64]], requests: Mapping[str, int]) -> None:
        self.metrics, self.requests, self.still = hpa.metrics, requests, band(hpa.tolerances)
        self.thousandths = {name: values * 1000 for name, values in demand.items()}
        self._vectors: dict[tuple[int, int], Numbers] = {}

    def vector(self, replicas: int, piece: int) -> Numbers:
        """The proposals of a piece; FAILED where there is none."""
        key = replicas, piece
        if key not in self._vectors:
            self._vectors[key] = self._combined(replicas, slice(piece * PIECE, (piece + 1) * PIECE))
        return self._vectors[key]

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
        known = ~np.isnan(total)
        if not known.all():
            total = np.where(known, total, 0.0)
        if metric.of_pods:
            used = (total / float(replicas)).astype(np.int64)  # astype cuts off, as the controller does
            proposed = self._of_pods(metric, replicas, used)
        else:
            proposed = _of_all(metric, replicas, total.astype(np.int64), self.still)
        return proposed if known.all() else np.where(known, proposed, FAILED)

    def _of_pods(self, metric: Metric, replicas: int, used: Numbers) -> Numbers:
        if metric.target_type != "Utilization":
            return _scaled(used / metric.target, replicas, self.still, saturates=False)
        request = self.requests.get(metric.name, 0)
        if request == 0:
            return np.full(len(used), FAILED)
        percent = used * (replicas * 100) // (request * replicas)
        if not _fits(percent):
            percent = (percent - LEAST) % (-2 * LEAST) + LEAST
        return _scaled(percent / metric.target, replicas, self.still, saturates=False)


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


def missing(metrics: Sequence[Metric], names: Mapping[str, object]) -> list[Metric]:
    """The metrics that nothing is known of."""
    return [metric for metric in metrics if metric.name not in names]
