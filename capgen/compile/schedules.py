"""Whether a schedule runs when its author means it to, wherever it is delivered: cron and Kubernetes read some differently.

Kubernetes' parser (robfig/cron) knows no day 7, and joins the two day fields by "or" where Debian's cron joins them
by "and". cronsim, which reads schedules as Debian's cron does, says which times they mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from capgen.compile.context import Context
from capgen.compile.ranges import impossible
from capgen.diagnostics import Severity
from capgen.spec.parse import Spec
from capgen.yamlio import Path

_NAMED = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}  # fmt: skip
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
        if (wrong := never(schedule)) is not None:
            context.error("CG363", f"{schedule!r} never runs: {wrong}", path, "name a day that the month has")
            continue
        if environment.deliver.jobs == "cronjob":
            for wrong, hint in _not_for_kubernetes(schedule):
                context.error("CG362", f"{schedule!r} in a CronJob: {wrong}", path, hint)
        zone = environment.jobs.time_zone
        if zone is not None and environment.deliver.jobs != "none":
            _check_zone(context, path, schedule, zone)


def five_fields(schedule: str) -> str:
    """The schedule as minute, hour, day, month and day of the week."""
    return _NAMED.get(schedule, schedule)


def never(schedule: str) -> str | None:
    """Why a schedule never runs; None if it does."""
    from cronsim import CronSim, CronSimError

    try:
        next(CronSim(five_fields(schedule), _FIRST))
    except (CronSimError, StopIteration):
        day, month = five_fields(schedule).split()[2:4]
        return f"there is no day {day} in the month {month}"
    return None


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
    from cronsim import CronSim

    fields = five_fields(schedule)
    if fields.split()[1].startswith("*"):
        return  # every hour, or every few: the next run is near
    for start, end in gaps:
        at = next(CronSim(fields, start - timedelta(minutes=1)))
        if at < end:
            context.error(
                "CG364", f"{at:%H:%M} does not exist on {_shown(at.date())}: the clocks of {zone} go forward", path,
                "a CronJob is left out on that day, and cron runs it late: choose another hour",
                severity=Severity.WARNING,
            )  # fmt: skip
            return


def _shown(day: date) -> str:
    return day.isoformat()


@lru_cache(maxsize=32)
def _gaps(zone: str) -> tuple[tuple[datetime, datetime], ...] | None:
    """The local times that a zone's clocks skip, as naive pairs; None for a zone that does not exist."""
    from zoneinfo import ZoneInfo

    try:
        known = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return None
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
