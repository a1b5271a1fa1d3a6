"""A dashboard's annotations as marks in time: what a query says happened, as Grafana draws it across its panels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from capgen.preview import frames
from capgen.preview.data import DataSource, Query, QueryFailed, Series
from capgen.preview.variables import Variable, Window, interpolate, macros

Json = dict[str, Any]
_STEP = 60.0
"""Grafana's own, where an annotation says none."""


def marks(
    dashboard: Mapping[str, Any], source: DataSource, variables: Sequence[Variable], window: Window
) -> list[Json]:
    """`{"name", "color", "problem", "spans": [{"title", "from", "to"}]}` for each annotation that is switched on; times
    in milliseconds, both the same for a moment."""
    holder = dashboard.get("annotations")
    declared = holder.get("list") if isinstance(holder, dict) else None
    found = []
    for one in declared if isinstance(declared, list) else ():
        if not one.get("expr") or not one.get("enable", True) or one.get("builtIn"):
            continue
        step = max(_STEP, round(window.length / 1000))
        query = Query(
            "Anno", interpolate(str(one["expr"]), variables, macros(window, interval=step, minimum=0.0)),
            str(one.get("titleFormat") or one.get("name", "")), "time_series", instant=False, step=step,
        )  # fmt: skip
        problem, answer = "", tuple[Series, ...]()
        try:
            answer = source.marks(query, window)
        except QueryFailed as failed:
            problem = str(failed)
        found.append(
            {
                "name": str(one.get("name", "")),
                "color": str(one.get("iconColor") or "red"),
                "problem": problem,
                "spans": [span for series in answer for span in _spans(query, series)],
            }
        )
    return found


def _spans(query: Query, series: Series) -> Iterator[Json]:
    """Samples that follow one another are one span of time; Grafana leaves out those that are nothing or 0."""
    title = frames.legend(query, series.labels)
    start = end = None
    for time, value in zip(series.times, series.values, strict=True):
        if not value:
            continue
        if start is None or end is None or time - end > query.step * 1.5:
            if start is not None and end is not None:
                yield {"title": title, "from": round(start * 1000), "to": round(end * 1000)}
            start = time
        end = time
    if start is not None and end is not None:
        yield {"title": title, "from": round(start * 1000), "to": round(end * 1000)}
