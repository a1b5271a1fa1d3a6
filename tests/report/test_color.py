"""When output is coloured: the two conventions of the field, and the terminal."""

from __future__ import annotations

import pytest

from capgen.report.color import wants_color


class Terminal:
    def isatty(self) -> bool:
        return True


class Pipe:
    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("stream", "environ", "expected"),
    [
        (Terminal(), {}, True),
        (Pipe(), {}, False),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Pipe(), {"FORCE_COLOR": "1"}, True),
        (Pipe(), {"FORCE_COLOR": ""}, False),
        (Terminal(), {"FORCE_COLOR": "0"}, False),
        (Pipe(), {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (Terminal(), {"TERM": "xterm-256color"}, True),
    ],
)
def test_who_gets_color(stream: Terminal | Pipe, environ: dict[str, str], expected: bool) -> None:
    assert wants_color(stream, environ) is expected
