"""Puts an annotation into a manifest that is written already: a project's own template may have annotations of its own.

Two templates that each print `annotations:` would print the key twice, and neither knows of the other. So what capgen
has to add is added to what was printed, as one more line of the same mapping.
"""

from __future__ import annotations

from capgen.yamlio import Node, Source, read, scalar

_DATA = "\ndata:"


def annotated(text: str, name: str, value: str) -> str:
    """The manifest with the annotation, unless it has that one: then the manifest's own counts."""
    head, data, rest = text.partition(_DATA)
    root, _ = read(Source("manifest", f"{head}\n"))
    metadata = root.at(("metadata",)) if root is not None else None
    if metadata is None:
        return text
    annotations = metadata.at(("annotations",))
    line = f"{scalar(name)}: {scalar(value)}"
    if annotations is None:
        head = _with_entry(
            head, metadata, f"annotations: {{{line}}}" if _flow(head, metadata) else f"annotations:\n    {line}"
        )
    elif annotations.at((name,)) is None:
        head = _with_entry(head, annotations, line)
    return head + data + rest


def _flow(text: str, mapping: Node) -> bool:
    line, column, *_ = mapping.mark
    return text.split("\n")[line - 1][column - 1] == "{"


def _with_entry(text: str, mapping: Node, entry: str) -> str:
    """The text with an entry before the first one of a mapping."""
    lines = text.split("\n")
    line, column, *_ = mapping.mark
    found = lines[line - 1]
    if _flow(text, mapping):
        lines[line - 1] = (
            f"{found[:column]}{entry}, {found[column:]}"
            if mapping.value
            else f"{found[:column]}{entry}{found[column:]}"
        )
    else:
        lines.insert(line - 1, " " * (column - 1) + entry)
    return "\n".join(lines)
