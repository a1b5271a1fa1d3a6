"""What a prepared expression consists of: label sets that are fixed, and functions that compute the values.

A value of None is a series that is not there at that instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

Labels: TypeAlias = "tuple[tuple[str, str], ...]"
Value: TypeAlias = "float | None"


class Unsupported(ValueError):
    """The expression uses something that has no steady value here; the message says what."""


class Conflict(ValueError):
    """The evaluation fails in Prometheus too: a match that is not unique, or a label set twice in a result."""


class Identity(Struct, frozen=True):
    """What tells one series from all others."""

    name: str
    labels: Labels


class Source(Protocol):
    """Where the samples come from, at one instant. Series are named by their place in the plan's universe."""

    def instant(self, series: int, offset: float) -> Value:
        """The latest sample."""

    def over(self, function: str, series: int, seconds: float, offset: float, extra: Sequence[float]) -> Value:
        """A range function over the last `seconds`."""

    def time(self) -> float:
        """The instant, in seconds."""

    def within(self, seconds: float, step: float | None, offset: float) -> Iterable[Source]:
        """The instants of a subquery, oldest first."""


class Scalar(Struct, frozen=True):
    """A plan with one number as its result."""

    run: Callable[[Source], float]


class Vector(Struct, frozen=True):
    """A plan with a value (or None) for each of `labels`."""

    labels: tuple[Labels, ...]
    run: Callable[[Source], list[Value]]


Plan: TypeAlias = "Scalar | Vector"


def distinct(plan: Vector) -> Vector:
    """Without metric names two series may become one; Prometheus refuses that, if both are there."""
    if len(set(plan.labels)) == len(plan.labels):
        return plan

    def run(source: Source) -> list[Value]:
        values = plan.run(source)
        present = [labels for labels, value in zip(plan.labels, values, strict=True) if value is not None]
        if len(set(present)) != len(present):
            raise Conflict("two series of the result have the same labels")
        return values

    return Vector(plan.labels, run)
