"""Recommendations: each computed, with the rule, what it was computed from, and what happens without it."""

from __future__ import annotations

from msgspec import Struct

from capgen import units
from capgen.blueprint.planning import Planning, Volume
from capgen.planning.compute import NodeMonth
from capgen.planning.cost import CostForecast
from capgen.planning.storage import VolumePlan


class Recommendation(Struct, frozen=True):
    """What to do, by which rule, from what, and what it would be otherwise."""

    what: str
    rule: str
    basis: str
    otherwise: str


def advise(
    declared: Planning | None,
    nodes: tuple[NodeMonth, ...],
    volumes: tuple[tuple[Volume, VolumePlan | None], ...],
    costs: CostForecast | None,
) -> tuple[Recommendation, ...]:
    """In the order compute, storage, cost."""
    found: list[Recommendation] = []
    if declared is not None and declared.nodes is not None and nodes:
        found += _nodes(declared, nodes)
    for volume, plan in volumes:
        if plan is not None:
            found += _volume(volume, plan)
    if costs is not None:
        found += _savings(costs)
    return tuple(found)


def _nodes(declared: Planning, nodes: tuple[NodeMonth, ...]) -> list[Recommendation]:
    plan = declared.nodes
    if plan is None:
        return []
    found, have = [], plan.count
    for month in nodes:
        if month.nodes <= have:
            continue
        filled = dict(month.used)[month.binding] * plan.count / ((have - plan.spare) * (1 - plan.reserved)) if have > plan.spare else None  # fmt: skip
        kept = units.human(float(plan.keep_below), "ratio")
        spare = f" and {plan.spare} spare" if plan.spare else ""
        found.append(
            Recommendation(
                f"{month.nodes} nodes by month {month.month} (now {have})",
                f"{month.binding} is kept at or below {kept} of what the nodes offer{spare}",
                "declared use and growth",
                f"with {have} nodes, {month.binding} would be at {percent(float(filled))}" if filled is not None else "there would be no spare node",
            )
        )  # fmt: skip
        have = month.nodes
    return found


def _volume(volume: Volume, plan: VolumePlan) -> list[Recommendation]:
    grown = f"{percent(float(plan.growth))} a month" + ("" if volume.growth is not None else ", measured")
    if plan.resizes:
        return [
            Recommendation(
                f"{volume.name} to {units.human(float(resize.capacity), 'bytes')} before month {resize.month}",
                f"grown in steps of {units.human(float(volume.step or 0), 'bytes')} before it is full",
                grown,
                f"it would be full after {units.number(float(plan.full_after or 0))} months",
            )
            for resize in plan.resizes
        ]
    if plan.full_after is None or plan.capacity is None:
        return []
    need = units.human(float(round(plan.sizes[-1] / (1 << 30))) * (1 << 30), "bytes")
    return [
        Recommendation(
            f"{volume.name} to {need} for {len(plan.sizes) - 1} months",
            "what is stored has to fit at the end of the plan",
            grown,
            f"it would be full after {units.number(float(plan.full_after))} months",
        )
    ]


def _savings(costs: CostForecast) -> list[Recommendation]:
    ranked = sorted(costs.savings, key=lambda saving: (-saving.total, saving.name))
    coming = len(costs.months) - 1
    return [
        Recommendation(
            f"{saving.name.replace('_', ' ')}: saves {saving.total} {costs.currency} in {coming} months",
            f"option of the spec, applied to {saving.of}",
            saving.assumes,
            f"{costs.total} {costs.currency} would be spent instead of {costs.total - saving.total}",
        )
        for saving in ranked
        if saving.total > 0
    ]


def percent(share: float) -> str:
    """A share to a tenth of a percent."""
    return f"{share * 100:.1f}".removesuffix(".0") + "%"
