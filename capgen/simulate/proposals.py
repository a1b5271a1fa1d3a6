"""How many replicas one metric asks for: the controller's replica calculator, for pods that are counted, not listed.

All pods of a group (counted, unready, without a sample) have the same request, so a count stands for them. The
arithmetic is the controller's: integer percent, integer means, IEEE doubles in the order in which it computes, and no
epsilon anywhere.
"""

from __future__ import annotations

from math import ceil

from msgspec import Struct

MOST_REPLICAS, LEAST = 2**31 - 1, -(2**31)
_MOST_OF_64 = 2**63


def int32(value: int) -> int:
    """What Go makes of a double that is cut to 32 bits: one that does not fit becomes the least number there is."""
    return value if LEAST <= value <= MOST_REPLICAS else LEAST


def wrapped(value: int, bits: int = 32) -> int:
    """What Go makes of an integer that does not fit: it wraps around."""
    half = 1 << (bits - 1)
    return (value + half) % (2 * half) - half


def cut(value: int, by: int) -> int:
    """Go's division of integers, which cuts towards zero."""
    return value // by if value >= 0 else -(-value // by)


Band = tuple[float, float]
"""The ratios at both ends of the tolerance: from here to there nothing happens."""


class Tally(Struct, frozen=True, gc=False):
    """The pods as one metric sees them. `usage` and `requests` are of the counted ones, in thousandths."""

    counted: int
    usage: int
    requests: int
    unready: int = 0
    unready_requests: int = 0
    missing: int = 0
    missing_requests: int = 0
    missing_fallback: int = 0
    """What the missing ones are taken to use when fewer are asked for: their requests times the target or 100 %."""


def band(tolerances: tuple[float, float]) -> Band:
    """From how far below to how far above the target, as ratios; both ends belong to it."""
    return 1.0 - tolerances[0], 1.0 + tolerances[1]


def by_utilization(current: int, target: int, tally: Tally, still: Band) -> int | None:
    """Replicas for usage as a share of requests, in percent; None when the metric fails."""
    counted, usage, requests, unready, missing = (
        tally.counted, tally.usage, tally.requests, tally.unready, tally.missing
    )  # fmt: skip
    if counted == 0 or requests == 0:
        return None
    hundredfold = usage * 100
    percent = hundredfold // requests if hundredfold < _MOST_OF_64 else cut(wrapped(hundredfold, 64), requests)
    ratio = (percent if LEAST <= percent <= MOST_REPLICAS else wrapped(percent)) / target
    if not (missing or (unready and ratio > 1.0)):
        return current if still[0] <= ratio <= still[1] else int32(ceil(ratio * counted))
    if missing and ratio != 1.0:
        usage += tally.missing_fallback if ratio < 1.0 else 0
        requests, counted = requests + tally.missing_requests, counted + missing
    if unready and ratio > 1.0:
        requests, counted = requests + tally.unready_requests, counted + unready
    return _careful(current, ratio, wrapped(cut(wrapped(usage * 100, 64), requests)) / target, counted, still)


def by_average(current: int, target: int, tally: Tally, still: Band) -> int | None:
    """Replicas for an amount a pod, of a resource or of a pods metric; None when the metric fails."""
    if tally.counted == 0:
        return None
    ratio = (tally.usage // tally.counted) / target
    usage, counted = tally.usage, tally.counted
    if not _refilled(tally, ratio):
        return current if still[0] <= ratio <= still[1] else int32(ceil(ratio * counted))
    if tally.missing and ratio != 1.0:
        usage += tally.missing * target if ratio < 1.0 else 0
        counted += tally.missing
    if tally.unready and ratio > 1.0:
        counted += tally.unready
    return _careful(current, ratio, (usage // counted) / target, counted, still)


def _refilled(tally: Tally, ratio: float) -> bool:
    return tally.missing > 0 or (tally.unready > 0 and ratio > 1.0)


def _careful(current: int, ratio: float, refilled: float, counted: int, still: Band) -> int:
    """What is not known for certain may keep replicas from changing, and never turns the direction."""
    if still[0] <= refilled <= still[1] or (ratio < 1.0 < refilled) or (ratio > 1.0 > refilled):
        return current
    replicas = int32(ceil(refilled * counted))
    turned = (refilled < 1.0 and replicas > current) or (refilled > 1.0 and replicas < current)
    return current if turned else replicas


def by_value(current: int, target: int, value: int, ready: int, still: Band) -> int:
    """Replicas for one number of all pods together (Object and External, Value), which the ready ones share."""
    ratio = value / target
    if current == 0:
        return int32(ceil(ratio))
    if still[0] <= ratio <= still[1]:
        return current
    return min(ceil(ratio * ready), MOST_REPLICAS)


def by_share(current: int, target: int, value: int, still: Band, *, saturates: bool = True) -> int:
    """Replicas for a share of one number for each pod (Object and External, AverageValue); External's ends at the most."""
    if current and still[0] <= value / (target * float(current)) <= still[1]:
        return current
    wanted = ceil(value / target)
    return min(wanted, MOST_REPLICAS) if saturates else int32(wanted)
