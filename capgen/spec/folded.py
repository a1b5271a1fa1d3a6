"""A spec written down as it is in one environment: all layers folded into one document, for whoever has none of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from capgen.yamlio import Node, scalar

_ORDER = ("apiVersion", "kind", "metadata")
_WIDTH = 100


def folded(node: Node, leave_out: Collection[Sequence[str]]) -> str:
    """The document of a folded tree as YAML, without what is at some paths. It reads back as the same values."""
    sections = node.value if isinstance(node.value, dict) else {}
    kept = _without({key: section.data() for key, section in sections.items()}, leave_out, ())
    return written({key: kept[key] for key in (*_ORDER, *sorted(set(kept) - set(_ORDER)))})


def _sorted(value: Any) -> Any:
    """The order in which somebody wrote keys says nothing, so it changes no byte."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=str)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _without(data: Mapping[str, Any], leave_out: Collection[Sequence[str]], at: tuple[str, ...]) -> dict[str, Any]:
    inside = {key: value for key, value in data.items() if (*at, key) not in leave_out}
    return {
        key: _without(value, leave_out, (*at, key)) if isinstance(value, dict) else value
        for key, value in inside.items()
    }


def written(data: Mapping[str, Any]) -> str:
    """A mapping as YAML: what fits into a line is one. Below the first level keys are sorted."""
    return "".join(f"{line}\n" for line in _lines({key: _sorted(value) for key, value in data.items()}, ""))


def _lines(data: Mapping[str, Any], pad: str) -> list[str]:
    found = []
    for key, value in data.items():
        line = f"{pad}{scalar(key)}: {scalar(value)}"
        if isinstance(value, dict) and value and len(line) > _WIDTH:
            found += [f"{pad}{scalar(key)}:", *_lines(value, pad + "  ")]
        elif isinstance(value, list) and value and len(line) > _WIDTH:
            found += [f"{pad}{scalar(key)}:", *(f"{pad}- {scalar(item)}" for item in value)]
        else:
            found.append(line)
    return found
