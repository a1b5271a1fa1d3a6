"""Fields by their paths: in each of the three spellings, and as a diff tells them, for every list whose items have names."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capgen.reconcile.compare import step_into
from capgen.reconcile.names import NAMES
from capgen.reconcile.paths import covers, lookup, put, steps, trail, without
from capgen.reconcile.plan import Action, Change, FieldChange
from capgen.reconcile.policy import FieldPolicy, settle
from capgen.reconcile.told import fields_of
from capgen.report.fields import named

ITEMS: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "groups": ({"name": "capgen/apm/cpu"}, {"name": 'a "quoted" one, [0]'}),
    "rules": ({"alert": 'Cpu [high] "now'}, {"record": "capgen:cpu:ratio"}),
    "metrics": (
        {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "web"}},
        {"type": "Pods", "pods": {"metric": {"name": "queue_depth"}}},
    ),
    "containerPolicies": ({"containerName": "*"}, {"containerName": "app"}),
    "triggers": ({"type": "cron", "name": "night"}, {"type": "prometheus", "metadata": {"metricName": "depth"}}),
    "receivers": ({"name": "team"}, {"name": "ops"}),
    "routes": (
        {"matchers": [{"name": "severity", "matchType": "=~", "value": "pa[gG]e|x"}, {"name": "a", "value": "b"}]},
        {"receiver": "team"},
    ),
    "inhibitRules": (
        {"sourceMatch": [{"name": "a", "value": "1"}], "targetMatch": [{"name": "b", "value": "2"}]},
        {"sourceMatch": [{"name": "a", "value": "3"}], "targetMatch": [{"name": "b", "value": "2"}]},
    ),
    "inhibit_rules": (
        {"source_matchers": ['a="1"'], "target_matchers": ['b="2"']},
        {"source_matchers": ['a="3"'], "target_matchers": ['b="2"']},
    ),
    "scrape_configs": ({"job_name": "node"}, {"job_name": "2024"}),
    "endpoints": ({"port": "http"}, {"targetPort": 8080}),
}


def changed(within: str, item: dict[str, Any], *others: dict[str, Any]) -> tuple[Change, FieldChange]:
    """An object with a list of that name, in whose item something new is wanted; the item stands behind the others."""
    before, after = (
        {"metadata": {"name": "x"}, "spec": {within: [*others, {**item, "interval": value}]}} for value in (1, 2)
    )
    field = FieldChange(
        f".spec.{within}[{len(others)}].interval", 1, 2, "kubectl-edit", "2026-01-01T00:00:00Z", f".spec.{within}"
    )
    return Change("X/a/x", Action.CONFLICT, "X", "a", "x.yaml", before, after, (field,)), field


def test_every_list_with_names_is_among_the_examples() -> None:
    assert ITEMS.keys() == NAMES.keys()


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("within", sorted(NAMES))
def test_a_field_is_known_by_what_a_diff_calls_it(within: str, number: int) -> None:
    """Also the second of two that are called alike, and beside one whose own name looks like that."""
    item, other = ITEMS[within][number], ITEMS[within][1 - number]
    for others in ((), (other,), (other, item)):
        change, field = changed(within, item, *others)
        (told,) = fields_of(change)
        assert (told.old, told.new, told.owner, told.path[-10:]) == (1, 2, "kubectl-edit", "].interval")
        assert told.path != field.path and told.path == named(change, field.path), "by its name, whoever tells it"
        assert ("(2)" in told.path) == (len(others) == 2)
        for spelling in (told.path, field.path):
            assert lookup(change.after, spelling) == 2
            policy = FieldPolicy("X", spelling, "yield")
            settled = settle([policy], "X", change.after, change.before, change.fields)  # type: ignore[arg-type]
            assert settled.document == change.before, "it is the very item that is left as it stands"


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        (".spec.rules[Mine].for", [{"alert": "New"}, {"alert": "Mine", "for": "1h"}]),
        (".spec.rules[New]", [{"alert": "Mine", "for": "5m"}]),
        (".spec.rules[Theirs]", [{"alert": "New"}, {"alert": "Mine", "for": "5m"}, {"alert": "Theirs"}]),
        (".spec.rules[2]", [{"alert": "New"}, {"alert": "Mine", "for": "5m"}, {"alert": "Theirs"}]),
        (".spec.rules", None), (".spec", None), (".spec.rul", [{"alert": "New"}, {"alert": "Mine", "for": "5m"}]),
    ],
)  # fmt: skip
def test_what_is_yielded_is_the_named_item_although_others_come_and_go(policy: str, left: list[Any] | None) -> None:
    from capgen.reconcile.compare import compare

    declared = {
        "kind": "X",
        "metadata": {"name": "x"},
        "spec": {"rules": [{"alert": "New"}, {"alert": "Mine", "for": "5m"}], "a": 1},
    }
    entries = [
        {
            "manager": "kubectl-edit",
            "operation": "Update",
            "time": "2026-01-01T00:00:00Z",
            "fieldsV1": {"f:spec": {"f:rules": {}}},
        },
        {
            "manager": "capgen",
            "operation": "Apply",
            "time": "2026-01-01T00:00:00Z",
            "fieldsV1": {"f:spec": {"f:a": {}}},
        },
    ]
    standing = [{"alert": "Other"}, {"alert": "Mine", "for": "1h"}, {"alert": "Theirs"}]
    live = {"metadata": {"name": "x", "managedFields": entries}, "spec": {"rules": standing, "a": 1}}
    fields = compare("X", declared, live).fields
    settled = settle([FieldPolicy("X", policy, "yield")], "X", declared, live, fields)
    assert settled.document["spec"] == ({"a": 1} if left is None else {"rules": left, "a": 1})


@pytest.mark.parametrize(
    ("spellings", "other"),
    [
        ((".data.a.b/c", '.data["a.b/c"]'), ".data.a"),
        ((".data.a", '.data["a"]'), ".data.a.b/c"),
        (('.data["not there"]',), ".data"),
        ((".groups[0].rules", '.groups[name="one"].rules', '.groups["x"]'), ".groups[1]"),
        (('.ports[containerPort=8080,protocol="TCP"]', ".ports[1]"), '.ports[containerPort=8080,protocol="UDP"]'),
        (('.set[="b"]', ".set[1]"), '.set[="a"]'),
        ((".set[²]", ".set[²]"), ".set[2]"),
    ],
)  # fmt: skip
def test_a_field_is_itself_however_it_is_spelled_and_no_other(spellings: tuple[str, ...], other: str) -> None:
    document = {
        "data": {"a.b/c": 1, "a": 2}, "groups": [{"name": "one", "rules": [1]}, {"name": "two"}], "set": ["a", "b"],
        "ports": [{"containerPort": 8080, "protocol": "UDP"}, {"containerPort": 8080, "protocol": "TCP"}],
    }  # fmt: skip
    first, *more = (spelling for spelling in spellings if '"x"' not in spelling)
    for spelling in more:
        assert trail(spelling, document) == trail(first, document) and lookup(document, spelling) == lookup(
            document, first
        )
        assert covers(spelling, first, document) and covers(first, spelling, document)
    assert not covers(first, other, document)


KEYS = st.text(st.sampled_from(["a", "b", ".", "/", "-", '"', "]", " ", "ü"]), min_size=1, max_size=5)
VALUES = st.recursive(
    st.integers(0, 3) | st.booleans() | st.text(max_size=3),
    lambda inside: st.dictionaries(KEYS, inside, max_size=3) | st.lists(inside, max_size=3)
    | st.lists(st.builds(lambda name, value: {"name": name, "v": value}, KEYS, inside), max_size=3, unique_by=lambda i: i["name"]),
    max_leaves=8,
)  # fmt: skip


def paths(value: Any, path: str = "") -> Iterator[str]:
    """Every place in a value, as a diff spells it: list items by number, and by name where they have one."""
    if path:
        yield path
    steps: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        steps = [(step_into(key), inside) for key, inside in value.items()]
    elif isinstance(value, list):
        steps = [(f"[{n}]", inside) for n, inside in enumerate(value)]
        steps += [
            (f"[name={json.dumps(i['name'], ensure_ascii=False)}]", i)
            for i in value
            if isinstance(i, dict) and isinstance(i.get("name"), str)
        ]
    for step, inside in steps:
        yield from paths(inside, path + step)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=3), st.data())
def test_looking_putting_and_taking_away_agree(document: dict[str, Any], data: st.DataObject) -> None:
    spelled = list(paths(document))
    path = data.draw(st.sampled_from(spelled))
    places = steps(document, path)
    assert lookup(document, path) == at(document, places) and trail(path, document) == trail(path, document, document)
    assert put(document, path, at(document, places)) == document
    before = json.dumps(document)
    written, less = put(document, path, "new"), without(document, path)
    assert at(written, places) == "new" and less != document and json.dumps(document) == before
    rest = copy.copy(at(document, places[:-1]))
    rest.pop(places[-1])
    if rest != {}:  # which would go as well
        assert at(less, places[:-1]) == rest
    other = data.draw(st.sampled_from(spelled))
    others = steps(document, other)
    assert covers(path, other, document) == (others[: len(places)] == places)
    if not covers(path, other, document) and not covers(other, path, document):
        assert at(written, others) == at(document, others), "what lies beside it is as it was"


def at(value: Any, places: tuple[str | int, ...]) -> Any:
    for place in places:
        value = value[place]
    return value
