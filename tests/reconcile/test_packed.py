"""A packed object is the object, to whoever looks into it."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capgen.reconcile import applyset
from capgen.reconcile.manifest import PART_OF
from capgen.reconcile.packed import Packed, head, unpacked
from capgen.reconcile.saved import meant

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
)


@given(st.dictionaries(st.text(), values))
def test_it_reads_as_what_it_was_made_of(rest: dict[str, Any]) -> None:
    metadata = {"name": "x", "labels": {PART_OF: "some-set"}, "managedFields": [{"manager": "capgen"}]}
    document = {**rest, "metadata": metadata}
    packed = Packed(document)
    assert (dict(packed), unpacked(packed), {**packed, "a": 1}) == (document, document, {**document, "a": 1})
    assert (packed.get("metadata"), packed.get("missing"), len(packed)) == (metadata, None, len(document))
    assert head(packed).keys() == {"name", "labels"} and applyset.part_of(packed) == applyset.part_of(document)
    assert meant(packed) == meant(document)


@pytest.mark.parametrize("value", ["\ud800", 2**70, -(2**70), 1.5, 1.0, True, 1, None])
def test_values_that_readers_of_json_differ_about_stay_what_they_were(value: Any) -> None:
    document = {"metadata": {"name": "x"}, "data": {"value": value, "more": [value]}}
    seen = unpacked(Packed(document))
    assert (seen, type(seen["data"]["value"])) == (document, type(value))


def test_it_is_small() -> None:
    fields = {f"f:field{n}": {"f:name": {}, "f:value": {}} for n in range(50)}
    document = {"metadata": {"name": "x", "managedFields": [{"fieldsV1": fields}]}, "data": {"text": "line\n" * 200}}
    packed = Packed(document)
    assert sys.getsizeof(packed._text) < 700
