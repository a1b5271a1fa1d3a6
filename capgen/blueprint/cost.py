"""What rules cost the Prometheus that evaluates them, as far as it can be said without one."""

from __future__ import annotations

from msgspec import Struct


class Cost(Struct, frozen=True):
    """Of a group, a service or an environment."""

    rules: int
    """Records and alerts."""
    series: int
    """Series that the records write, in the steady state."""
    samples_per_second: float
    """Samples that all rules read: those of an evaluation, divided by its interval."""


class GroupCost(Struct, frozen=True):
    """The cost of one rule group; `subject` is its signal's id, or the source that it watches."""

    subject: str
    cost: Cost


NOTHING = Cost(0, 0, 0.0)
