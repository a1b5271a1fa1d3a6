"""Classic JSON and v2 say the same, though nothing but the model is shared: panels, queries, units, thresholds, rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dashboards.examples import EXAMPLES, plain

from capgen.blueprint.dashboards import Dashboard, Grafana
from capgen.render.dashboards.classic import classic
from capgen.render.dashboards.v2 import spec

SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def from_classic(body: dict[str, Any]) -> dict[str, Any]:
    """What classic JSON says, in words of neither form."""
    rows: list[dict[str, Any]] = []
    for entry in body["panels"]:
        if entry["type"] == "row":
            rows.append(
                {"title": entry["title"], "closed": entry["collapsed"], "top": entry["gridPos"]["y"], "panels": []}
            )
            inside = entry["panels"]
        else:
            inside = [entry]
        rows[-1]["panels"] += [_classic_panel(panel, rows[-1]["top"]) for panel in inside]
    for row in rows:
        row.pop("top")
    return {
        "title": body["title"], "tags": body["tags"], "description": body["description"], "time": body["time"],
        "refresh": body["refresh"], "links": body["links"], "rows": rows,
        "variables": [_classic_variable(variable) for variable in body["templating"]["list"]],
        "marks": [(mark["name"], mark.get("expr"), mark["iconColor"], mark["hide"]) for mark in body["annotations"]["list"]],
    }  # fmt: skip


def _classic_panel(panel: dict[str, Any], top: int) -> dict[str, Any]:
    place = panel["gridPos"]
    targets = panel.get("targets", [])
    assert all(target.pop("datasource") == SOURCE for target in targets)
    return {
        "id": panel["id"], "type": panel["type"], "title": panel["title"], "description": panel["description"],
        "place": (place["x"], place["y"] - top - 1, place["w"], place["h"]), "targets": targets,
        "options": panel["options"], "fields": panel["fieldConfig"], "interval": panel.get("interval"),
        "links": [(link["title"], link["url"]) for link in panel.get("links", [])],
        "changes": [(change["id"], change["options"]) for change in panel.get("transformations", [])],
    }  # fmt: skip


def _classic_variable(variable: dict[str, Any]) -> tuple[Any, ...]:
    query = variable["query"]
    return (
        variable["name"],
        variable["label"],
        query if isinstance(query, str) else query["query"],
        variable["multi"],
        variable.get("allValue"),
    )


def from_v2(body: dict[str, Any]) -> dict[str, Any]:
    """What v2 says, in the same words."""
    time = body["timeSettings"]
    return {
        "title": body["title"], "tags": body["tags"], "description": body["description"],
        "time": {"from": time["from"], "to": time["to"]}, "refresh": time["autoRefresh"], "links": body["links"],
        "rows": [
            {
                "title": row["spec"]["title"], "closed": row["spec"]["collapse"],
                "panels": [_v2_panel(item["spec"], body) for item in row["spec"]["layout"]["spec"]["items"]],
            }
            for row in body["layout"]["spec"]["rows"]
        ],
        "variables": list(_v2_variables(body)),
        "marks": [
            (mark["spec"]["name"], mark["spec"]["query"]["spec"].get("expr"), mark["spec"]["iconColor"], mark["spec"]["hide"])
            for mark in body["annotations"]
        ],
    }  # fmt: skip


def _v2_panel(item: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    panel = body["elements"][item["element"]["name"]]["spec"]
    data, config = panel["data"]["spec"], panel["vizConfig"]
    targets = []
    for query in data["queries"]:
        assert query["spec"]["query"]["datasource"] == {"name": SOURCE["uid"]}
        targets.append({"refId": query["spec"]["refId"], **query["spec"]["query"]["spec"]})
    return {
        "id": panel["id"], "type": config["group"], "title": panel["title"], "description": panel["description"],
        "place": (item["x"], item["y"], item["width"], item["height"]), "targets": targets,
        "options": config["spec"]["options"], "fields": config["spec"]["fieldConfig"],
        "interval": data["queryOptions"].get("interval"),
        "links": [(link["title"], link["url"]) for link in panel["links"]],
        "changes": [(change["group"], change["spec"]["options"]) for change in data["transformations"]],
    }  # fmt: skip


def _v2_variables(body: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    for variable in body["variables"]:
        said = variable["spec"]
        asked = said["pluginId"] if variable["kind"] == "DatasourceVariable" else said["query"]["spec"]["query"]
        yield said["name"], said["label"], asked, said["multi"], said.get("allValue")


@pytest.mark.parametrize(("dashboard", "grafana"), EXAMPLES)
def test_both_forms_say_the_same(dashboard: Dashboard, grafana: Grafana) -> None:
    one, other = from_classic(plain(classic(dashboard, grafana))), from_v2(plain(spec(dashboard, grafana)))
    assert sum(len(row["panels"]) for row in one["rows"]) > 3
    assert one == other


@pytest.mark.parametrize(("dashboard", "grafana"), EXAMPLES)
def test_no_element_of_v2_lies_outside_the_layout(dashboard: Dashboard, grafana: Grafana) -> None:
    body = plain(spec(dashboard, grafana))
    placed = [
        item["spec"]["element"]["name"]
        for row in body["layout"]["spec"]["rows"]
        for item in row["spec"]["layout"]["spec"]["items"]
    ]
    assert sorted(placed) == sorted(body["elements"])
