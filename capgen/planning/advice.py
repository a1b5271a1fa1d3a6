"""Recommendations: each computed, with the rule, what it was computed from, and what happens without it."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from capgen import units
from capgen.blueprint.planning import Planning, Volume
from capgen.planning.compute import NodeMonth
from capgen.planning.cost import CostForecast
from capgen.planning.sizing import Joint, Size, WorkloadSize, advised
from capgen.planning.storage import VolumePlan


class Recommendation(Struct, frozen=True):
    """What to do, by which rule, from what, and what it would be otherwise."""

    what: str
    rule: str
    basis: str
    otherwise: str
    about: str = ""
    """What it is about, without the numbers that move from week to week; "" where `what` has none."""

    @property
    def key(self) -> str:
        """What says that two recommendations, made at different times, are the same one."""
        return self.about or self.what


def advise(
    declared: Planning | None,
    nodes: tuple[NodeMonth, ...],
    volumes: tuple[tuple[Volume, VolumePlan | None], ...],
    costs: CostForecast | None,
    sizes: tuple[WorkloadSize, ...] = (),
    basis: str = "declared use and growth",
) -> tuple[Recommendation, ...]:
    """In the order compute, sizes, storage, cost."""
    found: list[Recommendation] = []
    if declared is not None and declared.nodes is not None and nodes:
        found += _nodes(declared, nodes, basis)
    for one in sizes:
        if one.joint is not None and one.joint.off:
            found.append(_joint(one, one.joint))
    found += [_size(one, size) for one, size in advised(sizes)]
    for volume, plan in volumes:
        if plan is not None:
            found += _volume(volume, plan)
    if costs is not None:
        found += _savings(costs)
    return tuple(found)


def _nodes(declared: Planning, nodes: tuple[NodeMonth, ...], basis: str) -> list[Recommendation]:
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
                basis,
                f"with {have} nodes, {month.binding} would be at {percent(float(filled))}" if filled is not None else "there would be no spare node",
            )
        )  # fmt: skip
        have = month.nodes
    return found


def _joint(one: WorkloadSize, joint: Joint) -> Recommendation:
    """Request and target together, with the replay of each."""
    request, new = (amount_of(joint.resource, amount) for amount in (joint.request, joint.advised_request))
    mean = f"{joint.today.mean:.1f} pods on average (at most {joint.today.most})"
    then = f"{joint.together.mean:.1f} (at most {joint.together.most})"
    return Recommendation(
        f"{one.workload.name}: request {new} of {joint.resource} (now {request}) and target {joint.advised_target}% (now {joint.target}%)",
        "the request is what the busiest pod needs, and the target keeps what each pod is held at, so that replicas stay",
        f"{joint.days:.0f} days replayed by the HPA's algorithm: {mean}, then {then}; "
        f"{amount_of(joint.resource, joint.saved, rough=True)} fewer asked for",
        f"the request alone would make it {joint.alone.mean:.1f} pods (at most {joint.alone.most}), "
        f"{hours(joint.alone.at_max)} at the maximum",
        f"request and target of {one.workload.name}",
    )


def _size(one: WorkloadSize, size: Size) -> Recommendation:
    now = "nothing" if size.requested is None else amount_of(size.resource, size.requested)
    percentile = size.percentile or Decimal(0)
    new = amount_of(size.resource, percentile)
    vpa = amount_of(size.resource, size.vpa or Decimal(0))
    if size.resource == "cpu":
        rule = "the 95th percentile of the busiest pod, and no limit"
        otherwise = (
            f"at the 99th percentile it would be {amount_of('cpu', size.higher or Decimal(0))}; the VPA would say {vpa}"
        )
    else:
        rule = "request and limit at the most that was used and 15 % more"
        otherwise = f"the VPA would say {vpa}"
    if size.requested is not None and one.replicas is not None:
        change = (percentile - size.requested) * one.replicas
        words = "more" if change > 0 else "less"
        otherwise += f"; all pods ask for {amount_of(size.resource, abs(change), rough=True)} {words}"
    return Recommendation(
        f"{one.workload.name}/{size.container}: request {new} of {size.resource} (now {now})",
        rule,
        f"{size.samples} samples of the last 14 days",
        otherwise,
        f"{size.resource} of {one.workload.name}/{size.container}",
    )


def amount_of(resource: str, amount: Decimal, *, rough: bool = False) -> str:
    """Cores or bytes as a manifest writes them; `rough` for sums, to a tenth."""
    if resource == "cpu":
        return f"{amount:.1f} cores" if rough else units.kube_cpu(float(amount))
    if rough:
        return f"{amount / (1 << 30):.1f}Gi"
    # What nobody asked for by name is shown to the MiB.
    return units.kube_bytes(float(amount)) if amount % 1024 == 0 else f"{round(amount / (1 << 20))}Mi"


def hours(seconds: float) -> str:
    """Time in hours, to a tenth."""
    return f"{seconds / 3600:.1f}".removesuffix(".0") + " h"


def _volume(volume: Volume, plan: VolumePlan) -> list[Recommendation]:
    grown = f"{percent(float(plan.growth))} a month" + ("" if volume.growth is not None else ", measured")
    if plan.resizes:
        before = (plan.capacity or Decimal(0), *(resize.capacity for resize in plan.resizes))
        return [
            Recommendation(
                f"{volume.name} to {units.human(float(resize.capacity), 'bytes')} before month {resize.month}",
                f"grown in steps of {units.human(float(volume.step or 0), 'bytes')} before it is full",
                grown,
                f"it would be full after {units.number(float(plan.full_after or 0))} months"
                if place == 0
                else f"{units.human(float(before[place]), 'bytes')} would have to hold {_whole(plan.sizes[resize.month])}",
            )
            for place, resize in enumerate(plan.resizes)
        ]
    if plan.full_after is None or plan.capacity is None:
        return []
    enough = next((kept for kept in plan.kept if kept.full_after is None), None)
    if enough is not None:
        days = units.duration(float(enough.retention))
        return [
            Recommendation(
                f"{volume.name} kept for {days} (now {units.duration(float(volume.retention or 0))})",
                "the longest of the declared retentions that fits to the end of the plan, in proportion to the time",
                grown,
                f"it would be full after {units.number(float(plan.full_after))} months",
            )
        ]
    return [
        Recommendation(
            f"{volume.name} to {_whole(plan.sizes[-1])} for {len(plan.sizes) - 1} months",
            "what is stored has to fit at the end of the plan",
            grown,
            f"it would be full after {units.number(float(plan.full_after))} months",
        )
    ]


def _whole(size: Decimal) -> str:
    return units.human(float(round(size / (1 << 30))) * (1 << 30), "bytes")


def _savings(costs: CostForecast) -> list[Recommendation]:
    ranked = sorted(costs.savings, key=lambda saving: (-saving.total, saving.name))
    coming = len(costs.months) - 1
    return [
        Recommendation(
            f"{saving.name.replace('_', ' ')}: saves {saving.total} {costs.currency} in {coming} months",
            f"option of the spec, applied to {saving.of}",
            saving.assumes,
            f"{costs.total} {costs.currency} would be spent instead of {costs.total - saving.total}",
            f"saving {saving.name}",
        )
        for saving in ranked
        if saving.total > 0
    ]


def percent(share: float) -> str:
    """A share to a tenth of a percent."""
    return f"{share * 100:.1f}".removesuffix(".0") + "%"
