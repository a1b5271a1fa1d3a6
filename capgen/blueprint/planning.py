"""What a spec says about the future, compiled: amounts as exact decimals, so that a plan can be checked by hand.

Shares are fractions of one, memory and storage are bytes, money is a month's unless it says otherwise.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from capgen.blueprint.origin import Origin


class Growth(Struct, frozen=True):
    """Growth a month, of exactly one kind: points of the whole, or a share of what is used."""

    points: Decimal | None
    percent: Decimal | None
    signal: str = ""
    """The signal whose history says it."""


class Resource(Struct, frozen=True):
    """One resource of all nodes: how much each has, how much of it is in use, how that grows."""

    name: str
    """`cpu` (cores) or `memory` (bytes)."""
    node: Decimal
    used: Decimal
    growth: Growth


class Nodes(Struct, frozen=True):
    """The compute that is planned."""

    count: int
    resources: tuple[Resource, ...]
    keep_below: Decimal
    months: int
    spare: int
    reserved: Decimal
    origin: Origin


class Volume(Struct, frozen=True):
    """One volume. `growth` is a share a month, `capacity` what fits; None where the spec does not say."""

    name: str
    size: Decimal
    growth: Decimal | None
    capacity: Decimal | None
    step: Decimal | None
    """In which steps it is made larger; None where it is not."""
    signal: str
    """The signal that measures it; "" for none."""
    origin: Origin
    retention: Decimal | None = None
    """For how many seconds it is kept today."""
    keep: tuple[Decimal, ...] = ()
    """Shorter retentions in seconds, the longest first."""


class CostItem(Struct, frozen=True):
    """What one item costs a month today."""

    name: str
    amount: Decimal


class CostPart(Struct, frozen=True):
    """One part of the costs (compute, storage, …): its items, its growth a month, and steps that are added."""

    name: str
    items: tuple[CostItem, ...]
    growth: Decimal
    step: Decimal | None
    """What one step adds a month; None where no price is given."""
    step_words: str
    """What a step adds, in words; "" without steps."""
    step_months: tuple[int, ...]
    signal: str = ""
    """The signal that it grows with, in place of `growth`."""
    each: Decimal | None = None
    """What one instance costs, for compute."""


class SavingOption(Struct, frozen=True):
    """A way to save a share of a part, or of one of its items."""

    name: str
    saves: Decimal
    of: str
    note: str
    item: str = ""
    covers: Decimal = Decimal(1)
    term: int | None = None
    """For how many months today's amount is committed to."""
    retention: tuple[Decimal, Decimal] | None = None
    """Kept for so many seconds today, and then."""


class Costs(Struct, frozen=True):
    """What the service costs, and what it may cost."""

    currency: str
    months: int
    parts: tuple[CostPart, ...]
    budget: Decimal | None
    alert_at: tuple[Decimal, ...]
    options: tuple[SavingOption, ...]
    source: str
    """Where the prices are from; "" where the spec does not say."""
    as_of: str
    """The day they were true; "" where the spec does not say."""
    origin: Origin


class RoadmapEntry(Struct, frozen=True):
    """One piece of work."""

    quarter: str
    theme: str
    title: str
    owner: str
    status: str
    moves: str
    origin: Origin


class Planning(Struct, frozen=True):
    """The planning section of one service."""

    capacity: tuple[tuple[str, float], ...]
    """By signal: the most that it can be, in the signal's unit."""
    history: float
    horizon: float
    nodes: Nodes | None
    volumes: tuple[Volume, ...]
    costs: Costs | None
    roadmap: tuple[RoadmapEntry, ...]

    @property
    def node_month(self) -> Decimal | None:
        """What a node costs a month; None where the spec has no costs for compute, or no nodes."""
        if self.costs is None or self.nodes is None or not self.nodes.count:
            return None
        compute = sum(
            (item.amount for part in self.costs.parts if part.name == "compute" for item in part.items), Decimal(0)
        )
        return compute / self.nodes.count or None
