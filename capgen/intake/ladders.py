"""Alerts at rising thresholds as the levels of one signal: where a ladder has a step for each, and in its order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from msgspec import Struct

from capgen import units
from capgen.catalog.model import Ladder, SignalDef

SEVERITIES = ("info", "warning", "critical", "emergency")
_CALLED = {
    "page": "critical", "high": "critical", "error": "critical", "major": "critical", "ticket": "warning",
    "warn": "warning", "medium": "warning", "minor": "warning", "low": "info", "notice": "info", "fatal": "emergency",
}  # fmt: skip


class Step(Struct, frozen=True):
    """An alert as one step of a ladder; `level` is where the step's name is known."""

    threshold: float
    severity: str
    level: str = ""


def severity_of(said: str) -> tuple[str, str]:
    """The language's severity for what an alert says, and what has to be told about it ("" for nothing)."""
    word = said.lower()
    if word in SEVERITIES:
        return word, "" if word == said else f"severity {said!r} is {word!r} here"
    if word in _CALLED:
        return _CALLED[word], f"severity {said!r} is {_CALLED[word]!r} here: see that routes still find it"
    return "warning", (f"the language has no severity {said!r}: it is `warning` here" if said else
                       "no `severity` label: it is `warning` here")  # fmt: skip


def ladder_of(known: Mapping[str, Ladder], names: Sequence[str]) -> str:
    """The ladder that has all of these levels, where only one does; utilisation first."""
    having = [name for name, ladder in known.items() if set(names) <= set(ladder.levels)]
    return "utilisation" if "utilisation" in having or not having else having[0]


def levels(
    steps: Sequence[Step], ladder: Ladder, name: str, unit: str, definition: SignalDef | None, worse: str
) -> dict[str, Any] | None:
    """`levels`, and `severity` where it is not the ladder's; None where the ladder has too few steps.

    What the catalogue would add to the alerts that there are is removed, and its other levels stay where they are in order.
    """
    ordered = sorted(steps, key=lambda step: step.threshold, reverse=worse == "below")
    names = list(ladder.levels)[1:]
    if len({step.threshold for step in steps}) < len(steps) or len(steps) > len(names):
        return None
    if all(step.level for step in ordered):
        chosen = tuple(step.level for step in ordered)
    else:

        def fit(these: tuple[str, ...]) -> int:
            return sum(ladder.levels[n] == step.severity for n, step in zip(these, ordered, strict=True))

        chosen = max(combinations(names, len(ordered)), key=fit)
    drafted: dict[str, Any] = {}
    severity = {}
    for level, step in zip(chosen, ordered, strict=True):
        drafted[level] = _shown(step.threshold, unit)
        if ladder.levels[level] != step.severity:
            severity[level] = step.severity
    given = {level: step.threshold for level, step in zip(chosen, ordered, strict=True)}
    if definition is not None and definition.ladder == name:
        for level, value in definition.levels.items():
            if value is None or level in drafted:
                continue
            if ladder.levels[level] != "none" or not _in_order(
                names, {**given, level: units.parse(value, unit)}, worse
            ):
                drafted[level] = None
    ranked = {level: drafted[level] for level in names if level in drafted}
    return {"levels": ranked} | ({"severity": severity} if severity else {})


def _in_order(names: Sequence[str], given: Mapping[str, float], worse: str) -> bool:
    values = [given[name] for name in names if name in given]
    return values == sorted(values, reverse=worse == "below") and len(set(values)) == len(values)


def _shown(value: float, unit: str) -> str | int | float:
    if unit in ("short", "per_second"):
        return int(value) if value == int(value) else value
    return units.human(value, unit)
