"""Grafana's own SDK reads the JSON and writes it again without losing a key: nothing in it is unknown or misspelt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import grafana_foundation_sdk.cog.plugins as plugins
import pytest
from dashboards.examples import EXAMPLES, dashboards, panels, plain
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as sdk
from grafana_foundation_sdk.models import dashboardv2 as sdk2

from capgen.blueprint.dashboards import Dashboard, Grafana
from capgen.render.dashboards.classic import classic
from capgen.render.dashboards.v2 import spec

plugins.register_default_plugins()


class _Encoder(JSONEncoder):
    """The SDK 0.0.21 reads `group` and `version` of a v2 panel into sets of one, and then cannot write them."""

    def default(self, obj: object) -> Any:
        return next(iter(obj)) if isinstance(obj, set) and len(obj) == 1 else super().default(obj)


def losses(before: Any, after: Any, path: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            yield from losses(value, after[key], f"{path}/{key}") if key in after else [f"{path}/{key}"]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from losses(one, other, f"{path}/{place}")
    elif before != after:
        yield f"{path}: {before!r} became {after!r}"


def through_the_sdk(body: dict[str, Any], model: Any) -> Any:
    return json.loads(json.dumps(model.from_json(body), cls=_Encoder))


@pytest.mark.parametrize(("dashboard", "grafana"), EXAMPLES)
def test_classic_json_survives(dashboard: Dashboard, grafana: Grafana) -> None:
    body = plain(classic(dashboard, grafana))
    assert list(losses(body, through_the_sdk(body, sdk.Dashboard))) == []


@pytest.mark.parametrize(("dashboard", "grafana"), EXAMPLES)
def test_v2_survives(dashboard: Dashboard, grafana: Grafana) -> None:
    body = plain(spec(dashboard, grafana))
    lost = list(losses(body, through_the_sdk(body, sdk2.Dashboard)))
    # The SDK's model of a Prometheus query is a panel's; the one of a variable has another key.
    assert [path for path in lost if not (path.startswith("/variables/") and path.endswith("/query/spec/query"))] == []


def test_the_sdk_notices_a_key_that_nobody_knows() -> None:
    body = plain(classic(*dashboards()[0]))
    next(panels(body))["options"]["colourMode"] = "value"
    body["refesh"] = "1m"
    assert {path.rpartition("/")[2] for path in losses(body, through_the_sdk(body, sdk.Dashboard))} == {
        "colourMode",
        "refesh",
    }
