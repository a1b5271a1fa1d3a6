"""What a spec's numbers and schedules cannot be, though each is well written: 180 % of a whole, minute 99.

The schema says how a value is spelt; whether it makes sense is said here, with the value that was probably meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from capgen.compile.context import Context
from capgen.spec.operations import CostPlan, PlanningSpec
from capgen.units import human, kube_bytes, kube_cpu
from capgen.yamlio import Path

Share = tuple[Path, float | None, float, float]
"""Where a share stands, its value, and the least and the most it can be."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()), ("hour", 0, 23, ()), ("day of the month", 1, 31, ()),
    ("month", 1, 12, ("", *_MONTHS)), ("day of the week", 0, 7, _DAYS),
)  # fmt: skip


def check_ranges(context: Context) -> None:
    """Notes shares, spans and schedules that nothing could ever be."""
    model = context.spec.model
    _check_containers(context)
    _check_repeated(context)
    if model.planning is not None:
        _check_shares(context, model.planning)
        _check_spans(context, model.planning)
    schedules: dict[Path, str] = {("jobs", name, "schedule"): job.schedule for name, job in model.jobs.items()}
    for period in ("daily", "weekly", "monthly", "quarterly"):
        report = getattr(model.reports, period, None)
        if report is not None:
            schedules["reports", period, "schedule"] = report.schedule
    for path, schedule in schedules.items():
        for wrong in impossible(schedule):
            context.error(
                "CG205", f"schedule: {wrong}", path, "the fields are minute, hour, day, month, day of the week"
            )


def _check_containers(context: Context) -> None:
    for workload, spec in sorted(context.spec.model.workloads.items()):
        for container, words in sorted(spec.containers.items()):
            for resource in ("cpu", "memory"):
                asked, most = getattr(words.requests, resource, None), getattr(words.limits, resource, None)
                if asked is None or most is None or asked <= most:
                    continue
                shown = kube_cpu if resource == "cpu" else kube_bytes
                context.error(
                    "CG325", f"{resource}: it requests {shown(asked)}, above its limit of {shown(most)}",
                    ("workloads", workload, "containers", container, "requests", resource),
                    "Kubernetes refuses such a pod: swap them or change one",
                )  # fmt: skip


def _check_repeated(context: Context) -> None:
    """Notes what a list says twice; the items of a roadmap are texts, which may say what they like."""
    for path, node in context.spec.node.walk():
        if not isinstance(node.value, list) or path[:2] == ("planning", "roadmap"):
            continue
        seen: set[tuple[type, object]] = set()
        for index, item in enumerate(node.value):
            if isinstance(item.value, (dict, list)) or item.value is None:
                continue
            if (key := (type(item.value), item.value)) in seen:
                message = f"{item.value!r} stands twice in {path[-1]!r}"
                context.error("CG618", message, (*path, index), "remove one of the two")
            seen.add(key)


def _check_shares(context: Context, planning: PlanningSpec) -> None:
    for path, value, least, most in _shares(planning):
        if value is None or least <= value <= most:
            continue
        written = context.node(path).value
        bare = isinstance(written, (int, float)) or (isinstance(written, str) and "%" not in written)
        limits = (
            f"write {human(least, 'ratio')} to {human(most, 'ratio')}"
            if most < inf
            else f"write {human(least, 'ratio')} or more"
        )
        hint = f"did you mean {written}%?" if bare and value > 1 else limits
        context.error("CG205", f"{path[-1]}: {human(value, 'ratio')} is out of range", path, hint)


def _shares(planning: PlanningSpec) -> Iterator[Share]:
    root: Path = ("planning", "compute")
    if (compute := planning.compute) is not None:
        yield (*root, "used", "cpu"), compute.used.cpu, 0, 1
        yield (*root, "used", "memory"), compute.used.memory, 0, 1
        yield (*root, "keep_below"), compute.keep_below, 0.01, 1
        yield (*root, "reserved"), compute.reserved, 0, 1
        yield (*root, "growth", "cpu", "percent"), compute.growth.cpu.percent, -1, 10
        yield (*root, "growth", "memory", "percent"), compute.growth.memory.percent, -1, 10
    for name, volume in planning.storage.items():
        yield ("planning", "storage", name, "growth"), volume.growth, -1, 10
    if planning.cost is not None:
        yield from _shares_of_cost(planning.cost)


def _shares_of_cost(cost: CostPlan) -> Iterator[Share]:
    root: Path = ("planning", "cost")
    for item in ("compute", "storage"):
        part = getattr(cost, item)
        yield (*root, item, "growth"), part.growth if part is not None else None, -1, 10
    for name, option in cost.options.items():
        yield (*root, "options", name, "saves"), option.saves, 0, 1
        yield (*root, "options", name, "covers"), option.covers, 0, 1
    if cost.budget is not None:
        at = cost.budget.alert_at
        for index, share in enumerate(at if isinstance(at, list) else ()):
            yield (*root, "budget", "alert_at", index), share, 0.01, 10
        if not isinstance(at, list):
            yield (*root, "budget", "alert_at"), at, 0.01, 10


def _check_spans(context: Context, planning: PlanningSpec) -> None:
    for name in ("history", "horizon"):
        if planning.forecast is not None and getattr(planning.forecast, name) == 0:
            context.error(
                "CG205",
                f"{name}: nothing can be seen in no time",
                ("planning", "forecast", name),
                "write a duration like 90d",
            )
    for name, volume in planning.storage.items():
        if volume.volume is not None and volume.size > volume.volume:
            used, whole = kube_bytes(volume.size), kube_bytes(volume.volume)
            context.error(
                "CG325", f"{name}: {used} are in use of a volume of {whole}", ("planning", "storage", name, "size"),
                "`size` is what is used today, `volume` what fits: swap them or change one",
            )  # fmt: skip
        longest = max(volume.keep, default=None)
        if longest is not None and (volume.retention is None or longest >= volume.retention):
            message = f"{name}: `keep` compares shorter retentions with today's"
            hint = "write how long it is kept today as `retention: 90d`, and shorter ones under `keep`"
            context.error("CG931", message, ("planning", "storage", name, "keep"), hint)
    if planning.compute is not None:
        for name, growth in (("cpu", planning.compute.growth.cpu), ("memory", planning.compute.growth.memory)):
            if sum(way is not None for way in (growth.points, growth.percent, growth.signal)) != 1:
                context.error(
                    "CG324", f"{name} grows either by points, by percent or with a signal", ("planning", "compute", "growth", name),
                    "write one of `points: 10` (of the whole), `percent: 10%` (of what is used) and `signal: host.cpu`",
                )  # fmt: skip


def impossible(schedule: str) -> Iterator[str]:
    """What is wrong with the parts of a schedule that neither cron nor Kubernetes takes."""
    if schedule.startswith("@"):
        return
    for (name, least, most, words), field in zip(_FIELDS, schedule.split(" "), strict=True):
        for part in field.split(","):
            span, slash, step = part.partition("/")
            ends = [_number(end, words) for end in span.split("-")] if span != "*" else [least, most]
            known = len(ends) <= 2 and all(end is not None and least <= end <= most for end in ends)
            stepped = not slash or (len(ends) == 2 and step.isdecimal() and 0 < int(step) <= most)
            if not known or not stepped or ends != sorted(end or 0 for end in ends):
                yield f"{part!r} is no {name} ({least} to {most})"


def _number(text: str, words: tuple[str, ...]) -> int | None:
    if text.lower() in words and text:
        return words.index(text.lower())
    return int(text) if text.isdecimal() and len(text) <= 4 else None
