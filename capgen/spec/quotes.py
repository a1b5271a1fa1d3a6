"""Puts the line that a finding is about into it, for findings about several files at once, which know places only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from capgen.diagnostics import Diagnostic
from capgen.yamlio import Source


def quoting(found: Iterable[Diagnostic], sources: Iterable[Source]) -> Iterator[Diagnostic]:
    """The findings, each with its line."""
    by_name = {source.name: source for source in sources}
    for finding in found:
        source = by_name.get(finding.span.file) if finding.span and not finding.excerpt else None
        yield replace(finding, excerpt=source.line(finding.span.line)) if source and finding.span else finding
