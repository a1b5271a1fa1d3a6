"""Text of strangers made harmless before a person or a log reads it.

A spec may hold escape sequences that repaint a terminal, bidirectional marks that make a line read backwards,
or a newline that starts a second "finding". Each such character becomes one visible character, never two, so that
columns stay where they were and a caret still stands under the right one.
"""

from __future__ import annotations

import re

_HOSTILE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNKNOWN = "\ufffd"


def visible(text: str) -> str:
    """The text with each control, bidirectional, zero-width or unpaired character shown as one printable one."""
    return _HOSTILE.sub(_shown, text)


def one_line(text: str) -> str:
    """A message as one line: line breaks become spaces, the rest is made visible."""
    return visible(text.strip().replace("\r\n", " ").replace("\n", " "))


def encodable(text: str) -> str:
    """The text without halves of surrogate pairs, which no encoder accepts; nothing else changes."""
    return _SURROGATE.sub(_UNKNOWN, text)


def _shown(match: re.Match[str]) -> str:
    number = ord(match[0])
    if number < 0x20:
        return chr(0x2400 + number)
    return "\u2421" if number == 0x7F else _UNKNOWN
