"""The roadmap against the forecast: work that is due after the signal it should move is full comes too late."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from capgen.blueprint.planning import RoadmapEntry


class RoadmapItem(Struct, frozen=True):
    """An entry, when its quarter ends (None without a year and without a date to count from), and whether that is late."""

    entry: RoadmapEntry
    due: float | None
    full: float | None
    """When the signal it moves reaches its first level that pages; the moment that is planned from, where it has."""
    already: bool

    @property
    def late(self) -> bool:
        """Whether it is still open when its signal is full."""
        open_ = self.entry.status in ("planned", "doing")
        return open_ and self.due is not None and self.full is not None and self.due > self.full


def due_at(quarter: str, now: float | None) -> float | None:
    """The end of a quarter; one without a year is the next that has not ended."""
    year, _, name = quarter.rpartition("-")
    number = int(name[1])
    if year:
        return _end(int(year), number)
    if now is None:
        return None
    this = datetime.fromtimestamp(now, UTC).year
    return next(end for end in (_end(this, number), _end(this + 1, number)) if end > now)


def _end(year: int, quarter: int) -> float:
    month = 3 * quarter + 1
    return datetime(year + (month > 12), (month - 1) % 12 + 1, 1, tzinfo=UTC).timestamp()
