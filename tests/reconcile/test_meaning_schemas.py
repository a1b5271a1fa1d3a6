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


def walk(schema: Any, schemas: Mapping[str, Any], path: meaning.Path = (), whole: bool = False) -> Iterator[tuple[meaning.Path, Any, bool]]:
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
    return any(k == kind and len(row) == len(path) and all(a in ("*", b) for a, b in zip(row, path, strict=True)) for k, row in rows)


@pytest.mark.parametrize("kind", SERVED, ids=lambda kind: kind.name)
def test_what_the_schema_calls_a_quantity_is_compared_as_one(kind: Kind, schemas: Mapping[str, Any]) -> None:
    places = list(walk(schema_of(kind, schemas), schemas))
    quantities = {path for path, schema, _ in places if "Quantity" in schema.get("ref", "")}
    print(kind.name, sorted(".".join(q) for q in quantities if not covered(meaning.QUANTITIES, kind.name, q)))
    ints = {path for path, schema, _ in places if schema.get("x-kubernetes-int-or-string") }
    print(kind.name, "ints", sorted(".".join(q) for q in ints if not covered(meaning.QUANTITIES, kind.name, q)))
    defaults = {path:schema["default"] for path, schema, whole in places if whole and schema.get("default") not in (None,{},"",[]) }
    print(kind.name, "defaults", {".".join(k):v for k,v in defaults.items()})
    print(kind.name, "lists", {".".join(p):s.get("x-kubernetes-list-map-keys") for p,s,whole in places if s.get("x-kubernetes-list-type")=="map" and not whole})
