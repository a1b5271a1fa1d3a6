"""What a spec says a replay may not exceed, held against what it gave."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from capgen import units
from capgen.diagnostics import suggest
from capgen.errors import UsageError
from capgen.simulate.result import Summary

PERIODS: Mapping[str, float] = {"hour": 3600.0, "day": 86400.0, "week": 7 * 86400.0, "month": 730 * 3600.0}
_BOUND = re.compile(r"< ?([0-9.]+)([smhd]?)/(hour|day|week|month)")


class Bound(Struct, frozen=True):
    """Less than `most` of `name` in a `period`; seconds for times."""

    name: str
    most: float
    period: str
    of_time: bool

    def holds(self, summary: Summary) -> bool:
        """Whether the replay stays below it."""
        return self.rate(summary) < self.most

    def rate(self, summary: Summary) -> float:
        """What the replay gave, in one period."""
        return _amount(self.name, summary) / summary.duration * PERIODS[self.period] if summary.duration else 0.0

    def said(self, amount: float) -> str:
        """An amount as the bound would say it."""
        return f"{units.duration(round(amount)) if self.of_time else f'{amount:,.1f}'} a {self.period}"


def _amount(name: str, summary: Summary) -> float:
    amounts: Mapping[str, float] = {
        "at_max": summary.at_max,
        "above_target": max(summary.above_target.values(), default=0.0),
        "above_limit": max(summary.above_limit.values(), default=0.0),
        "changes": summary.events,
        "flapping": summary.flapping,
        "pod_hours": summary.pod_hours,
    }
    return amounts[name]


def bounds(declared: Mapping[str, str]) -> Iterator[Bound]:
    """The bounds of a spec, by the words that it is written in."""
    for name, text in declared.items():
        if (match := _BOUND.fullmatch(text)) is not None:
            factor = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]
            yield Bound(name, float(match[1]) * factor, match[3], bool(match[2]))


NAMES = ("at_max", "above_target", "above_limit", "changes", "flapping", "pod_hours")
_TIMES = NAMES[:3]


def check(declared: Mapping[str, str]) -> None:
    """Raises UsageError for what is no bound; those of a spec are checked by its model."""
    for name, text in declared.items():
        if name not in NAMES:
            raise UsageError(f"{name!r} is nothing that is bounded: {suggest(name, NAMES, what='bounds')}")
        match = _BOUND.fullmatch(text)
        if match is None or bool(match[2]) != (name in _TIMES) or match[1].count(".") > 1:
            example = "< 1h/week" if name in _TIMES else "< 40/day"
            raise UsageError(f"{text!r} is no bound for {name}; write less than so much in a time, like {example!r}")


def broken(declared: Mapping[str, str], summary: Summary) -> Iterator[tuple[str, str]]:
    """The name of each bound that the replay does not keep, with what it gave instead."""
    for bound in bounds(declared):
        if not bound.holds(summary):
            gave, most = bound.said(bound.rate(summary)), bound.said(bound.most)
            yield bound.name, f"{bound.name}: {gave}, and less than {most} is declared"
