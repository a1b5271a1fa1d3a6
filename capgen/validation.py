"""From a tree with positions to a pydantic model, or to findings that point at the right word.

pydantic knows what is wrong and the path to it; the tree knows where that stands. Its wording is replaced by
ours: what was found, what is wanted, the close name. One mistake gives one finding: the branches of a union, a
misspelt key that is missing under its right name, and a part laid over nothing each complain once.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from capgen.diagnostics import Diagnostic, nearest, suggest
from capgen.spellings import SPELLINGS
from capgen.yamlio import Node, Path, scalar

M = TypeVar("M", bound=BaseModel)
Place = tuple[str | int, ...]
"""A path of the tree, with the name of a missing key or KEY at its end."""

LIMIT = 200
"""How many mistakes of one document are listed: a hostile one may have as many as it has values."""
KEY = "[key]"
"""What pydantic ends a path with when the key itself is wrong."""
_ARTICLES: Mapping[type, str] = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a whole number", float: "a number", type(None): "nothing"}  # fmt: skip
_WANTED: Mapping[str, str] = {
    "dict_type": "a mapping", "model_type": "a mapping", "model_attributes_type": "a mapping",
    "list_type": "a list", "tuple_type": "a list", "string_type": "text", "bool_type": "true or false",
    "int_type": "a whole number", "int_from_float": "a whole number", "float_type": "a number",
    "none_required": "nothing",
}  # fmt: skip
_WEIGHTS: Mapping[str, int] = {
    "extra_forbidden": 4, "missing": 4, "quantity_range": 3, "quantity": 2, "string_pattern_mismatch": 2,
    "literal_error": 2,
}  # fmt: skip
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than_equal": ("ge", "write at least"), "less_than_equal": ("le", "write at most"),
    "string_too_long": ("max_length", "shorten it; its characters are at most"),
}  # fmt: skip


def validated(model: type[M], node: Node, layered: Node | None = None) -> tuple[M | None, tuple[Diagnostic, ...]]:
    """The model's value, or every mistake in the tree, each at the word that has to change. `layered` is the tree
    before removals were carried out: what is missing for one of those is missed where that stands."""
    try:
        return model.model_validate(node.data()), ()
    except ValidationError as error:
        found = _distinct(model, _by_place(error.errors(include_url=False), node))
        shown = tuple(islice(_diagnostics(model, node, layered or node, found), LIMIT))
        return None, (*shown, *_rest(node, found)) if len(found) > LIMIT else shown


def _rest(root: Node, found: Mapping[Place, object]) -> Iterator[Diagnostic]:
    place = next(islice(found, LIMIT, None))
    message = f"and {len(found) - LIMIT:,} more mistakes from here on"
    yield _at(_node_at(root, _existing(root, place)), "CG209", message, "mend those above first")


def told(sentence: object) -> tuple[str, str]:
    """What is wrong and what to do, from the one sentence in which a quantity's error says both."""
    wrong, _, advice = str(sentence).rpartition("; ")
    return (wrong, advice) if wrong else (advice, "write a smaller number")


def unknown_removals(model: type[BaseModel], node: Node) -> tuple[Diagnostic, ...]:
    """Findings for the keys set to null that no layer could ever have: a misspelt removal removes nothing."""
    found = []
    for path, inside in node.walk():
        if inside.value is not None or not path or not isinstance(path[-1], str):
            continue
        parent = _node_at(node, path[:-1])
        kinds, name = _kinds_at(model, path[:-1]), path[-1]
        if kinds and all(_is_closed(kind) for kind in kinds) and name not in fields_at(model, path[:-1]):
            found.append(_unknown_key(model, parent, path[:-1], name))
        for problem in (wrong for kind in kinds for wrong in _key_problems(kind, name)):
            found.append(_at_key(parent, name, "CG206", *_misnamed(repr(name), problem)))
    return tuple(found)


def _node_at(root: Node, path: Path) -> Node:
    return root.at(path) or root


def _is_closed(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel) and kind.model_config.get("extra") == "forbid"


def _key_problems(kind: Any, name: str) -> Iterable[Any]:
    """What a mapping's keys have against one of them."""
    if get_origin(kind) is not dict:
        return ()
    try:
        TypeAdapter(get_args(kind)[0], config=ConfigDict(regex_engine="python-re")).validate_python(name, strict=True)
    except ValidationError as error:
        return error.errors(include_url=False)[:1]
    return ()


def _by_place(errors: Iterable[Any], node: Node) -> dict[Place, list[Any]]:
    """The problems by the place they are about, the one that got furthest into the value first."""
    found: dict[Place, list[Any]] = {}
    for problem in errors:
        place = _existing(node, problem["loc"])
        if problem["type"] == "missing":
            place = (*place, problem["loc"][-1])
        elif problem["loc"] and problem["loc"][-1] == KEY:
            place = (*place, KEY)
        found.setdefault(place, []).append(problem)
    return {place: sorted(problems, key=_weight, reverse=True) for place, problems in found.items()}


def _weight(problem: Any) -> tuple[int, int]:
    return (_WEIGHTS.get(problem["type"], 1), len(problem["loc"]))


def _distinct(model: type[BaseModel], found: Mapping[Place, list[Any]]) -> dict[Place, list[Any]]:
    """The problems without those that say of a whole what another says of a part of it, and without a key that
    is missing because it stands there misspelt."""
    inside = {place[:length] for place in found for length in range(len(place))}
    strange: dict[Place, list[str]] = {}
    for place, problems in found.items():
        if problems[0]["type"] == "extra_forbidden":
            strange.setdefault(place[:-1], []).append(str(place[-1]))
    kept = {}
    for place, problems in found.items():
        kind = problems[0]["type"]
        whole = kind in (*_WANTED, "literal_error", "string_pattern_mismatch", "quantity") and place[-1:] != (KEY,)
        misspelt = kind == "missing" and any(
            nearest(name, fields_at(model, place[:length])) == place[length]
            for length in range(len(place))
            for name in strange.get(place[:length], ())[:LIMIT]
        )
        if not misspelt and not (whole and place in inside):
            kept[place] = problems
    return kept


def _existing(node: Node, loc: Iterable[int | str]) -> Place:
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


def _diagnostics(
    model: type[BaseModel], root: Node, layered: Node, found: Mapping[Place, Sequence[Any]]
) -> Iterator[Diagnostic]:
    bad_keys = {place[:-1] for place in found if place[-1:] == (KEY,)}
    for place, problems in found.items():
        removal = layered.at(place) if problems[0]["type"] == "missing" else None
        if removal is not None and removal.value is None and removal.source is not _node_at(root, place[:-1]).source:
            wrong = f"{_shown(place)} cannot be removed, for it has to be there"
            yield _at(removal, "CG202", wrong, "leave this line out, or write another value")
            continue
        stray = _stray(model, root, place[:-1]) if problems[0]["type"] == "missing" else None
        if stray is None:
            yield _diagnostic(model, root, place, problems)
            continue
        path, close = stray
        if (*path[:-1], close) not in bad_keys:
            parent, name = _node_at(root, path[:-1]), str(path[-1])
            message = f"there is no {name!r} in {_shown(path[:-1])} to lay this over"
            yield _at_key(parent, name, "CG302", message, f"did you mean {close!r}?")


def _stray(model: type[BaseModel], root: Node, path: Path) -> tuple[Path, str] | None:
    """The incomplete item that one layer adds beside another layer's of nearly the same name, and that name."""
    for length in range(2, len(path) + 1):
        parent, name = _node_at(root, path[: length - 1]), path[length - 1]
        if not isinstance(parent.value, dict) or not isinstance(name, str) or fields_at(model, path[: length - 1]):
            continue
        source = parent.value[name].source
        others = [key for key, child in parent.value.items() if child.source is not source]
        if close := nearest(name, others):
            return path[:length], close
    return None


def _diagnostic(model: type[BaseModel], root: Node, place: Place, problems: Sequence[Any]) -> Diagnostic:
    problem = problems[0]
    kind = problem["type"]
    if kind == "missing":
        return _missing(model, root, place[:-1], str(place[-1]))
    if place[-1:] == (KEY,):
        name = str(place[-2])
        return _at_key(_node_at(root, place[:-2]), name, "CG206", *_misnamed(repr(name), problem))
    if kind == "extra_forbidden":
        return _unknown_key(model, _node_at(root, place[:-1]), place[:-1], str(place[-1]))
    node = _node_at(root, place)
    said = f"{_shown(place)}: " if place else ""
    if kind in ("quantity", "quantity_range"):
        wrong, advice = told(problem["msg"])
        return _at(node, "CG204" if kind == "quantity" else "CG205", said + wrong, advice)
    if kind == "literal_error":
        options = [option.strip(" '") for option in problem["ctx"]["expected"].replace(" or ", ", ").split(",")]
        close = nearest(_text(node), options)
        advice = f"did you mean {close!r}?" if close else f"write {_either(options)}"
        return _at(node, "CG207", f"{said}{_show(node)} is not one of the choices", advice)
    if kind in _WANTED:
        wanted = _wanted([other["type"] for other in problems])
        stands = (
            _show(node)
            if kind == "int_from_float" or isinstance(node.value, float)
            else _ARTICLES.get(type(node.value), "a value")
        )
        return _at(
            node, "CG203", f"{said}{wanted} is wanted, and {stands} stands here", _type_hint(model, place, wanted, node)
        )
    if kind == "string_pattern_mismatch":
        wrong, advice = _misnamed(_show(node), problem)
        return _at(node, "CG206", said + wrong, advice)
    if kind in _BOUNDS:
        limit, advice = _BOUNDS[kind]
        wrong = "the text is too long" if kind == "string_too_long" else f"{_show(node)} is out of range"
        return _at(node, "CG205", said + wrong, f"{advice} {problem['ctx'][limit]}")
    if kind in ("string_too_short", "too_short"):
        return _at(node, "CG205", f"{said}nothing stands in it", _example(model, place[:-1], str(place[-1])))
    return _at(node, "CG205", said + _sentence(problem), "`capgen schema` prints what fits here")


def _unknown_key(model: type[BaseModel], parent: Node, path: Path, name: str) -> Diagnostic:
    where = f" in {_shown(path)}" if path else ""
    return _at_key(
        parent, name, "CG201", f"unknown key {name!r}{where}", suggest(name, fields_at(model, path), what="keys")
    )


def _missing(model: type[BaseModel], root: Node, path: Path, name: str) -> Diagnostic:
    """At the key if it was given nothing, else at the key of the mapping that lacks it."""
    node, where = _node_at(root, path), f" in {_shown(path)}" if path else ""
    advice = _example(model, path, name)
    if name in node.keys:
        return _at_key(node, name, "CG202", f"the key {name!r}{where} has no value", advice)
    message = f"the key {name!r} is missing{where}"
    if path and isinstance(path[-1], str):
        return _at_key(_node_at(root, path[:-1]), path[-1], "CG202", message, advice)
    line, column = node.mark[:2]
    return _at(Node(None, node.source, (line, column, line, column + 1)), "CG202", message, advice)


def _at(node: Node, code: str, message: str, hint: str) -> Diagnostic:
    return Diagnostic(code, message, node.span, hint, excerpt=node.source.line(node.span.line))


def _at_key(parent: Node, name: str, code: str, message: str, hint: str) -> Diagnostic:
    span = parent.key_span(name)
    return Diagnostic(code, message, span, hint, excerpt=parent.key_source(name).line(span.line))


def _shown(path: Path) -> str:
    return ".".join(str(step) for step in path)


def _show(node: Node) -> str:
    if isinstance(node.value, (dict, list)):
        return _ARTICLES[type(node.value)]
    text = repr(node.value) if isinstance(node.value, str) else scalar(node.value)
    return text if len(text) <= 60 else f"{text[:57]}…'" if isinstance(node.value, str) else f"{text[:57]}…"


def _text(node: Node) -> str:
    return str(node.value) if not isinstance(node.value, (dict, list)) else ""


def _sentence(problem: Any) -> str:
    text = str(problem["msg"])
    return text[:1].lower() + text[1:]


def _either(options: Sequence[str]) -> str:
    return " or ".join([", ".join(options[:-1]), options[-1]]) if len(options) > 1 else options[0]


def _wanted(kinds: Iterable[str]) -> str:
    """What the branches of a union take, in words: text or a number is how a quantity is written."""
    words = list(dict.fromkeys(_WANTED[kind] for kind in kinds if kind in _WANTED))
    numbers = [word for word in words if word.endswith("number")]
    if "text" in words and numbers:
        words = ["a quantity", *(word for word in words if word not in (*numbers, "text"))]
    elif "a number" in words:
        words = [word for word in words if word != "a whole number"]
    return _either(words)


def _type_hint(model: type[BaseModel], path: Path, wanted: str, node: Node) -> str:
    if "a quantity" in wanted:
        return "write a number with its unit, like 80%, 200ms or 500"
    if wanted.startswith("text"):
        if isinstance(node.value, (int, float)):
            return f'quote it: "{scalar(node.value)}"'
        return "write a word, or text in quotes"
    if wanted == "true or false":
        return "write true or false (yes, no, on and off are plain words)"
    if wanted.endswith("number"):
        return "write a number without quotes or unit"
    if wanted == "a list":
        return "write it as [a, b], or one `- item` a line"
    if keys := sorted(fields_at(model, path)):
        return f"write `key: value` lines below it; known keys: {', '.join(keys[:12])}{', …' if keys[12:] else ''}"
    return "write `key: value` lines, indented below it"


def _misnamed(shown: str, problem: Any) -> tuple[str, str]:
    pattern = str(problem.get("ctx", {}).get("pattern", ""))
    noun, advice = SPELLINGS.get(pattern, ("a name", f"it has to match {pattern}"))
    return f"{shown} is not {noun}", advice


def _example(model: type[BaseModel], path: Path, name: str) -> str:
    for found in _models_at(model, path):
        for key, info in found.model_fields.items():
            if name in (key, info.alias) and info.examples:
                return f"for example `{name}: {_plainly(info.examples[0])}`"
    return f"write something after `{name}:`, or leave the whole of it out"


def _plainly(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {inside}" for key, inside in value.items()) + "}"
    return str(value)


def fields_at(model: type[BaseModel], path: Path) -> frozenset[str]:
    """The keys that the model takes at a path (with their aliases), for suggestions."""
    names: set[str] = set()
    for found in _models_at(model, path):
        names |= {info.alias or name for name, info in found.model_fields.items()}
    return frozenset(names)


def _models_at(model: type[BaseModel], path: Path) -> list[type[BaseModel]]:
    return [kind for kind in _kinds_at(model, path) if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _kinds_at(model: type[BaseModel], path: Path) -> list[Any]:
    """The types that a value at the path may have, without their annotations."""
    current: list[Any] = [model]
    for step in path:
        following: list[Any] = []
        for kind in current:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                for name, info in kind.model_fields.items():
                    if step in (name, info.alias):
                        following += _unfold(info.annotation)
            elif get_origin(kind) in (dict, list, tuple):
                following += _unfold(get_args(kind)[-1] if get_origin(kind) is dict else get_args(kind)[0])
        current = following
    return current


def _unfold(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _unfold(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [kind for part in get_args(annotation) for kind in _unfold(part)]
    if origin in (dict, list, tuple):
        return [annotation]
    return [annotation] if isinstance(annotation, type) else []
