"""Points a finding at the word of the spec that has to change."""

from __future__ import annotations

from capgen.diagnostics import Diagnostic, Span
from capgen.spec.parse import Spec
from capgen.yamlio import Path


def finding(spec: Spec, code: str, message: str, path: Path, hint: str) -> Diagnostic:
    """An error at the value of a path; at the nearest part of it that the spec writes, if it is a default."""
    node = spec.node
    for length in range(len(path), 0, -1):
        if (found := spec.node.at(path[:length])) is not None:
            node = found
            break
    span: Span = node.span
    return Diagnostic(code, message, span, hint, excerpt=node.source.line(span.line))
