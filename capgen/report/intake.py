"""An import, told: what the draft would change, what it could not say, and what has to go when it is applied."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from capgen.report.color import Style, painted
from capgen.report.visible import visible

if TYPE_CHECKING:
    from pathlib import Path

    from capgen.intake.imported import Imported

_STYLES: dict[str, Style] = {"+": "green", "~": "yellow", "-": "red", "=": "dim"}


def render(imported: Imported, written: tuple[Path, ...], form: str, *, color: bool = False, width: int = 80) -> str:
    """As `text` or `json`."""
    if form == "json":
        return json.dumps(_data(imported, written), ensure_ascii=False, indent=2) + "\n"
    return "\n".join(_lines(imported, written, color=color, width=width)) + "\n"


def _lines(imported: Imported, written: tuple[Path, ...], *, color: bool, width: int) -> Iterator[str]:
    names = ", ".join(path.as_posix() for path in written) or imported.name
    yield from _folded(f"{names}: drafted from {imported.counted or 'nothing'}", "", width)
    for why in imported.unread:
        yield from _folded(f"not read: {why}", "", width)
    same = [d for d in imported.differences if d.sign == "=" and not d.details]
    yield ""
    yield "what capgen would change"
    for one in imported.differences:
        if one in same:
            continue
        first, *more = _folded(f"{one.sign} {one.thing}", "  ", width)
        yield first.replace(one.sign, painted(one.sign, _STYLES[one.sign], color), 1)
        yield from more
        for detail in one.details:
            yield from _folded(detail, "      ", width)
    if same:
        yield from _folded(f"= the same as now: {', '.join(d.thing for d in same)}", "  ", width)
    if imported.remarks:
        yield ""
        yield "what is not taken over as it is, and why"
        for thing in sorted({r.object for r in imported.remarks}):
            yield from _folded(thing, "  ", width)
            for remark in sorted((r for r in imported.remarks if r.object == thing), key=lambda r: _in_order(r.field)):
                yield from _folded(f"{remark.field}: {remark.why}".removeprefix(": "), "    ", width)
    if imported.replaced:
        yield ""
        yield "to be removed when the draft is applied, or it is there twice"
        for line in imported.replaced:
            yield from _folded(line, "  ", width)


def _in_order(field: str) -> tuple[tuple[int, str], ...]:
    """Rule 10 comes after rule 9."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", field))


def _folded(text: str, indent: str, width: int) -> Iterator[str]:
    lines = wrap(visible(text), max(width - len(indent) - 2, 20), break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines):
        yield f"{indent}{'  ' if number else ''}{line}"


def _data(imported: Imported, written: tuple[Path, ...]) -> dict[str, Any]:
    return {
        "name": imported.name,
        "files": [path.as_posix() for path in written] or [path.as_posix() for path in imported.files],
        "differences": [
            {"sign": d.sign, "thing": d.thing, "details": list(d.details)} for d in imported.differences
        ],
        "left": [
            {"object": r.object, "field": r.field, "why": r.why, "place": str(r.span) if r.span else None}
            for r in imported.remarks
        ],
        "replaced": list(imported.replaced),
        "unread": list(imported.unread),
    }  # fmt: skip
