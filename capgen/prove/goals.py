"""The values of a signal that its tests visit: close to each threshold on both sides, and well away from all.

Close is one percent: near enough that a threshold moved by five is noticed. The numbers have three digits, so
that an annotation printed with four never stands between two roundings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from capgen.blueprint import Level, Signal
from capgen.prove.witness import Goal

EPSILON = 0.01
HEALTHY, SEVERE = "healthy", "severe"


def short_of(level: Level) -> str:
    """The goal's name just on the good side of a level."""
    return f"short of {level.name}"


def exactly(level: Level) -> str:
    """The goal's name on the threshold itself, where the level begins."""
    return f"exactly {level.name}"


def beyond(level: Level) -> str:
    """The goal's name just inside a level."""
    return f"just {level.name}"


def held(level: Level) -> str:
    """The goal's name inside a level's hysteresis."""
    return f"{level.name} let go slowly"


def released(level: Level) -> str:
    """The goal's name just past a level's hysteresis."""
    return f"past {level.name}"


def goals(signal: Signal, levels: Sequence[Level]) -> tuple[Goal, ...]:
    """What the tests of these levels (mildest first) have to reach; without levels, any two values."""
    if not levels:
        # Any two values will do, as long as the driven series make a difference: zero might be a lack of them.
        near = (0.5, 1.5, 200.0, 5e3, 2e5, 1e7, 1e9, 1e12)
        far = (0.75, 2.5, 300.0, 8e3, 3e5, 2e7, 2e9, 2e12)
        return (Goal(HEALTHY, near, -math.inf, math.inf), Goal(SEVERE, far, -math.inf, math.inf))
    up = signal.worse == "above"
    found = [_clear(HEALTHY, signal, levels[0].threshold, bad=False)]
    for level in levels:
        t = level.threshold
        found.append(_near(short_of(level), signal, t, bad=False))
        found.append(Goal(exactly(level), (t,), t, t, exact=True))
        found.append(_near(beyond(level), signal, t, bad=True))
        if signal.hysteresis:
            half, release = signal.hysteresis / 2, signal.hysteresis
            inside, outside = (t - half, t - release) if up else (t + half, t + release)
            found.append(Goal(held(level), (inside,), min(t, outside), max(t, outside)))
            found.append(_near(released(level), signal, outside, bad=False))
    found.append(_clear(SEVERE, signal, levels[-1].threshold, bad=True))
    return tuple(found)


def _range(threshold: float, *, upward: bool, bad: bool) -> tuple[float, float]:
    if upward:
        return (threshold, math.inf) if bad else (math.nextafter(threshold, math.inf), math.inf)
    return (-math.inf, threshold) if bad else (-math.inf, math.nextafter(threshold, -math.inf))


def _near(name: str, signal: Signal, t: float, *, bad: bool) -> Goal:
    upward = (signal.worse == "above") == bad
    distance = max(abs(t) * EPSILON, 0.0) or EPSILON
    low, high = _range(t, upward=upward, bad=bad)
    options = []
    for share in (1.0, 0.5, 0.1):
        moved = t + distance * share * (1 if upward else -1)
        if signal.unit == "ratio" and moved > 1 >= t:
            moved = t + (1 - t) / 2
        options += [_tidy(moved, signal.unit, digits) for digits in (3, 4, 6)]
    return Goal(
        name, tuple(dict.fromkeys(v for v in options if low <= v <= high)) or (math.nextafter(t, high),), low, high
    )


def _clear(name: str, signal: Signal, t: float, *, bad: bool) -> Goal:
    upward = (signal.worse == "above") == bad
    low, high = _range(t, upward=upward, bad=bad)
    share = signal.unit == "ratio"
    if upward:
        options = [(t + 1) / 2, 1.0] if share and t < 1 else [t * 1.5, t * 1.2, t * 1.05] if t else [1.0]
    else:
        options = [t / 2, t * 0.8, t * 0.95, 0.0] if t else [-1.0]
    tidied = [_tidy(v, signal.unit, 3) for v in options]
    return Goal(name, tuple(v for v in tidied if low <= v <= high) or (t,), low, high)


def _tidy(value: float, unit: str, digits: int) -> float:
    short = float(f"{value:.{digits}g}")
    # A whole number of seconds is where a duration's text changes; half a second further it does not.
    return short + 0.5 if unit == "seconds" and short >= 60 and short == int(short) else short
