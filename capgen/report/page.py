"""A document as one HTML file: no network, no library, readable on a phone, in print, in light and in dark.

Charts are drawn here as SVG without text, so that they stretch to any width while their labels stay readable; a few
lines of script (page.js) read the values under the pointer or the arrow keys. Everything of a spec is escaped, and the
policy in the head lets no other script run and nothing be fetched. The page works without its script.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from itertools import pairwise

from capgen import units
from capgen.report.document import Block, Chart, Line, Paragraph, Section, Table
from capgen.report.visible import visible

_WIDTH, _HEIGHT = 1000.0, 300.0


@cache
def _asset(name: str) -> str:
    return (files("capgen") / "report" / name).read_text(encoding="utf-8")


def around(title: str, about: str, titles: Sequence[str]) -> tuple[str, str]:
    """What stands on the page before its sections, and what after them. `titles` are the sections'."""
    script, style = _asset("page.js"), _asset("page.css")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; base-uri 'none'"
    )
    contents = "".join(f'<li><a href="#s{number}">{_text(name)}</a></li>' for number, name in enumerate(titles))
    before = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{_text(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<header><h1>{_text(title)}</h1>\n<p>{_text(about)}</p></header>\n"
        f'<nav aria-label="Contents"><ul>{contents}</ul></nav>\n<main>\n'
    )
    return before, f"</main>\n<script>{script}</script>\n</body>\n</html>\n"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _text(text: str) -> str:
    return html.escape(visible(text), quote=True)


def section_as_html(number: int, section: Section) -> str:
    """A section, with its number on the page."""
    blocks = "\n".join(_block(f"s{number}b{place}", block) for place, block in enumerate(section.blocks))
    return f'<section id="s{number}" aria-labelledby="s{number}h"><h2 id="s{number}h">{_text(section.title)}</h2>\n{blocks}</section>'


def _block(identity: str, block: Block) -> str:
    match block:
        case Paragraph():
            return f"<p>{_text(block.text)}</p>"
        case Table():
            return _table(block)
        case Chart():
            return _chart(identity, block)


def _table(table: Table) -> str:
    classes = [' class="n"' if column in table.numeric else "" for column in range(len(table.headings))]
    head = "".join(
        f'<th scope="col" role="columnheader"{kind}>{_text(h)}</th>'
        for h, kind in zip(table.headings, classes, strict=True)
    )
    rows = "".join(
        '<tr role="row">'
        + "".join(
            f'<th scope="row" role="rowheader">{_text(cell)}</th>'
            if column == 0
            else f'<td role="cell"{classes[column]} data-of="{_text(table.headings[column])}">{_text(cell)}</td>'
            for column, cell in enumerate(row)
        )
        + "</tr>\n"
        for row in table.rows
    )
    # A wide table scrolls in its own box, which the keyboard has to reach. On a phone the rows are cards (page.css); a
    # table that is laid out as blocks is none to a screen reader unless its roles are said.
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{_text(table.caption)}"><table role="table">'
        f'<caption>{_text(table.caption)}</caption>\n<thead role="rowgroup"><tr role="row">{head}</tr></thead>\n<tbody role="rowgroup">{rows}</tbody></table></div>'
    )


def _chart(identity: str, chart: Chart) -> str:
    values = [value for line in chart.lines for _, value in (*line.points, *line.upper)]
    # A level far above everything would press the lines flat; it is named in the table.
    top = max(values, default=1.0)
    shown = [(name, value, kind) for name, value, kind in chart.levels if value <= 1.6 * top]
    top = max([top, *(value for _, value, _ in shown)]) or 1.0
    low = min(0.0, min(values, default=0.0))
    times = [at for line in chart.lines for at, _ in line.points]
    first, last = min(times, default=0.0), max(times, default=1.0)

    def x(at: float) -> float:
        return (at - first) / ((last - first) or 1.0) * _WIDTH

    def y(value: float) -> float:
        return _HEIGHT - (value - low) / ((top - low) or 1.0) * (_HEIGHT - 12)

    drawn = "".join(_drawn(line, x, y) for line in sorted(chart.lines, key=lambda line: line.kind != "band95"))
    levels = "".join(
        f'<line class="level {_text(kind)}" x1="0" x2="{_WIDTH:g}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        for _, value, kind in shown
    )
    ahead = next((line.points[0][0] for line in chart.lines if line.kind == "expected" and line.points), None)
    begun = (
        ""
        if ahead is None
        else f'<line class="ahead" x1="{x(ahead):.1f}" x2="{x(ahead):.1f}" y1="0" y2="{_HEIGHT:g}"/>'
    )
    quarters = "".join(f'<span class="q{part}">{_date(first + (last - first) * part / 4)}</span>' for part in (1, 2, 3))
    marks = "".join(
        f'<span class="mark {_text(kind)}">{_text(f"{name} {_amount(value, chart.unit)}")}</span>'
        for name, value, kind in shown
    )
    data = {
        "unit": chart.unit,
        "first": first,
        "last": last,
        "lines": [{"name": line.name, "points": [[at, _amount(v, chart.unit)] for at, v in line.points]} for line in chart.lines if not line.upper],
    }  # fmt: skip
    payload = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'<figure><figcaption id="{identity}c">{_text(chart.title)}</figcaption>\n'
        f'<div class="chart" tabindex="0" role="img" aria-labelledby="{identity}c" aria-describedby="{identity}d">'
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" preserveAspectRatio="none" aria-hidden="true">{drawn}{begun}{levels}</svg>'
        f'<span class="top">{_text(_amount(top, chart.unit))}</span><span class="low">{_text(_amount(low, chart.unit))}</span>'
        f'<span class="from">{_date(first)}</span>{quarters}<span class="to">{_date(last)}</span></div>\n'
        f'<p class="key">{_key(chart)}{marks}</p><p class="read" role="status" aria-live="polite"></p>\n'
        f'<p id="{identity}d">{_text(chart.summary)}</p>\n'
        f'<script type="application/json">{payload}</script></figure>'
    )


def _key(chart: Chart) -> str:
    return "".join(f'<span class="{_text(line.kind)}">{_text(line.name)}</span>' for line in chart.lines)


def _drawn(line: Line, x: Callable[[float], float], y: Callable[[float], float]) -> str:
    if line.upper:
        corners = [*line.points, *reversed(line.upper)]
        return f'<polygon class="{line.kind}" points="{_points(corners, x, y)}"/>'
    return "".join(f'<polyline class="{line.kind}" points="{_points(piece, x, y)}"/>' for piece in _pieces(line.points))


def _points(points: Sequence[tuple[float, float]], x: Callable[[float], float], y: Callable[[float], float]) -> str:
    return " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in points)


def _pieces(points: tuple[tuple[float, float], ...]) -> Iterator[tuple[tuple[float, float], ...]]:
    """The points between gaps: a gap in the history is a gap in the line."""
    step = min((b[0] - a[0] for a, b in pairwise(points)), default=0.0)
    begin = 0
    for place in range(1, len(points)):
        if points[place][0] - points[place - 1][0] > 1.5 * step:
            yield points[begin:place]
            begin = place
    if points:
        yield points[begin:]


def _amount(value: float, unit: str) -> str:
    rounded = float(f"{value:.3g}")
    if unit == "ratio":
        return f"{rounded * 100:.3g}%"
    return units.human(float(round(rounded)) if unit == "bytes" else rounded, unit)


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
