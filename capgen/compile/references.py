"""Checks what the later parts of a spec (jobs, planning) say about its signals and workloads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from capgen import units
from capgen.blueprint import Signal
from capgen.compile.context import Context
from capgen.compile.sources import Bound
from capgen.diagnostics import suggest
from capgen.spec.operations import CostOption, CostPlan, PlanningSpec
from capgen.yamlio import Path


def check_references(context: Context, signals: Mapping[str, tuple[Signal, Bound]]) -> None:
    """Notes names that nothing has, and jobs that say too much or too little."""
    _check_jobs(context, signals)
    _check_planning(context, signals)


def _check_jobs(context: Context, signals: Mapping[str, tuple[Signal, Bound]]) -> None:
    workloads = context.spec.model.workloads
    for name, job in sorted(context.spec.model.jobs.items()):
        path: Path = ("jobs", name)
        tasks = [task for task in ("watch", "probe", "scale", "resize") if getattr(job, task)]
        if len(tasks) != 1:
            does = f"does {' and '.join(tasks)}" if tasks else "does nothing"
            context.error(
                "CG326",
                f"the job {name!r} {does}",
                path,
                "give exactly one of watch, probe, scale, resize",
                at_key=True,
            )
        for index, signal in enumerate(job.watch):
            _check_signal(context, (*path, "watch", index), signal, signals)
        for task, wanted in (("scale", job.scale), ("resize", job.resize)):
            if wanted is not None and wanted not in workloads:
                context.error(
                    "CG312",
                    f"there is no workload {wanted!r}",
                    (*path, task),
                    suggest(wanted, workloads, what="workloads"),
                )
        target = workloads.get(job.scale or "")
        if target is not None and (target.horizontal is None or target.horizontal.by != "script"):
            owner = "an HPA scales it" if target.horizontal else "nothing says between which numbers"
            context.error(
                "CG401",
                f"a script cannot scale {job.scale!r}: {owner}",
                (*path, "scale"),
                "set `horizontal.by: script` on the workload, or remove the job: exactly one of them may own replicas",
            )


def _check_planning(context: Context, signals: Mapping[str, tuple[Signal, Bound]]) -> None:
    planning = context.spec.model.planning
    if planning is None:
        return
    for name, amount in sorted(planning.capacity.items()):
        path: Path = ("planning", "capacity", name)
        if not _check_signal(context, path, name, signals, at_key=True):
            continue
        try:
            units.parse(amount, signals[name][0].unit)
        except units.BadQuantity as error:
            context.bad_quantity(name, error, path)
    for index, quarter in enumerate(planning.roadmap):
        for theme, items in quarter.themes.items():
            for place, item in enumerate(items):
                if not isinstance(item, str) and item.moves is not None:
                    _check_signal(
                        context, ("planning", "roadmap", index, "themes", theme, place, "moves"), item.moves, signals
                    )
    for path, name in _drivers(planning):
        _check_signal(context, path, name, signals)
    cost = planning.cost
    if cost is not None:
        parts = {part for part in ("compute", "storage", "network", "monitoring") if getattr(cost, part)}
        for name, option in sorted(cost.options.items()):
            if option.of not in parts:
                context.error(
                    "CG327",
                    f"the plan has no costs of {option.of!r}",
                    ("planning", "cost", "options", name, "of"),
                    suggest(option.of, parts, what="costs"),
                )
            else:
                _check_option(context, cost, name, option)
        for part in ("compute", "storage"):
            one = getattr(cost, part)
            if one is not None and one.growth is not None and one.signal is not None:
                message = f"{part} grows by {units.human(one.growth, 'ratio')} a month, or with {one.signal}: not both"
                context.error("CG932", message, ("planning", "cost", part, "signal"), "remove one of the two")


def _drivers(planning: PlanningSpec) -> Iterator[tuple[Path, str]]:
    """The signals whose history says how something grows."""
    if planning.compute is not None:
        for resource in ("cpu", "memory"):
            if (name := getattr(planning.compute.growth, resource).signal) is not None:
                yield ("planning", "compute", "growth", resource, "signal"), name
    for part in ("compute", "storage"):
        one = getattr(planning.cost, part) if planning.cost is not None else None
        if one is not None and one.signal is not None:
            yield ("planning", "cost", part, "signal"), one.signal


def _check_option(context: Context, cost: CostPlan, name: str, option: CostOption) -> None:
    path: Path = ("planning", "cost", "options", name)
    if (option.saves is None) == (option.retention is None):
        hint = "write one of `saves: 20%` and `retention: {from: 90d, to: 30d}`"
        context.error("CG933", f"nothing says what {name!r} saves, or two things do", path, hint, at_key=True)
    elif option.retention is not None and not 0 < option.retention.to < option.retention.from_:
        message = f"{name}: nothing is saved by keeping it as long, or for no time"
        context.error("CG933", message, (*path, "retention"), "give `to` a time that is shorter than `from`")
    items = _items(cost, option.of)
    if option.item is not None and option.item not in items:
        context.error("CG327", f"{option.of} has no item {option.item!r}", (*path, "item"), suggest(option.item, items, what="items"))  # fmt: skip


def _items(cost: CostPlan, part: str) -> set[str]:
    if part == "storage":
        return set((cost.storage.model_extra if cost.storage else None) or {})
    return set(getattr(cost, part)) if part in ("network", "monitoring") else set()


def _check_signal(
    context: Context, path: Path, name: str, signals: Mapping[str, tuple[Signal, Bound]], *, at_key: bool = False
) -> bool:
    if name in signals:
        return True
    if not context.explained(name):
        context.error(
            "CG306", f"this spec has no signal {name!r}", path, suggest(name, signals, what="signals"), at_key=at_key
        )
    return False
