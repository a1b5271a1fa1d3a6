"""Whether a schedule runs when its author means it to, wherever it is delivered: cron and Kubernetes read some differently.

Kubernetes' parser (robfig/cron) knows no day 7, and joins the two day fields by "or" where Debian's cron joins them
by "and". cronsim, which reads schedules as Debian's cron does, says which times they mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from capgen.compile.context import Context
from capgen.compile.ranges import impossible
from capgen.diagnostics import Severity
from capgen.schedules import five_fields, runs
from capgen.spec.parse import Spec
from capgen.yamlio import Path

_FIRST, _LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
"""Two years of clock changes are looked at: fixed ones, so that a spec is not valid on some days only."""


def schedules(spec: Spec) -> Iterator[tuple[Path, str]]:
    """Every schedule of a spec with its place."""
    for name, job in sorted(spec.model.jobs.items()):
        yield ("jobs", name, "schedule"), job.schedule
    for period in ("daily", "weekly", "monthly", "quarterly"):
        report = getattr(spec.model.reports, period, None)
        if report is not None:
            yield ("reports", period, "schedule"), report.schedule


def check_schedules(context: Context) -> None:
    """Notes schedules that never run, that the environment's scheduler reads differently, and skipped times."""
    environment = context.spec.environment
    for path, schedule in schedules(context.spec):
        if any(impossible(schedule)):
            continue
        if not runs(schedule, _FIRST, 1):
            day, month = five_fields(schedule).split()[2:4]
            context.error(
                "CG363", f"{schedule!r} never runs: the month {month} has no day {day}", path,
                "name a day that the month has",
            )  # fmt: skip
            continue
        if environment.deliver.jobs == "cronjob":
            for wrong, hint in _not_for_kubernetes(schedule):
                context.error("CG362", f"{schedule!r} in a CronJob: {wrong}", path, hint)
        zone = environment.jobs.time_zone
        if zone is not None and environment.deliver.jobs != "none":
            _check_zone(context, path, schedule, zone)


def _not_for_kubernetes(schedule: str) -> Iterator[tuple[str, str]]:
    _, _, day, _, weekday = five_fields(schedule).split()
    ends = {end for part in weekday.split(",") for end in part.partition("/")[0].split("-")}
    if "7" in ends:
        yield "Kubernetes knows no day 7", "Sunday is 0"
    steps = [field for field in (day, weekday) if field.startswith("*/")]
    if steps and "*" not in (day, weekday):
        yield (
            f"cron runs it on days that are both {day!r} and {weekday!r}, and Kubernetes on days that are either",
            f"write {steps[0]!r} as a list of days, and check which of the two is meant",
        )


def _check_zone(context: Context, path: Path, schedule: str, zone: str) -> None:
    gaps = _gaps(zone)
    if gaps is None:
        context.error(
            "CG364", f"nobody knows the time zone {zone!r}", path, "name one like Europe/Berlin in `jobs.time_zone`"
        )
        return
    if five_fields(schedule).split()[1].startswith("*"):
        return  # every hour, or every few: the next run is near
    for start, end in gaps:
        (at,) = runs(schedule, start - timedelta(minutes=1), 1)
        if at < end:
            context.error(
                "CG364", f"{at:%H:%M} does not exist on {at:%Y-%m-%d}: the clocks of {zone} go forward", path,
                "a CronJob is left out on that day, and cron runs it late: choose another hour",
                severity=Severity.WARNING,
            )  # fmt: skip
            return


@lru_cache(maxsize=32)
def _gaps(zone: str) -> tuple[tuple[datetime, datetime], ...] | None:
    """The local times that a zone's clocks skip, as naive pairs; None for a zone that does not exist."""
    from zoneinfo import ZoneInfo, available_timezones

    try:
        known = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        # A machine without the time zones' data knows nothing of any.
        return None if available_timezones() else ()
    found = []
    at = _FIRST
    before = at.astimezone(known).utcoffset() or timedelta()
    while at < _LAST:
        at += timedelta(minutes=30)
        after = at.astimezone(known).utcoffset() or timedelta()
        if after > before:
            local = at.replace(tzinfo=None)
            found.append((local + before, local + after))
        before = after
    return tuple(found)
