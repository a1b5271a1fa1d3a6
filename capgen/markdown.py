"""Plain text for a place in Markdown or in a title that Grafana shows: it reads as it is and means nothing there."""

from __future__ import annotations

import re
from functools import lru_cache

_PUNCTUATION = re.compile(r"[\\`*\[\]<>|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_LEADING = re.compile(r"^(?:[#+=-]|\d+(?=[.)]))")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+")
_VARIABLE = re.compile(r"(?<=\$)(?=[\w{])|(?<=\[)(?=\[)")
WORD_JOINER = "\u2060"
"""Shows nothing; between `$` and a name it keeps Grafana from taking the two for a variable."""


def one_line(text: str) -> str:
    """The text on one line, with its blanks and control characters made single spaces."""
    if text.isprintable() and "  " not in text:  # the one blank that is printable
        return text.strip()
    return _CONTROLS.sub(" ", text).strip()


@lru_cache(maxsize=1024)  # the catalogue's sentences come back in every service
def inline(text: str) -> str:
    """One line of text inside Markdown: no emphasis, link, table cell, HTML, heading or Grafana variable."""
    safe = _PUNCTUATION.sub(r"\\\g<0>", one_line(text).replace("&", "&amp;"))
    safe = _LEADING.sub(
        lambda found: found[0][:-1] + "\\" + found[0][-1] if not found[0].isdigit() else found[0] + "\u2060", safe
    )
    return safe.replace("$", "&#36;")


def plain(text: str) -> str:
    """One line of text for a place that knows no Markdown and yet replaces `$name`, `${name}` and `[[name]]`."""
    return _VARIABLE.sub(WORD_JOINER, one_line(text)) if "$" in text or "[[" in text else one_line(text)
