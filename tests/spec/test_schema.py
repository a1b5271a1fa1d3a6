"""The JSON Schema and the models say the same of every document, and the schema explains itself."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capgen.spec.documents import KINDS
from capgen.spec.layers import without_removed
from capgen.spec.schema import schema
from capgen.validation import validated
from capgen.yamlio import Node, Source, read

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "specs").rglob("*.yaml"))
SCHEMA = schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def documents() -> list[dict[str, Any]]:
    found = []
    for path in FILES:
        node, _ = read(Source(path.name, path.read_text()))
        assert node is not None
        found.append(node.data())
    return found  # type: ignore[return-value]


DOCUMENTS = documents()
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(-10, 10).map(lambda x: round(x, 2)), st.just([]), st.just({}), st.just(1e20),
    st.sampled_from(["", "80%", "5m", "1h30m", "30m1h", "4Gi", "-1", "1e3", "abc", "Deployment", "cpu", "x y", "a\n", "host.cpu", "http://x", "500m", "* * * * *", "Ü"]),
)  # fmt: skip


def node_of(value: Any) -> Node:
    """A tree without text, as the reader would have made it."""
    source = Source("document", "")
    if isinstance(value, dict):
        return Node(
            {key: node_of(child) for key, child in value.items()},
            source,
            (1, 1, 1, 2),
            dict.fromkeys(value, (1, 1, 1, 2)),
        )
    if isinstance(value, list):
        return Node([node_of(child) for child in value], source, (1, 1, 1, 2))
    return Node(value, source, (1, 1, 1, 2))


def models_accept(document: Any) -> bool:
    model = (
        KINDS.get(document.get("kind"))
        if isinstance(document, dict) and isinstance(document.get("kind"), str)
        else None
    )
    return model is not None and not validated(model, without_removed(node_of(document)))[1]


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, child in inside for deeper in paths(child, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """An example document with one place changed, removed, renamed or added to."""
    document = copy.deepcopy(draw(st.sampled_from(DOCUMENTS)))
    path = draw(st.sampled_from([p for p in paths(document) if p]))
    parent: Any = document
    for step in path[:-1]:
        parent = parent[step]
    change = draw(st.sampled_from(["replace", "remove", "rename", "add"]))
    if change == "replace":
        parent[path[-1]] = draw(LEAVES)
    elif change == "remove":
        del parent[path[-1]]
    elif isinstance(parent, dict):
        value = parent[path[-1]] if change == "add" else parent.pop(path[-1])
        parent[draw(st.sampled_from(["name", "extra", "cpu", "X y", "a.b", "host.cpu", "max", "1"]))] = value
    return document


@settings(max_examples=600, deadline=None)
@given(mutated())
def test_schema_and_models_agree(document: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(document) == models_accept(document)


@pytest.mark.parametrize("document", DOCUMENTS, ids=[path.name for path in FILES])
def test_examples_are_valid(document: dict[str, Any]) -> None:
    assert not list(VALIDATOR.iter_errors(document))
    assert models_accept(document)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"].endswith("2020-12/schema")


def test_fields_are_described_and_exemplified() -> None:
    source = SCHEMA["$defs"]["SourceSpec"]["properties"]
    assert source["existing"]["description"].startswith("Whether someone else scrapes it")
    assert source["exporter"]["examples"] == ["node"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("planning", "cost", "network", "bandwidth"), -1),
        (("planning", "cost", "compute", "each"), -0.5),
        (("planning", "cost", "storage", "logs"), -3),
        (("planning", "compute", "growth", "cpu", "points"), 101),
    ],
)
def test_both_know_the_bounds_of_plain_numbers(path: tuple[str, ...], value: float) -> None:
    document = copy.deepcopy(next(d for d in DOCUMENTS if d.get("metadata", {}).get("name") == "apm"))
    parent: Any = document
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    assert (VALIDATOR.is_valid(document), models_accept(document)) == (False, False)
