"""Dashboards written by hand, as small as they can be, with one panel of every type that capgen generates."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
LEVELS = ((None, "green"), (0.7, "yellow"), (0.85, "red"))
STAT = {
    "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    "colorMode": "background",
    "graphMode": "none",
}


def panel(number: int, kind: str, title: str, *targets: Json, place: tuple[int, int, int, int], **more: Any) -> Json:
    x, y, w, h = place
    defaults = more.pop("defaults", {})
    return {
        "id": number, "type": kind, "title": title, "description": f"What {title} says.",
        "gridPos": {"x": x, "y": y, "w": w, "h": h}, "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": more.pop("overrides", [])},
        "targets": [{"refId": chr(65 + place), "datasource": SOURCE, **target} for place, target in enumerate(targets)],
        **more,
    }  # fmt: skip


def thresholds(*steps: tuple[float | None, str]) -> Json:
    return {"thresholds": {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}}


def row(number: int, title: str, y: int, *panels: Json, collapsed: bool = False, repeat: str = "") -> Json:
    place = {"x": 0, "y": y, "w": 24, "h": 1}
    found = {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": collapsed,
        "gridPos": place,
        "panels": list(panels),
    }
    return {**found, "repeat": repeat} if repeat else found


def board(*panels: Json, **more: Any) -> Json:
    return {
        "uid": "shop", "title": "Shop", "schemaVersion": 42, "tags": ["capacity"], "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}]},
        "panels": list(panels), **more,
    }  # fmt: skip


UTILISATION = {"unit": "percentunit", "min": 0, "max": 1, "decimals": 1, **thresholds(*LEVELS)}

EVERY_TYPE = board(
    row(100, "At a glance", 0),
    panel(1, "stat", "Headroom", {"expr": "min(x)"}, place=(0, 1, 4, 4), options=STAT,
          defaults={**UTILISATION, "decimals": 0}),
    panel(2, "alertlist", "Alerts", place=(4, 1, 20, 4), options={"alertInstanceLabelFilter": '{service="shop"}'}),
    row(101, "System", 5),
    panel(3, "timeseries", "CPU", {"expr": 'avg by (instance) (rate(x[$__rate_interval]))', "legendFormat": "{{instance}}"},
          place=(0, 6, 12, 8),
          options={"legend": {"showLegend": True, "displayMode": "table", "placement": "bottom", "calcs": ["max"]}},
          defaults={**UTILISATION, "color": {"mode": "palette-classic"}, "custom": {"thresholdsStyle": {"mode": "dashed"}}}),
    panel(4, "bargauge", "Pools", {"expr": "max by (device) (x)", "legendFormat": "{{device}}", "instant": True},
          place=(12, 6, 12, 8), options={"orientation": "horizontal"}, defaults=UTILISATION),
    panel(5, "heatmap", "Distribution", {"expr": "sum by (le) (rate(x_bucket[1m]))", "legendFormat": "{{le}}", "format": "heatmap"},
          place=(0, 14, 12, 8), options={"calculate": False, "yAxis": {"unit": "s"}, "color": {"scheme": "Oranges"}}),
    panel(6, "state-timeline", "Conditions", {"expr": "max by (condition) (x)", "legendFormat": "{{condition}}"},
          place=(12, 14, 12, 8),
          defaults={"mappings": [{"type": "value", "options": {
              "1": {"text": "true", "color": "green"}, "0": {"text": "false", "color": "red"}}}]}),
    panel(7, "table", "Requests", {"expr": "sum by (container) (x)", "format": "table", "instant": True},
          {"expr": "sum by (container) (y)", "format": "table", "instant": True}, place=(0, 22, 24, 7),
          defaults={"unit": "bytes"},
          transformations=[{"id": "merge", "options": {}}, {"id": "organize", "options": {
              "excludeByName": {"Time": True}, "renameByName": {"Value #A": "Request", "Value #B": "Target"}}}]),
    row(102, "Provenance", 29, panel(8, "text", "Where from", place=(0, 30, 24, 4), options={
        "mode": "markdown", "content": "From **specs/shop.yaml**\n\n<script>document.title='stolen'</script><img src=x onerror=alert(1)>"}),
        collapsed=True),
)  # fmt: skip
