"""Whether to colour, asked once at the edge, and the few styles there are.

Reports are pure: they are told `color=True` and never look at a terminal. The command line asks `wants_color` for
the stream it writes to. The styles are the sixteen colours that every terminal theme keeps readable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

Style = Literal["red", "yellow", "cyan", "green", "bold", "dim"]

_CODES: Mapping[Style, str] = {"red": "1;31", "yellow": "33", "cyan": "36", "green": "32", "bold": "1", "dim": "2"}


class Stream(Protocol):
    """All that is asked of an output stream."""

    def isatty(self) -> bool:
        """Whether a person is looking."""
        ...


def wants_color(stream: Stream, environ: Mapping[str, str]) -> bool:
    """Whether output to this stream is coloured: NO_COLOR wins, then FORCE_COLOR, then whether it is a terminal.

    Both variables count when they are set and not empty; FORCE_COLOR=0 and a TERM of `dumb` mean no colour.
    """
    if environ.get("NO_COLOR"):
        return False
    if force := environ.get("FORCE_COLOR"):
        return force != "0"
    return environ.get("TERM") != "dumb" and stream.isatty()


def painted(text: str, style: Style, color: bool) -> str:
    """The text in a style, or as it is when colour is off or there is nothing to paint."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if color and text else text
