"""The values at a path, which has three spellings: the API server's (`.data.a.b`, `.spec.groups[name="cpu"].rules`), one
that cannot be misread (`.data["a.b"]`), and the one for people, where items of lists have names (`.rules[CpuWarning]`).

The server does not tell a key with dots in it (`.metadata.annotations.example.com/a`) from two keys, so the longest key
that is there wins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from capgen.reconcile.names import names_in
from capgen.reconcile.plan import ABSENT

_STEP = re.compile(r'\.([A-Za-z0-9_-]+(?:[./][A-Za-z0-9_-]+)*)|\[((?:[^"\]]|"(?:[^"\\]|\\.)*")*)\]')
_NUMBER = re.compile(r"\[(\d+)\]")
_PAIR = r'([A-Za-z0-9_-]+)=("(?:[^"\\]|\\.)*"|[^,"]*)'
_PAIRS = re.compile(f"{_PAIR}(?:,{_PAIR})*")


def lookup(document: Any, path: str) -> Any:
    """The value at a path, ABSENT when there is none or the path cannot be read."""
    value, within = document, ""
    while path:
        places, within, path = _enter(path, [value], within)
        if places[0] is None:
            return ABSENT
        value = value[places[0]]
    return value


def steps(document: Any, path: str) -> tuple[str | int, ...]:
    """The keys and places along a path, as far as the document has them."""
    found: list[str | int] = []
    value, within = document, ""
    while path:
        (place,), within, path = _enter(path, [value], within)
        if place is None:
            break
        found.append(place)
        value = value[place]
    return tuple(found)


def without(document: Any, path: str) -> Any:
    """The document less the value at a path, and less the maps that nothing is left of; the same document when there is
    none. Nothing is changed in place.
    """
    return _without(document, path, "")


def put(document: Any, path: str, value: Any) -> Any:
    """The document with the value at a path whose parent is there; else the same document."""
    return _put(document, path, value, "")


def trail(path: str, *documents: Any) -> tuple[object, ...]:
    """A path as steps that are the same in every spelling, as far as the documents know the keys and items that are meant."""
    nodes: Sequence[Any] = documents
    found: list[object] = []
    within = ""
    while path:
        places, within, path = _enter(path, nodes, within)
        known = (
            (place if isinstance(place, str) else (n, place)) for n, place in enumerate(places) if place is not None
        )
        found.append(next(known, within))
        nodes = [ABSENT if place is None else node[place] for node, place in zip(nodes, places, strict=True)]
    return tuple(found)


def named(path: str, *documents: Any) -> str:
    """The path for people: with `rules[CpuWarning]` in the place of `rules[3]`, as far as the documents have names."""
    shown, at = "", 0
    for match in _NUMBER.finditer(path):
        side = next((one for one in documents if lookup(one, path[: match.end()]) is not ABSENT), None)
        items, within = lookup(side, path[: match.start()]), path[: match.start()].rpartition(".")[2]
        name = names_in(within, items)[int(match[1])] if isinstance(items, list) else ""
        shown += path[at : match.start()] + f"[{name or match[1]}]"
        at = match.end()
    return shown + path[at:]


def covers(field: str, path: str, *documents: Any) -> bool:
    """Whether a path is the field or lies in it: `.spec.max` is not the beginning of `.spec.maxReplicas`."""
    whole = trail(field, *documents)
    return trail(path, *documents)[: len(whole)] == whole


def _enter(path: str, nodes: Sequence[Any], within: str) -> tuple[list[Any], str, str]:
    """The first step of a path: the key or the number that it means in each node, None for nothing; what it is called; and
    the rest of the path. `within` is what the step before was called.
    """
    match = _STEP.match(path)
    if match is None:
        return [None] * len(nodes), path, ""
    rest = path[match.end() :]
    if match[1]:
        key = _longest(match[1].split("."), nodes)
        return [_place(node, json.dumps(key), within) for node in nodes], key, match[1].removeprefix(key) + rest
    key = _json(match[2])
    return [_place(node, match[2], within) for node in nodes], key if isinstance(key, str) else match[2], rest


def _without(document: Any, path: str, within: str) -> Any:
    (place,), within, rest = _enter(path, [document], within)
    if place is None:
        return document
    left = [_without(document[place], rest, within)] if rest else []
    if isinstance(document, Mapping):
        others = {key: value for key, value in document.items() if key != place}
        emptied = left == [{}] and document[place] != {}
        return {**others, place: left[0]} if left and not emptied else others
    return [*document[:place], *left, *document[place + 1 :]]


def _put(document: Any, path: str, value: Any, within: str) -> Any:
    if not path:
        return value
    (place,), within, rest = _enter(path, [document], within)
    if place is not None:
        inside = _put(document[place], rest, value, within)
        if isinstance(document, Mapping):
            return {**document, place: inside}
        return [*document[:place], inside, *document[place + 1 :]]
    if rest:
        return document
    if isinstance(document, Mapping) and path.startswith((".", '["')):
        return {**document, within: value}
    return [*document, value] if isinstance(document, list) and within == str(len(document)) else document


def _longest(words: Sequence[str], nodes: Sequence[Any]) -> str:
    """The key that begins these words in one of the nodes, the first word where none has one."""
    keys = (".".join(words[:n]) for n in range(len(words), 0, -1))
    return next((key for key in keys if any(isinstance(node, Mapping) and key in node for node in nodes)), words[0])


def _place(value: Any, selector: str, within: str) -> str | int | None:
    """The key (`"key"`) or the number of the item (`0`, `name="cpu"`, `="member"` or a name) that is selected."""
    if isinstance(value, Mapping):
        key = _json(selector)
        return key if isinstance(key, str) and key in value else None
    if not isinstance(value, list):
        return None
    if selector.isascii() and selector.isdigit() and int(selector) < len(value):
        return int(selector)
    if selector.startswith("="):
        return next((n for n, item in enumerate(value) if item == _json(selector[1:])), None)
    if _PAIRS.fullmatch(selector):
        wanted = {key: _json(text) for key, text in re.findall(_PAIR, selector)}
        if (found := next((n for n, item in enumerate(value) if _has(item, wanted)), None)) is not None:
            return found
    names = names_in(within, value) if selector else []
    return names.index(selector) if selector in names else None


def _has(item: Any, wanted: Mapping[str, Any]) -> bool:
    return isinstance(item, Mapping) and all(item.get(key) == value for key, value in wanted.items())


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return ABSENT
