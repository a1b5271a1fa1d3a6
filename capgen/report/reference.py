"""The reference of the spec language as Markdown, from its JSON Schema: what editors check is what people read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Schema = Mapping[str, Any]

_WORDS = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "`true` or `false`"}


def reference(schema: Schema) -> str:
    """The tables of every kind and every part of the language: key, what it takes, what it means.

    `schema` is the schema of all kinds, as `capgen schema` prints it.
    """
    parts: Mapping[str, Schema] = schema["$defs"]
    kinds = list(schema["properties"]["kind"]["enum"])
    objects = [name for name in _reached(kinds, parts) if parts[name].get("properties")]
    return "\n".join(line for name in objects for line in _section(name, parts[name], parts))


def _reached(names: Iterable[str], parts: Mapping[str, Schema]) -> list[str]:
    """The parts in the order in which a reader meets them, each once."""
    found: list[str] = []
    for name in names:
        waiting = [name]
        while waiting:
            here = waiting.pop(0)
            if here not in found:
                found.append(here)
                waiting += _references(parts[here])
    return found


def _references(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        own = [_name(value["$ref"])] if "$ref" in value else []
        return own + [name for key, inside in value.items() if key != "$ref" for name in _references(inside)]
    if isinstance(value, list):
        return [name for inside in value for name in _references(inside)]
    return []


def _name(reference: str) -> str:
    return reference.rsplit("/", 1)[-1]


def _section(name: str, part: Schema, parts: Mapping[str, Schema]) -> list[str]:
    required = set(part.get("required", ()))
    rows = [
        f"| `{key}`{' (required)' if key in required else ''} | {_cell(_takes(value, parts))} | {_cell(_meaning(value, parts))} |"
        for key, value in part["properties"].items()
    ]
    extra = part.get("additionalProperties")
    if isinstance(extra, Mapping):
        rows.append(f"| any other | {_cell(_takes(extra, parts))} | {_cell(_meaning(extra, parts))} |")
    about = [part["description"], ""] if "description" in part else []
    return [f"## {name}", "", *about, "| key | takes | meaning |", "| --- | --- | --- |", *rows, ""]


def _takes(value: Schema, parts: Mapping[str, Schema]) -> str:
    """The type of a value in words. That null removes a key is told once, above the tables, and not in each row."""
    if "$ref" in value:
        name = _name(value["$ref"])
        return f"[{name}](#{name.lower()})" if parts[name].get("properties") else _takes(parts[name], parts)
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{item}`" for item in value["enum"] if item is not None)
    if _is_written(title := value.get("title", "")):
        return str(title)
    if options := _options(value):
        words = list(dict.fromkeys(_takes(option, parts) for option in options))
        return " or ".join(word for word in words if word != "a whole number" or "a number" not in words)
    types = value.get("type", "any value")
    kind = next((one for one in types if one != "null"), "null") if isinstance(types, list) else types
    if kind == "array":
        return f"list, each {_takes(value.get('items', {}), parts)}"
    if kind == "object":
        inside = value.get("additionalProperties")
        return f"map, each {_takes(inside, parts)}" if isinstance(inside, Mapping) else "map"
    return _WORDS.get(kind, kind)


def _is_written(title: str) -> bool:
    """Whether a title is a type's own ("a duration") and not the key in capitals, which pydantic makes up."""
    return title[:1].islower()


def _options(value: Schema) -> list[Schema]:
    return [option for option in value.get("anyOf", ()) if option != {"type": "null"}]


def _meaning(value: Schema, parts: Mapping[str, Schema]) -> str:
    """What a field is for, or else what its type is; its default; examples."""
    inner = next((option for option in _options(value) if "description" in option or "examples" in option), {})
    told = value.get("description") or inner.get("description", "")
    examples = value.get("examples") or inner.get("examples") or ()
    default = value.get("default")
    facts = [
        *([told] if told else []),
        *([f"Default: `{_plain(default)}`."] if default not in (None, {}, []) else []),
        *([f"For example {', '.join(f'`{_plain(example)}`' for example in examples)}."] if examples else []),
    ]
    return " ".join(facts)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_plain(inside)}" for key, inside in value.items()) + "}"
    return str(value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
