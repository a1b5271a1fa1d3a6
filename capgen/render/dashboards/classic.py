"""Classic dashboard JSON, schemaVersion 42: what every provisioning path of Grafana 11 to 13 takes.

`id`, `version` and `pluginVersion` are Grafana's and are left out: they would change without a change.
"""

from __future__ import annotations

from typing import Any

from capgen.blueprint.dashboards import Annotation, Dashboard, Grafana, Link, Panel, Row, TagLink, Variable
from capgen.render.dashboards.grid import COLUMNS, Place, flow, tops
from capgen.render.dashboards.visual import field_config, options

Json = dict[str, Any]

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_BUILT_IN = {
    "builtIn": 1, "datasource": {"type": "grafana", "uid": "-- Grafana --"}, "enable": True, "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts", "type": "dashboard",
}  # fmt: skip
_INTERVALS = ("5s", "10s", "30s", "1m", "5m", "15m", "30m", "1h")


def classic(dashboard: Dashboard, grafana: Grafana) -> Json:
    """The dashboard as classic JSON. The description comes first: it says who wrote the file."""
    return {
        "description": dashboard.description,
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": list(dashboard.tags),
        "schemaVersion": 42,
        "editable": False,
        "graphTooltip": 1,
        "fiscalYearStartMonth": 0,
        "timezone": "browser",
        "time": {"from": dashboard.since, "to": "now"},
        "timepicker": {"refresh_intervals": list(_INTERVALS)},
        "refresh": dashboard.refresh,
        "links": [*map(dashboard_link, dashboard.links), *map(_tag_link, dashboard.tag_links)],
        "annotations": {"list": [_BUILT_IN, *map(_annotation, dashboard.annotations)]},
        "templating": {"list": [_datasource(grafana), *map(_variable, dashboard.variables)]},
        "panels": [entry for row, top in tops(dashboard.rows) for entry in _row(row, top)],
    }


def _row(row: Row, top: int) -> list[Json]:
    panels = [_panel(panel, place) for panel, place in flow(row.panels, top + 1)]
    head = {
        "id": row.id,
        "type": "row",
        "title": row.title,
        "collapsed": row.collapsed,
        "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": top},
        "panels": panels if row.collapsed else [],
    }
    return [head] if row.collapsed else [head, *panels]


def _panel(panel: Panel, place: Place) -> Json:
    drawn: Json = {
        "id": panel.id,
        "type": panel.type,
        "title": panel.title,
        "description": panel.description,
        "gridPos": {"h": place.h, "w": place.w, "x": place.x, "y": place.y},
        "fieldConfig": field_config(panel),
        "options": options(panel),
    }
    if panel.targets:
        drawn["datasource"] = SOURCE
        drawn["targets"] = [target(panel, number) for number in range(len(panel.targets))]
    if panel.type in ("timeseries", "heatmap", "state-timeline"):
        drawn["interval"] = "1m" if panel.type == "state-timeline" else "30s"
    if panel.transformations:
        drawn["transformations"] = [{"id": one.id, "options": dict(one.options)} for one in panel.transformations]
    if panel.links:
        drawn["links"] = [dashboard_link(link) for link in panel.links]
    return drawn


def target(panel: Panel, place: int) -> Json:
    """A query as Grafana's Prometheus data source takes it."""
    asked = panel.targets[place]
    return {
        "refId": chr(ord("A") + place),
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": asked.expr,
        "format": asked.format,
        "instant": asked.instant,
        "range": not asked.instant,
        "legendFormat": asked.legend or "__auto",
        "exemplar": asked.format == "heatmap",
    }


def _datasource(grafana: Grafana) -> Json:
    chosen: Json = {
        "name": "datasource", "type": "datasource", "label": "Data source", "query": "prometheus", "hide": 0,
        "refresh": 1, "regex": "", "multi": False, "includeAll": False, "options": [],
    }  # fmt: skip
    if grafana.datasource:
        chosen["current"] = {"text": grafana.datasource, "value": grafana.datasource}
    return chosen


def _variable(variable: Variable) -> Json:
    return {
        "name": variable.name, "type": "query", "label": variable.label, "datasource": SOURCE,
        "query": {"query": variable.query, "refId": variable.name}, "refresh": 2,
        "multi": True, "includeAll": True, "allValue": ".+", "sort": 1, "hide": 0, "regex": "", "options": [],
        "current": {"text": ["All"], "value": ["$__all"]},
    }  # fmt: skip


def _annotation(mark: Annotation) -> Json:
    return {
        "name": mark.name, "datasource": SOURCE, "enable": True, "hide": False, "iconColor": mark.color, "expr": mark.expr,
        "step": "1m", "titleFormat": mark.title, "textFormat": mark.text, "tagKeys": mark.tags,
    }  # fmt: skip


def dashboard_link(link: Link) -> Json:
    """A link at the top of the dashboard or of a panel; Grafana's types want all of its fields."""
    return {**_LINK, "title": link.title, "type": "link", "url": link.url, "icon": "doc", "targetBlank": True}


def _tag_link(link: TagLink) -> Json:
    return {**_LINK, "title": link.title, "type": "dashboards", "tags": list(link.tags), "asDropdown": link.dropdown}


_LINK: Json = {
    "title": "", "type": "link", "icon": "external link", "tooltip": "", "url": "", "tags": [], "asDropdown": False,
    "targetBlank": False, "includeVars": True, "keepTime": True,
}  # fmt: skip
