"""A document before it is text, Markdown or HTML: sections of paragraphs, tables and charts.

Plans and periodic reports are made of these, so that what is said does not depend on how it is shown. A section is never
empty: what has no data says why in a paragraph.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

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


def as_text(document: Document, *, color: bool = False, width: int = 80) -> str:
    """For a terminal. Charts are their summaries."""
    lines = [painted(one_line(document.title), "bold", color), *_wrapped(document.about, width)]
    for section in document.sections:
        lines += ["", painted(one_line(section.title), "bold", color)]
        for place, block in enumerate(section.blocks):
            if isinstance(block, Table):
                lines += _wrapped(f"{block.caption}:", width) if place and block.caption else []
                lines += _text_table(block, width)
            else:
                lines += _wrapped(_words(block), width)
    return "\n".join(lines) + "\n"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(one_line(text), width) or [""]


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
        yield from textwrap.wrap(one_line(row[0]), width, initial_indent="  ", subsequent_indent="    ")
        told = "; ".join(
            f"{heading}: {cell}" for heading, cell in zip(table.headings[1:], row[1:], strict=True) if cell
        )
        yield from textwrap.wrap(one_line(told), width, initial_indent="      ", subsequent_indent="      ")


def as_markdown(document: Document) -> str:
    """For a pull request: at most what GitHub takes, cut at a line."""
    lines = [f"## {escaped(document.title)}", "", escaped(document.about)]
    for section in document.sections:
        lines += ["", f"### {escaped(section.title)}", ""]
        for place, block in enumerate(section.blocks):
            if isinstance(block, Table):
                lines += [f"**{escaped(block.caption)}**", ""] if place and block.caption else []
                lines.append("| " + " | ".join(map(escaped, block.headings)) + " |")
                marks = ("---:" if column in block.numeric else "---" for column in range(len(block.headings)))
                lines.append("| " + " | ".join(marks) + " |")
                lines += ["| " + " | ".join(map(escaped, row)) + " |" for row in block.rows]
                lines.append("")
            else:
                lines += [escaped(_words(block)), ""]
    single = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    return fitted([MARKER], single, LIMIT)


def _words(block: Paragraph | Chart) -> str:
    return block.text if isinstance(block, Paragraph) else f"{block.title}: {block.summary}"


def shown(document: Document, form: str, *, color: bool = False, width: int = 80) -> str:
    """As `text`, `markdown` or `html`."""
    if form == "html":
        from capgen.report.page import as_html

        return as_html(document)
    return as_markdown(document) if form == "markdown" else as_text(document, color=color, width=width)
