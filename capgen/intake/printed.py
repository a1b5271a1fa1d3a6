"""A draft as YAML that people go on writing: short mappings on one line, long ones in lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from capgen.yamlio import scalar

_WIDTH = 110


def printed(document: Mapping[str, Any], comment: str = "") -> str:
    """The document's text."""
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    blocks: list[str] = []
    for key, value in document.items():
        lines = list(_lines(key, value, 0))
        blocks.append(("\n" if len(lines) > 1 and blocks else "") + "\n".join(lines))
    return head + "\n".join(blocks) + "\n"


def _holds_more(value: Any) -> bool:
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(isinstance(child, (Mapping, list)) for child in inside)


def _lines(key: str, value: Any, depth: int) -> Iterator[str]:
    lead, flow = "  " * depth, scalar(value)
    inside = isinstance(value, (Mapping, list)) and bool(value)
    flat = depth > 1 or (depth == 1 and not _holds_more(value))
    if not inside or (flat and len(lead) + len(scalar(key)) + len(flow) + 2 <= _WIDTH):
        yield f"{lead}{scalar(key)}: {flow}"
    elif isinstance(value, Mapping):
        yield f"{lead}{scalar(key)}:"
        for name, child in value.items():
            yield from _lines(name, child, depth + 1)
    else:
        yield f"{lead}{scalar(key)}:"
        for item in value:
            yield f"{lead}- {scalar(item)}"
