"""What changes, as a reviewer names it: an alert by its name, a metric by what it measures, in an object as in a file.

A server takes a list of rules as one value, and a folder's plan holds texts, since texts are what is written. By place or by
line, one rule less moves all that follow it; whoever reviews it wants to know which alert goes, and which is loosened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from capgen.reconcile import meaning
from capgen.reconcile.compare import step_into
from capgen.reconcile.kinds import KINDS
from capgen.reconcile.names import NAMES, names_in
from capgen.reconcile.packed import unpacked
from capgen.reconcile.paths import lookup
from capgen.reconcile.plan import ABSENT, Change, FieldChange
from capgen.yamlio import Source, read

RULES, SCRAPES, ALERTMANAGER, PROMETHEUS = "PrometheusRule", "ScrapeConfig", "AlertmanagerConfig", "Prometheus"
_LIKE = {"rules": RULES, "scrape": SCRAPES, "alertmanager": ALERTMANAGER, "prometheus": PROMETHEUS}
"""Files of a Prometheus or an Alertmanager, and the objects that say the same."""
_YAML = (".yml", ".yaml")
_INTO_LIST = re.compile(r"\.([A-Za-z_]+)(?:\[\d+\]|$)")


class Named(dict[str, Any]):
    """A list whose items have names, so that one that is new moves no other."""


def kind_of(change: Change) -> str:
    """The kind by which a change's fields are understood."""
    return _LIKE.get(change.kind, change.kind)


def fields_of(change: Change) -> tuple[FieldChange, ...]:
    """The fields that change; of a file, () where it holds nothing that has fields, or differs in form alone."""
    before, after = (unpacked(side) if isinstance(side, Mapping) else side for side in (change.before, change.after))
    if isinstance(before, str) and isinstance(after, str):
        return in_texts(kind_of(change), change.path or change.key, before, after)
    found: list[FieldChange] = []
    inside: dict[str, tuple[FieldChange, ...]] = {}
    for field in change.fields:
        root = _named_list(field.path)
        if root not in inside:
            sides = [_told(root, lookup(side, root)) if root and side else ABSENT for side in (before, after)]
            named = all(isinstance(side, Named) for side in sides)
            inside[root] = tuple(walk(change.kind, root, sides[0], sides[1])) if named else ()
            found += (FieldChange(f.path, f.old, f.new, field.owner, field.since) for f in inside[root])
        if not inside[root]:
            found += _inside_text(field)
    return tuple(found)


@lru_cache(maxsize=256)  # a report asks for the risks, the order and the lines of the same files
def in_texts(kind: str, name: str, before: str, after: str) -> tuple[FieldChange, ...]:
    """The fields that differ in two versions of a YAML text; () for any other."""
    if not name.rstrip('"]').endswith(_YAML):
        return ()
    old, new = (_document(text) for text in (before, after))
    if old is None or new is None:
        return ()
    if kind in KINDS and "kind" in old and "metadata" in old:
        old, new = (
            {key: part for key, part in side.items() if key not in ("apiVersion", "kind")} for side in (old, new)
        )
    return tuple(inside for field in in_documents(kind, old, new) for inside in _inside_text(field))


def in_documents(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """The fields that differ in two documents of a kind, or parts of such from the root on."""
    return tuple(walk(kind, "", _told("", before), _told("", after)))


def _inside_text(field: FieldChange) -> Iterator[FieldChange]:
    """The fields within a text that an object carries, or the field itself."""
    inside: tuple[FieldChange, ...] = ()
    if isinstance(field.old, str) and isinstance(field.new, str):
        inside = in_texts("", field.path, field.old, field.new)
    for found in inside:
        yield FieldChange(f"{field.path}{found.path}", found.old, found.new, field.owner, field.since)
    if not inside:
        yield field


def walk(kind: str, shown: str, old: Any, new: Any, path: meaning.Path | None = None) -> Iterator[FieldChange]:
    """The differences of two values, innermost first; `shown` is how the place is called. What means the same is none."""
    path = tuple(re.findall(r"[A-Za-z_-]+(?=[.\[]|$)", shown)) if path is None else path
    # Of maps each value is looked at by itself, or the meaning of what is deep inside would be asked for at every step.
    maps = isinstance(old, Mapping) and isinstance(new, Mapping)
    alike = meaning.spelled_alike(new, old) if maps else ABSENT not in (old, new) and meaning.same(kind, path, new, old)
    if alike:
        return
    old, new = (
        Named() if one is ABSENT and isinstance(other, Named) else one for one, other in ((old, new), (new, old))
    )
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        listed = isinstance(new, Named)
        old = old if listed else meaning.without_default_keys(kind, path, new, old)
        for key in sorted(old.keys() | new.keys()):
            place = f"{shown}[{key}]" if listed else shown + step_into(key)
            step = "*" if listed else key
            yield from walk(kind, place, old.get(key, ABSENT), new.get(key, ABSENT), (*path, step))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _walk_list(kind, shown, old, new, path)
    else:
        yield FieldChange(shown, _plain(old), _plain(new))


def _walk_list(kind: str, shown: str, old: list[Any], new: list[Any], path: meaning.Path) -> Iterator[FieldChange]:
    matcher = SequenceMatcher(None, [repr(item) for item in old], [repr(item) for item in new], autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            continue
        for place in range(max(j - i, m - k)):
            before = old[i + place] if i + place < j else ABSENT
            after = new[k + place] if k + place < m else ABSENT
            number = i + place if before is not ABSENT else k + place
            yield from walk(kind, f"{shown}[{number}]", before, after, (*path, "*"))


def _named_list(path: str) -> str:
    """The outermost list on the way to a field that has names for its items, and that the server has none for; "" for none."""
    matches = (match for match in _INTO_LIST.finditer(path) if match[1] in NAMES)
    return next((path[: match.end(1)] for match in matches), "")


def _told(path: str, value: Any) -> Any:
    """The value with names in the place of the numbers of its lists, where the items have some."""
    if isinstance(value, Mapping):
        return {key: _told(key, child) for key, child in value.items()}
    if not isinstance(value, list):
        return value
    items = [_told("", item) for item in value]
    within = path.rpartition(".")[2]
    names = names_in(within, value) if within in NAMES else []
    return Named(zip(names, items, strict=True)) if names and all(names) else items


def _plain(value: Any) -> Any:
    """The value with lists again in the place of names."""
    if isinstance(value, Named):
        return [_plain(item) for item in value.values()]
    if isinstance(value, Mapping):
        return {key: _plain(child) for key, child in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _document(text: str) -> dict[str, Any] | None:
    node, _ = read(Source("", text))
    data: Any = node.data() if node else None
    return data if isinstance(data, dict) else None
