"""The tables of `meaning` against the schemas that the real API server publishes, CRDs included."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from harness.controlplane import ControlPlane

from capgen.reconcile import meaning
from capgen.reconcile.kinds import KINDS, Kind

SERVED = [kind for kind in KINDS.values() if kind.comes_from not in ("KEDA", "the Grafana operator")]


@pytest.fixture(scope="session")
def schemas(control_plane: ControlPlane) -> Mapping[str, Mapping[str, Any]]:
    """Every schema of the groups that capgen writes to, by name."""
    found: dict[str, Any] = {}
    for group in sorted({f"apis/{k.group}/{k.version}" if k.group else f"api/{k.version}" for k in SERVED}):
        found |= json.loads(control_plane.kubectl("get", "--raw", f"/openapi/v3/{group}"))["components"]["schemas"]
    return found


def schema_of(kind: Kind, schemas: Mapping[str, Any]) -> Any:
    wanted = {"group": kind.group, "kind": kind.name, "version": kind.version}
    return next(s for s in schemas.values() if wanted in s.get("x-kubernetes-group-version-kind", ()))


def walk(
    schema: Any, schemas: Mapping[str, Any], path: meaning.Path = (), whole: bool = False
) -> Iterator[tuple[meaning.Path, Any, bool]]:
    """Every place below `spec` and its like: the path, the schema, and whether it lies in a value merged as one."""
    if len(path) > 14:
        return
    merged = dict(schema)
    for part in (schema, *schema.get("allOf", ())):
        if reference := part.get("$ref"):
            name = reference.rpartition("/")[2]
            merged = {**schemas[name], **merged, "ref": name}
    yield path, merged, whole
    whole = whole or merged.get("x-kubernetes-map-type") == "atomic"
    for name, child in merged.get("properties", {}).items():
        if path or name not in ("metadata", "status", "apiVersion", "kind"):
            yield from walk(child, schemas, (*path, name), whole)
    if isinstance(items := merged.get("items"), Mapping):
        yield from walk(items, schemas, (*path, "*"), whole or merged.get("x-kubernetes-list-type") != "map")
    if isinstance(values := merged.get("additionalProperties"), Mapping):
        yield from walk(values, schemas, (*path, "*"), whole)


def covered(rows: frozenset[tuple[str, meaning.Path]], kind: str, path: meaning.Path) -> bool:
    return any(
        k == kind and len(row) == len(path) and all(a in ("*", b) for a, b in zip(row, path, strict=True))
        for k, row in rows
    )


SKIPPED = frozenset(("ephemeralContainers",))
"""Not allowed in a job template."""

PLACES = pytest.mark.parametrize("kind", SERVED, ids=lambda kind: kind.name)


def places(kind: Kind, schemas: Mapping[str, Any]) -> list[tuple[meaning.Path, Any, bool]]:
    found = [place for place in walk(schema_of(kind, schemas), schemas) if not SKIPPED & set(place[0])]
    assert len(found) > 3, "the schema was not found, and the test would pass on nothing"
    return found


@PLACES
def test_what_the_schema_calls_a_quantity_is_compared_as_one(kind: Kind, schemas: Mapping[str, Any]) -> None:
    # controller-gen writes a Quantity as an int-or-string with a pattern, and other such fields without one.
    quantities = {
        path
        for path, schema, _ in places(kind, schemas)
        if "Quantity" in schema.get("ref", "") or (schema.get("x-kubernetes-int-or-string") and schema.get("pattern"))
    }
    assert [".".join(path) for path in sorted(quantities) if not covered(meaning.QUANTITIES, kind.name, path)] == []


@PLACES
def test_defaults_inside_values_merged_as_one_are_known(kind: Kind, schemas: Mapping[str, Any]) -> None:
    # Zero values are Go's, and not written into objects; an empty `name` of a secret is one nobody leaves out.
    unknown = {
        ".".join(path): schema["default"]
        for path, schema, whole in places(kind, schemas)
        if whole and schema.get("default") and meaning.DEFAULTS.get((kind.name, path)) != schema["default"]
    }
    assert unknown == {}


@PLACES
def test_every_row_is_a_place_of_the_schema(kind: Kind, schemas: Mapping[str, Any]) -> None:
    there = {path for path, _, _ in places(kind, schemas)}
    rows = {row for name, row in meaning.QUANTITIES | meaning.UNORDERED | meaning.DEFAULTS.keys() if name == kind.name}
    stale = [
        ".".join(row) for row in rows if not any(covered(frozenset({(kind.name, row)}), kind.name, p) for p in there)
    ]
    assert stale == []


@PLACES
def test_a_list_whose_order_says_nothing_has_one_owner(kind: Kind, schemas: Mapping[str, Any]) -> None:
    for path, schema, _ in places(kind, schemas):
        if covered(meaning.UNORDERED, kind.name, path):
            assert schema.get("x-kubernetes-list-type", "atomic") == "atomic", (
                path
            )  # what a schema does not say is atomic


@PLACES
def test_what_a_key_of_a_list_is_when_left_out_is_known(kind: Kind, schemas: Mapping[str, Any]) -> None:
    found = {path: schema for path, schema, _ in places(kind, schemas)}
    for path, schema in found.items():
        for key in schema.get("x-kubernetes-list-map-keys", ()):
            default = found[(*path, "*", key)].get("default")
            assert default in (None, "", 0) or meaning.KEY_DEFAULTS.get(key) == default, (path, key)
