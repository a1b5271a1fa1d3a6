"""Lays documents over one another: catalogue, defaults, capacity, environment, `--set`, weakest first.

Maps merge by key, lists and plain values replace, `null` removes. Every value keeps the place it was
written at, which is all that `explain` needs. Merging is associative, so it does not matter which layers are
folded first: a mapping over something that was removed is marked as replacing what lies further down.
"""

from __future__ import annotations

from typing import Literal

from capgen.diagnostics import Diagnostic, Span
from capgen.yamlio import Mark, Node, Path, Source, read

SET_LAYER = "--set"


def merge(lower: Node, upper: Node, *, place: Literal["lower", "upper"] = "lower") -> Node:
    """`upper` laid over `lower`. Removals stay in the result as null, for `without_removed` to carry out.

    A mapping of both stands where the layer in `place` wrote it, so that what is missing in it is missed there:
    in the capacity, rather than in the defaults beneath it or in an override of a part.
    """
    if not isinstance(upper.value, dict) or upper.replaces:
        return upper
    if not isinstance(lower.value, dict):
        return Node(upper.value, upper.source, upper.mark, upper.keys, replaces=True)
    value = dict(lower.value)
    keys = dict(lower.keys)
    for key, node in upper.value.items():
        value[key] = merged = merge(value[key], node, place=place) if key in value else node
        if merged.source is node.source:  # a key stands in the file that its value comes from
            keys[key] = upper.keys.get(key, upper.mark)
    at = lower if place == "lower" else upper
    return Node(value, at.source, at.mark, keys, replaces=lower.replaces)


def without_removed(node: Node, path: Path = ()) -> Node:
    """The tree without the keys that were set to null. Under `signals` a null still has the catalogue's
    signal or level to remove, so there it stays."""
    if isinstance(node.value, list):
        items = [without_removed(item, (*path, index)) for index, item in enumerate(node.value)]
        return (
            node if all(a is b for a, b in zip(items, node.value, strict=True)) else Node(items, node.source, node.mark)
        )
    if not isinstance(node.value, dict):
        return node
    kept: dict[str, Node] = {}
    keys = node.keys
    changed = False
    for key, child in node.value.items():
        if child.value is None and not _removes_from_catalogue((*path, key)):
            if child.source is not node.source:  # where the mapping stands, nothing is written of this key
                keys = {name: mark for name, mark in keys.items() if name != key}
            changed = True
            continue
        kept[key] = without_removed(child, (*path, key))
        changed = changed or kept[key] is not child
    return Node(kept, node.source, node.mark, keys) if changed else node


def _removes_from_catalogue(path: Path) -> bool:
    if path[0] != "signals":
        return False
    return len(path) == 2 or (len(path) >= 3 and path[2] == "levels")


def setting(text: str) -> tuple[Node | None, str, tuple[Diagnostic, ...]]:
    """`[capacity:]path=value` of the command line as a layer: its tree, the capacity's name ("" for all),
    and what is wrong with it. The value is YAML; a signal's name counts as one step of the path."""
    where = Source(f"{SET_LAYER} {text}", text, SET_LAYER)
    left, equals, right = text.partition("=")
    name, colon, path = left.rpartition(":")
    keys = steps(path if colon else left)
    if not equals or not all(keys):
        span = Span(where.name, 1, 1, 1, len(text) + 1)
        return (
            None,
            "",
            (Diagnostic("CG208", f"{text!r} sets nothing", span, "write `path.to.field=value`", excerpt=text),),
        )
    value, found = read(Source(where.name, right, SET_LAYER)) if right.strip() else (_leaf(where, (1, 1, 1, 2)), ())
    if value is None:
        return None, name, found
    mark: Mark = (1, 1, 1, len(left) + 1)
    for step in reversed(keys):
        value = Node({step: value}, where, mark, {step: mark})
    return value, name, ()


def _leaf(source: Source, mark: Mark) -> Node:
    return Node(None, source, mark)


def steps(path: str) -> tuple[str, ...]:
    """A path as it is typed, in its steps: the two words of a signal's name are one."""
    words = path.strip().split(".")
    if words[0] == "signals" and len(words) >= 3:
        return ("signals", f"{words[1]}.{words[2]}", *words[3:])
    return tuple(words)
