"""Made-up data that shows what a panel can show: curves that pass through its thresholds, states by its mappings.

The same dashboard always gets the same data, so a picture changes only when the dashboard does. Nothing of it is
measured, and the page says so.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from capgen import promql
from capgen.preview.data import Query, Series, StandingAlert
from capgen.preview.variables import Variable, Window, label_values

T = TypeVar("T")
NOW = 1_767_788_400.0
"""2026-01-07 12:20 UTC: a time of its own, so that the picture of tomorrow is that of today."""

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SERIES, _MOST = 3, 8
"""Series of a panel: with names that are made up, and with known ones."""
_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_BOUND = re.compile(r"^[^-+/*]*?(?:(?P<most>spec_max_replicas|spec_target_metric)|spec_min_replicas)")
_PART = re.compile(r"^(0?\.\d+) \* max by ")
"""A level as an amount: the part of a limit."""
_NAMES: Mapping[str, tuple[str, ...]] = {
    "class": ("5xx", "4xx"),
    "code": ("200", "404", "503"),
    "condition": ("AbleToScale", "ScalingActive", "ScalingLimited"),
    "container": ("app", "proxy"),
    "database": ("orders", "users"),
    "datname": ("orders", "users"),
    "deployment": ("web",),
    "network device": ("eth0", "eth1"),
    "device": ("sda", "nvme0n1"),
    "horizontalpodautoscaler": ("web-hpa",),
    "http_response_status_code": ("200", "404", "503"),
    "http_route": ("/", "/orders", "/orders/{id}"),
    "instance": ("10.0.0.11:9100", "10.0.0.12:9100", "10.0.0.13:9100"),
    "method": ("GET", "POST", "PUT"),
    "mountpoint": ("/", "/var/lib/data", "/var/log"),
    "namespace": ("shop",),
    "persistentvolumeclaim": ("data-0", "data-1", "data-2"),
    "pod": ("web-6f7c9-2xkqd", "web-6f7c9-8mz4t", "web-6f7c9-hw5nr"),
    "queue": ("orders", "mails"),
    "resource": ("cpu", "memory"),
    "route": ("/", "/orders", "/orders/{id}"),
    "service": ("shop", "ledger", "cache"),
    "severity": ("warning", "critical"),
    "signal": ("host.cpu", "host.memory", "database.connections"),
    "slot_name": ("standby",),
    "state": ("active", "idle", "waiting"),
    "statefulset": ("store",),
    "status": ("200", "404", "503"),
}
_RANGES: Mapping[str, tuple[float, float]] = {
    "percentunit": (0.2, 0.9), "percent": (20, 90),
    "s": (0.05, 0.6), "ms": (50, 600), "dtdurations": (6 * 86400, 40 * 86400),
    "bytes": (1 << 30, 6 << 30), "decbytes": (1e9, 6e9), "Bps": (1e6, 9e6), "binBps": (1 << 20, 9 << 20), "bps": (8e6, 7e7),
    "reqps": (40, 220), "ops": (5, 90), "iops": (20, 400), "pps": (100, 900),
    "currencyUSD": (900, 1800), "currencyEUR": (900, 1800),
}  # fmt: skip


_CHOOSING = ("topk", "bottomk")
"""Aggregations that leave the series that they choose as they are."""


class Sample(Struct, frozen=True):
    """A data source whose series are computed from the panel."""

    standing: tuple[StandingAlert, ...] = ()
    known: Mapping[str, tuple[str, ...]] = {}
    """Values of labels that the specs know; all others are made up."""

    @property
    def title(self) -> str:
        """What the page says of it."""
        return "sample data, nothing of it is measured"

    def choices(self, declared: dict[str, Any], variables: Sequence[Variable]) -> tuple[str, ...]:
        """Names that could be there."""
        asked = label_values(declared.get("query"))
        return self.names(asked[1] if asked else str(declared["name"]))

    def names(self, label: str) -> tuple[str, ...]:
        """Values that a label has, or could have."""
        return self.known.get(label) or names(label)

    def ask(self, query: Query, panel: dict[str, Any], window: Window) -> tuple[Series, ...]:
        """Series with the labels of the expression's result."""
        times = _times(query, window)
        tree = _parsed(query.expr)
        if tree is not None and (lines := constants(tree)) is not None:
            return tuple(Series(labels, times, (value,) * len(times)) for labels, value in lines)
        if query.format == "heatmap":
            return _buckets(times)
        config = _config(panel, query)
        states = _states(panel)
        found = []
        for number, labels in enumerate(_label_sets(self, query, tree)):
            seed = zlib.crc32(f"{panel.get('title')}/{number}".encode())
            if states:
                values = tuple(_nth(states, _stay(seed, time, window)) for time in times)
            else:
                values = _values(config, query, seed, number, times, window)
            found.append(Series(labels, times, values))
        return tuple(found)

    def marks(self, query: Query, window: Window) -> tuple[Series, ...]:
        """The alerts that fire, since they do; two moments for whatever else is marked."""
        times = _times(query, window)
        tree = _parsed(query.expr)
        asked = [one for one in promql.selectors(tree) if one.name == "ALERTS"] if tree is not None else []
        if not asked:
            seed = zlib.crc32(query.expr.encode()) % 997 / 997
            wanted = {int(len(times) * (part + 0.25 * seed)) for part in (0.2, 0.6)}
            return (Series({}, tuple(times[at] for at in sorted(wanted)), (1.0,) * len(wanted)),)
        equal = {m.name: m.value for m in asked[0].matchers if m.op == "="}
        found = []
        for alert in self.standing:
            labels = {"alertname": alert.name, "alertstate": alert.state, **alert.labels}
            since = tuple(time for time in times if time >= alert.since)
            if equal.items() <= labels.items():
                found.append(Series(labels, since, (1.0,) * len(since)))
        return tuple(found)

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


def _parsed(expr: str) -> promql.Expr | None:
    try:
        return promql.parse(expr)
    except promql.BadPromQL:
        return None


def constants(tree: promql.Expr) -> list[tuple[dict[str, str], float]] | None:
    """The series of an expression that always has the same value, such as a level drawn as a line; else None."""
    match tree:
        case promql.Number(value):
            return [({}, value)]
        case promql.Unary(inner):
            found = constants(inner)
            return None if found is None else [(labels, -value) for labels, value in found]
        case promql.Call("vector" | "scalar", (inner,)):
            return constants(inner)
        case promql.Call("label_replace", (inner, promql.String(label), promql.String(text), _, promql.String(""))):
            found = constants(inner)
            return None if found is None else [({**labels, label: text}, value) for labels, value in found]
        case promql.Binary("or", left, right):
            first, second = constants(left), constants(right)
            return None if first is None or second is None else first + second
        case promql.Binary("and", left, _):
            return constants(left)
        case _:
            return None


def _label_sets(source: Sample, query: Query, tree: promql.Expr | None) -> list[dict[str, str]]:
    fixed, free = _labels(query, tree)
    count = max((_count(source, label) for label in free), default=1)
    chosen = next(_aggregates(tree), None)
    if chosen is not None and chosen.op in _CHOOSING and isinstance(chosen.parameter, promql.Number):
        groups = max((_count(source, label) for label in chosen.labels), default=1)
        count = min(count, groups * max(1, round(chosen.parameter.value)))
    return [
        {**fixed, **{label: _nth(source.names(_kind(label, query)), number) for label in free}}
        for number in range(count)
    ]


def _kind(label: str, query: Query) -> str:
    """What a label's values are: disks and network cards are both devices."""
    return "network device" if label == "device" and "network" in query.expr else label


def _aggregates(tree: promql.Expr | None) -> Iterator[promql.Aggregate]:
    """The aggregations, the outermost first."""
    return (node for node in (promql.walk(tree) if tree is not None else ()) if isinstance(node, promql.Aggregate))


def _count(source: Sample, label: str) -> int:
    return min(_MOST if label in source.known else _SERIES, len(source.names(label)))


def _nth(values: Sequence[T], number: int) -> T:
    return values[number % len(values)]


def _labels(query: Query, tree: promql.Expr | None) -> tuple[dict[str, str], tuple[str, ...]]:
    """The labels of the result that matchers pin, and those that tell series apart."""
    wanted = set(_LEGEND.findall(query.legend))
    if tree is None:
        return {}, tuple(sorted(wanted))
    pinned = {m.name: m.value for selector in promql.selectors(tree) for m in selector.matchers if m.op == "="}
    outer = next((node for node in _aggregates(tree) if node.op not in _CHOOSING), None)
    if query.format == "table" and outer is not None and outer.grouping == "by":
        wanted |= set(outer.labels)
    wanted.discard("__name__")
    return {name: pinned[name] for name in wanted & pinned.keys()}, tuple(sorted(wanted - pinned.keys()))


def _config(panel: Mapping[str, Any], query: Query) -> dict[str, Any]:
    """How the panel shows this query's series: its defaults, with the overrides that are about them."""
    options = [step.get("options") or {} for step in panel.get("transformations") or ()]
    renamed = {old: new for one in options for old, new in (one.get("renameByName") or {}).items()}
    field = renamed.get(f"Value #{query.ref_id}", query.legend)
    given = panel.get("fieldConfig") or {}
    config = dict(given.get("defaults") or {})
    for override in given.get("overrides") or ():
        matcher = override.get("matcher") or {}
        if (matcher.get("id"), matcher.get("options")) in (("byName", field), ("byFrameRefID", query.ref_id)):
            config |= {one["id"]: one["value"] for one in override.get("properties") or ()}
    return config


def _values(
    config: Mapping[str, Any], query: Query, seed: int, number: int, times: Sequence[float], window: Window
) -> tuple[float, ...]:
    low, high = _span(config)
    if bound := _BOUND.search(query.expr):
        # What others are measured against does not move.
        return (_last(config, high) if bound["most"] else round(max(1.0, high / 10)),) * len(times)
    if part := _PART.search(query.expr):
        return (round(float(part[1]) * high, 6),) * len(times)
    whole = config.get("decimals") == 0 and config.get("unit", "short") in ("short", "none")
    if whole:
        high = _last(config, high)
    # What the same panel also asks for moves alike, and a little lower.
    high -= (high - low) * min(0.5, 0.12 * (ord(query.ref_id[0]) - ord("A")))
    drawn = (low + (high - low) * _shape(seed, number, time, window) for time in times)
    return tuple(float(round(value)) if whole else round(value, 6) for value in drawn)


def _last(config: Mapping[str, Any], otherwise: float) -> float:
    return max(_levels(config), default=otherwise)


def _levels(config: Mapping[str, Any]) -> list[float]:
    values = [step.get("value") for step in _steps(config)]
    return sorted(float(value) for value in values if isinstance(value, (int, float)) and not isinstance(value, bool))


def _steps(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list((config.get("thresholds") or {}).get("steps") or ())


def _shape(seed: int, number: int, time: float, window: Window) -> float:
    """Between 0 and 1: a wave whose first series comes close to both ends, with a little unrest."""
    turn = (time - window.start) / max(1.0, window.length)
    phase = (seed % 997) / 997
    wave = 0.5 - 0.5 * math.cos(2 * math.pi * (1.25 * turn + phase))
    unrest = 0.04 * math.sin(2 * math.pi * (17 * turn + phase)) + 0.02 * math.sin(2 * math.pi * (41 * turn + 3 * phase))
    return min(1.0, max(0.0, (wave + unrest) * (1 - 0.22 * number)))


def _span(config: Mapping[str, Any]) -> tuple[float, float]:
    """The values to pass through: from before the first threshold to beyond the last, within the panel's bounds."""
    levels = _levels(config)
    if levels:
        first, last = levels[0], levels[-1]
        width = max(last - first, abs(first), 1e-9)
        low = max(first * 0.4, first - 0.5 * width) if first > 0 else first - 0.5 * width
        # Where the last step is the good one, most of the curve is beyond it.
        high = last + width * (2 if "green" in _steps(config)[-1].get("color", "") else 0.2)
    else:
        low, high = _RANGES.get(str(config.get("unit", "")), (2.0, 14.0))
    least, most = config.get("min"), config.get("max")
    if most is None and config.get("unit") == "percentunit" and levels and levels[-1] < 1:
        most = 1.0
    if isinstance(least, (int, float)):
        low = max(low, float(least))
    if isinstance(most, (int, float)):
        high = min(high, float(most))
    return (low, high) if low < high else (high * 0.5, high)


def _states(panel: Mapping[str, Any]) -> list[float]:
    """The values that a state timeline's mappings name, the highest first."""
    if panel.get("type") != "state-timeline":
        return []
    given = panel.get("fieldConfig") or {}
    mappings = list((given.get("defaults") or {}).get("mappings") or ())
    for override in given.get("overrides") or ():
        mappings += [one for p in override.get("properties") or () if p.get("id") == "mappings" for one in p["value"]]
    keys = {key for mapping in mappings if mapping.get("type") == "value" for key in mapping.get("options") or {}}
    return sorted((float(key) for key in keys if _NUMBER.fullmatch(key)), reverse=True)


def _stay(seed: int, time: float, window: Window) -> int:
    """Which state: it changes a few times within the window, and most of the time it is the first."""
    part = min(7, int(8 * (time - window.start) / max(1.0, window.length)))
    return 0 if zlib.crc32(f"{seed}/{part}".encode()) % 3 else 1 + part


def _buckets(times: Sequence[float]) -> tuple[Series, ...]:
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
