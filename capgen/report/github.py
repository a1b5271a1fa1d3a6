"""Findings as GitHub workflow commands, which annotate the lines of a pull request.

A command is one line of the job's log, so a newline or a `::` from a spec must never start another one: the runner's
own escapes are used, after everything invisible has been made visible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capgen.diagnostics import Diagnostic, Severity
from capgen.report.visible import one_line, visible

_COMMANDS: Mapping[Severity, str] = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def as_commands(found: Sequence[Diagnostic]) -> str:
    """One `::error file=…,line=…::message` a finding; "" when there are none."""
    return "".join(f"{_command(diagnostic)}\n" for diagnostic in found)


def _command(diagnostic: Diagnostic) -> str:
    said = one_line(diagnostic.message)
    if diagnostic.hint:
        said += f"\nhint: {one_line(diagnostic.hint)}"
    properties: dict[str, object] = {}
    if span := diagnostic.span:
        properties = {"file": visible(span.file), "line": span.line, "col": span.column}
        # The runner drops columns of an annotation that spans several lines.
        properties |= {"endColumn": span.end_column} if span.end_line == span.line else {"endLine": span.end_line}
    properties["title"] = visible(diagnostic.code)
    pairs = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{_COMMANDS[diagnostic.severity]} {pairs}::{_data(said)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
