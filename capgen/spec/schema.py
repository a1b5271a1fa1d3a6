"""The JSON Schema (2020-12) of the spec language, from the models, for editors and for whoever checks without capgen.

It accepts what the models accept once removals (`null`) are carried out: every key that may be left out may also
be null. Descriptions are the docstrings under the fields; they are read here, from the source, and not by
pydantic on every start.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from capgen.spec.documents import KINDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(kind: str | None = None) -> dict[str, Any]:
    """The schema of one kind of document, or of all three (told apart by `kind`)."""
    if kind is not None:
        return {"$schema": DIALECT, **_document(KINDS[kind])}
    definitions: dict[str, Any] = {}
    kinds: list[dict[str, Any]] = []
    for name, model in sorted(KINDS.items()):
        document = _document(model)
        definitions |= document.pop("$defs", {})
        definitions[name] = document
        kinds.append(
            {"if": {"properties": {"kind": {"const": name}}, "required": ["kind"]}, "then": {"$ref": f"#/$defs/{name}"}}
        )
    return {
        "$schema": DIALECT,
        "title": "capgen spec",
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": sorted(KINDS)}},
        "allOf": kinds,
        "$defs": dict(sorted(definitions.items())),
    }


def _document(model: type[BaseModel]) -> dict[str, Any]:
    raw = model.model_json_schema(by_alias=True, schema_generator=GenerateJsonSchema)
    definitions = {name: _part(part) for name, part in sorted(raw.pop("$defs", {}).items())}
    return {**_part(raw), "$defs": definitions}


def _part(part: dict[str, Any]) -> dict[str, Any]:
    """One object's schema, with nulls where a key may be left out and descriptions from the source."""
    required = set(part.get("required", ()))
    described = _descriptions().get(part.get("title", ""), {})
    properties: dict[str, Any] = {}
    for name, inside in part.get("properties", {}).items():
        value = inside if name in required else _nullable(inside)
        if text := described.get(name):
            value = {**value, "description": text}
        properties[name] = value
    result = {**part}
    if properties:
        result["properties"] = properties
    nullable: dict[str, Any] = _values_nullable(result)
    return nullable


def _nullable(inside: dict[str, Any]) -> dict[str, Any]:
    inside = _values_nullable({key: value for key, value in inside.items() if key != "default" or value is not None})
    if any(option == {"type": "null"} for option in inside.get("anyOf", ())):
        return inside
    if isinstance(inside.get("type"), str) and not {"enum", "const", "anyOf"} & set(inside):
        return {**inside, "type": [inside["type"], "null"]}
    kept: dict[str, Any] = {
        key: inside.pop(key) for key in ("title", "description", "examples", "default") if key in inside
    }
    return {**kept, "anyOf": [inside, {"type": "null"}]}


def _values_nullable(inside: Any) -> Any:
    """Entries of a mapping may be removed by null as well; its keys keep their pattern."""
    if isinstance(inside, list):
        return [_values_nullable(item) for item in inside]
    if not isinstance(inside, dict):
        return inside
    result = {
        key: _values_nullable(value) if key in ("anyOf", "items", "properties", "$defs") else value
        for key, value in inside.items()
    }
    if isinstance(result.get("properties"), dict):
        result["properties"] = {key: _values_nullable(value) for key, value in result["properties"].items()}
    for key in ("patternProperties",):
        if key in result:
            pattern, value = next(iter(result[key].items()))
            result.pop(key)
            # What does not match the pattern is as wrong as it is to the models.
            result["propertyNames"] = {"pattern": pattern}
            result["additionalProperties"] = _nullable(value)
    if (
        isinstance(result.get("additionalProperties"), dict)
        and "propertyNames" not in inside
        and "patternProperties" not in inside
    ):
        result["additionalProperties"] = _nullable(result["additionalProperties"])
    return result


@lru_cache(maxsize=1)
def _descriptions() -> dict[str, dict[str, str]]:
    """By model and key: the docstring below the field."""
    found: dict[str, dict[str, str]] = {}
    modules = {sys.modules[model.__module__] for model in _models()}
    for module in sorted(modules, key=lambda m: m.__name__):
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ClassDef):
                found[node.name] = _fields(node)
    return found


def _fields(node: ast.ClassDef) -> dict[str, str]:
    described: dict[str, str] = {}
    for field, following in zip(node.body, node.body[1:], strict=False):
        named = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if (
            named
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            assert isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)  # noqa: S101 (told to mypy)
            described[field.target.id.rstrip("_")] = re.sub(r"\s+", " ", following.value.value).strip()
    return described


def _models() -> list[type[BaseModel]]:
    import capgen.spec.documents
    import capgen.spec.notifications
    import capgen.spec.operations
    import capgen.spec.sections

    modules = (capgen.spec.documents, capgen.spec.notifications, capgen.spec.operations, capgen.spec.sections)
    return [
        item
        for module in modules
        for item in vars(module).values()
        if inspect.isclass(item) and issubclass(item, BaseModel) and item.__module__ == module.__name__
    ]
