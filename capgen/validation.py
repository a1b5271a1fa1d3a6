"""From a tree with positions to a pydantic model, or to findings that point at the right word.

pydantic knows what is wrong and the path to it; the tree knows where that stands. Its wording is replaced by
ours: what was found, what is wanted, the close name.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from capgen.diagnostics import Diagnostic, Span, suggest
from capgen.yamlio import Node

M = TypeVar("M", bound=BaseModel)

_ARTICLES: Mapping[type, str] = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a whole number", float: "a number", type(None): "nothing"}  # fmt: skip
_WANTED: Mapping[str, str] = {
    "dict_type": "a mapping", "model_type": "a mapping", "model_attributes_type": "a mapping",
    "list_type": "a list", "tuple_type": "a list", "string_type": "text", "bool_type": "true or false",
    "int_type": "a whole number", "int_from_float": "a whole number", "float_type": "a number",
    "none_required": "nothing", "missing": "a value",
}  # fmt: skip


def validated(model: type[M], node: Node) -> tuple[M | None, tuple[Diagnostic, ...]]:
    """The model's value, or every mistake in the tree, each at the word that has to change."""
    data = node.data()
    try:
        return model.model_validate(data), ()
    except ValidationError as error:
        problems = _distinct(error.errors(include_url=False), node)
        return None, tuple(_diagnostic(model, node, problem) for problem in problems)


def _distinct(errors: Iterable[Any], node: Node) -> list[Any]:
    """One problem a place: of a union's branches, the one that got furthest into the value."""
    best: dict[tuple[object, ...], Any] = {}
    for problem in errors:
        place = _existing(node, problem["loc"])
        kept = best.get(place)
        if kept is None or _weight(problem) > _weight(kept):
            best[place] = problem
    # A mistake inside a branch makes the other branches complain about the whole: keep the inner one.
    return [
        p
        for place, p in best.items()
        if not any(o != place and o[: len(place)] == place for o in best if _is_union(best[place]))
    ]


def _is_union(problem: Any) -> bool:
    return problem["type"] in _WANTED or problem["type"] in ("literal_error", "string_pattern_mismatch", "quantity")


def _weight(problem: Any) -> tuple[int, int]:
    order = {
        "quantity_range": 3,
        "quantity": 2,
        "string_pattern_mismatch": 2,
        "literal_error": 2,
        "extra_forbidden": 4,
        "missing": 4,
    }
    return (order.get(problem["type"], 1), len(problem["loc"]))


def _existing(node: Node, loc: Iterable[int | str]) -> tuple[str | int, ...]:
    """The part of a pydantic path that exists in the tree: tags of unions and missing keys fall out."""
    path: list[str | int] = []
    at = node
    for step in loc:
        inside = at.value
        if isinstance(inside, dict) and isinstance(step, str) and step in inside:
            at = inside[step]
        elif isinstance(inside, list) and isinstance(step, int) and step < len(inside):
            at = inside[step]
        else:
            continue
        path.append(step)
    return tuple(path)


def _diagnostic(model: type[BaseModel], root: Node, problem: Any) -> Diagnostic:
    path = _existing(root, problem["loc"])
    node = root.at(path) or root
    kind, name = problem["type"], str(problem["loc"][-1]) if problem["loc"] else ""
    shown = ".".join(str(step) for step in path)
    if kind == "extra_forbidden":
        parent = root.at(path[:-1]) or root
        known = fields_at(model, path[:-1])
        where = f" in {shown.rpartition('.')[0]}" if len(path) > 1 else ""
        return _at(
            parent.key_span(name), "CG201", f"unknown key {name!r}{where}", suggest(name, known, what="keys"), parent
        )
    if kind == "missing":
        where = f" in {shown}" if shown else ""
        return _at(
            _key_of(root, path, node),
            "CG202",
            f"the key {name!r} is missing{where}",
            _missing_hint(model, path, name),
            node,
        )
    if name == "[key]":
        parent = root.at(path[:-1]) or root
        return _at(
            parent.key_span(str(path[-1])),
            "CG206",
            f"{path[-1]!r} cannot be a name here",
            _pattern_hint(problem),
            parent,
        )
    if kind in ("quantity", "quantity_range"):
        code = "CG204" if kind == "quantity" else "CG205"
        return _at(node.span, code, f"{shown}: {problem['msg']}", "", node)
    if kind == "literal_error":
        options = [option.strip(" '") for option in problem["ctx"]["expected"].replace(" or ", ", ").split(",")]
        return _at(
            node.span,
            "CG207",
            f"{shown}: {_show(node)} is not one of the choices",
            suggest(_text(node), options, what="choices"),
            node,
        )
    if kind in _WANTED:
        found = _ARTICLES.get(type(node.value), "a value")
        return _at(
            node.span,
            "CG203",
            f"{shown}: {_WANTED[kind]} is wanted, and {found} stands here",
            _type_hint(kind, node),
            node,
        )
    if kind == "string_pattern_mismatch":
        return _at(node.span, "CG206", f"{shown}: {_show(node)} cannot be a name here", _pattern_hint(problem), node)
    return _at(node.span, "CG205", f"{shown}: {_sentence(problem)}", "", node)


def _at(span: Span, code: str, message: str, hint: str, node: Node) -> Diagnostic:
    return Diagnostic(code, message, span, hint, excerpt=node.source.line(span.line))


def _key_of(root: Node, path: tuple[str | int, ...], node: Node) -> Span:
    if path and isinstance(path[-1], str) and (parent := root.at(path[:-1])) is not None:
        return parent.key_span(path[-1])
    line = node.mark[0]
    return Span(node.source.name, line, node.mark[1], line, node.mark[1] + 1)


def _show(node: Node) -> str:
    text = repr(node.value) if not isinstance(node.value, (dict, list)) else _ARTICLES[type(node.value)]
    return text if len(text) <= 60 else text[:57] + "…'"


def _text(node: Node) -> str:
    return str(node.value) if not isinstance(node.value, (dict, list)) else ""


def _sentence(problem: Any) -> str:
    text = str(problem["msg"])
    return text[:1].lower() + text[1:]


def _type_hint(kind: str, node: Node) -> str:
    if kind == "string_type" and isinstance(node.value, (int, float, bool)):
        return f'quote it: "{str(node.value).lower() if isinstance(node.value, bool) else node.value}"'
    if kind == "bool_type" and isinstance(node.value, str):
        return "write true or false"
    if kind in ("int_type", "float_type", "int_from_float"):
        return "write a number without quotes or unit"
    if kind in ("list_type", "tuple_type"):
        return "write it as [a, b], or one `- item` a line"
    if kind in ("dict_type", "model_type", "model_attributes_type"):
        return "write `key: value` lines, indented below it"
    return ""


def _pattern_hint(problem: Any) -> str:
    pattern = str(problem.get("ctx", {}).get("pattern", ""))
    if pattern.startswith("^[a-z0-9]"):
        return "use lower-case letters, digits and hyphens, at most 63, starting and ending with a letter or digit"
    if pattern.startswith("^[a-z][a-z0-9_]"):
        return "use lower-case letters, digits and underscores, starting with a letter"
    return f"it has to match {pattern}"


def _missing_hint(model: type[BaseModel], path: tuple[str | int, ...], name: str) -> str:
    for found in _models_at(model, path):
        if (info := found.model_fields.get(name)) is not None and info.examples:
            return f"for example `{name}: {info.examples[0]}`"
    return f"add `{name}:`"


def fields_at(model: type[BaseModel], path: tuple[str | int, ...]) -> frozenset[str]:
    """The keys that the model takes at a path (with their aliases), for suggestions."""
    names: set[str] = set()
    for found in _models_at(model, path):
        names |= {info.alias or name for name, info in found.model_fields.items()}
    return frozenset(names)


def _models_at(model: type[BaseModel], path: tuple[str | int, ...]) -> list[type[BaseModel]]:
    current: list[Any] = [model]
    for step in path:
        following: list[Any] = []
        for kind in current:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                for name, info in kind.model_fields.items():
                    if step in (name, info.alias):
                        following += _unfold(info.annotation)
            else:
                following += _unfold(get_args(kind)[-1] if get_origin(kind) is dict else get_args(kind)[0])
        current = following
    return [kind for kind in current if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _unfold(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _unfold(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [kind for part in get_args(annotation) for kind in _unfold(part)]
    if origin in (dict, list, tuple):
        return [annotation]
    return [annotation] if isinstance(annotation, type) else []
