"""Comparing by meaning, on plain data: what the real API server cannot be made to show on demand."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capgen.reconcile import meaning
from capgen.reconcile.compare import Difference, compare, compare_whole
from capgen.reconcile.plan import ABSENT, FieldChange

HPA = "HorizontalPodAutoscaler"


def live(spec: dict[str, Any], *held: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    """An object whose spec is held by (manager, fields of the spec)."""
    entries = [
        {
            "manager": manager, "operation": "Apply" if manager == "capgen" else "Update",
            "time": f"2026-01-0{n}T00:00:00Z", "fieldsV1": {"f:spec": fields},
        }
        for n, (manager, fields) in enumerate(held, start=1)
    ]  # fmt: skip
    return {"metadata": {"name": "x", "managedFields": entries}, "spec": spec, **more}


def declared(spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "X", "metadata": {"name": "x", "namespace": "y"}, "spec": spec}


def test_only_declared_fields_count() -> None:
    standing = live(
        {"a": 1, "b": {"c": 2, "d": 3}}, ("capgen", {"f:a": {}}), ("server", {"f:b": {"f:d": {}}}), status={"x": 1}
    )
    assert compare("X", declared({"a": 1}), standing) == Difference()


def test_absent_is_not_null_and_not_empty() -> None:
    standing = live({"a": 1}, ("capgen", {"f:a": {}}))
    for value in ("", 0, False, {}, []):
        (change,) = compare("X", declared({"a": 1, "b": value}), standing).fields
        assert change == FieldChange(".spec.b", ABSENT, value)


def test_an_empty_value_the_server_dropped_is_no_difference() -> None:
    standing = live({"a": 1}, ("capgen", {"f:a": {}, "f:b": {}}))
    assert compare("X", declared({"a": 1, "b": False}), standing) == Difference()
    assert compare("X", declared({"a": 1, "b": True}), standing).fields == (FieldChange(".spec.b", ABSENT, True),)


@pytest.mark.parametrize(("one", "other"), [(True, 1), (False, 0), (1, "1"), ("true", True), (0, None), ([], {})])
def test_values_of_different_types_differ(one: Any, other: Any) -> None:
    standing = live({"a": other}, ("capgen", {"f:a": {}}))
    (change,) = compare("X", declared({"a": one}), standing).fields
    assert (change.old, change.new) == (other, one)
    assert not meaning.same("X", ("spec",), {"x": [one]}, {"x": [other]})


def test_a_whole_number_is_one_however_it_is_written() -> None:
    assert compare("X", declared({"a": 1}), live({"a": 1.0}, ("capgen", {"f:a": {}}))) == Difference()


def test_both_owners_of_a_conflict_are_told_apart() -> None:
    standing = live({"a": 1, "b": 2}, ("capgen", {"f:a": {}}), ("kubectl-edit", {"f:b": {}}))
    fields = compare("X", declared({"a": 9, "b": 9}), standing).fields
    assert [(f.path, f.owner, f.since) for f in fields] == [
        (".spec.a", "", ""), (".spec.b", "kubectl-edit", "2026-01-02T00:00:00Z"),
    ]  # fmt: skip


def test_a_map_that_somebody_holds_whole_is_compared_whole() -> None:
    spec = {"selector": {"app": "x", "old": "y"}}
    whole = live(spec, ("capgen", {"f:selector": {}}))
    assert compare("X", declared({"selector": {"app": "x"}}), whole).fields == (
        FieldChange(".spec.selector.old", "y", ABSENT),
    )
    by_key = live(spec, ("capgen", {"f:selector": {"f:app": {}}}), ("them", {"f:selector": {"f:old": {}}}))
    assert compare("X", declared({"selector": {"app": "x"}}), by_key) == Difference()


def test_what_is_given_up_stays_when_another_holds_it_too() -> None:
    held = {"f:a": {}, "f:b": {}}
    alone = live({"a": 1, "b": 2}, ("capgen", held))
    assert compare("X", declared({"a": 1}), alone).fields == (FieldChange(".spec.b", 2, ABSENT),)
    shared = live({"a": 1, "b": 2}, ("capgen", held), ("them", {"f:b": {}}))
    assert compare("X", declared({"a": 1}), shared) == Difference(released=(".spec.b",))


def test_a_swap_in_a_list_without_order_shows_the_changed_item_alone() -> None:
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
    pods = {"type": "Pods", "pods": {"metric": {"name": "q"}, "target": {"type": "AverageValue", "averageValue": "1"}}}
    hotter = {**cpu, "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
    standing = live({"metrics": [cpu, pods]}, ("capgen", {"f:metrics": {}}))
    fields = compare(HPA, declared({"metrics": [pods, hotter]}), standing).fields
    assert fields == (FieldChange(".spec.metrics[1].resource.target.averageUtilization", 70, 80),)
    assert meaning.same(HPA, ("spec", "metrics"), [pods, cpu], [cpu, pods])
    assert not meaning.same("X", ("spec", "metrics"), [pods, cpu], [cpu, pods])
    # Twice the same is not once.
    twice = compare(HPA, declared({"metrics": [pods, pods, cpu]}), standing).fields
    assert len(twice) == 1 and twice[0].old is ABSENT
    # Elsewhere order counts.
    assert compare("X", declared({"metrics": [pods, cpu]}), standing).fields


def test_an_item_is_found_by_its_keys_and_a_default_of_them() -> None:
    ports = [{"containerPort": 80, "protocol": "TCP", "name": "web"}, {"containerPort": 80, "protocol": "UDP"}]
    held = {"f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}, "f:name": {}}}}
    standing = live({"ports": ports}, ("capgen", held))
    assert compare("X", declared({"ports": [{"containerPort": 80, "name": "web"}]}), standing) == Difference()
    (change,) = compare("X", declared({"ports": [{"containerPort": 80, "name": "www"}]}), standing).fields
    assert change.path == '.spec.ports[containerPort=80,protocol="TCP"].name'


def test_paths_cannot_be_forged_by_keys() -> None:
    standing = live({}, ("capgen", {"f:a": {}}))
    (change,) = compare("X", declared({'x"].y': 1}), standing).fields
    assert change.path == '.spec["x\\"].y"]'


def test_the_whole_is_compared_without_what_the_server_keeps_for_itself() -> None:
    before = live({"a": 1}, ("capgen", {"f:a": {}}), status={"replicas": 3})
    after = {**live({"a": 2, "b": 1}, ("them", {})), "status": {"replicas": 4}, "apiVersion": "v1"}
    after["metadata"] |= {"resourceVersion": "7", "labels": {"x": "y"}}
    assert compare_whole("X", before, after) == (
        FieldChange(".metadata.labels", ABSENT, {"x": "y"}),
        FieldChange(".spec.a", 1, 2),
        FieldChange(".spec.b", ABSENT, 1),
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1000m", "1", True), ("1", "1.0", True), ("1Gi", "1024Mi", True), ("1k", "1000", True), ("1e3", "1k", True),
        ("100n", "0.1u", True), ("+1", "1", True), ("1G", "1Gi", False), ("1", "1m", False), ("x", "x", True),
        ("1 Gi", "1Gi", False), ("", "0", False), ("0", "0m", True), ("1E", "1e18", True),
    ],
)  # fmt: skip
def test_quantities_are_compared_by_value(one: str, other: str, same: bool) -> None:
    assert (meaning.quantity(one) == meaning.quantity(other)) is same


@given(st.integers(-(10**9), 10**9), st.sampled_from(["", "k", "M", "Ki", "Mi"]))
def test_a_quantity_in_milli_is_the_same(number: int, suffix: str) -> None:
    factor = {"": 1, "k": 1000, "M": 10**6, "Ki": 1024, "Mi": 1 << 20}[suffix]
    assert meaning.quantity(f"{number}{suffix}") == meaning.quantity(f"{number * factor * 1000}m")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(_JSON, _JSON)
def test_two_values_are_the_same_or_a_difference_is_shown(one: Any, other: Any) -> None:
    standing = live({"x": [other]}, ("capgen", {"f:x": {}}))
    fields = compare("X", declared({"x": [one]}), standing).fields
    assert bool(fields) is not meaning.same("X", ("spec", "x"), [one], [other])


def test_a_difference_is_told_alike_under_every_hash_seed() -> None:
    program = (
        "from capgen.reconcile.compare import compare\n"
        "fields = {f'f:{c}': {} for c in 'hgfedcba'}\n"
        "held = [{'manager': m, 'operation': 'Apply', 'fieldsV1': {'f:spec': fields}} for m in ('capgen', 'b', 'a')]\n"
        "new = {'spec': {c: [{'k': c, 'l': {'x': 1, 'y': 2}}] for c in 'abcdefg'}}\n"
        "old = {'metadata': {'managedFields': held}, 'spec': {c: [{'m': c, 'l': {'z': 1}}] for c in 'gfedcbah'}}\n"
        "print(compare('X', new, old))\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(told) == 1 and b"FieldChange" in told.pop()
