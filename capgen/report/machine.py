"""Findings for scripts: JSON whose shape is a promise.

`schema_version` rises when a key is renamed or changes its meaning; new keys may come at any time. The values are
the spec's own text, unescaped but for what JSON asks, so a reader has to treat them as hostile.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from capgen.diagnostics import Diagnostic
from capgen.report.summary import counts
from capgen.report.visible import encodable

SCHEMA_VERSION = 1


def as_json(found: Sequence[Diagnostic]) -> str:
    """`{"schema_version", "diagnostics", "summary"}`; lines and columns count from 1, a span's end is exclusive."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "diagnostics": [plain(diagnostic) for diagnostic in found],
        "summary": counts(found),
    }
    return encodable(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"


def plain(diagnostic: Diagnostic) -> dict[str, object]:
    """One finding as plain data, for JSON documents that carry findings beside other things."""
    span = diagnostic.span
    return {
        "code": diagnostic.code,
        "severity": str(diagnostic.severity),
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        "span": None
        if span is None
        else {
            "file": span.file,
            "line": span.line,
            "column": span.column,
            "end_line": span.end_line,
            "end_column": span.end_column,
        },
        "excerpt": diagnostic.excerpt,
    }
