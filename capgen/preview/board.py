"""A dashboard's panels in the places where they are drawn: rows opened, repeats repeated.

Grafana does this when it loads a dashboard. A preview has to show what a collapsed row hides, too: a reviewer cannot
click on a picture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from capgen.preview.variables import Variable, interpolate

Json = dict[str, Any]
COLUMNS = 24
_FEW_A_ROW = 4
"""Grafana's `maxPerRow` where a panel does not say."""


class Place(Struct, frozen=True):
    """Columns and rows of the grid."""

    x: int
    y: int
    w: int
    h: int

    @property
    def bottom(self) -> int:
        """The first grid row below it."""
        return self.y + self.h


class Item(Struct, frozen=True):
    """A panel (or a row's heading) with its place and with the values of the variables that hold for it."""

    key: str
    panel: Json
    place: Place
    variables: tuple[Variable, ...]


def read(text: str) -> Json | None:
    """The classic dashboard that a text is; None for everything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("panels"), list) else None


def items(dashboard: Mapping[str, Any], variables: Sequence[Variable]) -> tuple[Item, ...]:
    """The panels in reading order, each section below the one before it."""
    found: list[Item] = []
    top = 0
    for heading, panels in _sections(dashboard):
        for scope, suffix in _scopes(heading, variables):
            for item in _section(heading, panels, scope, suffix, top):
                found.append(item)
            top = max((item.place.bottom for item in found), default=0)
    return tuple(sorted(found, key=lambda item: (item.place.y, item.place.x)))


def _sections(dashboard: Mapping[str, Any]) -> Iterator[tuple[Json, list[Json]]]:
    """Each row with its panels; those before the first row have an empty heading."""
    heading: Json = {}
    panels: list[Json] = []
    for panel in _panels(dashboard):
        if panel.get("type") != "row":
            panels.append(panel)
            continue
        if heading or panels:
            yield heading, panels
        heading, panels = panel, _panels(panel)
    if heading or panels:
        yield heading, panels


def _panels(holder: Mapping[str, Any]) -> list[Json]:
    given = holder.get("panels")
    return [panel for panel in given if isinstance(panel, dict)] if isinstance(given, list) else []


def _section(
    heading: Json, panels: Sequence[Json], variables: Sequence[Variable], suffix: str, top: int
) -> Iterator[Item]:
    if heading:
        panel = {**heading, "title": interpolate(str(heading.get("title", "")), variables)}
        yield Item(f"{heading.get('id')}{suffix}", panel, Place(0, top, COLUMNS, 1), tuple(variables))
        top += 1
    places = [_place(panel) for panel in panels]
    first = min((place.y for place in places), default=0)
    pushed = 0
    for panel, place in sorted(zip(panels, places, strict=True), key=lambda pair: (pair[1].y, pair[1].x)):
        copies = list(_copies(panel, place, variables))
        for panel_suffix, scope, spot in copies:
            drawn = {**panel, **{key: interpolate(str(panel.get(key, "")), scope) for key in ("title", "description")}}
            spot = Place(spot.x, spot.y - first + top + pushed, spot.w, spot.h)
            yield Item(f"{panel.get('id')}{suffix}{panel_suffix}", drawn, spot, tuple(scope))
        pushed += max(spot.bottom for _, _, spot in copies) - place.bottom


def _copies(
    panel: Json, place: Place, variables: Sequence[Variable]
) -> Iterator[tuple[str, Sequence[Variable], Place]]:
    scopes = list(_scopes(panel, variables))
    if len(scopes) == 1 and scopes[0][1] == "":
        yield "", variables, place
        return
    if panel.get("repeatDirection") == "v":
        for number, (scope, suffix) in enumerate(scopes):
            yield suffix, scope, Place(place.x, place.y + number * place.h, place.w, place.h)
        return
    across = min(len(scopes), int(panel.get("maxPerRow") or _FEW_A_ROW))
    width = COLUMNS // across
    for number, (scope, suffix) in enumerate(scopes):
        line, column = divmod(number, across)
        yield suffix, scope, Place(column * width, place.y + line * place.h, width, place.h)


def _scopes(panel: Mapping[str, Any], variables: Sequence[Variable]) -> Iterator[tuple[Sequence[Variable], str]]:
    """The variables once for each value that the panel is repeated for, and what makes its key its own."""
    repeated = next((v for v in variables if v.name == panel.get("repeat")), None)
    if repeated is None or not repeated.values:
        yield variables, ""
        return
    for value in repeated.values:
        yield tuple(v.only(value) if v is repeated else v for v in variables), f"-{value}"


def _place(panel: Mapping[str, Any]) -> Place:
    given = panel.get("gridPos")
    grid = given if isinstance(given, dict) else {}
    width = min(COLUMNS, max(1, int(grid.get("w", 12))))
    return Place(
        min(max(0, int(grid.get("x", 0))), COLUMNS - width), int(grid.get("y", 0)), width, max(1, int(grid.get("h", 8)))
    )
