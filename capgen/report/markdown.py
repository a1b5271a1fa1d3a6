"""Findings as a comment on a pull request.

The first line is a hidden marker by which a bot finds its own comment again. GitHub refuses bodies over 65,536
characters, so rows are left out from the end (errors stand first) and their number is said; the same findings always
give the same bytes. Text of a spec cannot form a table cell, a link, an image, HTML or a mention.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from capgen.diagnostics import Diagnostic, Severity
from capgen.report.summary import summary
from capgen.report.visible import one_line, visible

MARKER = "<!-- capgen -->"
LIMIT = 65_536

_LONGEST = 1_000
_RANK = tuple(Severity)
_PUNCTUATION = re.compile(r"[\\`*_\[\]<>|~&$]|:(?=//)")
# Found by GitHub in the rendered text, where a backslash is gone: mentions, issue numbers, `GH-1`, `www.`
_REFERENCE = re.compile(r"[@#]|(?i:gh(?=-\d)|w(?=ww\.))")
_INVISIBLE_SPACE = "\u200b"
# At a line's beginning, where it would start a list or a rule.
_BEGINNING = re.compile(r"^([-+](?=[\s-]|$)|\d{1,9}(?=[.)](?:\s|$)))")


def as_markdown(found: Sequence[Diagnostic]) -> str:
    """A comment of at most LIMIT characters: the count, then a table of the findings, errors first."""
    lines = [MARKER, f"**capgen: {summary(found)}**", ""]
    if not found:
        return "\n".join(lines)
    lines += ["| finding | where | what |", "| --- | --- | --- |"]
    rows = [_row(diagnostic) for diagnostic in sorted(found, key=lambda d: _RANK.index(d.severity))]
    return fitted(lines, rows, LIMIT)


def fitted(head: Sequence[str], rows: Iterable[str], limit: int) -> str:
    """The lines of the head and as many rows as fit the limit, with a last line that counts the ones left out."""
    room = limit - sum(len(line) + 1 for line in head)
    kept: list[str] = []
    count = 0
    for row in rows:
        count += 1
        room -= len(row) + 1
        if room >= 0:  # of many rows no more is in memory than can be shown
            kept.append(row)
    if count > len(kept):
        room = limit - sum(len(line) + 1 for line in (*head, *kept)) - len(_more(count)) - 1
        while kept and room < 0:
            room += len(kept.pop()) + 1
        kept.append(_more(count - len(kept)))
    return "\n".join((*head, *kept)) + "\n"


def escaped(text: str) -> str:
    """One line of plain text for a place in Markdown: it shows as it is and means nothing."""
    safe = _PUNCTUATION.sub(r"\\\g<0>", one_line(text))
    safe = _BEGINNING.sub(lambda match: f"{match[0]}\\" if match[0].isdigit() else f"\\{match[0]}", safe)
    return _REFERENCE.sub(rf"\g<0>{_INVISIBLE_SPACE}", safe)


def _more(number: int) -> str:
    return f"\n… and {number} more"


def _row(diagnostic: Diagnostic) -> str:
    what = _short(diagnostic.message)
    if diagnostic.hint:
        what += f"<br>hint: {_short(diagnostic.hint)}"
    where = _short(visible(str(diagnostic.span))) if diagnostic.span else ""
    return f"| {diagnostic.severity} {_short(diagnostic.code)} | {where} | {what} |"


def _short(text: str) -> str:
    return escaped(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
