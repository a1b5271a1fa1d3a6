"""What applying a manifest would change in a live object, told without asking the server.

Only declared fields count, plus those that capgen declared earlier and does not any more. The manifest and the
object are walked side by side with the field owners: maps are merged key by key, keyed lists item by item, and
everything else is one value with one owner, whose inside is compared by deepdiff. What two spellings mean is in
the tables of `meaning`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from capgen.reconcile import meaning, owners
from capgen.reconcile.names import NAMES, called, names_in
from capgen.reconcile.owners import Holder
from capgen.reconcile.plan import ABSENT, Document, FieldChange

_NOT_COMPARED = frozenset(("apiVersion", "kind"))
_NAMES_IT = frozenset(("name", "namespace"))


class Difference(Struct, frozen=True):
    """`fields` would get another value. `taken` and `released` would keep theirs and change hands alone."""

    fields: tuple[FieldChange, ...] = ()
    taken: tuple[str, ...] = ()
    released: tuple[str, ...] = ()


class _Place(Struct, frozen=True):
    """A place in both documents: how it is shown, how tables know it, who holds what there."""

    shown: str
    path: meaning.Path
    holders: tuple[Holder, ...]

    def key(self, key: str) -> _Place:
        return _Place(self.shown + step_into(key), (*self.path, key), owners.below(self.holders, f"f:{key}"))

    def member(self, value: Any) -> _Place:
        shown = json.dumps(value, ensure_ascii=False)
        step = "v:" + json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return _Place(f"{self.shown}[={shown}]", (*self.path, "*"), owners.below(self.holders, step))

    def item(self, keys: Sequence[str], item: Mapping[str, Any]) -> _Place:
        known = {key: item.get(key, meaning.KEY_DEFAULTS.get(key)) for key in keys}
        selector = ",".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in known.items())
        return _Place(f"{self.shown}[{selector}]", (*self.path, "*"), owners.below_item(self.holders, item))


class _Taken(Struct, frozen=True):
    path: str


class _Released(Struct, frozen=True):
    path: str


_Finding: TypeAlias = FieldChange | _Taken | _Released


def compare(kind: str, declared: Document, live: Document) -> Difference:
    """What applying `declared` would do to `live`, which is given with its managedFields."""
    root = _Place("", (), owners.holders(live))
    found: list[_Finding] = []
    for key in sorted(declared.keys() - _NOT_COMPARED):
        wanted = declared[key]
        if key == "metadata":
            wanted = {name: value for name, value in wanted.items() if name not in _NAMES_IT}
        found += _compare(kind, root.key(key), wanted, live.get(key, ABSENT))
    found += _dropped(kind, root, declared, live)
    return Difference(
        tuple(item for item in found if isinstance(item, FieldChange)),
        tuple(item.path for item in found if isinstance(item, _Taken)),
        tuple(item.path for item in found if isinstance(item, _Released)),
    )


def compare_whole(kind: str, before: Document, after: Document) -> tuple[FieldChange, ...]:
    """Every difference between two states of an object, less what the server keeps in it for itself."""
    fields: list[FieldChange] = []
    for key in sorted((before.keys() | after.keys()) - _NOT_COMPARED - {"status"}):
        old, new = _visible(key, before.get(key, ABSENT)), _visible(key, after.get(key, ABSENT))
        if old is ABSENT or new is ABSENT or not meaning.same(kind, (key,), new, old):
            fields += _inside(kind, _Place(step_into(key), (key,), ()), new, old)
    return tuple(fields)


def step_into(key: str) -> str:
    """A map's key as part of a path: `.spec`, and quoted where it could be misread."""
    plain = key.replace("-", "").replace("_", "").isalnum() and key.isascii()
    return f".{key}" if plain else f"[{json.dumps(key, ensure_ascii=False)}]"


def _visible(key: str, value: Any) -> Any:
    if key != "metadata" or value is ABSENT:
        return value
    return {name: value[name] for name in ("annotations", "labels") if value.get(name)}


def _compare(kind: str, place: _Place, declared: Any, live: Any) -> Iterator[_Finding]:
    both_maps = isinstance(declared, dict) and isinstance(live, dict)
    if both_maps and not (declared and owners.held_whole(place.holders)):
        for key in sorted(declared):
            yield from _compare(kind, place.key(key), declared[key], live.get(key, ABSENT))
        yield from _dropped(kind, place, declared, live)
    elif keys := _item_keys(place, declared, live):
        yield from _compare_items(kind, place, keys, declared, live)
    elif owners.is_set(place.holders) and isinstance(declared, list) and isinstance(live, list):
        yield from _compare_members(place, declared, live)
    elif _dropped_by_server(place, declared, live) or (
        live is not ABSENT and meaning.same(kind, place.path, declared, live)
    ):
        if owners.ours(place.holders) is None:
            yield _Taken(place.shown)
    else:
        yield from _inside(kind, place, declared, live)


def _compare_items(kind: str, place: _Place, keys: tuple[str, ...], declared: Any, live: Any) -> Iterator[_Finding]:
    standing = {_identity(keys, item): item for item in live}
    for item in declared:
        twin = standing.pop(_identity(keys, item), ABSENT)
        yield from _compare(kind, place.item(keys, item), item, twin)
    for item in standing.values():
        inside = place.item(keys, item)
        if owners.ours(inside.holders):
            yield from _given_up(inside, item)


def _compare_members(place: _Place, declared: list[Any], live: list[Any]) -> Iterator[_Finding]:
    """A set: members of others stay, and order says nothing."""
    for member in declared:
        inside = place.member(member)
        if member not in live:
            yield FieldChange(inside.shown, ABSENT, member)
        elif owners.ours(inside.holders) is None:
            yield _Taken(inside.shown)
    for member in live:
        if member not in declared and owners.ours(place.member(member).holders):
            yield from _given_up(place.member(member), member)


def _item_keys(place: _Place, declared: Any, live: Any) -> tuple[str, ...]:
    """The keys to compare two lists by; () when they are one value each, or when the keys do not tell items apart."""
    if not (isinstance(declared, list) and isinstance(live, list)):
        return ()
    keys = owners.item_keys(place.holders)
    for items in (declared, live):
        if not all(isinstance(item, Mapping) for item in items):
            return ()
        if len({_identity(keys, item) for item in items}) != len(items):
            return ()
    return keys


def _identity(keys: Sequence[str], item: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(json.dumps(item.get(key, meaning.KEY_DEFAULTS.get(key))) for key in keys)


def _dropped_by_server(place: _Place, declared: Any, live: Any) -> bool:
    """The server leaves out some empty values (`false`, `0`, `""`) and still notes who declared them."""
    return live is ABSENT and not declared and owners.ours(place.holders) is not None


def _dropped(kind: str, place: _Place, declared: Mapping[str, Any], live: Mapping[str, Any]) -> Iterator[_Finding]:
    """What capgen declared here earlier and does not any more."""
    mine = owners.ours(place.holders)
    for step in sorted(mine.fields if mine else ()):
        key = step[2:]
        if step.startswith("f:") and key not in declared and key in live:
            inside = place.key(key)
            back = meaning.returns(kind, inside.path, live[key])
            yield from (_Released(inside.shown),) if back else _given_up(inside, live[key])


def _given_up(place: _Place, live: Any) -> Iterator[_Finding]:
    """A value that goes when capgen lets go of it, or stays because others hold it as well."""
    if owners.others(place.holders):
        yield _Released(place.shown)
    else:
        yield FieldChange(place.shown, live, ABSENT)


def _inside(kind: str, place: _Place, declared: Any, live: Any) -> Iterator[FieldChange]:
    """The differences within one value; whoever holds the value is in the way of all of them."""
    foreign = owners.others(place.holders)
    owner, since = (foreign[0].manager, foreign[0].since) if foreign else ("", "")
    for path, old, new in _steps(kind, place, declared, live):
        yield FieldChange(path, old, new, owner, since, place.shown if owner and path != place.shown else "")


def _steps(kind: str, place: _Place, declared: Any, live: Any) -> list[tuple[str, Any, Any]]:
    if (
        declared is ABSENT
        or live is ABSENT
        or not isinstance(declared, (Mapping, list))
        or type(declared) is not type(live)
    ):
        return [(place.shown, live, declared)]
    import deepdiff  # slow to import, and most objects have not changed

    new, old = _beside(kind, place.path, declared, meaning.without_defaults(kind, place.path, declared, live))
    tree = deepdiff.DeepDiff(old, new, view="tree", threshold_to_diff_deeper=0, verbose_level=2)
    found = []
    for level in (level for levels in tree.values() for level in levels):
        path = place.path
        shown = place.shown
        for step in level.path(output_format="list"):
            shown += f"[{step}]" if isinstance(step, int) else step_into(step)
            path = (*path, "*" if isinstance(step, int) else step)
        before, after = (
            ABSENT if isinstance(side, deepdiff.helper.NotPresent) else side for side in (level.t1, level.t2)
        )
        if before is ABSENT or after is ABSENT or not meaning.same(kind, path, after, before):
            found.append((shown, before, after))
    if not found and not meaning.same(kind, place.path, declared, live):
        # To Python, and so to deepdiff, `False` is 0; to a server it is not.
        return [(place.shown, live, declared)]
    return sorted(found, key=lambda step: step[0])


def _beside(kind: str, path: meaning.Path, declared: Any, live: Any) -> tuple[Any, Any]:
    """Both values, with lists that have no order, or names for their items, as maps by place, so that what is the same item
    stands in the same place.
    """
    if isinstance(declared, Mapping) and isinstance(live, Mapping):
        pairs = {key: _beside(kind, (*path, key), declared[key], live[key]) for key in declared.keys() & live.keys()}
        return (
            {**declared, **{key: pair[0] for key, pair in pairs.items()}},
            {**live, **{key: pair[1] for key, pair in pairs.items()}},
        )
    if not (isinstance(declared, list) and isinstance(live, list)):
        return declared, live
    unordered = meaning.is_unordered(kind, path)
    if named := _by_name(path[-1], declared, live, unordered):
        pairs = {
            n: _beside(kind, (*path, "*"), declared[n], item) if n < len(declared) else (ABSENT, item)
            for n, item in named.items()
        }
        return {n: pairs.get(n, (item,))[0] for n, item in enumerate(declared)}, {n: p[1] for n, p in pairs.items()}
    return (dict(enumerate(declared)), meaning.aligned(kind, path, declared, live)) if unordered else (declared, live)


def _by_name(within: str, declared: list[Any], live: list[Any], unordered: bool) -> dict[int, Any]:
    """The live items of a list whose items have names by the place of their declared twin; those that have none stand
    behind. Empty where names do not tell the items apart: by their order they do, where there is one.
    """
    mine, theirs = names_in(within, declared), names_in(within, live)
    alike = unordered and any(len({called(within, item) for item in items}) < len(items) for items in (declared, live))
    if within not in NAMES or alike or not all((*mine, *theirs)):
        return {}
    places = {name: place for place, name in enumerate(mine)}
    beyond = itertools.count(max(len(declared), len(live)))
    return {
        places[name] if name in places else place if place >= len(declared) else next(beyond): item
        for place, (name, item) in enumerate(zip(theirs, live, strict=True))
    }
