"""The same dashboard as an object of Grafana 13's API, `dashboard.grafana.app/v2`.

A bare v2 spec is refused by files and sidecar, so it is always the whole object; a folder annotation would be
refused too.
"""

from __future__ import annotations

from typing import Any

from capgen.blueprint.dashboards import Annotation, Dashboard, Grafana, Panel, Row, Variable
from capgen.render.dashboards import classic
from capgen.render.dashboards.grid import flow
from capgen.render.dashboards.visual import data_link, field_config, options

Json = dict[str, Any]

API_VERSION = "dashboard.grafana.app/v2"
_SOURCE = {"name": "${datasource}"}


def v2(dashboard: Dashboard, grafana: Grafana) -> Json:
    """The dashboard as a v2 object. The spec comes first: its description says who wrote the file."""
    return {
        "spec": spec(dashboard, grafana),
        "apiVersion": API_VERSION,
        "kind": "Dashboard",
        "metadata": {"name": dashboard.uid},
    }


def spec(dashboard: Dashboard, grafana: Grafana) -> Json:
    """The object's spec."""
    shown = classic.classic(dashboard, grafana)
    return {
        "description": dashboard.description,
        "title": dashboard.title,
        "tags": list(dashboard.tags),
        "editable": False,
        "cursorSync": "Crosshair",
        "preload": False,
        "timeSettings": {
            "from": dashboard.since, "to": "now", "timezone": "browser", "autoRefresh": dashboard.refresh,
            "autoRefreshIntervals": list(shown["timepicker"]["refresh_intervals"]), "fiscalYearStartMonth": 0,
            "hideTimepicker": False,
        },
        "links": shown["links"],
        "annotations": [_built_in(), *map(_annotation, dashboard.annotations)],
        "variables": [_datasource(grafana), *map(_variable, dashboard.variables)],
        "elements": {name(panel): _panel(panel) for row in dashboard.rows for panel in row.panels},
        "layout": {"kind": "RowsLayout", "spec": {"rows": [_row(row) for row in dashboard.rows]}},
    }  # fmt: skip


def name(panel: Panel) -> str:
    """The panel's element: by its id, as Grafana names them."""
    return f"panel-{panel.id}"


def _row(row: Row) -> Json:
    items = [
        {"kind": "GridLayoutItem", "spec": {
            "x": place.x, "y": place.y, "width": place.w, "height": place.h,
            "element": {"kind": "ElementReference", "name": name(panel)},
        }}
        for panel, place in flow(row.panels)
    ]  # fmt: skip
    layout = {"kind": "GridLayout", "spec": {"items": items}}
    return {"kind": "RowsLayoutRow", "spec": {"title": row.title, "collapse": row.collapsed, "layout": layout}}


def _panel(panel: Panel) -> Json:
    queries = []
    for place in range(len(panel.targets)):
        asked = classic.target(panel, place)
        letter = asked.pop("refId")
        asked.pop("datasource")
        queries.append({"kind": "PanelQuery", "spec": {"refId": letter, "hidden": False, "query": _query(asked)}})
    asks: Json = {}
    if panel.type in ("timeseries", "heatmap", "state-timeline"):
        asks["interval"] = "1m" if panel.type == "state-timeline" else "30s"
    changes = [
        {"kind": "Transformation", "group": one.id, "spec": {"options": dict(one.options)}}
        for one in panel.transformations
    ]
    return {
        "kind": "Panel",
        "spec": {
            "id": panel.id,
            "title": panel.title,
            "description": panel.description,
            "links": [data_link(link) for link in panel.links],
            "data": {"kind": "QueryGroup", "spec": {"queries": queries, "transformations": changes, "queryOptions": asks}},
            "vizConfig": {
                "kind": "VizConfig", "group": panel.type, "version": "",
                "spec": {"options": options(panel), "fieldConfig": field_config(panel)},
            },
        },
    }  # fmt: skip


def _query(asked: Json) -> Json:
    return {"kind": "DataQuery", "group": "prometheus", "version": "v0", "datasource": _SOURCE, "spec": asked}


def _built_in() -> Json:
    query = {
        "kind": "DataQuery",
        "group": "grafana",
        "version": "v0",
        "datasource": {"name": "-- Grafana --"},
        "spec": {},
    }
    return {"kind": "AnnotationQuery", "spec": {
        "builtIn": True, "enable": True, "hide": True, "iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts",
        "query": query,
    }}  # fmt: skip


def _annotation(mark: Annotation) -> Json:
    asked = {"refId": "Anno", "expr": mark.expr, "interval": "1m"}
    shown = {"titleFormat": mark.title, "textFormat": mark.text, "tagKeys": mark.tags}
    return {"kind": "AnnotationQuery", "spec": {
        "enable": True, "hide": False, "iconColor": mark.color, "name": mark.name, "query": _query(asked),
        "legacyOptions": {"expr": mark.expr, "step": "1m", **shown},
    }}  # fmt: skip


def _datasource(grafana: Grafana) -> Json:
    chosen = {"text": grafana.datasource, "value": grafana.datasource}
    return {"kind": "DatasourceVariable", "spec": {
        "name": "datasource", "label": "Data source", "pluginId": "prometheus", "refresh": "onDashboardLoad", "regex": "",
        "current": chosen, "options": [], "multi": False, "includeAll": False, "hide": "dontHide", "skipUrlSync": False,
        "allowCustomValue": True,
    }}  # fmt: skip


def _variable(variable: Variable) -> Json:
    return {"kind": "QueryVariable", "spec": {
        "name": variable.name, "label": variable.label, "hide": "dontHide", "refresh": "onTimeRangeChanged",
        "skipUrlSync": False, "query": _query({"query": variable.query, "refId": variable.name}),
        "definition": variable.query, "regex": "", "sort": "alphabeticalAsc", "options": [], "multi": True,
        "includeAll": True, "allValue": ".+", "allowCustomValue": True, "current": {"text": ["All"], "value": ["$__all"]},
    }}  # fmt: skip
