"""Findings for a person at a terminal: where, what, the line itself with a caret, what to do.

    specs/apm.yaml:30:5: error CG304: message, wrapped at the width
      30 |     critical: 70%
         |     ^^^^^^^^
      hint: what to do

Widths are terminal cells and not characters: a CJK letter takes two, a combining accent none, a tab is shown as four
spaces. A line that does not fit is cut on both sides of the caret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.cells import cell_len

from capgen.diagnostics import Diagnostic, Severity, Span
from capgen.report.color import Style, painted
from capgen.report.summary import summary
from capgen.report.visible import one_line, visible

_STYLES: Mapping[Severity, Style] = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_TAB = "    "
_HINT = "  hint: "
_NARROWEST = 40


def as_text(found: Sequence[Diagnostic], *, color: bool = False, width: int = 80) -> str:
    """The findings with a blank line between them and a closing count; "" when there are none."""
    if not found:
        return ""
    width = max(width, _NARROWEST)
    blocks = ["\n".join(_block(diagnostic, width, color)) for diagnostic in found]
    return "\n\n".join([*blocks, painted(summary(found), "bold", color)]) + "\n"


def _block(diagnostic: Diagnostic, width: int, color: bool) -> Iterator[str]:
    style = _STYLES[diagnostic.severity]
    where = f"{visible(str(diagnostic.span))}: " if diagnostic.span else ""
    what = f"{diagnostic.severity} {visible(diagnostic.code)}:"
    used = cell_len(where + what) + 1
    first, *more = wrapped(one_line(diagnostic.message), width - used, width - 2)
    yield f"{painted(where, 'bold', color)}{painted(what, style, color)} {first}".rstrip()
    yield from (f"  {line}" for line in more)
    if diagnostic.span and diagnostic.excerpt:
        gutter = f"{diagnostic.span.line:>4} | "
        line, before, carets = _excerpt(diagnostic.excerpt, diagnostic.span, width - len(gutter))
        blank = f"{'| ':>{len(gutter)}}"
        yield f"{painted(gutter, 'dim', color)}{line}".rstrip()
        yield f"{painted(blank, 'dim', color)}{' ' * before}{painted('^' * carets, style, color)}"
    if diagnostic.hint:
        room = width - len(_HINT)
        for number, line in enumerate(wrapped(one_line(diagnostic.hint), room, room)):
            yield f"{painted(_HINT, 'cyan', color) if number == 0 else ' ' * len(_HINT)}{line}".rstrip()


def wrapped(text: str, first: int, rest: int) -> list[str]:
    """The text in lines of at most `first` and then `rest` cells, broken at spaces; a longer word stays whole.

    The first line is empty when its first word only fits on a line of its own.
    """
    lines: list[str] = []
    words: list[str] = []
    used, room = 0, first
    for word in text.split(" "):
        size = cell_len(word)
        needed = used + bool(words) + size
        if needed > room and (words or room < rest):
            lines.append(" ".join(words))
            words, needed, room = [], size, rest
        words.append(word)
        used = needed
    return [*lines, " ".join(words)]


def broken(text: str, width: int) -> str:
    """The text with each of its lines broken at the width, what follows two further in than its line begins."""
    room, lines = max(width, _NARROWEST), []
    for line in text.split("\n"):
        inside = line.lstrip(" ")
        pad = " " * (len(line) - len(inside))
        first, *rest = wrapped(inside, room - len(pad), room - len(pad) - 2)
        lines += [pad + first, *(f"{pad}  {more}" for more in rest)]
    return "\n".join(lines)


def _excerpt(text: str, span: Span, room: int) -> tuple[str, int, int]:
    """The line as shown, how many cells stand before the caret, and how many carets there are."""
    # A line may be a megabyte long, and only what is near the span can be shown.
    cut = max(0, span.column - 1 - 4 * room)
    near = text[cut : cut + 8 * room]
    shown = [_TAB if character == "\t" else visible(character) for character in near]
    sizes = [cell_len(piece) for piece in shown]
    start = min(max(span.column, 1) - 1 - cut, len(shown))
    end = span.end_column - 1 - cut if span.end_line == span.line else len(shown)
    end = min(max(end, start + 1), len(shown))
    left, right = 0, len(shown)
    if sum(sizes) + (start == len(shown)) > room:
        left, right = _window(sizes, start, end, room - 2)
    head = "…" if left or cut else ""
    tail = "…" if right < len(shown) or cut + len(near) < len(text) else ""
    before = len(head) + sum(sizes[left:start])
    return f"{head}{''.join(shown[left:right])}{tail}", before, max(sum(sizes[start : min(end, right)]), 1)


def _window(sizes: Sequence[int], start: int, end: int, room: int) -> tuple[int, int]:
    """The piece of a line that fits the room: the span, half of the rest before it, then what follows it."""
    left = right = start
    while right < end and sizes[right] <= room:
        room, right = room - sizes[right], right + 1
    half = room // 2
    while left > 0 and sizes[left - 1] <= half:
        half, room, left = half - sizes[left - 1], room - sizes[left - 1], left - 1
    while right < len(sizes) and sizes[right] <= room:
        room, right = room - sizes[right], right + 1
    while left > 0 and sizes[left - 1] <= room:
        room, left = room - sizes[left - 1], left - 1
    return left, right
