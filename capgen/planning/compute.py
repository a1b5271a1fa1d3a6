"""How many nodes are needed, month by month: in exact decimals, so that every number can be checked by hand.

What is used is a share of today's nodes. Where autoscalers' replays say how many pods there will be, what these ask for
more than today is added to what is used today. Else it grows with a signal's forecast, or as declared: points add that
many hundredths of today's whole each month; percent compounds on what is used. The resource that needs the most nodes
decides, and is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from capgen.blueprint.planning import Nodes, Resource
from capgen.planning.rates import Rate

End = Literal["low", "expected", "high"]
Asked = Mapping[str, Decimal]
"""Cores and bytes that pods ask for together, by resource."""


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
    between: tuple[int, int]
    """The nodes at the 10th and the 90th percentile of the forecast."""


def nodes_by_month(
    plan: Nodes, rates: Mapping[str, Rate] | None = None, asked: Sequence[Mapping[End, Asked]] = ()
) -> tuple[NodeMonth, ...]:
    """Month 0 is today. `rates` are by signal; `asked` is what autoscaled pods ask for, by month."""
    return tuple(_between(plan, month, rates or {}, asked) for month in range(plan.months + 1))


def less(plan: Nodes, freed: tuple[Decimal, Decimal]) -> Nodes:
    """The plan with so many cores and bytes fewer in use today."""
    resources = tuple(
        replace(one, used=max(Decimal(0), one.used - amount / (plan.count * one.node)))
        for one, amount in zip(plan.resources, freed, strict=True)
    )
    return replace(plan, resources=resources)


def used_after(
    plan: Nodes, resource: Resource, month: int, end: End, rates: Mapping[str, Rate], asked: Sequence[Mapping[End, Asked]]
) -> Decimal:  # fmt: skip
    """The share of today's nodes that is used after some months; never less than nothing."""
    if asked:
        more = asked[month][end][resource.name] - asked[0]["expected"][resource.name]
        return max(Decimal(0), resource.used + more / (plan.count * resource.node))
    if resource.growth.points is not None:
        return max(Decimal(0), resource.used + resource.growth.points * month)
    measured = rates.get(resource.growth.signal)
    growth = getattr(measured, end) if measured is not None else resource.growth.percent or Decimal(0)
    return Decimal(resource.used * (1 + growth) ** month)


def _between(
    plan: Nodes, month: int, rates: Mapping[str, Rate], asked: Sequence[Mapping[End, Asked]]
) -> NodeMonth:  # fmt: skip
    ends: tuple[End, End, End] = ("low", "expected", "high")
    low, middle, high = (
        _month(plan, month, {one.name: used_after(plan, one, month, end, rates, asked) for one in plan.resources})
        for end in ends
    )
    return NodeMonth(
        month, middle.used, middle.needed, middle.binding, middle.nodes, middle.filled, (low.nodes, high.nodes)
    )


def _month(plan: Nodes, month: int, used: Mapping[str, Decimal]) -> NodeMonth:
    # A share of a node that the system keeps for itself is there on today's nodes, too.
    most = plan.keep_below * (1 - plan.reserved)
    needed = {name: max(1, _ceiling(share * plan.count / most)) for name, share in used.items()}
    binding = max(needed, key=lambda name: (used[name], name))
    nodes = needed[binding] + plan.spare
    filled = tuple((name, share * plan.count / (nodes * (1 - plan.reserved))) for name, share in used.items())
    return NodeMonth(month, tuple(used.items()), tuple(needed.items()), binding, nodes, filled, (nodes, nodes))


def _ceiling(value: Decimal) -> int:
    # 27 digits of a repeating decimal times its divisor are a hair above the whole number that is meant.
    return int(value.quantize(Decimal("1e-12")).to_integral_value(ROUND_CEILING))
