"""What is said of a file that is no YAML: libyaml's words, and the place where its author has to look.

The parser stumbles where it can go no further, which for an open quote or bracket is lines behind the mistake.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import yaml

from capgen.diagnostics import Diagnostic, Span

_QUOTE_LEFT_OPEN = re.compile(r"(?:: |- |[\[{,] ?)(\"(?=(?:[^\"\\\n]|\\.)*$)|'(?=[^'\n]*$))", re.MULTILINE)


@lru_cache(maxsize=4)
def lines_of(text: str) -> list[str]:
    """The lines of a text, without their ends."""
    # A large file may have many mistakes, and each of them shows its line. A byte order mark is no part of the first.
    return text.removeprefix("\ufeff").split("\n")


def line_of(text: str, number: int) -> str:
    """The text of a line (counted from 1), "" past the end."""
    lines = lines_of(text)
    return lines[number - 1].rstrip("\r") if 0 < number <= len(lines) else ""


def told(name: str, text: str, error: yaml.YAMLError) -> Diagnostic:
    """What libyaml stumbled over in a file, at the place where its author has to look."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error).strip()
    line, column = _within(text, mark.line, mark.column) if mark else _unreadable(text, error)
    shown = line_of(text, line)
    span = Span(name, line, column, line, column + 1)
    if "\t" in shown[: len(shown) - len(shown.lstrip())] or shown[column - 1 : column] == "\t":
        return Diagnostic("CG102", "a tab stands where YAML wants spaces", span, "indent with spaces", excerpt=shown)
    if re.search("control characters|special characters|invalid.*UTF-8", problem):
        hint = 'write it as an escape in double quotes, like "\\u0007"'
        hint = "save it as UTF-8: this is another encoding" if text.count("\0") > 1 else hint
        return Diagnostic("CG109", "the file holds a character that YAML does not allow", span, hint, excerpt=shown)
    if mark and (blamed := _opening(text, problem, mark.line, getattr(error, "context_mark", None) or mark)):
        line, column, problem, hint = blamed
        span, shown = Span(name, line, column, line, column + 1), line_of(text, line)
    else:
        hint = _syntax_hint(problem, shown, column)
    return Diagnostic("CG101", f"not valid YAML: {problem}", span, hint, excerpt=shown)


def _opening(text: str, problem: str, line: int, opened: Any) -> tuple[int, int, str, str] | None:
    """Where something began that the parser stumbled over in a later line: line, column, what is wrong, what to do."""
    lines = lines_of(text)
    begins = sum(len(one) + 1 for one in lines[:line])
    ends = begins + len(lines[line]) if line < len(lines) else len(text)
    for start in _QUOTE_LEFT_OPEN.finditer(text, 0, ends):
        # An open quote runs to the next one, which was meant to open a value; there the parser stumbles.
        closes = text.find(start[1], start.end(1))
        if closes < 0 or begins <= closes <= ends:
            opened_at = place_of(text, start.start(1))
            return *opened_at, f"the quote {start[1]} that opens here is not closed", f"close it with {start[1]}"
    place = opened.line + 1, opened.column + 1
    if "expected ',' or" in problem and opened.line < line:
        bracket = line_of(text, place[0])[opened.column :][:1]
        return *place, f"the {bracket} that opens here is not closed", f"close it with {'}' if bracket == '{' else ']'}"
    if "expected ':'" in problem and opened.line < line:
        return *place, "no colon follows this key", "a key needs a colon and a space after it"
    return None


def _within(text: str, line: int, column: int) -> tuple[int, int]:
    """A place as counted from 1; the end of the last line that holds something, for what lies behind it."""
    lines = lines_of(text)
    if line < len(lines) and any(rest.strip() for rest in lines[line:]):
        return line + 1, column + 1
    last = max((number for number, one in enumerate(lines) if one.strip()), default=0)
    return last + 1, len(lines[last].rstrip()) + 1


def _unreadable(text: str, error: yaml.YAMLError) -> tuple[int, int]:
    position = getattr(error, "position", None)
    return place_of(text, position if isinstance(position, int) else 0)


def place_of(text: str, index: int) -> tuple[int, int]:
    """Line and column (from 1) of a position in a text (from 0)."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


_SYNTAX_HINTS = (
    ("mapping values are not allowed", r"\s*[\w./-]+:$", "indent this line like the keys beside it"),
    ("mapping values are not allowed", r"\s*[\w./-]+:\S", "put a space after the first colon"),
    ("mapping values are not allowed", "", "a value with a colon in it needs quotes"),
    ("expected ':'", "", "a key needs a colon and a space after it"),
    ("expected ',' or|expected node content|end of stream", "", "a quote, bracket or brace is not closed"),
    ("expected key", "", "check the indentation, and that quotes are closed"),
    ("cannot start any token|alphabetic or numeric", "", "quote values that start with a special character"),
    ("hexdecimal|escape character", "", "in double quotes a backslash starts an escape: use single quotes"),
    ("block sequence entries", "", "start the list on a line of its own, or quote the hyphen"),
    ("", "", "check the indentation and the quotes around here"),
)
"""A part of libyaml's message, how the line goes on up to the caret, and what to do; the first that fits."""


def _syntax_hint(problem: str, text: str, column: int) -> str:
    before = text[:column]
    return next(hint for words, line, hint in _SYNTAX_HINTS if re.search(words, problem) and re.match(line, before))
