"""Where a part of an expression stands: in its text, and in the YAML file around the text.

The tree has no positions, so a part is found again by its word: the metric, the function or the label, at
its n-th occurrence. Words survive every way YAML can write a scalar, so the same count finds them in the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from capgen.diagnostics import Span
from capgen.promql import Aggregate, Call, Expr, Selector, walk
from capgen.yamlio import Node

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|#[^\n]*|([a-zA-Z_:][a-zA-Z0-9_:]*)')


def locate(text: str, tree: Expr, part: Expr | None, word: str = "") -> tuple[int, int]:
    """Start and length of a part in the expression's text; of `word` in or after it if one is given.

    A part without a word of its own (a number, an operator) stands where its first named part does. What
    cannot be found is the whole text.
    """
    start, length = 0, len(text)
    named = next((node for node in walk(part) if _word(node)), None) if part is not None else None
    if named is not None:
        wanted = _word(named)
        same = [node for node in walk(tree) if _word(node) == wanted]
        nth = next((index for index, node in enumerate(same) if node is named), 0)
        places = [m.start(1) for m in _TOKEN.finditer(text) if m[1] and m[1].casefold() == wanted.casefold()]
        if places:
            start, length = places[min(nth, len(places) - 1)], len(wanted)
    if word and (found := _whole(word).search(text, start) or _whole(word).search(text)):
        start, length = found.start(), len(word)
    return start, length


def _word(node: Expr) -> str:
    match node:
        case Selector():
            return node.name
        case Call():
            return node.function
        case Aggregate():
            return node.op
        case _:
            return ""


def _whole(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w:]){re.escape(word)}(?![\w:])")


def place(lines: Sequence[str], node: Node, text: str, start: int, length: int) -> Span:
    """The span in the file of a piece of a scalar's value; the scalar's start when it cannot be told."""
    line, column, end_line, end_column = node.mark
    whole = Span(node.source.name, line, column, line, max(column + 1, end_column if end_line == line else column + 1))
    word = text[start : start + length]
    if not word or "\n" in word or length == len(text):
        return whole
    before = sum(1 for _ in _whole(word).finditer(text[: start + length])) - 1
    for number in range(line, min(end_line, len(lines)) + 1):
        content = lines[number - 1]
        low = column - 1 if number == line else 0
        high = end_column - 1 if number == end_line else len(content)
        for found in _whole(word).finditer(content, low, high):
            if before == 0:
                return Span(node.source.name, number, found.start() + 1, number, found.end() + 1)
            before -= 1
    return whole
