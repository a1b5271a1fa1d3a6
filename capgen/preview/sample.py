"""Made-up data that shows what a panel can show: curves that pass through its thresholds, states by its mappings.

The same dashboard always gets the same data, so a picture changes only when the dashboard does. Nothing of it is
measured, and the page says so.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from capgen import promql
from capgen.preview.data import Query, Series, StandingAlert
from capgen.preview.variables import Variable, Window, label_values

T = TypeVar("T")
NOW = 1_767_788_400.0
"""2026-01-07 12:20 UTC: a time of its own, so that the picture of tomorrow is that of today."""

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SERIES = 3
_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_NAMES: Mapping[str, tuple[str, ...]] = {
    "instance": ("10.0.0.11:9100", "10.0.0.12:9100", "10.0.0.13:9100"),
    "device": ("sda", "nvme0n1", "eth0"),
    "mountpoint": ("/", "/var/lib/data", "/var/log"),
    "code": ("200", "404", "503"),
    "status": ("200", "404", "503"),
    "http_response_status_code": ("200", "404", "503"),
    "method": ("GET", "POST", "PUT"),
    "route": ("/", "/orders", "/orders/{id}"),
    "http_route": ("/", "/orders", "/orders/{id}"),
    "condition": ("AbleToScale", "ScalingActive", "ScalingLimited"),
    "resource": ("cpu", "memory"),
    "state": ("active", "idle", "waiting"),
}
_RANGES: Mapping[str, tuple[float, float]] = {
    "percentunit": (0.2, 0.9), "percent": (20, 90),
    "s": (0.05, 0.6), "ms": (50, 600), "dtdurations": (6 * 86400, 40 * 86400),
    "bytes": (1 << 30, 6 << 30), "decbytes": (1e9, 6e9), "Bps": (1e6, 9e6), "binBps": (1 << 20, 9 << 20), "bps": (8e6, 7e7),
    "reqps": (40, 220), "ops": (5, 90), "iops": (20, 400), "pps": (100, 900),
    "currencyUSD": (900, 1800), "currencyEUR": (900, 1800),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sample:
    """A data source whose series are computed from the panel."""

    standing: tuple[StandingAlert, ...] = ()

    @property
    def title(self) -> str:
        """What the page says of it."""
        return "sample data, nothing of it is measured"

    def choices(self, declared: dict[str, Any], variables: Sequence[Variable]) -> tuple[str, ...]:
        """Names that could be there."""
        asked = label_values(declared.get("query"))
        return names(asked[1] if asked else str(declared["name"]))

    def ask(self, query: Query, panel: dict[str, Any], window: Window) -> tuple[Series, ...]:
        """Series with the labels of the expression's result."""
        times = _times(query, window)
        if (constant := _constant(query.expr)) is not None:
            return (Series({}, times, (constant,) * len(times)),)
        if query.format == "heatmap":
            return _buckets(query, times)
        sets = _label_sets(query)
        return tuple(
            Series(labels, times, _values(panel, query, number, times, window)) for number, labels in enumerate(sets)
        )

    def alerts(self) -> tuple[StandingAlert, ...]:
        """Those that the preview was given: one that fires and one that is about to."""
        return self.standing


def names(label: str) -> tuple[str, ...]:
    """Values that a label could have."""
    return _NAMES.get(label, tuple(f"{label}-{number}" for number in range(1, _SERIES + 1)))


def _times(query: Query, window: Window) -> tuple[float, ...]:
    if query.instant:
        return (window.end,)
    count = int(window.length // query.step)
    return tuple(window.end - query.step * (count - number) for number in range(count + 1))


def _constant(expr: str) -> float | None:
    """The number that an expression always is, if it is one: a limit drawn as a line."""
    try:
        tree = promql.parse(expr)
    except promql.BadPromQL:
        return None
    while isinstance(tree, promql.Call) and tree.function in ("vector", "label_replace"):
        tree = tree.arguments[0]
    sign = 1.0
    if isinstance(tree, promql.Unary):
        sign, tree = -1.0, tree.inner
    return sign * tree.value if isinstance(tree, promql.Number) else None


def _label_sets(query: Query) -> list[dict[str, str]]:
    fixed, free = _labels(query)
    count = _SERIES if free else 1
    return [{**fixed, **{label: _nth(names(label), number) for label in free}} for number in range(count)]


def _nth(values: Sequence[T], number: int) -> T:
    return values[number % len(values)]


def _labels(query: Query) -> tuple[dict[str, str], tuple[str, ...]]:
    """The labels of the result that matchers pin, and those that tell series apart."""
    wanted = set(_LEGEND.findall(query.legend))
    pinned: dict[str, str] = {}
    try:
        tree = promql.parse(query.expr)
    except promql.BadPromQL:
        return {}, tuple(sorted(wanted))
    for selector in promql.selectors(tree):
        pinned |= {matcher.name: matcher.value for matcher in selector.matchers if matcher.op == "="}
    if isinstance(tree, promql.Aggregate) and tree.grouping == "by":
        wanted |= set(tree.labels)
    wanted.discard("__name__")
    return {name: pinned[name] for name in wanted & pinned.keys()}, tuple(sorted(wanted - pinned.keys()))


def _values(
    panel: Mapping[str, Any], query: Query, number: int, times: Sequence[float], window: Window
) -> tuple[float | None, ...]:
    seed = zlib.crc32(f"{panel.get('title')}/{query.ref_id}/{number}".encode())
    config = (panel.get("fieldConfig") or {}).get("defaults") or {}
    if states := _states(panel):
        return tuple(_nth(states, _stay(seed, time, window)) for time in times)
    low, high = _span(config)
    whole = config.get("decimals") == 0 and config.get("unit", "short") in ("short", "none")
    curve = (_shape(seed, number, time, window) for time in times)
    drawn = (low + (high - low) * share for share in curve)
    return tuple(float(round(value)) if whole else round(value, 6) for value in drawn)


def _shape(seed: int, number: int, time: float, window: Window) -> float:
    """Between 0 and 1: a wave whose first series comes close to both ends, with a little unrest."""
    turn = (time - window.start) / max(1.0, window.length)
    phase = (seed % 997) / 997
    wave = 0.5 - 0.5 * math.cos(2 * math.pi * (1.25 * turn + phase))
    unrest = 0.04 * math.sin(2 * math.pi * (17 * turn + phase)) + 0.02 * math.sin(2 * math.pi * (41 * turn + 3 * phase))
    return min(1.0, max(0.0, (wave + unrest) * (1 - 0.22 * number)))


def _span(config: Mapping[str, Any]) -> tuple[float, float]:
    """The values to pass through: from before the first threshold to beyond the last, within the panel's bounds."""
    steps = [step.get("value") for step in (config.get("thresholds") or {}).get("steps") or ()]
    levels = sorted(float(value) for value in steps if isinstance(value, (int, float)) and not isinstance(value, bool))
    if levels:
        first, last = levels[0], levels[-1]
        low, high = first - max(last - first, abs(first)) * 0.5, last + max(last - first, abs(last)) * 0.15
        if first >= 0:
            low = max(first * 0.4, low)
    else:
        low, high = _RANGES.get(str(config.get("unit", "")), (2.0, 14.0))
    least, most = config.get("min"), config.get("max")
    if isinstance(least, (int, float)):
        low = max(low, float(least))
    if isinstance(most, (int, float)):
        high = min(high, float(most))
    return (low, high) if low < high else (high * 0.5, high)


def _states(panel: Mapping[str, Any]) -> list[float]:
    """The values that the panel's mappings name, when it is about states."""
    defaults = (panel.get("fieldConfig") or {}).get("defaults") or {}
    found: list[float] = []
    for mapping in defaults.get("mappings") or ():
        if mapping.get("type") == "value":
            found += [float(key) for key in mapping.get("options") or {} if re.fullmatch(r"-?\d+(\.\d+)?", key)]
    numeric = bool(defaults.get("thresholds", {}).get("steps", [])[1:]) and panel.get("type") != "state-timeline"
    return [] if numeric else sorted(found, reverse=True)


def _stay(seed: int, time: float, window: Window) -> int:
    """Which state: it changes a few times within the window, and most of the time it is the first."""
    part = min(7, int(8 * (time - window.start) / max(1.0, window.length)))
    return 0 if zlib.crc32(f"{seed}/{part}".encode()) % 3 else 1 + part


def _buckets(query: Query, times: Sequence[float]) -> tuple[Series, ...]:
    """A histogram whose requests get slower and faster again: cumulative counts a bucket."""
    found = []
    for bound in (*_BUCKETS, math.inf):
        values = []
        for number in range(len(times)):
            turn = number / max(1, len(times) - 1)
            middle = math.log(0.08) + 1.1 * math.sin(2 * math.pi * (1.2 * turn + 0.1))
            share = (
                1.0 if bound == math.inf else 0.5 * (1 + math.erf((math.log(bound) - middle) / (0.8 * math.sqrt(2))))
            )
            values.append(round((120 + 60 * math.sin(2 * math.pi * turn)) * share, 1))
        found.append(Series({"le": "+Inf" if bound == math.inf else f"{bound:g}"}, tuple(times), tuple(values)))
    return tuple(found)
