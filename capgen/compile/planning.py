"""Makes the planning section ready to be computed with: exact amounts, every default written out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from msgspec.structs import replace

from capgen import units
from capgen.blueprint import Signal
from capgen.blueprint.planning import (
    CostItem,
    CostPart,
    Costs,
    Growth,
    Nodes,
    Planning,
    Resource,
    RoadmapEntry,
    SavingOption,
    Volume,
)
from capgen.compile.context import Context
from capgen.compile.sources import Bound
from capgen.diagnostics import suggest
from capgen.spec.operations import Budget, ComputePlan, CostOption, CostPlan, GrowthSpec, RoadmapItem, StorageVolume
from capgen.yamlio import Path

HISTORY = HORIZON = 90 * 86400.0
"""What is looked at, and how far ahead, where the spec does not say."""


def plan_ahead(context: Context, signals: Mapping[str, tuple[Signal, Bound]]) -> Planning | None:
    """The planning section, compiled; None where the spec has none."""
    planning = context.spec.model.planning
    if planning is None:
        return None
    forecast = planning.forecast
    known = {name: amount for name, amount in sorted(planning.capacity.items()) if name in signals}
    capacity = []
    for name, amount in known.items():
        try:
            capacity.append((name, units.parse(amount, signals[name][0].unit)))
        except units.BadQuantity:
            continue  # `references` has said so
    return Planning(
        capacity=tuple(capacity),
        history=(forecast.history if forecast else None) or HISTORY,
        horizon=(forecast.horizon if forecast else None) or HORIZON,
        nodes=_nodes(context, planning.compute) if planning.compute else None,
        volumes=tuple(
            _volume(context, name, volume, signals) for name, volume in sorted(planning.storage.items())
        ),
        costs=_costs(context, planning.cost) if planning.cost else None,
        roadmap=_roadmap(context),
    )  # fmt: skip


def exact(value: float | None) -> Decimal | None:
    """The decimal that was written: 0.1 is a tenth."""
    return None if value is None else Decimal(repr(float(value)))


def _needed(value: float) -> Decimal:
    return Decimal(repr(float(value)))


def _growth(growth: GrowthSpec) -> Growth:
    points = exact(growth.points)
    return Growth(None if points is None else points / 100, exact(growth.percent), growth.signal or "")


def _nodes(context: Context, plan: ComputePlan) -> Nodes:
    return Nodes(
        count=plan.nodes,
        resources=(
            Resource("cpu", _needed(plan.node.cpu), _needed(plan.used.cpu), _growth(plan.growth.cpu)),
            Resource("memory", _needed(plan.node.memory), _needed(plan.used.memory), _growth(plan.growth.memory)),
        ),
        keep_below=_needed(plan.keep_below),
        months=plan.months,
        spare=plan.spare_nodes,
        reserved=exact(plan.reserved) or Decimal(0),
        origin=context.origin(("planning", "compute")),
    )


def _volume(
    context: Context, name: str, volume: StorageVolume, signals: Mapping[str, tuple[Signal, Bound]]
) -> Volume:  # fmt: skip
    path: Path = ("planning", "storage", name)
    if volume.signal is not None and volume.signal not in signals and not context.explained(volume.signal):
        hint = suggest(volume.signal, signals, what="signals")
        context.error("CG306", f"this spec has no signal {volume.signal!r}", (*path, "signal"), hint)
    measured = signals.get(volume.signal or "")
    if measured is not None and (unit := measured[0].unit) not in ("ratio", "bytes"):
        message = f"{volume.signal} is {units.UNITS[unit].words}, and a volume is measured in bytes or as a share"
        context.error("CG370", message, (*path, "signal"), "name a signal whose unit is `bytes` or `ratio`")
    if volume.growth is None and volume.signal is None:
        hint = "write `growth: 10%` (a month), or `signal:` with the signal that measures it"
        context.error("CG371", f"nothing says how {name} grows", path, hint, at_key=True)
    return Volume(
        name=name,
        size=_needed(volume.size),
        growth=exact(volume.growth),
        capacity=exact(volume.volume),
        step=exact(volume.step) or None,
        signal=volume.signal or "",
        origin=context.origin(path),
        retention=exact(volume.retention),
        keep=tuple(sorted({_needed(kept) for kept in volume.keep}, reverse=True)),
    )


def _costs(context: Context, plan: CostPlan) -> Costs:
    parts = []
    if (compute := plan.compute) is not None:
        price = _needed(compute.each)
        item = CostItem(f"{compute.instances} instances", compute.instances * price)
        add = compute.add
        words = f"{add.instances} instances" if add else ""
        step = add.instances * price if add else None
        months = add.months if add else []
        part = _part("compute", (item,), compute.growth, step, words, months, compute.signal or "")
        parts.append(replace(part, each=price))
    if (storage := plan.storage) is not None:
        items = tuple(CostItem(name, _needed(amount)) for name, amount in sorted((storage.model_extra or {}).items()))
        more = storage.add
        words = units.human(more.capacity, "bytes") if more else ""
        step = exact(more.price) if more else None
        months = more.months if more else []
        parts.append(_part("storage", items, storage.growth, step, words, months, storage.signal or ""))
    for name, amounts in (("network", plan.network), ("monitoring", plan.monitoring)):
        if amounts:
            listed = tuple(CostItem(item, _needed(amount)) for item, amount in sorted(amounts.items()))
            parts.append(_part(name, listed, None, None, "", []))
    budget = plan.budget
    _check_day(context, plan.as_of)
    return Costs(
        currency=plan.currency,
        months=plan.months,
        parts=tuple(parts),
        budget=exact(budget.monthly) if budget else None,
        alert_at=_shares(budget),
        options=tuple(_option(name, option) for name, option in sorted(plan.options.items())),
        source=plan.source or "",
        as_of=plan.as_of or "",
        origin=context.origin(("planning", "cost")),
    )


def _check_day(context: Context, written: str | None) -> None:
    try:
        date.fromisoformat(written or "2000-01-01")
    except ValueError:
        path: Path = ("planning", "cost", "as_of")
        context.error("CG959", f"{written} is no day of the calendar", path, "write the day that the prices were true")


def _option(name: str, option: CostOption) -> SavingOption:
    cut = option.retention
    kept = (_needed(cut.from_), _needed(cut.to)) if cut is not None and cut.from_ > 0 else None
    return SavingOption(
        name=name,
        saves=1 - kept[1] / kept[0] if kept is not None else exact(option.saves) or Decimal(0),
        of=option.of,
        note=option.note or "",
        item=option.item or "",
        covers=Decimal(1) if option.covers is None else _needed(option.covers),
        term=option.term,
        retention=kept,
    )


def _part(
    name: str,
    items: tuple[CostItem, ...],
    growth: float | None,
    step: Decimal | None,
    words: str,
    months: list[int],
    signal: str = "",
) -> CostPart:
    return CostPart(name, items, exact(growth) or Decimal(0), step, words, tuple(sorted(set(months))), signal)


def _shares(budget: Budget | None) -> tuple[Decimal, ...]:
    if budget is None or budget.alert_at is None:
        return ()
    given = budget.alert_at if isinstance(budget.alert_at, list) else [budget.alert_at]
    return tuple(sorted({_needed(share) for share in given}))


def _roadmap(context: Context) -> tuple[RoadmapEntry, ...]:
    planning = context.spec.model.planning
    entries = []
    for index, quarter in enumerate(planning.roadmap if planning else ()):
        for theme, items in quarter.themes.items():
            for place, item in enumerate(items):
                told = item if isinstance(item, RoadmapItem) else RoadmapItem(title=item)
                entries.append(
                    RoadmapEntry(
                        quarter=quarter.quarter,
                        theme=theme,
                        title=told.title,
                        owner=told.owner or "",
                        status=told.status,
                        moves=told.moves or "",
                        origin=context.origin(("planning", "roadmap", index, "themes", theme, place)),
                    )
                )
    return tuple(entries)
