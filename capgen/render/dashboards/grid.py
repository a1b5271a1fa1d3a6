"""Lays a row's panels out on Grafana's grid: 24 columns, left to right, then down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from capgen.blueprint.dashboards import Panel, Row

COLUMNS = 24
NUMBER = 4
"""The lines of a number that stands among numbers alone."""
BAND = 100
"""Lines that each row has for itself. Grafana moves panels up into free lines, so the gaps do not show, and a panel
more in one row does not move the lines of the next in the file."""


class Place(Struct, frozen=True):
    """Where a panel lies: columns and lines."""

    x: int
    y: int
    w: int
    h: int


def flow(panels: Sequence[Panel], top: int = 0) -> Iterator[tuple[Panel, Place]]:
    """Each panel with its place. Panels that do not fill their line share what is left of it."""
    y = top
    for line in _lines(panels):
        tallest = _height(line)
        total, end = sum(panel.width for panel in line), 0
        for panel in line:
            x, end = end, end + panel.width
            left, right = (edge * COLUMNS // total for edge in (x, end))
            yield panel, Place(left, y, right - left, tallest if panel.type == "stat" else panel.height)
        y += tallest


def _lines(panels: Sequence[Panel]) -> Iterator[list[Panel]]:
    line: list[Panel] = []
    taken = 0
    for panel in panels:
        if taken + panel.width > COLUMNS:
            yield line
            line, taken = [], 0
        line.append(panel)
        taken += panel.width
    if line:
        yield line


def _height(line: Sequence[Panel]) -> int:
    """A number is as high as the curves beside it, and a line of nothing but numbers is a low one."""
    beside = [panel.height for panel in line if panel.type != "stat"]
    return max(beside) if beside else NUMBER


def tops(rows: Sequence[Row]) -> Iterator[tuple[Row, int]]:
    """Each row with its line: that of its band, or further down if the row before needs more."""
    free = 0
    for row in rows:
        top = max(free, row.band * BAND)
        yield row, top
        free = top + 1
        if not row.collapsed:
            free = max((place.y + place.h for _, place in flow(row.panels, top + 1)), default=free)
