"""What is written is what Grafana's own types allow, to the last key: classic JSON, v2, and each panel's options."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from dashboards.examples import EXAMPLES, complaints, dashboards, panels, plain, validators, visual

from capgen.blueprint.dashboards import Dashboard, Grafana
from capgen.render.dashboards.classic import classic
from capgen.render.dashboards.v2 import v2


@pytest.mark.parametrize(("dashboard", "grafana"), EXAMPLES)
def test_classic_json_is_of_grafanas_types(dashboard: Dashboard, grafana: Grafana) -> None:
    assert complaints(plain(classic(dashboard, grafana))) == []


@pytest.mark.parametrize(("dashboard", "grafana"), EXAMPLES)
def test_v2_is_of_grafanas_types(dashboard: Dashboard, grafana: Grafana) -> None:
    body = plain(v2(dashboard, grafana))
    assert (body["apiVersion"], body["kind"]) == ("dashboard.grafana.app/v2", "Dashboard")
    assert body["metadata"] == {"name": dashboard.uid}, "a folder annotation is refused by files and sidecar"
    assert [error.message for error in validators()["v2"].iter_errors(body["spec"])] == []
    for element in body["spec"]["elements"].values():
        config = element["spec"]["vizConfig"]
        assert visual(config["group"], config["spec"]["options"], config["spec"]["fieldConfig"]) == []


MISTAKES: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "no thresholds.mode": lambda body, panel: panel["fieldConfig"]["defaults"]["thresholds"].pop("mode"),
    "a misspelt key of the dashboard": lambda body, panel: body.update(refesh="1m"),
    "a misspelt key of a panel": lambda body, panel: panel.update(discription=""),
    "a misspelt option": lambda body, panel: panel["options"].update(ledgend={}),
    "a misspelt way of drawing": lambda body, panel: panel["fieldConfig"]["defaults"]["custom"].update(linewidth=1),
    "a link without its other keys": lambda body, panel: body["links"].append(
        {"title": "x", "type": "link", "url": "y"}
    ),
    "a row without panels": lambda body, panel: body["panels"][0].pop("panels"),
    "a text where a number belongs": lambda body, panel: panel["gridPos"].update(h="8"),
    "a variable of an unknown sort": lambda body, panel: body["templating"]["list"][1].update(sort="alphabetical"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_types_are_strict(mistake: str) -> None:
    body = plain(classic(*dashboards()[0]))
    panel = next(panel for panel in panels(body) if panel["type"] == "timeseries")
    MISTAKES[mistake](body, panel)
    assert complaints(body), "a schema that lets this through proves nothing"


def test_uids_and_versions() -> None:
    uids = [dashboard.uid for dashboard, _ in dashboards()]
    titles = [dashboard.title for dashboard, _ in dashboards()]
    assert len(set(uids)) == len(uids) == len(set(titles))
    for dashboard, grafana in dashboards():
        body = classic(dashboard, grafana)
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,40}", body["uid"])
        assert body["schemaVersion"] == 42
        assert body["editable"] is False
        assert body["graphTooltip"] == 1
        assert not {"id", "version", "iteration", "gnetId", "__inputs", "__requires"} & body.keys()
        assert not any("pluginVersion" in panel for panel in panels(body)), "it would change with each Grafana"
