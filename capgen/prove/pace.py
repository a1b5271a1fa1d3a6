"""How time runs in a group's tests: how far expressions look back, and the longest step that shows everything."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from capgen.blueprint import Group, Signal
from capgen.promql import Expr, Selector, Subquery, children, parse

LONGEST_STEP = 240.0
"""Below Prometheus' look-back of five minutes, so that `ALERTS` is still seen at the next evaluation."""
MOST_SAMPLES = 400
"""In one window; longer windows get a longer sample interval than their scrapes."""


class Pace(Struct, frozen=True):
    """How time runs in a group's tests, in seconds (`interval`, `step`, `reach`) and evaluations."""

    interval: float
    step: float
    reach: float
    """How far back the expressions look."""
    settle: int
    """Evaluations until a new state is all that they see."""
    hold: int
    """Evaluations until an alert fires."""
    keep: int
    """Evaluations until it is gone."""


def reach(expr: Expr) -> float:
    """How many seconds of the past an expression reads; 0 for the latest samples only."""
    match expr:
        case Selector():
            return (expr.range or 0.0) + expr.offset
        case Subquery():
            return expr.range + expr.offset + reach(expr.inner) + (expr.step or 60.0)
        case _:
            return max((reach(child) for child in children(expr)), default=0.0)


def step_of(grids: Sequence[float], waits: Sequence[float], back: float) -> float:
    """The longest multiple of all `grids` that still resolves the waits and the look-back: evaluations cost."""
    base = math.lcm(*(round(grid * 1000) for grid in grids)) / 1000
    limit = min([LONGEST_STEP, *(wait / 2 for wait in waits), *([back / 4] if back else [])])
    options = [base * n for n in range(1, max(1, int(limit / base)) + 1)]
    even = [step for step in options if all(wait % step == 0 for wait in waits)]
    return max(even or options)


def pace(group: Group, signal: Signal, most: int = MOST_SAMPLES) -> Pace:
    """The pace of a signal's group, with at most so many samples in a window."""
    back = max(reach(parse(text)) for text in (signal.expr, signal.traffic) if text)
    holds = [alert.for_ for alert in group.alerts if alert.for_]
    keeps = [alert.keep_firing_for for alert in group.alerts if alert.keep_firing_for]
    interval = signal.interval
    while back / interval > most and interval * 2 <= LONGEST_STEP:
        interval *= 2
    step = step_of((interval, group.interval), holds + keeps, back)
    settle = math.ceil((back + interval) / step) + 1 if back else 1
    hold, keep = (math.ceil(max(waits, default=0.0) / step) + 1 for waits in (holds, keeps))
    return Pace(interval, step, back, settle, hold, keep)
