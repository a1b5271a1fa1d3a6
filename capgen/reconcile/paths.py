"""The values at a path as the API server spells it: `.spec.groups[name="cpu"].rules`, `.data["a.b"]`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from capgen.reconcile.plan import ABSENT

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
        key = next((k for k in (match[1], match[1].partition(".")[0]) if k in document), None)
        if key is None:
            return document
        rest = match[1].removeprefix(key) + rest
        return _replaced(document, key, rest)
    if isinstance(document, Mapping):
        key = _json(match[2])
        return _replaced(document, key, rest) if key in document else document
    item = _item(document, match[2] or "")
    if item is ABSENT or not isinstance(document, list):
        return document
    return [without(one, rest) if one is item else one for one in document if rest or one is not item]


def _replaced(document: Mapping[str, Any], key: str, rest: str) -> dict[str, Any]:
    others = {k: v for k, v in document.items() if k != key}
    return {**others, key: without(document[key], rest)} if rest else others


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
    if isinstance(value, Mapping):
        return value.get(_json(selector), ABSENT)
    if not isinstance(value, list):
        return ABSENT
    if selector.isdigit():
        return value[int(selector)] if int(selector) < len(value) else ABSENT
    if selector.startswith("="):
        return next((item for item in value if item == _json(selector[1:])), ABSENT)
    pairs = re.findall(r'([A-Za-z0-9_-]+)=("(?:[^"\\]|\\.)*"|[^,]*)', selector)
    wanted = {key: _json(text) for key, text in pairs}
    maps = (item for item in value if isinstance(item, Mapping))
    return next((item for item in maps if all(item.get(k) == v for k, v in wanted.items())), ABSENT)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return ABSENT
