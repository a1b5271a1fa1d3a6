"""Findings are values: what is wrong, where, and what to do about it.

A user's mistake never travels as an exception. Every room that judges returns Diagnostics, so that all
mistakes of all files are shown at once, and the way they are shown (terminal, JSON, SARIF, …) is chosen last.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct


class Severity(StrEnum):
    """How bad a finding is: an error stops the build, a warning and a note do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Span(Struct, frozen=True, order=True):
    """A piece of a file: lines and columns count from 1, the end is the column after the last one."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Diagnostic(Struct, frozen=True):
    """One finding. `excerpt` is the text of the span's first line, kept so that a report needs no files."""

    code: str
    message: str
    span: Span | None = None
    hint: str = ""
    severity: Severity = Severity.ERROR
    excerpt: str = ""

    @property
    def sort_key(self) -> tuple[str, int, int, str, str, str]:
        """File, position, code: the order reports are written in."""
        if self.span is None:
            return ("", 0, 0, self.code, self.message, self.hint)
        return (self.span.file, self.span.line, self.span.column, self.code, self.message, self.hint)


def in_order(found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The findings by file and position, each once."""
    return tuple(sorted(dict.fromkeys(found), key=lambda d: d.sort_key))


def has_errors(found: Iterable[Diagnostic]) -> bool:
    """Whether any of the findings stops a build."""
    return any(d.severity is Severity.ERROR for d in found)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name a misspelt one was probably meant to be, or None when nothing is close."""
    import difflib  # only on the way to an error message

    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return close[0] if close else None


def suggest(name: str, known: Iterable[str], *, what: str = "names") -> str:
    """A hint for an unknown name: the close one if there is one, else the list (shortened)."""
    options = sorted(set(known))
    if close := nearest(name, options):
        return f"did you mean {close!r}?"
    if not options:
        return f"there are no {what} to choose from here"
    shown = ", ".join(options[:12]) + (", …" if len(options) > 12 else "")
    return f"known {what}: {shown}"
