"""A value printed in another unit than it has: a ratio as "0 errors", a count as "80s"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from capgen.check.problem import Problem, Setting, condition
from capgen.check.rulefile import Rule
from capgen.check.value_units import ValueUnit, unit_of
from capgen.diagnostics import Severity

CODE = "CG522"
_VALUE = re.compile(
    r"\{\{-?\s*([^{}]*?(?:\$value|\.Value)[^{}]*?)-?\}\}(\s(?:seconds|bytes|percent|ms)\b|\s%|[%\w/]+)?"
)

FITTING: dict[str, frozenset[ValueUnit]] = {
    "humanizePercentage": frozenset(("ratio",)),
    "humanizeDuration": frozenset(("seconds",)),
    "humanize1024": frozenset(("bytes", "bytes_per_second")),
}
"""Template functions that say a unit, with the units they are right for."""

WORDS: dict[str, frozenset[ValueUnit]] = {
    "%": frozenset(("percent",)), "percent": frozenset(("percent",)),
    "s": frozenset(("seconds",)), "seconds": frozenset(("seconds",)), "ms": frozenset(),
    "bytes": frozenset(("bytes",)), "B": frozenset(("bytes",)),
}  # fmt: skip
"""Words right after a value that say a unit."""


def check(rule: Rule, setting: Setting) -> Iterator[Problem]:
    """An error when the unit is known and the text says another one; unknown units pass."""
    if not rule.alert or (unit := unit_of(condition(rule.expr), setting.facts)) is None:
        return
    for name, text in rule.annotations.items():
        for found in _VALUE.finditer(text):
            if message := _mismatch(found[1], (found[2] or "").strip(), unit):
                yield Problem(
                    CODE,
                    Severity.ERROR,
                    f"the value is {_ARTICLES[unit]}, {message}",
                    _HINTS[unit],
                    key=("annotations", name),
                    word=_word(found[1]),
                )


_ARTICLES: dict[ValueUnit, str] = {
    "ratio": "a ratio from 0 to 1", "percent": "a percentage", "seconds": "a time in seconds", "bytes": "a number of bytes",
    "bytes_per_second": "bytes a second", "per_second": "a number a second", "count": "a count",
}  # fmt: skip
_HINTS: dict[ValueUnit, str] = {
    "ratio": "print it with `{{ $value | humanizePercentage }}`", "percent": "print it with `{{ printf \"%.1f\" $value }}%`",
    "seconds": "print it with `{{ $value | humanizeDuration }}`", "bytes": "print it with `{{ $value | humanize1024 }}B`",
    "bytes_per_second": "print it with `{{ $value | humanize1024 }}B/s`",
    "per_second": "print it with `{{ $value | humanize }}/s`", "count": "print it with `{{ $value | humanize }}`",
}  # fmt: skip


def _mismatch(action: str, after: str, unit: ValueUnit) -> str:
    function = next((name for name in FITTING if re.search(rf"\b{name}\b", action)), None)
    if re.search(r"\b(?:mul|div)\b|\*|query|with|range", action):
        return ""
    if function is not None:
        return "" if unit in FITTING[function] else f"and the text prints it with {function}"
    if after in WORDS and unit not in WORDS[after]:
        return f"and the text calls it {after!r}"
    if unit == "ratio" and re.search(r'printf\s+"%(?:\.0f|d)"', action):
        return "and the text prints it without decimals, as 0 or 1"
    return ""


def _word(action: str) -> str:
    return next((name for name in (*FITTING, "printf") if name in action), "value")
