"""A document before it is text, Markdown or HTML: sections of paragraphs, tables and charts.

Plans and periodic reports are made of these, so that what is said does not depend on how it is shown. A section is never
empty: what has no data says why in a paragraph.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import chain, pairwise

from msgspec import Struct, field

from capgen.report.color import painted
from capgen.report.markdown import LIMIT, MARKER, escaped, fitted
from capgen.report.visible import one_line


class Paragraph(Struct, frozen=True):
    """A sentence or two."""

    text: str


class Table(Struct, frozen=True):
    """Rows of text under headings. The first column names the row; `numeric` columns are aligned to the right.

    The caption of a section's first block is told where the heading above it does not: on a page.
    """

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


class Line(Struct, frozen=True):
    """One line of a chart, or the band between two: points of (seconds since 1970, value)."""

    name: str
    kind: str
    """`past`, `expected`, `band80`, `band95`."""
    points: tuple[tuple[float, float], ...]
    upper: tuple[tuple[float, float], ...] = ()


class Chart(Struct, frozen=True):
    """Lines over time, with levels across. `unit` is one of units.UNITS."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    levels: tuple[tuple[str, float, str], ...]
    """Name, value, severity."""
    summary: str
    """What it shows, in words."""


Block = Paragraph | Table | Chart


class Section(Struct, frozen=True):
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


class Document(Struct, frozen=True):
    """The whole: a title, a line under it, sections."""

    title: str
    about: str
    sections: tuple[Section, ...] = field(default=())


def shown(document: Document, form: str, *, color: bool = False, width: int = 80) -> str:
    """As `text`, `markdown` or `html`."""
    titles = [section.title for section in document.sections]
    sections = "".join(pieces(document.sections, form, color=color, width=width))
    return "".join(whole(document.title, document.about, titles, StringIO(sections), form, color=color, width=width))


def pieces(sections: Iterable[Section], form: str, *, color: bool = False, width: int = 80) -> Iterator[str]:
    """Each section as it is shown, whole lines: of many, not all have to be in memory."""
    for number, section in enumerate(sections):
        if form == "html":
            from capgen.report.page import section_as_html

            yield section_as_html(number, section) + "\n"
        else:
            lines = _markdown(section) if form == "markdown" else _text(section, color=color, width=width)
            yield "".join(f"{line}\n" for line in lines)


def whole(
    title: str,
    about: str,
    titles: Sequence[str],
    body: Iterable[str],
    form: str,
    *,
    color: bool = False,
    width: int = 80,
) -> Iterator[str]:
    """The document around the lines of its `pieces`. Charts are their summaries, but on a page. As Markdown it is for a
    pull request: at most what GitHub takes, cut at a line."""
    if form == "html":
        from capgen.report.page import around

        before, after = around(title, about, titles)
        yield before
        yield from body
        yield after
    elif form == "markdown":
        lines = chain([f"## {escaped(title)}", "", escaped(about)], (line.removesuffix("\n") for line in body))
        yield fitted([MARKER], (line for before, line in pairwise(chain([""], lines)) if line or before), LIMIT)
    else:
        yield from (f"{line}\n" for line in (painted(one_line(title), "bold", color), *_wrapped(about, width)))
        yield from body


def _text(section: Section, *, color: bool, width: int) -> Iterator[str]:
    yield from ("", painted(one_line(section.title), "bold", color))
    for place, block in enumerate(section.blocks):
        if isinstance(block, Table):
            yield from _wrapped(f"{block.caption}:", width) if place and block.caption else []
            yield from _text_table(block, width)
        else:
            yield from _wrapped(_words(block), width)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(one_line(text), width, break_on_hyphens=False) or [""]


def _text_table(table: Table, width: int) -> list[str]:
    rows = [tuple(one_line(cell) for cell in row) for row in (table.headings, *table.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.headings))]
    if sum(widths) + 2 * len(widths) > width:
        return list(_stacked(table, width))
    aligned = []
    for row in rows:
        cells = [
            cell.rjust(widths[column]) if column in table.numeric else cell.ljust(widths[column])
            for column, cell in enumerate(row)
        ]
        aligned.append(("  " + "  ".join(cells)).rstrip())
    return aligned


def _stacked(table: Table, width: int) -> Iterator[str]:
    """A table that is too wide: a row is its name, and the rest as `heading: cell` below it."""
    for row in table.rows:
        yield from textwrap.wrap(
            one_line(row[0]), width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
        )
        told = "; ".join(
            f"{heading}: {cell}" for heading, cell in zip(table.headings[1:], row[1:], strict=True) if cell
        )
        yield from textwrap.wrap(
            one_line(told), width, initial_indent="      ", subsequent_indent="      ", break_on_hyphens=False
        )


def _markdown(section: Section) -> Iterator[str]:
    yield from ("", f"### {escaped(section.title)}", "")
    for place, block in enumerate(section.blocks):
        if isinstance(block, Table):
            yield from (f"**{escaped(block.caption)}**", "") if place and block.caption else ()
            yield "| " + " | ".join(map(escaped, block.headings)) + " |"
            marks = ("---:" if column in block.numeric else "---" for column in range(len(block.headings)))
            yield "| " + " | ".join(marks) + " |"
            yield from ("| " + " | ".join(map(escaped, row)) + " |" for row in block.rows)
            yield ""
        else:
            yield from (escaped(_words(block)), "")


def _words(block: Paragraph | Chart) -> str:
    return block.text if isinstance(block, Paragraph) else f"{block.title}: {block.summary}"
