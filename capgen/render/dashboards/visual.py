"""What a panel looks like: the options of its type and its field configuration, the same in classic JSON and v2.

What Grafana sets itself is left out, as far as its own types allow: what is written shall be what was decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from capgen.blueprint.dashboards import Link, Override, Panel, Step, ValueText

Json = dict[str, Any]


def options(panel: Panel) -> Json:
    """The options of the panel's type."""
    return _OPTIONS[panel.type](panel)


def field_config(panel: Panel) -> Json:
    """Unit, bounds, steps, words and drawing of the panel's values."""
    defaults: Json = {}
    if panel.type not in ("text", "alertlist"):
        defaults = {
            "color": {"mode": _COLOR[panel.type]},
            "custom": _lines(panel) if panel.type == "timeseries" else _DRAWN.get(panel.type, {}),
            "thresholds": {
                "mode": "absolute",
                "steps": [_step(step) for step in panel.steps or (Step("green", None),)],
            },
        }
        for key, value in (
            ("unit", panel.unit or None), ("min", _number(panel.minimum)), ("max", _number(panel.maximum)),
            ("decimals", panel.decimals), ("noValue", panel.no_value or None),
        ):  # fmt: skip
            if value is not None:
                defaults[key] = value
        if panel.values:
            defaults["mappings"] = [_words(panel.values)]
        if panel.data_links:
            defaults["links"] = [data_link(link) for link in panel.data_links]
    return {"defaults": defaults, "overrides": [_override(override) for override in panel.overrides]}


def data_link(link: Link) -> Json:
    """A link of a value."""
    return {"title": link.title, "url": link.url, "targetBlank": True}


def _step(step: Step) -> Json:
    return {"color": step.color, "value": _number(step.value)}


def _number(value: float | None) -> float | int | None:
    return int(value) if value is not None and value == int(value) else value


def _words(values: tuple[ValueText, ...]) -> Json:
    told = {one.value: {"text": one.text, "color": one.color, "index": index} for index, one in enumerate(values)}
    return {"type": "value", "options": told}


def _override(override: Override) -> Json:
    properties = [{"id": name, "value": value} for name, value in override.properties]
    return {"matcher": {"id": override.by, "options": override.which}, "properties": properties}


_COLOR: Mapping[str, str] = {
    "timeseries": "palette-classic", "stat": "thresholds", "bargauge": "thresholds", "heatmap": "thresholds", "state-timeline": "thresholds",
    "table": "thresholds",
}  # fmt: skip


def _lines(panel: Panel) -> Json:
    drawn: Json = {
        "drawStyle": "line",
        "lineInterpolation": "stepAfter" if panel.stepped else "linear",
        "lineWidth": 1,
        "fillOpacity": 10,
        "showPoints": "never",
        "spanNulls": False,
        "thresholdsStyle": {"mode": "dashed" if len(panel.steps) > 1 else "off"},
    }
    if panel.soft_maximum is not None:
        drawn["axisSoftMax"] = _number(panel.soft_maximum)
    return drawn


_DRAWN: Mapping[str, Json] = {
    "state-timeline": {"fillOpacity": 70, "lineWidth": 0},
    "table": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False},
    "heatmap": {
        "hideFrom": {"legend": False, "tooltip": False, "viz": False}, "scaleDistribution": {"type": "linear"},
    },
}  # fmt: skip


def _timeseries(panel: Panel) -> Json:
    # A legend has a third of its panel, which is a table of three rows below a curve and of the whole height beside it. The names of levels have to be in sight, so beside them there are no numbers.
    levels = len(panel.steps) > 1
    wide = panel.width >= 12 and not levels
    return {
        "legend": {
            "showLegend": True, "displayMode": "table" if wide else "list", "placement": "right" if wide else "bottom",
            "calcs": [] if levels else ["lastNotNull", "max"] if wide else ["lastNotNull"],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }  # fmt: skip


def _stat(panel: Panel) -> Json:
    return {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "auto",
        "colorMode": "background",
        "graphMode": "none",
        "textMode": "value_and_name" if panel.named else "value",
        "justifyMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }


def _bargauge(_: Panel) -> Json:
    return {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "horizontal",
        "displayMode": "basic",
        "valueMode": "color",
        "namePlacement": "top",
        "showUnfilled": True,
        "sizing": "auto",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 48,
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []},
    }


def _heatmap(panel: Panel) -> Json:
    return {
        "calculate": False,
        "cellGap": 1,
        "cellValues": {},
        "color": {"mode": "scheme", "scheme": "Oranges", "exponent": 0.5, "fill": "dark-orange", "reverse": False, "steps": 64},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": panel.unit, "min": 0},
    }  # fmt: skip


def _state_timeline(_: Panel) -> Json:
    return {
        "rowHeight": 0.9,
        "showValue": "auto",
        "mergeValues": True,
        "alignValue": "left",
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }


def _table(_: Panel) -> Json:
    return {"frameIndex": 0, "showHeader": True, "cellHeight": "sm"}


def _alertlist(panel: Panel) -> Json:
    return {
        "viewMode": "list",
        "groupMode": "default",
        "groupBy": [],
        "maxItems": 50,
        "sortOrder": 3,
        "dashboardAlerts": False,
        "alertName": "",
        "alertInstanceLabelFilter": panel.matching,
        "datasource": "${datasource}",
        "stateFilter": {"firing": True, "pending": True, "noData": False, "normal": False, "error": True},
    }


def _text(panel: Panel) -> Json:
    return {"mode": "markdown", "content": panel.content}


_OPTIONS: Mapping[str, Callable[[Panel], Json]] = {
    "timeseries": _timeseries, "stat": _stat, "bargauge": _bargauge, "heatmap": _heatmap,
    "state-timeline": _state_timeline, "table": _table, "alertlist": _alertlist, "text": _text,
}  # fmt: skip
