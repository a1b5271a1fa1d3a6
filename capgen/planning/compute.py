"""How many nodes are needed, month by month: in exact decimals, so that every number can be checked by hand.

What is used is a share of today's nodes. Points add that many hundredths of today's whole each month; percent
compounds on what is used. The resource that needs the most nodes decides, and is named.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from msgspec import Struct

from capgen.blueprint.planning import Nodes, Resource


class NodeMonth(Struct, frozen=True):
    """One month: what is used of today's nodes, by resource, and the nodes that this needs."""

    month: int
    used: tuple[tuple[str, Decimal], ...]
    """By resource, as a share of what today's nodes have."""
    needed: tuple[tuple[str, int], ...]
    """By resource, without the spare ones."""
    binding: str
    nodes: int
    """All of them: what the binding resource needs, and the spare ones."""
    filled: tuple[tuple[str, Decimal], ...]
    """How full each resource is on that many nodes while the spare ones are up: never above `keep_below`."""


def nodes_by_month(plan: Nodes) -> tuple[NodeMonth, ...]:
    """Month 0 is today."""
    return tuple(_month(plan, month) for month in range(plan.months + 1))


def used_after(resource: Resource, months: int) -> Decimal:
    """The share of today's nodes that is used after some months; never less than nothing."""
    if resource.growth.points is not None:
        return max(Decimal(0), resource.used + resource.growth.points * months)
    return resource.used * (1 + (resource.growth.percent or Decimal(0))) ** months


def _month(plan: Nodes, month: int) -> NodeMonth:
    used = {resource.name: used_after(resource, month) for resource in plan.resources}
    # A share of a node that the system keeps for itself is there on today's nodes, too.
    most = plan.keep_below * (1 - plan.reserved)
    needed = {name: max(1, _ceiling(share * plan.count / most)) for name, share in used.items()}
    binding = max(needed, key=lambda name: (used[name], name))
    nodes = needed[binding] + plan.spare
    filled = tuple((name, share * plan.count / (nodes * (1 - plan.reserved))) for name, share in used.items())
    return NodeMonth(month, tuple(used.items()), tuple(needed.items()), binding, nodes, filled)


def _ceiling(value: Decimal) -> int:
    # 27 digits of a repeating decimal times its divisor are a hair above the whole number that is meant.
    return int(value.quantize(Decimal("1e-12")).to_integral_value(ROUND_CEILING))
