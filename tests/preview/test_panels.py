"""Each type of panel in a real browser: what a person would read off the picture is in the page."""

from __future__ import annotations

from typing import Any

import pytest
from harness.previews import Open
from playwright.sync_api import Page
from preview.boards import EVERY_TYPE, board, panel

from capgen.preview.content import content
from capgen.preview.data import StandingAlert
from capgen.preview.sample import NOW, Sample

ALERTS = (
    StandingAlert("ShopCpuCritical", "firing", {"service": "shop"}, "CPU: 92%", NOW - 600),
    StandingAlert("LedgerCpuCritical", "firing", {"service": "ledger"}, "CPU: 99%", NOW - 600),
)


def sampled(dashboard: dict[str, Any], theme: Any = "light") -> dict[str, Any]:
    return content(dashboard, Sample(ALERTS), now=NOW, theme=theme)


@pytest.mark.parametrize(("width", "theme"), [(1400, "light"), (700, "dark")])
def test_every_type_of_panel_says_what_it_has_to_say(drawn: Open, width: int, theme: str) -> None:
    with drawn(sampled(EVERY_TYPE, theme), width) as page:
        text = {number: page.locator(f"[data-panel='{number}']").inner_text() for number in (*range(1, 9), 100, 102)}
        assert "Headroom" in text[1] and "%" in text[1], "a stat has its unit"
        assert "ShopCpuCritical" in text[2] and "firing" in text[2] and "LedgerCpuCritical" not in text[2]
        assert all(name in text[3] for name in ("CPU", "10.0.0.11:9100", "Max", "%"))
        assert page.locator("[data-panel='3'] canvas").count() == 1
        assert all(name in text[4] for name in ("sda", "nvme0n1", "%"))
        assert "500 ms" in text[5] and page.locator("[data-panel='5'] [data-bucket='0.5'] rect").count() > 10
        assert all(name in text[6] for name in ("AbleToScale", "ScalingActive", "true", "false"))
        assert all(name in text[7] for name in ("Request", "Target", "proxy", "GiB")) and "Time" not in text[7]
        assert text[8].splitlines()[-1] != "" and "specs/shop.yaml" in text[8]
        assert text[100] == "At a glance" and "collapsed in Grafana" in text[102]
        assert page.locator("[data-failed], [data-word=said]").count() == 0
        no_panel_covers_another(page, width)
        assert "nothing of it is measured" in page.locator("[data-source]").inner_text()


COLOURS = {0.7: (242, 204, 11), 0.85: (224, 47, 68)}
"""Grafana's yellow and red in its light theme, by the level whose colour they are."""


def test_a_dashed_line_stands_at_each_level_in_its_colour(drawn: Open) -> None:
    with drawn(sampled(EVERY_TYPE)) as page:
        found = page.evaluate(
            """colours => {
              const panel = document.querySelector("[data-panel='3']");
              const canvas = panel.querySelector('canvas');
              const plot = panel.querySelector('.u-over').getBoundingClientRect();
              const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
              const height = y => 1 - (y + 0.5 - (plot.top - canvas.getBoundingClientRect().top)) / plot.height;
              return colours.map(([r, g, b]) => {
                const rows = [];
                for (let y = 0; y < canvas.height; y++) {
                  let count = 0;
                  for (let x = 0; x < canvas.width; x++) {
                    const at = 4 * (y * canvas.width + x);
                    count += data[at + 3] > 150 && data[at] === r && data[at + 1] === g && data[at + 2] === b;
                  }
                  if (count > canvas.width / 4) rows.push(height(y));
                }
                return rows;
              });
            }""",
            list(COLOURS.values()),
        )
    for level, rows in zip(COLOURS, found, strict=True):
        assert rows, f"no line at {level}"
        assert all(abs(row - level) < 0.02 for row in rows), (level, rows)


MARKED = {
    "annotations": {
        "list": [
            {"name": "Alerts", "enable": True, "iconColor": "purple", "expr": 'ALERTS{alertstate="firing",service="shop"}',
             "titleFormat": "{{alertname}}"},
            {"name": "Others", "enable": True, "iconColor": "blue", "expr": 'ALERTS{alertstate="firing",service="nobody"}'},
            {"name": "Off", "enable": False, "iconColor": "red", "expr": "ALERTS"},
        ]
    }
}  # fmt: skip


def test_what_happened_is_marked_in_time(drawn: Open) -> None:
    """From when an alert fires, to now: a bar below the axis in the annotation's colour."""
    made = sampled({**EVERY_TYPE, **MARKED})
    alerts, others = made["marks"]
    since = next(alert.since for alert in ALERTS if alert.state == "firing" and alert.labels["service"] == "shop")
    assert [(span["title"], span["to"]) for span in alerts["spans"]] == [("ShopCpuCritical", round(NOW * 1000))]
    assert 0 <= alerts["spans"][0]["from"] / 1000 - since < 60
    assert (others["name"], others["spans"]) == ("Others", [])
    with drawn(made) as page:
        heading = {mark.inner_text().strip() for mark in page.locator("[data-mark]").all()}
        columns = page.evaluate(
            """([r, g, b]) => {
              const panel = document.querySelector("[data-panel='3']");
              const canvas = panel.querySelector('canvas');
              const plot = panel.querySelector('.u-over').getBoundingClientRect();
              const left = plot.left - canvas.getBoundingClientRect().left;
              const bottom = Math.round(plot.bottom - canvas.getBoundingClientRect().top) + 1;
              const { data } = canvas.getContext('2d').getImageData(0, bottom, canvas.width, 1);
              const found = [];
              for (let x = 0; x < canvas.width; x++)
                if (data[4 * x] === r && data[4 * x + 1] === g && data[4 * x + 2] === b) found.push((x - left) / plot.width);
              return found;
            }""",
            [163, 82, 204],
        )
    assert heading == {"Alerts", "Others"}
    length = made["range"]["to"] - made["range"]["from"]
    start = (alerts["spans"][0]["from"] - made["range"]["from"]) / length
    assert columns, "no mark is drawn"
    assert min(columns) == pytest.approx(start, abs=0.02)
    assert max(columns) == pytest.approx(1.0, abs=0.02)


def no_panel_covers_another(page: Page, width: int) -> None:
    boxes = page.evaluate("[...document.querySelectorAll('[data-panel]')].map(e => e.getBoundingClientRect().toJSON())")
    for number, one in enumerate(boxes):
        assert one["left"] >= 0 and one["right"] <= width and one["width"] > 0 and one["height"] > 0
        for other in boxes[number + 1 :]:
            apart = (
                one["right"] <= other["left"] or other["right"] <= one["left"]
                or one["bottom"] <= other["top"] or other["bottom"] <= one["top"]
            )  # fmt: skip
            assert apart, (one, other)


def test_what_a_dashboard_says_is_never_run(drawn: Open) -> None:
    hostile = "</script><script>document.title='stolen'</script><img src=x onerror=\"document.title='stolen'\">"
    dashboard = board(
        panel(1, "text", hostile, place=(0, 0, 12, 6), options={"mode": "html", "content": hostile}),
        panel(2, "stat", hostile, {"expr": "x", "legendFormat": hostile}, place=(12, 0, 12, 6)),
        title=hostile,
    )
    with drawn(sampled(dashboard)) as page:
        assert page.title() == hostile
        assert page.locator("h1").inner_text() == hostile
        assert page.locator("[data-panel='2'] script, [data-panel='2'] img").count() == 0
        assert page.locator("[data-panel='1'] script, [data-panel='1'] [onerror]").count() == 0


def test_a_panel_without_data_or_with_a_broken_query_says_so(drawn: Open) -> None:
    dashboard = board(
        panel(1, "timeseries", "Silent", {"expr": "x"}, place=(0, 0, 12, 6)),
        panel(2, "geomap", "Unknown", {"expr": "x"}, place=(12, 0, 12, 6)),
        panel(3, "timeseries", "Broken", {"expr": "x"}, place=(0, 6, 12, 6)),
        panel(
            4, "stat", "Empty", {"expr": "x"}, place=(12, 6, 12, 6), defaults={"noValue": "not measured"}, options={}
        ),
    )
    made = sampled(dashboard)
    for item in made["items"]:
        item["frames"] = [] if item["panel"]["id"] != 2 else item["frames"]
    made["items"][2]["problems"] = ["A: parse error"]
    with drawn(made) as page:
        words = [page.locator(f"[data-panel='{number}']").inner_text() for number in (1, 2, 3, 4)]
    assert (
        "No data" in words[0] and "geomap" in words[1] and "The query failed" in words[2] and "not measured" in words[3]
    )
