"""Kubernetes' quantities as the controller reads them: whole thousandths, rounded up, and tolerances as doubles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from math import ceil

_QUANTITY = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(?:([eE][+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i))?", re.ASCII)
_SUFFIXES: Mapping[str, Fraction] = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 10**3), "k": Fraction(10**3),
    "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12), "P": Fraction(10**15), "E": Fraction(10**18),
    "Ki": Fraction(2**10), "Mi": Fraction(2**20), "Gi": Fraction(2**30),
    "Ti": Fraction(2**40), "Pi": Fraction(2**50), "Ei": Fraction(2**60),
}  # fmt: skip
_LONGEST = 100
MOST = 2**63 - 1


def parse(text: str) -> Fraction:
    """The value, in billionths at the finest, rounded away from zero. Raises ValueError for what is no quantity."""
    match = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError(f"{text[:_LONGEST]!r} is no quantity; write a number like 500m, 2 or 4Gi")
    sign, digits, exponent, suffix = match.groups()
    value = Fraction(digits if digits[-1] != "." else digits + "0")
    value *= Fraction(10) ** int(exponent[1:]) if exponent else _SUFFIXES[suffix] if suffix else 1
    nano = ceil(value * 10**9)
    return Fraction(-nano if sign == "-" else nano, 10**9)


def milli(text: str) -> int:
    """Whole thousandths, rounded up. Raises ValueError."""
    value = ceil(parse(text) * 1000)
    if abs(value) > MOST:
        raise ValueError(f"{text!r} is more than the controller can count in thousandths")
    return value


def double(text: str) -> float:
    """As the controller makes a double of it: an integer times a power of a thousand. Raises ValueError."""
    value = parse(text)
    exponent = 0
    while value.denominator != 1:
        value, exponent = value * 1000, exponent + 3
    return float(int(value)) * float(f"1e-{exponent}") if exponent else float(int(value))
