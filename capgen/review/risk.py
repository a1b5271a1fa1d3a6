"""How closely a reviewer has to look at a change, and one change in words."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import TypeAlias

from msgspec import Struct


class Risk(IntEnum):
    """How closely to look; the order that reports are written in."""

    HIGH = 0
    MEDIUM = 1
    LOW = 2


class Change(Struct, frozen=True, order=True):
    """One sentence about one service in one environment; `service` is "" where all of them are meant."""

    risk: Risk
    environment: str
    service: str
    text: str


Said: TypeAlias = "Iterator[tuple[Risk, str]]"
