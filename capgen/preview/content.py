"""A dashboard with its data: what the page in the browser is given to draw."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from msgspec.structs import replace

from capgen import units
from capgen.preview import board, frames
from capgen.preview.data import DataSource, Query, QueryFailed, Series, StandingAlert
from capgen.preview.marks import marks
from capgen.preview.variables import Variable, Window, declared, interpolate, macros

Content = dict[str, Any]
Theme = Literal["light", "dark"]
_POINTS = 240
"""Steps of a curve: what a panel of usual width can show."""
_COARSE = 60
"""Columns of a heatmap."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}
_AGO = re.compile(r"now-(\d+)([smhdwMy])(?:/[smhdwMy])?")
_DURATION = re.compile(r">?\s*(\d+(?:\.\d+)?)(ms|[smhdwMy])")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')


def content(dashboard: Mapping[str, Any], source: DataSource, *, now: float, theme: Theme) -> Content:
    """Everything that the page shows. A query that fails is told in its panel."""
    window = Window(now - _length(dashboard), now)
    variables = resolve(dashboard, source)
    return {
        "title": str(dashboard.get("title", "")),
        "description": str(dashboard.get("description", "")),
        "tags": [str(tag) for tag in dashboard.get("tags") or ()],
        "links": [{"title": str(link.get("title", ""))} for link in dashboard.get("links") or ()],
        "theme": theme,
        "source": source.title,
        "range": {"from": round(window.start * 1000), "to": round(window.end * 1000)},
        "variables": [{"name": v.name, "label": v.label, "value": v.shown} for v in variables if not v.hidden],
        "marks": marks(dashboard, source, variables, window),
        "items": [_item(item, source, window) for item in board.items(dashboard, variables)],
    }


def resolve(dashboard: Mapping[str, Any], source: DataSource) -> tuple[Variable, ...]:
    """The dashboard's variables with values, each of which may use those before it."""
    found: list[Variable] = []
    for one in declared(dashboard):
        variable = Variable(
            str(one["name"]),
            str(one.get("label") or one["name"]),
            (),
            multi=bool(one.get("multi") or one.get("includeAll")),
            hidden=one.get("hide") in (2, "hideVariable"),
        )
        found.append(_resolved(one, variable, source, found))
    return tuple(found)


def _resolved(one: dict[str, Any], variable: Variable, source: DataSource, before: Sequence[Variable]) -> Variable:
    match one.get("type"):
        case "datasource":
            return replace(variable, values=(str(one.get("query") or "prometheus"),))
        case "query":
            try:
                values = source.choices(one, before)
            except QueryFailed as failed:
                values = (f"({failed})",)
        case "custom":
            values = tuple(part.strip().rpartition(" : ")[2] for part in str(one.get("query", "")).split(","))
        case "constant" | "textbox":
            values = (str(one.get("query", "")),)
        case "interval":
            values = tuple(part.strip() for part in str(one.get("query", "1m")).split(","))
        case _:
            values = ()
    current = one.get("current")
    chosen = current.get("value") if isinstance(current, dict) else None
    listed = [str(value) for value in (chosen if isinstance(chosen, list) else [chosen]) if value not in (None, "")]
    if listed and "$__all" not in listed:
        return replace(variable, values=tuple(listed))
    if one.get("includeAll"):
        return replace(variable, values=values, all_value=str(one.get("allValue") or ""), everything=True)
    return replace(variable, values=values[:1])


def _item(item: board.Item, source: DataSource, window: Window) -> Content:
    panel, place = item.panel, item.place
    answers: list[tuple[Query, tuple[Series, ...]]] = []
    problems: list[str] = []
    for query in _queries(panel, item.variables, window):
        try:
            answers.append((query, source.ask(query, panel, window)))
        except QueryFailed as failed:
            problems.append(f"{query.ref_id}: {failed}")
    shown = {key: value for key, value in panel.items() if key not in ("targets", "panels", "datasource")}
    return {
        "key": item.key,
        "panel": _with_variables(shown, item.variables),
        "grid": {"x": place.x, "y": place.y, "w": place.w, "h": place.h},
        "frames": frames.frames(answers),
        "problems": problems,
        "alerts": _alerts(panel, source, item.variables, window.end) if panel.get("type") == "alertlist" else [],
    }


def _with_variables(value: Any, variables: Sequence[Variable]) -> Any:
    """A panel's words and links with the variables' values, which Grafana puts in when it shows them."""
    match value:
        case str():
            return interpolate(value, variables)
        case list():
            return [_with_variables(one, variables) for one in value]
        case dict():
            return {key: _with_variables(one, variables) for key, one in value.items()}
        case _:
            return value


def _queries(panel: Mapping[str, Any], variables: Sequence[Variable], window: Window) -> Iterator[Query]:
    targets = panel.get("targets")
    for number, target in enumerate(targets if isinstance(targets, list) else ()):
        if target.get("hide") or not target.get("expr"):
            continue
        kind = str(target.get("format") or "time_series")
        minimum = _seconds(target.get("interval") or panel.get("interval"))
        points = _COARSE if panel.get("type") == "heatmap" else _POINTS
        step = max(window.length / points, minimum, 1.0)
        yield Query(
            ref_id=str(target.get("refId") or chr(ord("A") + number % 26)),
            expr=interpolate(str(target["expr"]), variables, macros(window, interval=step, minimum=minimum)),
            legend=interpolate(str(target.get("legendFormat") or ""), variables),
            format="table" if kind == "table" else "heatmap" if kind == "heatmap" else "time_series",
            instant=bool(target.get("instant")) and not target.get("range"),
            step=round(step),
        )


def _alerts(panel: Mapping[str, Any], source: DataSource, variables: Sequence[Variable], now: float) -> list[Content]:
    options = panel.get("options") or {}
    wanted = _MATCHER.findall(interpolate(str(options.get("alertInstanceLabelFilter") or ""), variables, {}))
    states = options.get("stateFilter") or {}
    told = [
        alert
        for alert in source.alerts()
        if states.get(alert.state, True) and all(_holds(alert, *matcher) for matcher in wanted)
    ]
    return [
        {
            "key": f"{alert.name}{sorted(alert.labels.items())}",
            "name": alert.name,
            "state": alert.state,
            "summary": alert.summary,
            "since": units.duration(max(1, round(now - alert.since))),
        }
        for alert in told
    ]


def _holds(alert: StandingAlert, name: str, op: str, value: str) -> bool:
    have = alert.labels.get(name, "")
    if op in ("=", "!="):
        return (have == value) is (op == "=")
    try:
        return (re.fullmatch(value, have) is not None) is (op == "=~")
    except re.error:
        return False


def _length(dashboard: Mapping[str, Any]) -> float:
    time = dashboard.get("time")
    found = _AGO.fullmatch(str(time.get("from", ""))) if isinstance(time, dict) else None
    return float(found[1]) * _UNITS[found[2]] if found and float(found[1]) else 6 * 3600.0


def _seconds(text: object) -> float:
    found = _DURATION.fullmatch(str(text or ""))
    if not found:
        return 0.0
    return float(found[1]) / 1000 if found[2] == "ms" else float(found[1]) * _UNITS[found[2]]
