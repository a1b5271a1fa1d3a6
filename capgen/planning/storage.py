"""How large each volume's contents get, month by month, when it is full, and in which steps it has to grow."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from msgspec import Struct

from capgen.blueprint.planning import Volume


class Resize(Struct, frozen=True):
    """Before this month ends the volume needs this size."""

    month: int
    capacity: Decimal


class Kept(Struct, frozen=True):
    """What the volume would hold at the plan's end if it were kept for a shorter time, and when it would be full."""

    retention: Decimal
    size: Decimal
    saved: Decimal
    full_after: Decimal | None


class VolumePlan(Struct, frozen=True):
    """One volume. `full_after` is in months, to a tenth; None: not within the horizon, or nobody knows what fits."""

    name: str
    growth: Decimal
    capacity: Decimal | None
    sizes: tuple[Decimal, ...]
    """By month; the first is today's."""
    full_after: Decimal | None
    resizes: tuple[Resize, ...]
    kept: tuple[Kept, ...] = ()
    """By shorter retention, the longest first."""


def plan_volume(volume: Volume, growth: Decimal, months: int) -> VolumePlan:
    """A volume that grows by a share a month."""
    sizes = tuple(volume.size * (1 + growth) ** month for month in range(months + 1))
    full = None
    if volume.capacity is not None:
        full = _crossing(volume.size, growth, volume.capacity, months)
    kept = tuple(_kept(volume, growth, retention, sizes, months) for retention in volume.keep)
    return VolumePlan(volume.name, growth, volume.capacity, sizes, full, _resizes(volume, sizes), kept)


def _kept(volume: Volume, growth: Decimal, retention: Decimal, sizes: tuple[Decimal, ...], months: int) -> Kept:
    """In proportion to the time, as what is written each day is all that counts; the same growth."""
    share = retention / (volume.retention or retention)
    full = None if volume.capacity is None else _crossing(volume.size * share, growth, volume.capacity, months)
    return Kept(retention, sizes[-1] * share, sizes[-1] * (1 - share), full)


def _crossing(size: Decimal, growth: Decimal, capacity: Decimal, months: int) -> Decimal | None:
    """When the contents reach the capacity, in months, rounded down to a tenth: rather early than late."""
    if size >= capacity:
        return Decimal(0)
    if growth <= 0:
        return None
    # ln is correctly rounded in decimal, so this is the same on every machine.
    after = (capacity / size).ln() / (1 + growth).ln()
    return None if after > months else (after * 10).to_integral_value("ROUND_FLOOR") / 10


def _resizes(volume: Volume, sizes: tuple[Decimal, ...]) -> tuple[Resize, ...]:
    if volume.step is None or volume.capacity is None:
        return ()
    found, capacity = [], volume.capacity
    for month, size in enumerate(sizes):
        if size > capacity:
            capacity += ((size - capacity) / volume.step).to_integral_value(ROUND_CEILING) * volume.step
            found.append(Resize(month, capacity))
    return tuple(found)
