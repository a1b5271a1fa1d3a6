"""Lays a row's panels out on Grafana's grid: 24 columns, left to right, then down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capgen.blueprint.dashboards import Panel, Row

COLUMNS = 24
BAND = 100
"""Lines that each row has for itself. Grafana moves panels up into free lines, so the gaps do not show, and a panel
more in one row does not move the lines of the next in the file."""


def flow(panels: Sequence[Panel], top: int = 0) -> Iterator[tuple[Panel, int, int]]:
    """Each panel with its column and line."""
    x, y, tallest = 0, top, 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        yield panel, x, y
        x, tallest = x + panel.width, max(tallest, panel.height)


def tops(rows: Sequence[Row]) -> Iterator[tuple[Row, int]]:
    """Each row with its line: that of its band, or further down if the row before needs more."""
    free = 0
    for row in rows:
        top = max(free, row.band * BAND)
        yield row, top
        free = top + 1
        if not row.collapsed:
            free = max((y + panel.height for panel, _, y in flow(row.panels, top + 1)), default=free)
