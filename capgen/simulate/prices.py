"""What a pod costs an hour, from what a spec says its nodes cost and how large they are. Exact decimals; nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from msgspec import Struct

from capgen.blueprint.planning import Planning

HOURS = 730
"""Of a month, as cloud providers count."""
_PLACES = Decimal("0.000001")


class Price(Struct, frozen=True):
    """An hour of a pod, in a currency; `words` say where it comes from."""

    pod_hour: Decimal
    currency: str
    words: str


def price_of(planning: Planning | None, requests: Mapping[str, int]) -> Price | None:
    """The part of a node that a pod's requests (in thousandths) take, by the resource that they take most of.

    None where the spec has no costs for compute, no nodes, or no request of what they are sized by.
    """
    monthly = planning.node_month if planning else None
    if planning is None or planning.costs is None or planning.nodes is None or monthly is None:
        return None
    shares = {
        resource.name: Decimal(requests[resource.name]) / 1000 / (resource.node * (1 - planning.nodes.reserved))
        for resource in planning.nodes.resources
        if requests.get(resource.name) and resource.node
    }
    if not shares:
        return None
    binding = max(sorted(shares), key=lambda name: shares[name])
    hour = (monthly / HOURS * shares[binding]).quantize(_PLACES, ROUND_HALF_UP)
    part = (shares[binding] * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
    currency = planning.costs.currency
    return Price(hour, currency, f"a pod takes {part}% of a node by its {binding}: {hour} {currency} an hour")
