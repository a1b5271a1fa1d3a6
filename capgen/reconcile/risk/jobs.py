"""Risks of jobs: one that runs less often, has less time, stands still, or tells later of what it measures."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from capgen import schedules
from capgen.reconcile.plan import ABSENT, FieldChange

_SCHEDULE = re.compile(r"^((?:\S+\s+){5}|@\w+\s+)(.*\S)\s*$")
_JOB = re.compile(r"^# (.+?: )")
_LIMIT, _COUNTS = "T\\t%s", re.compile(r"^(fewest|most)=(\d+)$")
_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def of_cron_job(kind: str, field: FieldChange) -> Iterator[tuple[str, str]]:
    """What is risky about a field of a CronJob."""
    if kind != "CronJob":
        return
    old, new, path = field.old, field.new, field.path
    if path == ".spec.suspend" and new is True:
        yield "suspends the job", ""
    elif path == ".spec.schedule":
        yield from _rarer(old, new, "")
    elif path == ".spec.startingDeadlineSeconds" and _less(new, old):
        yield f"a run that begins late is given up sooner, after {new} s and no longer after {_seconds(old)}", ""
    elif path.endswith(".activeDeadlineSeconds") and _less(new, old):
        yield f"a run has less time, {new} s and no longer {_seconds(old)}", ""
    elif path == ".spec.concurrencyPolicy" and new == "Replace":
        yield "a run ends the one before it", ""


def of_crontab(old: str, new: str) -> Iterator[tuple[str, str]]:
    """What is risky about a new crontab: entries that are gone, or run less often."""
    before, after = _entries(old), _entries(new)
    for name, schedule in before.items():
        if name not in after:
            yield "runs no more:", name
        else:
            yield from _rarer(schedule, after[name], name)


def of_script(old: Any, new: Any) -> Iterator[tuple[str, str]]:
    """What is risky about a new script of a job: levels that tell later or are gone, and bounds that are lower."""
    if not (isinstance(old, str) and isinstance(new, str)) or "#!" not in (old[:2], new[:2]):
        return
    before, after = _limits(old), _limits(new)
    for name, (number, words, side, waits) in before.items():
        if name not in after:
            yield "the job tells no more of:", name
            continue
        now, said, _, longer = after[name]
        if now != number and (now > number) is (side == "above"):
            yield f"the job tells later, at {said} and no longer at {words}", name
        if longer > waits:
            yield f"the job tells later, after {longer:g} s and no longer after {waits:g} s", name
    once, bounds = _bounds(old), _bounds(new)
    for name, number in bounds.items():
        if number < once.get(name, 0):
            yield f"lowers the {'minimum' if name == 'fewest' else 'maximum'} of replicas, {once[name]} → {number}", ""


def _limits(script: str) -> dict[str, tuple[float, str, str, float]]:
    """Signal and level -> threshold, the threshold in words, the side, and how long it has to stand, in seconds."""
    found = {}
    for line in script.splitlines():
        if _LIMIT in line and line.lstrip().startswith("printf"):
            words = shlex.split(line)[2:]
            if len(words) >= 8:
                found[f"{words[0]} {words[1]}"] = (_number(words[3]), words[4], words[5], _number(words[6]))
    return found


def _bounds(script: str) -> dict[str, int]:
    return {match[1]: int(match[2]) for line in script.splitlines() if (match := _COUNTS.match(line))}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _entries(crontab: str) -> dict[str, str]:
    """What each entry is called -> its schedule."""
    lines = (line for line in crontab.splitlines() if line.strip() and not line.startswith("#"))
    matches = (match for line in lines if (match := _SCHEDULE.match(line)))
    return {_called(match[2]): match[1].strip() for match in matches}


def _called(command: str) -> str:
    named = re.search(r"logger -t (\S+)", command)
    return named[1] if named else command


def _rarer(old: Any, new: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(old, str) and isinstance(new, str):
        once, now = _yearly(old), _yearly(new)
        if 0 < now < once * 0.999:
            yield f"runs less often, {_sentence(new)} and no longer {_sentence(old)}", name


def _sentence(schedule: str) -> str:
    words = schedules.sentence(schedule)
    return words[:1].lower() + words[1:]


def _yearly(schedule: str) -> float:
    """How often it runs in a year, near enough to tell two schedules apart; 0 for one that cannot be read."""
    fields = schedules.five_fields(schedule).split()
    if len(fields) != len(_FIELDS):
        return 0.0
    try:
        minutes, hours, days, months, weekdays = (
            len(_values(text, *ends)) for text, ends in zip(fields, _FIELDS, strict=True)
        )
    except (ValueError, KeyError):
        return 0.0
    by_day, by_weekday = min(days / 30.44, 1), weekdays / 7
    # Where one of the two is any day both have to hold; else either is enough.
    both = fields[2].startswith("*") or fields[4].startswith("*")
    return minutes * hours * 365.25 * (by_day * by_weekday if both else min(by_day + by_weekday, 1)) * months / 12


_WORDS: Mapping[str, int] = {
    **{name: n for n, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))},
    **{
        n: i
        for i, n in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)
    },
}


def _values(text: str, first: int, last: int) -> set[int]:
    """The numbers that a field of a schedule means. Raises ValueError or KeyError for what is none."""
    found: set[int] = set()
    for part in text.lower().split(","):
        span, _, step = part.partition("/")
        low, dash, high = span.partition("-")
        start = first if low == "*" else _value(low)
        end = _value(high) if dash else last if low == "*" or step else start
        found.update(n % 7 if last == 7 else n for n in range(start, end + 1, int(step or 1)))
    return found


def _value(text: str) -> int:
    return int(text) if text.isdigit() else _WORDS[text[:3]]


def _less(new: Any, old: Any) -> bool:
    return isinstance(new, int) and (old is ABSENT or (isinstance(old, int) and new < old))


def _seconds(value: Any) -> str:
    return "any time" if value is ABSENT else f"{value} s"
