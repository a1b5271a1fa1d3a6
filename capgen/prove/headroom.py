"""What a headroom record should say: the specification it is held against, so it reads levels and no expression."""

from __future__ import annotations

from collections.abc import Mapping

from capgen.blueprint import Signal
from capgen.prove.oracle import Rows, Trace
from capgen.prove.vectors import Labels

ABOUT_ONE = 1.0
"""Headroom is one less a share, so what a share is off by counts against one, also where the two nearly meet."""
_CALLS = ("critical", "emergency")


def headroom(signal: Signal, values: Trace, traffic: Trace | None) -> Trace:
    """The rows of the record at each evaluation, from those of the signal: what is left until somebody is called."""
    told = [level for level in signal.levels if level.severity is not None]
    threshold = next((level for level in told if level.severity in _CALLS), told[-1]).threshold
    above = signal.worse == "above"

    def left(value: float) -> float:
        share = value / threshold
        return 1 - share if above else min(share - 1, 1.0)

    def rows(side: int, k: int) -> Rows:
        flow = traffic[side][k] if traffic is not None and signal.min_traffic > 0 else None
        return {labels: left(value) for labels, value in values[side][k].items() if _enough(flow, labels, signal)}

    both = ([rows(side, k) for k in range(len(values[side]))] for side in (0, 1))
    return next(both), next(both)


def _enough(flow: Mapping[Labels, float] | None, labels: Labels, signal: Signal) -> bool:
    return flow is None or flow.get(labels, -1.0) >= signal.min_traffic
