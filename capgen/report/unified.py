"""The difference of two texts as a unified diff, for `diff` and for `build --check`.

Lines are split at line feeds alone: other separators may stand inside a quoted scalar. What a terminal would act on
is made visible, since a diff shows text of strangers; a file that is not there is /dev/null, as git has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff

from capgen.report.color import Style, painted
from capgen.report.visible import visible

_NO_NEWLINE = "\\ No newline at end of file"


def unified(before: str | None, after: str | None, path: str, color: bool = False) -> str:
    """The diff from `before` to `after` (None: no such file) with three lines of context; "" when they are equal."""
    if before == after:
        return ""
    name = visible(path)
    names = ("/dev/null" if before is None else f"a/{name}", "/dev/null" if after is None else f"b/{name}")
    old, new = _lines(before or ""), _lines(after or "")
    return "".join(f"{line}\n" for line in _body(old, new, names, color)) or "".join(
        f"{painted(f'{sign} {name}', 'bold', color)}\n" for sign, name in zip(("---", "+++"), names, strict=True)
    )


def _lines(text: str) -> list[str]:
    """Lines with their line feed, so that a last line without one differs from the same line with it."""
    return [f"{line}\n" for line in text.split("\n")[:-1]] + ([last] if (last := text.split("\n")[-1]) else [])


def _body(old: list[str], new: list[str], names: tuple[str, str], color: bool) -> Iterator[str]:
    for number, line in enumerate(unified_diff(old, new, *names)):
        style: Style | None = "bold" if number < 2 else _style(line)
        ended = line.endswith("\n")
        shown = "\t".join(visible(piece) for piece in line.removesuffix("\n").split("\t"))
        yield painted(shown, style, color) if style else shown
        if not ended:
            yield _NO_NEWLINE


def _style(line: str) -> Style | None:
    signs: dict[str, Style] = {"+": "green", "-": "red", "@": "cyan"}
    return signs.get(line[:1])
