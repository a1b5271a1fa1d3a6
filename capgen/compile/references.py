"""Checks what the later parts of a spec (jobs, planning) say about its signals and workloads."""

from __future__ import annotations

from collections.abc import Mapping

from capgen import units
from capgen.blueprint import Signal
from capgen.compile.context import Context
from capgen.compile.sources import Bound
from capgen.diagnostics import suggest
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
