"""Query results as Grafana's Prometheus data source hands them to panels: data frames by the target's format.

A panel's transformations and overrides name fields by what these frames call them (`Value #A`, a label, a bucket's
bound), so a preview that made other frames would show another dashboard.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from capgen.preview.data import Query, Series

Frame = dict[str, Any]
_PLACEHOLDER = re.compile(r"\{\{\s*(.+?)\s*\}\}")


def frames(results: Sequence[tuple[Query, Sequence[Series]]]) -> list[Frame]:
    """The frames of a panel, target by target."""
    found: list[Frame] = []
    tables = sum(query.format == "table" for query, _ in results)
    for query, series in results:
        match query.format:
            case "table":
                found.append(_table(query, series, "Value" if tables == 1 else f"Value #{query.ref_id}"))
            case "heatmap":
                found += _heatmap(query, series)
            case _:
                found += [_series(query, one) for one in series]
    return found


def legend(query: Query, labels: Mapping[str, str]) -> str:
    """The series' name: the target's legend with values for `{{label}}`; without one, the labels in braces."""
    if query.legend and query.legend != "__auto":
        return _PLACEHOLDER.sub(lambda match: labels.get(match[1], ""), query.legend)
    named = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if name != "__name__")
    return f"{labels.get('__name__', '')}{{{named}}}" if named else labels.get("__name__", query.expr)


def _series(query: Query, series: Series) -> Frame:
    labels = {name: value for name, value in series.labels.items() if name != "__name__"}
    value = _field(
        "Value", "number", series.values, labels=labels, config={"displayNameFromDS": legend(query, series.labels)}
    )
    return {"refId": query.ref_id, "fields": [_time(series.times), value]}


def _table(query: Query, series: Sequence[Series], name: str) -> Frame:
    rows = [(time, one.labels, value) for one in series for time, value in zip(one.times, one.values, strict=True)]
    labels = sorted({label for one in series for label in one.labels})
    columns = [_field(label, "string", [row[1].get(label, "") for row in rows]) for label in labels]
    fields = [_time([row[0] for row in rows]), *columns, _field(name, "number", [row[2] for row in rows])]
    return {"refId": query.ref_id, "fields": fields, "meta": {"preferredVisualisationType": "rawPrometheus"}}


def _heatmap(query: Query, series: Sequence[Series]) -> list[Frame]:
    """Buckets by their bound, each without what is in the smaller ones."""
    by_bound = sorted((_bound(one.labels.get("le", "+Inf")), one) for one in series if "le" in one.labels)
    if not by_bound:
        return []
    times = sorted({time for _, one in by_bound for time in one.times})
    below = dict.fromkeys(times, 0.0)
    fields = [_time(times)]
    for _, one in by_bound:
        at = dict(zip(one.times, one.values, strict=True))
        counts = [max(0.0, (at.get(time) or 0.0) - below[time]) for time in times]
        below = {time: max(below[time], at.get(time) or 0.0) for time in times}
        fields.append(_field(legend(query, one.labels) if query.legend else one.labels["le"], "number", counts))
    return [{"refId": query.ref_id, "fields": fields, "meta": {"type": "heatmap-rows"}}]


def _bound(text: str) -> float:
    return float(text.replace("Inf", "inf"))


def _time(times: Sequence[float]) -> Frame:
    return _field("Time", "time", [round(time * 1000) for time in times])


def _field(
    name: str,
    kind: str,
    values: Sequence[object],
    *,
    labels: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Frame:
    return {"name": name, "type": kind, "values": list(values), "labels": labels or {}, "config": config or {}}
