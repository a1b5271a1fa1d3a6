"""Demand that was recorded where pods could not use more: it is the least that was wanted, and not what was wanted.

Use is all that anybody records. While pods stood at their limit, or were as many as were allowed and above their
target, more may have been wanted than was used; a replay of such a history is too kind to every setting. Whoever gives
the number of pods that ran then (a column `replicas`) is told where.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from capgen import units
from capgen.diagnostics import Diagnostic, Severity
from capgen.simulate.autoscaler import Autoscaler
from capgen.simulate.pods import SECOND, Model

COLUMN = "replicas"
_NEAR = 0.95
"""A pod that uses so much of its limit is taken to stand at it: throttling begins before the average arrives."""
_HINT = "read the result as the least that would have happened; raise the limit or the maximum and record anew"


def censored(
    hpa: Autoscaler, model: Model, demand: Mapping[str, NDArray[np.float64]], limits: Mapping[str, int]
) -> Iterator[Diagnostic]:
    """A warning for each reason why the demand may have been higher than what is in it."""
    ran = demand.get(COLUMN)
    if ran is None:
        return
    for name, limit in sorted(limits.items()):
        if name in demand:
            at_limit = demand[name] >= _NEAR * limit / 1000 * ran
            yield from _said(at_limit & (ran > 0), model, f"{name} was at what the pods may use")
    for metric in hpa.metrics:
        request = model.requests.get(metric.name, 0)
        target = request * metric.target / 100 / 1000 if metric.target_type == "Utilization" else metric.target / 1000
        if metric.of_pods and metric.name in demand and target:
            short = (ran >= hpa.maximum) & (demand[metric.name] > target * ran)
            yield from _said(short, model, f"{metric.name} was above its target with as many pods as are allowed")


def _said(where: NDArray[np.bool_], model: Model, what: str) -> Iterator[Diagnostic]:
    ticks = np.flatnonzero(where)
    if len(ticks):
        once = units.duration(round((int(ticks[0]) + 1) * model.sync / SECOND))
        long = units.duration(round(len(ticks) * model.sync / SECOND))
        message = f"{what} for {long} of the recorded time, first at {once}: more may have been wanted than was used"
        yield Diagnostic("CG928", message, None, _HINT, Severity.WARNING)
