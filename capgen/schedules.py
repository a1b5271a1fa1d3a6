"""Cron schedules: in words, the times they mean, and whether they mean any. The clock is always the caller's."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

# cronsim takes a while to import, and most verbs never see a schedule.

_NAMED = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}  # fmt: skip


def five_fields(schedule: str) -> str:
    """The schedule as minute, hour, day, month and day of the week."""
    return _NAMED.get(schedule, schedule)


def sentence(schedule: str) -> str:
    """In words: `At 07:00 every day`."""
    from cronsim.explain import explain

    return str(explain(five_fields(schedule)))


def runs(schedule: str, after: datetime, count: int) -> tuple[datetime, ...]:
    """The next times; in the zone of `after`, by the rules of Debian's cron. () for a schedule that never runs."""
    from cronsim import CronSim, CronSimError

    try:
        return tuple(islice(CronSim(five_fields(schedule), after), count))
    except CronSimError:
        return ()
