"""What every part of the blueprint is made with: labels, severities, and where an item was declared."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from capgen.diagnostics import Span

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Label names and values, sorted by name."""

Severity: TypeAlias = Literal["info", "warning", "critical", "emergency"]


class Origin(Struct, frozen=True):
    """Where an item was declared: `path` in the spec (`signals.host.cpu`), its place, and the layer's name."""

    path: str
    span: Span | None = None
    layer: str = ""
