"""Prometheus' annotation templates, as far as generated rules use them: labels, the value and its printers.

A unit test has to say what an annotation will read. Anything beyond the few functions that capgen's own rules
use raises, so that a test never claims what it did not work out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_LABEL = re.compile(r"\$labels\.([A-Za-z_][A-Za-z0-9_]*)")
_PRINTF = re.compile(r'(?:\$value\s*\|\s*printf\s+"%\.(\d+)([gf])"|printf\s+"%\.(\d+)([gf])"\s+\$value)')
_VALUE = re.compile(r"\$value(?:\s*\|\s*([A-Za-z0-9]+))?")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


class UnknownTemplate(ValueError):
    """An action that is not modelled; the message quotes it."""


def expand(text: str, labels: Mapping[str, str], value: float) -> str:
    """The text with its actions replaced, as Prometheus prints it. Raises UnknownTemplate."""
    return _ACTION.sub(lambda match: _action(match[1], labels, value), text)


def _action(action: str, labels: Mapping[str, str], value: float) -> str:
    if label := _LABEL.fullmatch(action):
        return labels.get(label[1], "")
    if literal := _STRING.fullmatch(action):
        return re.sub(r"\\(.)", r"\1", literal[1])
    if printf := _PRINTF.fullmatch(action):
        digits, verb = printf[1] or printf[3], printf[2] or printf[4]
        return general(value, int(digits)) if verb == "g" else f"{value:.{digits}f}"
    if printed := _VALUE.fullmatch(action):
        name = printed[1]
        if name is None:
            return plain(value)
        if name in _PRINTERS:
            return _PRINTERS[name](value)
    raise UnknownTemplate(f"the template action {{{{ {action} }}}} is not modelled")


def general(value: float, digits: int) -> str:
    """Go's `%.<digits>g`: exponents from 10^digits on and below 10^-4, no trailing zeros."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return f"{value:.{digits}g}"


def plain(value: float) -> str:
    """Go's `%v` of a float: the shortest digits, with an exponent from 1e+06 on and below 1e-04."""
    if not math.isfinite(value):
        return general(value, 1)
    shortest = next((digits for digits in range(1, 17) if float(f"{value:.{digits}g}") == value), 17)
    mantissa, exponent = f"{value:.{shortest - 1}e}".split("e")
    if value and not -4 <= int(exponent) < 6:
        return f"{mantissa}e{exponent}"
    return f"{value:.{max(0, shortest - 1 - int(exponent))}f}"


def humanize(value: float) -> str:
    """`humanize`: four digits with a metric prefix."""
    if value == 0 or not math.isfinite(value):
        return general(value, 4)
    if abs(value) >= 1:
        prefix = ""
        for letter in "kMGTPEZY":
            if abs(value) < 1000:
                break
            prefix, value = letter, value / 1000
        return general(value, 4) + prefix
    prefix = ""
    for letter in "munpfazy":
        if abs(value) >= 1:
            break
        prefix, value = letter, value * 1000
    return general(value, 4) + prefix


def humanize1024(value: float) -> str:
    """`humanize1024`: four digits with a binary prefix."""
    if abs(value) <= 1 or not math.isfinite(value):
        return general(value, 4)
    prefix = ""
    for letter in ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"):
        if abs(value) < 1024:
            break
        prefix, value = letter, value / 1024
    return general(value, 4) + prefix


def humanize_duration(value: float) -> str:
    """`humanizeDuration`: days to whole seconds from a minute on, else four digits."""
    if value == 0 or not math.isfinite(value):
        return general(value, 4) + ("s" if value == 0 else "")
    if abs(value) < 1:
        prefix = ""
        for letter in "munpfazy":
            if abs(value) >= 1:
                break
            prefix, value = letter, value * 1000
        return f"{general(value, 4)}{prefix}s"
    sign, value = ("-" if value < 0 else ""), abs(value)
    whole = int(value)
    days, hours, minutes, seconds = whole // 86400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    if minutes:
        return f"{sign}{minutes}m {seconds}s"
    return f"{sign}{general(value, 4)}s"


def humanize_percentage(value: float) -> str:
    """`humanizePercentage`: a ratio as a percentage with four digits."""
    return general(value * 100, 4) + "%"


_PRINTERS = {
    "humanize": humanize,
    "humanize1024": humanize1024,
    "humanizeDuration": humanize_duration,
    "humanizePercentage": humanize_percentage,
}
