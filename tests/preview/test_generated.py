"""Every dashboard of the example specs in a real browser, from sample data: no panel empty, each with its unit."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from harness.previews import Open

from capgen.api.preview import Dashboard, contents

SPECS = Path(__file__).parents[2] / "specs"
UNITS = {
    "percentunit": r"%", "percent": r"%", "s": r"\b(ns|µs|ms|s|mins?|hours?|days?|weeks?)\b",
    "dtdurations": r"\b(seconds?|minutes?|hours?|days?|weeks?|months?|years?)\b", "bytes": r"\b([KMGT]i)?B\b", "Bps": r"\b[kMGT]?B/s",
    "bps": r"\b[kMGT]?b/s", "reqps": r"req/s", "ops": r"ops/s", "iops": r"io/s", "currencyUSD": r"\$", "currencyEUR": r"€",
}  # fmt: skip


@cache
def sampled() -> tuple[Dashboard, ...]:
    return contents([SPECS])


def of(path: str) -> Dashboard:
    return next(one for one in sampled() if one.path == path)


def items(dashboard: Dashboard, *types: str) -> list[dict[str, Any]]:
    return [item for item in dashboard.content["items"] if item["panel"]["type"] in types]


PATHS = [one.path for one in sampled() if one.path.startswith("production/")]
"""The other environment's are the same panels once more."""


def test_every_type_that_is_generated_is_among_them() -> None:
    kinds = {item["panel"]["type"] for one in sampled() for item in one.content["items"]}
    assert kinds == {"row", "timeseries", "stat", "bargauge", "heatmap", "state-timeline", "table", "alertlist", "text"}


@pytest.mark.parametrize("path", PATHS)
def test_every_panel_of_a_generated_dashboard_is_drawn(drawn: Open, path: str) -> None:
    dashboard = of(path)
    with drawn(dashboard.content) as page:
        assert page.locator("[data-failed], [data-word=said]").all_inner_texts() == []
        seen = page.evaluate(
            """() => Object.fromEntries([...document.querySelectorAll('[data-panel]')].map(e => [e.dataset.panel, {
                 text: e.innerText, canvases: e.querySelectorAll('canvas').length, shapes: e.querySelectorAll('rect').length,
                 alerts: e.querySelector('[data-alerts]')?.dataset.alerts, cells: e.querySelectorAll('[role=gridcell]').length }]))"""
        )
        for item in dashboard.content["items"]:
            panel, shown = item["panel"], seen[str(item["panel"]["id"])]
            kind, title = panel["type"], panel["title"]
            assert title in shown["text"], title
            match kind:
                case "timeseries":
                    assert shown["canvases"] == 1, title
                    if panel["options"]["legend"]["calcs"]:
                        unit(panel, shown["text"])
                    else:  # its legend names what is drawn, and the numbers stand at the axis, which is a picture
                        assert shown["text"].partition(title)[2].strip(), title
                case "stat" | "bargauge":
                    unit(panel, shown["text"])
                case "state-timeline" | "heatmap":
                    assert shown["shapes"] > 2, title
                case "table":
                    assert shown["cells"] > 2, title
                case "alertlist":
                    assert int(shown["alerts"]) >= 1, title
                case "text":
                    assert len(shown["text"]) > len(title) + 40


def unit(panel: dict[str, Any], text: str) -> None:
    name = panel["fieldConfig"]["defaults"].get("unit", "short")
    values = text.partition(panel["title"])[2]
    assert re.search(UNITS.get(name, r"\d"), values), f"{panel['title']}: no {name} in {values!r}"


@pytest.mark.parametrize("path", PATHS)
def test_every_threshold_is_passed_by_the_sample(path: str) -> None:
    """So that a picture shows each colour that the panel has."""
    for item in items(of(path), "timeseries"):
        steps = item["panel"]["fieldConfig"]["defaults"]["thresholds"]["steps"]
        levels = [step["value"] for step in steps if step["value"] is not None]
        if not levels:
            continue
        values = [
            v
            for frame in item["frames"]
            for field in frame["fields"]
            if field["type"] == "number"
            for v in field["values"]
        ]
        assert min(values) < levels[0] and max(values) >= levels[-1], item["panel"]["title"]


@pytest.mark.parametrize("path", PATHS)
def test_an_axis_of_shares_has_more_to_say_than_all_and_nothing(path: str) -> None:
    """Without decimals the components label 0 % and 100 % alone, since they keep to whole numbers."""
    for item in items(of(path), "timeseries"):
        defaults = item["panel"]["fieldConfig"]["defaults"]
        assert defaults.get("unit") != "percentunit" or defaults.get("decimals") != 0, item["panel"]["title"]
