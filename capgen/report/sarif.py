"""Findings for code-scanning pages: SARIF 2.1.0.

Only the rules that occur are listed, with the title and text of their page, so that the viewer explains a finding
without a link. Positions are counted in code points, as in our spans, which SARIF has to be told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from capgen.diagnostics import Diagnostic, Severity, Span
from capgen.report.codes import codes, page
from capgen.report.visible import encodable

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_NOWHERE = {"artifactLocation": {"uri": "specs"}, "region": {"startLine": 1}}
_LEVELS: Mapping[Severity, str] = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def as_sarif(found: Sequence[Diagnostic], *, tool_version: str) -> str:
    """One run of one tool. A file name that is not absolute is relative to the root of the checkout."""
    ids = {code: index for index, code in enumerate(sorted({diagnostic.code for diagnostic in found}))}
    known = frozenset(codes())
    run = {
        "tool": {
            "driver": {
                "name": "capgen",
                "version": tool_version,
                "rules": [_rule(code) if code in known else {"id": code} for code in ids],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(diagnostic, ids[diagnostic.code]) for diagnostic in found],
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return encodable(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"


def _rule(code: str) -> dict[str, object]:
    explained = page(code)
    return {
        "id": code,
        "shortDescription": {"text": explained.title},
        "fullDescription": {"text": explained.text.partition("\n\n")[0]},
        "help": {"text": explained.text, "markdown": explained.text},
    }


def _result(diagnostic: Diagnostic, rule: int) -> dict[str, object]:
    said = "\n".join(part for part in (diagnostic.message, diagnostic.hint) if part)
    result: dict[str, object] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": _LEVELS[diagnostic.severity],
        # `[text](target)` in a message becomes a link in viewers; a spec must not be able to write one.
        "message": {"text": said.replace("](", "\\](")},
    }
    # GitHub refuses a whole upload for one result without a place: what is about no line is about the specs.
    place = _place(diagnostic.span, diagnostic.excerpt) if diagnostic.span else _NOWHERE
    result["locations"] = [{"physicalLocation": place}]
    return result


def _place(span: Span, excerpt: str) -> dict[str, object]:
    region: dict[str, object] = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    if excerpt:
        region["snippet"] = {"text": excerpt}
    return {"artifactLocation": {"uri": quote(encodable(span.file))}, "region": region}
