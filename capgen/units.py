"""Quantities as people write them, `80%`, `200ms`, `4Gi`, `1Gbps`, `500m`, and the numbers they stand for.

One parser for the whole language: a field names its unit, and the unit knows how it is written, what it is
in Prometheus' base unit and how it is shown again. Arithmetic is exact (Decimal) until the very end, so that
`99.9%` becomes 0.999 and never 0.9990000000000001.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import pairwise

from msgspec import Struct

_NUMBER = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-zµ%/]*)", re.ASCII)
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)(ms|us|µs|ns|s|m|h|d|w|y))", re.ASCII)

_SECONDS: Mapping[str, Decimal] = {
    "ns": Decimal("1e-9"), "us": Decimal("1e-6"), "µs": Decimal("1e-6"), "ms": Decimal("0.001"),
    "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400),
    "w": Decimal(604800), "y": Decimal(31536000),
}  # fmt: skip
_BINARY = {p + "i": Decimal(1024) ** n for n, p in enumerate("KMGTPE", start=1)}
_DECIMAL = {"k": Decimal(1000)} | {p: Decimal(1000) ** n for n, p in enumerate("MGTPE", start=2)}
_BYTES: Mapping[str, Decimal] = {"": Decimal(1), "B": Decimal(1), **_DECIMAL, **_BINARY} | {
    prefix + "B": factor for prefix, factor in {**_DECIMAL, **_BINARY}.items()
}
_BITS_PER_SECOND = {prefix + "bps": factor / 8 for prefix, factor in {"": Decimal(1), **_DECIMAL}.items()}
_COUNT: Mapping[str, Decimal] = {"": Decimal(1), **_DECIMAL}


class Unit(Struct, frozen=True):
    """What a unit is called in messages, how values of it are written (`suffixes`, to base units) and explained (`examples`)."""

    name: str
    words: str
    suffixes: Mapping[str, Decimal]
    examples: str
    grafana: str


UNITS: Mapping[str, Unit] = {
    unit.name: unit
    for unit in (
        Unit("ratio", "a share", {"%": Decimal("0.01"), "": Decimal(1)}, "80%, 0.8", "percentunit"),
        Unit("seconds", "a duration", _SECONDS, "200ms, 5s, 1h30m", "s"),
        Unit("bytes", "an amount of data", _BYTES, "512Mi, 4Gi, 1TB", "bytes"),
        Unit(
            "bytes_per_second", "a bandwidth",
            {**_BITS_PER_SECOND, **{key + "/s": value for key, value in _BYTES.items() if key}},
            "1Gbps, 125MB/s",
            "Bps",
        ),
        Unit("per_second", "a rate", {**_COUNT, "/s": Decimal(1)}, "100, 1.5k, 20/s", "reqps"),
        Unit("short", "a number", _COUNT, "500, 2k", "short"),
        Unit("cores", "an amount of CPU", {"": Decimal(1), "m": Decimal("0.001")}, "500m, 2", "short"),
    )
}  # fmt: skip


class BadQuantity(ValueError):
    """The text is no quantity of the unit; the message names the right spellings."""


def parse(text: str | int | float, unit: str) -> float:
    """The value of `text` in the base unit: ratio 0..1, seconds, bytes, bytes/s, 1/s, a count or cores.

    A bare number is taken as the base unit, except for seconds: `for: 5` could mean anything.
    Raises BadQuantity, naming what the unit accepts.
    """
    return float(parse_exact(text, unit))


@lru_cache(maxsize=512, typed=True)  # most levels and params are the catalogue's, in every service
def parse_exact(text: str | int | float, unit: str) -> Decimal:
    """As `parse`, without leaving decimal arithmetic (for money and for printing)."""
    rules = UNITS[unit]
    if isinstance(text, bool):
        raise BadQuantity(f"a truth value is not {rules.words}; write {rules.examples}")
    if isinstance(text, str) and unit == "seconds" and (value := _compound(text)) is not None:
        return value
    match = _NUMBER.fullmatch(str(text).strip())
    if match is None:
        raise BadQuantity(f"{_said(text)} is no quantity; write {rules.examples}")
    number, suffix = match.groups()
    if suffix not in rules.suffixes:
        raise BadQuantity(_wrong_suffix(text, suffix, rules))
    try:
        value = Decimal(number) * rules.suffixes[suffix]
    except InvalidOperation as error:
        raise BadQuantity(f"{_said(text)} is out of range") from error
    if not value.is_finite() or value.adjusted() > 30:
        raise BadQuantity(f"{_said(text)} is out of range")
    return value


def _compound(text: str) -> Decimal | None:
    """`1h30m`: descending parts, each unit once, as Prometheus writes durations."""
    pieces = _DURATION.findall(text.strip())
    if not pieces or "".join(number + unit for number, unit in pieces) != text.strip():
        return None
    factors = [_SECONDS[unit] for _, unit in pieces]
    if any(later >= earlier for earlier, later in pairwise(factors)):
        return None
    return sum((Decimal(number) * _SECONDS[unit] for number, unit in pieces), Decimal(0))


def _said(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= 60 else f"{shown[:57]}…{shown[-1] if isinstance(text, str) else ''}"


def _wrong_suffix(text: object, suffix: str, rules: Unit) -> str:
    if not suffix:
        return f"{_said(text)} has no unit; write {rules.examples}"
    owners = [unit for unit in UNITS.values() if suffix in unit.suffixes]
    if owners:
        return f"{_said(text)} is {owners[0].words}, and {rules.words} is wanted; write {rules.examples}"
    return f"{_said(text)} has the unknown unit {suffix!r}; write {rules.examples}"


@lru_cache(maxsize=512)
def number(value: float) -> str:
    """The shortest decimal that reads back as the same float: `0.8`, `2`, `0.001`, never `1e-05`."""
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return _decimal(Decimal(repr(float(value))))


@lru_cache(maxsize=512)  # every rule has two or three of the same few
def duration(seconds: float) -> str:
    """A duration as Prometheus prints it: `5m`, `1h30m`, `1500ms`; `0s` for nothing."""
    left = round(seconds * 1000)
    if left % 1000 and left < 60_000:
        return f"{left}ms"
    parts = []
    for suffix, size in (
        ("w", 604_800_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ):
        if suffix == "w" and left % size:
            continue  # 90d, not 12w6d
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{suffix}")
    return "".join(parts) or "0s"


def human(value: float, unit: str) -> str:
    """A value as the spec would write it: `80%`, `200ms`, `1Gbps`, `4Gi`, `500`. It reads back as the same value."""
    return _human(value + 0.0, unit)  # nobody wants to read of a negative zero


@lru_cache(maxsize=512)  # a level is told by its alert, its panels and its page
def _human(value: float, unit: str) -> str:
    exact = Decimal(repr(float(value)))
    match unit:
        case "ratio":
            return _decimal(exact * 100) + "%"
        case "seconds":
            shown = duration(value) if value >= 1 or not value else _decimal(exact * 1000) + "ms"
            return shown if (value >= 0.001 or not value) and parse(shown, unit) == value else number(value) + "s"
        case "bytes":
            return _scaled(value, unit, ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki"), "B")
        case "bytes_per_second":
            return _scaled(value, unit, ("Tbps", "Gbps", "Mbps", "kbps", "bps"), "B/s") if value else "0bps"
        case "per_second":
            return number(value) + "/s"
        case "cores":
            return number(value) if value == int(value) else _decimal(exact * 1000) + "m"
        case _:
            return number(value)


def _scaled(value: float, unit: str, suffixes: tuple[str, ...], plain: str) -> str:
    """With the largest suffix that needs at most two decimals and loses nothing."""
    for suffix in suffixes:
        scaled = Decimal(repr(float(value))) / UNITS[unit].suffixes[suffix]
        if scaled < 1 or scaled.adjusted() > 14:  # more digits than anybody reads
            continue
        text = _decimal(round(scaled, 2)) + suffix
        if parse(text, unit) == value:
            return text
    return number(value) + plain


def _decimal(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def kube_cpu(cores: float) -> str:
    """CPU in Kubernetes' canonical form: `2`, `500m`."""
    milli = round(cores * 1000)
    return str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def kube_bytes(value: float) -> str:
    """Memory in Kubernetes' canonical form: the largest binary suffix that divides it."""
    whole = round(value)
    for suffix, size in reversed(_BINARY.items()):
        if whole >= size and whole % size == 0:
            return f"{int(whole / size)}{suffix}"
    return str(whole)
