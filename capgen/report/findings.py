"""Findings in the form somebody asked for: the one door of this room for `--format`.

The forms differ in what they are for, not in what they say: a person at a terminal, a script, a code-scanning
page, annotations on a pull request, a test report, a comment. Each is a file of its own here, and is imported
only when asked for, since most runs print nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, assert_never

from capgen import __version__
from capgen.diagnostics import Diagnostic, in_order

Format = Literal["text", "json", "sarif", "github", "junit", "markdown"]

FORMATS: tuple[Format, ...] = ("text", "json", "sarif", "github", "junit", "markdown")


def render(
    found: Iterable[Diagnostic],
    form: Format,
    *,
    color: bool = False,
    width: int = 80,
    tool_version: str = __version__,
) -> str:
    """The findings by file and position, each once, as text that ends with a newline.

    Without findings `text` and `github` give "", the other forms a whole document that says so. `color` and
    `width` (in terminal cells) shape `text` alone; `tool_version` is written to `sarif` alone.
    """
    # Findings at one place with one message may still differ in their hint: the order must not depend on who came first.
    ordered = in_order(sorted(found, key=repr))
    match form:
        case "text":
            from capgen.report.text import as_text

            return as_text(ordered, color=color, width=width)
        case "json":
            from capgen.report.machine import as_json

            return as_json(ordered)
        case "sarif":
            from capgen.report.sarif import as_sarif

            return as_sarif(ordered, tool_version=tool_version)
        case "github":
            from capgen.report.github import as_commands

            return as_commands(ordered)
        case "junit":
            from capgen.report.junit import as_junit

            return as_junit(ordered)
        case "markdown":
            from capgen.report.markdown import as_markdown

            return as_markdown(ordered)
    assert_never(form)
