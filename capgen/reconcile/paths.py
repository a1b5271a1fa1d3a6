"""The values at a path, which has three spellings: the API server's (`.data.a.b`, `.spec.groups[name="cpu"].rules`), one
that cannot be misread (`.data["a.b"]`), and the one for people, where items of lists have names (`.rules[CpuWarning]`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from capgen.reconcile.names import names_of
from capgen.reconcile.plan import ABSENT

_NUMBERED = re.compile(r"(.+) \((\d+)\)")
"""The second of a name, as a diff tells it."""
_STEP = re.compile(r'\.([A-Za-z0-9_-]+(?:[./][A-Za-z0-9_-]+)*)|\[((?:[^"\]]|"(?:[^"\\]|\\.)*")*)\]')


def lookup(document: Any, path: str) -> Any:
    """The value at a path, ABSENT when there is none or the path cannot be read.

    A key with dots in it (`.metadata.annotations.example.com/a`) is not told from two keys by the server, so the
    longest key that is there wins.
    """
    value, at = document, 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            return ABSENT
        at = match.end()
        value = _child(value, match[1].split(".")) if match[1] else _item(value, match[2])
        if value is ABSENT:
            return ABSENT
    return value


def steps(document: Any, path: str) -> tuple[str | int, ...]:
    """The keys and places along a path, as far as the document has them."""
    found: list[str | int] = []
    value, at = document, 0
    while at < len(path) and (match := _STEP.match(path, at)):
        at = match.end()
        words = match[1].split(".") if match[1] else []
        while words:
            lengths = range(len(words), 0, -1)
            key = next((k for n in lengths if isinstance(value, Mapping) and (k := ".".join(words[:n])) in value), None)
            if key is None:
                return tuple(found)
            found.append(key)
            value, words = value[key], words[key.count(".") + 1 :]
        if match[1]:
            continue
        inside = _item(value, match[2])
        if inside is ABSENT:
            break
        found.append(_json(match[2]) if isinstance(value, Mapping) else [item is inside for item in value].index(True))
        value = inside
    return tuple(found)


def without(document: Any, path: str) -> Any:
    """The document less the value at a path; the same document when there is none. Nothing is changed in place."""
    match = _STEP.match(path)
    if match is None:
        return document
    rest = path[match.end() :]
    if match[1] and isinstance(document, Mapping):
        key = _longest(match[1].split("."), [document])
        return _replaced(document, key, match[1].removeprefix(key) + rest) if key in document else document
    if isinstance(document, Mapping):
        key = _json(match[2])
        return _replaced(document, key, rest) if key in document else document
    item = _item(document, match[2] or "")
    if item is ABSENT or not isinstance(document, list):
        return document
    return [without(one, rest) if one is item else one for one in document if rest or one is not item]


def put(document: Any, path: str, value: Any) -> Any:
    """The document with the value at a path whose parent is there, less what is there for ABSENT; else the same document."""
    if value is ABSENT:
        return without(document, path)
    match = _STEP.match(path)
    if match is None:
        return value if not path else document
    rest = path[match.end() :]
    if isinstance(document, Mapping):
        key = _longest(match[1].split("."), [document]) if match[1] else _json(match[2])
        rest = match[1].removeprefix(key) + rest if match[1] else rest
        if not isinstance(key, str) or (rest and key not in document):
            return document
        return {**document, key: put(document.get(key), rest, value)}
    place = _place(document, match[2] or "")
    if place is None:
        grows = isinstance(document, list) and match[2] == str(len(document)) and not rest
        return [*document, value] if grows else document
    return [put(one, rest, value) if n == place else one for n, one in enumerate(document)]


def trail(path: str, *documents: Any) -> tuple[object, ...]:
    """A path as steps that are the same in every spelling, as far as the documents know the keys and items that are meant."""
    nodes: Sequence[Any] = documents
    found: list[object] = []
    at = 0
    while at < len(path) and (match := _STEP.match(path, at)):
        at = match.end()
        words = match[1].split(".") if match[1] else []
        while words:
            key = _longest(words, nodes)
            found.append(key)
            nodes, words = [_child(node, [key]) for node in nodes], words[key.count(".") + 1 :]
        if match[1]:
            continue
        places = [_place(node, match[2]) for node in nodes]
        known = (
            (place if isinstance(place, str) else (n, place)) for n, place in enumerate(places) if place is not None
        )
        found.append(next(known, match[2]))
        nodes = [ABSENT if place is None else node[place] for node, place in zip(nodes, places, strict=True)]
    return (*found, path[at:]) if at < len(path) else tuple(found)


def covers(field: str, path: str, *documents: Any) -> bool:
    """Whether a path is the field or lies in it: `.spec.max` is not the beginning of `.spec.maxReplicas`."""
    whole = trail(field, *documents)
    return trail(path, *documents)[: len(whole)] == whole


def _longest(words: Sequence[str], nodes: Sequence[Any]) -> str:
    """The key that begins these words in one of the nodes, the first word where none has one."""
    keys = (".".join(words[:n]) for n in range(len(words), 0, -1))
    return next((key for key in keys if any(isinstance(node, Mapping) and key in node for node in nodes)), words[0])


def _replaced(document: Mapping[str, Any], key: str, rest: str) -> dict[str, Any]:
    """With what is left of the key's value; a map that nothing is left of goes with what was in it."""
    others = {k: v for k, v in document.items() if k != key}
    left = without(document[key], rest) if rest else {}
    return others if left == {} and document[key] != {} else {**others, key: left}


def _child(value: Any, words: list[str]) -> Any:
    if not words:
        return value
    for length in range(len(words), 0, -1):
        key = ".".join(words[:length])
        if isinstance(value, Mapping) and key in value:
            return _child(value[key], words[length:])
    return ABSENT


def _item(value: Any, selector: str) -> Any:
    """`0`, `name="cpu"`, `="member"` or `"key"`."""
    place = _place(value, selector)
    return ABSENT if place is None else value[place]


def _place(value: Any, selector: str) -> Any:
    """The key or the number of the item that is selected, None when there is none."""
    if isinstance(value, Mapping):
        key = _json(selector)
        return key if isinstance(key, str) and key in value else None
    if not isinstance(value, list):
        return None
    if selector.isdigit():
        return int(selector) if int(selector) < len(value) else None
    if selector.startswith("="):
        return next((n for n, item in enumerate(value) if item == _json(selector[1:])), None)
    pairs = re.findall(r'([A-Za-z0-9_-]+)=("(?:[^"\\]|\\.)*"|[^,]*)', selector)
    wanted = {key: _json(text) for key, text in pairs}
    numbered = _NUMBERED.fullmatch(selector)
    for name, which in ((selector, 1), *([(numbered[1], int(numbered[2]))] if numbered else [])):
        meant = [n for n, item in enumerate(value) if _has(item, wanted) or name in names_of(item)]
        if len(meant) >= which > 0:
            return meant[which - 1]
    return None


def _has(item: Any, wanted: Mapping[str, Any]) -> bool:
    return bool(wanted) and isinstance(item, Mapping) and all(item.get(key) == value for key, value in wanted.items())


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return ABSENT
