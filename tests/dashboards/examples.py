"""What the tests of dashboards start from: the examples, compiled, and Grafana's own schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from capgen import api
from capgen.blueprint import Blueprint, Fleet
from capgen.blueprint.dashboards import Dashboard, Grafana

ROOT = Path(__file__).parents[2]
SCHEMAS = Path(__file__).parent / "schema" / "grafana.json"


@lru_cache(maxsize=1)
def examples() -> tuple[Fleet, ...]:
    """The example project, in each of its environments."""
    return api.compile_project([ROOT / "specs"]).fleets


def services() -> list[Blueprint]:
    return [service for fleet in examples() for service in fleet.services]


def dashboards() -> list[tuple[Dashboard, Grafana]]:
    """Every dashboard of the examples, of services and of fleets."""
    return [
        (dashboard, fleet.delivery.grafana)
        for fleet in examples()
        for dashboard in (*(d for service in fleet.services for d in service.dashboards), *fleet.dashboards)
    ]


EXAMPLES = [pytest.param(dashboard, grafana, id=dashboard.uid) for dashboard, grafana in dashboards()]


@lru_cache(maxsize=1)
def validators() -> dict[str, Draft7Validator]:
    """Grafana's types as schemas: `classic`, `v2`, `options/<panel>`, `custom/<panel>`."""
    schemas = json.loads(SCHEMAS.read_text(encoding="utf-8"))["schemas"]
    return {name: Draft7Validator(schema) for name, schema in schemas.items()}


def plain(body: Any) -> Any:
    """What a reader of the JSON gets."""
    return json.loads(json.dumps(body))


def panels(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The panels of classic JSON, without the rows around them."""
    for entry in body["panels"]:
        if entry["type"] == "row":
            yield from entry.get("panels", [])
        else:
            yield entry


def complaints(body: dict[str, Any]) -> list[str]:
    """What Grafana's types have against classic JSON."""
    known = validators()
    found = [error.message for error in known["classic"].iter_errors(body)]
    for panel in panels(body):
        found += [error.message for error in visual(panel["type"], panel.get("options"), panel["fieldConfig"])]
    return found


def visual(type_: str, options: Any, field_config: dict[str, Any]) -> list[Any]:
    """What a panel's own types have against its options and its drawing."""
    known, name = validators(), type_.replace("-", "")
    custom = field_config["defaults"].get("custom", {})
    parts = ((f"options/{name}", options), (f"custom/{name}", custom))
    return [error for key, value in parts if key in known for error in known[key].iter_errors(value)]
