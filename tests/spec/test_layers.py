"""Layers: merging is associative, null removes, and every value knows the layer it came from."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from capgen.spec.layers import merge, setting, without_removed
from capgen.yamlio import Node, Source, read

KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.none() | st.integers(0, 3) | st.lists(st.integers(0, 2), max_size=2),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=3)


def tree(document: dict[str, Any], layer: str = "") -> Node:
    node, found = read(Source(layer, json.dumps(document), layer))
    assert node is not None and not found
    return node


@settings(max_examples=400, deadline=None)
@given(DOCUMENTS, DOCUMENTS, DOCUMENTS)
def test_merging_is_associative(one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]) -> None:
    left = merge(merge(tree(one), tree(two)), tree(three))
    right = merge(tree(one), merge(tree(two), tree(three)))
    assert without_removed(left).data() == without_removed(right).data()


def plainly(lower: Any, upper: Any) -> Any:
    """What merging means, said once more in the simplest way."""
    if isinstance(lower, dict) and isinstance(upper, dict):
        merged = {
            key: plainly(lower[key], upper[key]) if key in lower and key in upper else upper.get(key, lower.get(key))
            for key in {**lower, **upper}
        }
        return {key: value for key, value in merged.items() if value is not None}
    return upper


def stripped(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: stripped(value) for key, value in document.items() if value is not None}
    return document


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_maps_merge_by_key_lists_replace_and_null_removes(lower: dict[str, Any], upper: dict[str, Any]) -> None:
    assert without_removed(merge(tree(lower), tree(upper))).data() == stripped(plainly(stripped(lower), upper))


@settings(max_examples=300, deadline=None)
@given(st.lists(DOCUMENTS, min_size=1, max_size=4))
def test_every_value_names_the_strongest_layer_that_wrote_it(documents: list[dict[str, Any]]) -> None:
    folded = tree(documents[0], "0")
    for number, document in enumerate(documents[1:], start=1):
        folded = merge(folded, tree(document, str(number)))
    for path, node in without_removed(folded).walk():
        if isinstance(node.value, dict) or any(isinstance(step, int) for step in path):
            continue
        writers = [number for number, document in enumerate(documents) if _at(document, path) is not _NOTHING]
        assert node.source.layer == str(writers[-1])


_NOTHING = object()


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        if not isinstance(document, dict) or step not in document:
            return _NOTHING
        document = document[step]
    return document


def test_a_setting_takes_a_signals_name_as_one_step() -> None:
    node, name, found = setting("apm:signals.host.cpu.levels.critical=77%")
    assert not found and name == "apm" and node is not None
    assert node.data() == {"signals": {"host.cpu": {"levels": {"critical": "77%"}}}}


def test_a_setting_can_remove() -> None:
    node, _, found = setting("signals.host.swap=")
    assert not found and node is not None and node.data() == {"signals": {"host.swap": None}}


def test_under_signals_a_null_stays_for_the_catalogue() -> None:
    kept = without_removed(
        tree(
            {
                "signals": {"host.swap": None, "host.cpu": {"title": None, "levels": {"warning": None}}},
                "jobs": {"x": None},
            }
        )
    )
    assert kept.data() == {"signals": {"host.swap": None, "host.cpu": {"levels": {"warning": None}}}, "jobs": {}}
