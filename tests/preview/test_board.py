"""Rows, repeats, variables and macros, as Grafana does them when it loads a dashboard."""

from __future__ import annotations

from typing import Any

from preview.boards import board, panel, row

from capgen.preview import board as layout
from capgen.preview.content import content, resolve
from capgen.preview.sample import NOW, Sample
from capgen.preview.variables import Variable, Window, interpolate, label_values, macros

POOL = {
    "name": "pool",
    "type": "query",
    "query": "label_values(up, pool)",
    "multi": True,
    "includeAll": True,
}


def stat(number: int, x: int, y: int, w: int = 12, h: int = 4, **more: Any) -> dict[str, Any]:
    return panel(number, "stat", f"Panel {number}", {"expr": "x"}, place=(x, y, w, h), **more)


def places(dashboard: dict[str, Any]) -> dict[str, tuple[int, int, int, int]]:
    found = layout.items(dashboard, resolve(dashboard, Sample()))
    return {item.key: (item.place.x, item.place.y, item.place.w, item.place.h) for item in found}


def test_a_collapsed_row_is_opened_and_moves_what_is_below() -> None:
    dashboard = board(
        stat(1, 0, 0),
        row(100, "Hidden", 4, stat(2, 0, 5), stat(3, 12, 5, h=6), collapsed=True),
        row(101, "Open", 5),
        stat(4, 0, 6),
    )
    assert places(dashboard) == {
        "1": (0, 0, 12, 4), "100": (0, 4, 24, 1), "2": (0, 5, 12, 4), "3": (12, 5, 12, 6), "101": (0, 11, 24, 1),
        "4": (0, 12, 12, 4),
    }  # fmt: skip


def test_a_repeated_panel_has_a_place_for_each_value_and_pushes_down_what_is_below() -> None:
    dashboard = board(stat(1, 0, 0, w=24, repeat="pool", maxPerRow=2), stat(2, 0, 4), templating={"list": [POOL]})
    assert places(dashboard) == {
        "1-pool-1": (0, 0, 12, 4), "1-pool-2": (12, 0, 12, 4), "1-pool-3": (0, 4, 12, 4), "2": (0, 8, 12, 4),
    }  # fmt: skip


def test_a_repeated_row_repeats_its_panels_with_their_value() -> None:
    one = {**stat(1, 0, 1), "title": "Connections of $pool"}
    dashboard = board(row(100, "Pool $pool", 0, repeat="pool"), one, templating={"list": [POOL]})
    found = content(dashboard, Sample(), now=NOW, theme="light")["items"]
    assert [item["panel"]["title"] for item in found] == [
        text for number in (1, 2, 3) for text in (f"Pool pool-{number}", f"Connections of pool-{number}")
    ]


def test_variables_are_written_as_prometheus_needs_them() -> None:
    several = Variable("pod", "Pod", ("a.b", 'c"d'), multi=True)
    everything = Variable("instance", "Instance", ("x",), all_value=".+", multi=True, everything=True)
    one = Variable("service", "Service", ('the "shop"',))
    known = (several, everything, one)
    assert interpolate('{pod=~"$pod"}', known, {}) == '{pod=~"(a\\\\.b|c\\"d)"}'
    assert interpolate('{instance=~"${instance}"}', known, {}) == '{instance=~".+"}'
    assert interpolate('{service="[[service]]"}', known, {}) == '{service="the \\"shop\\""}'
    assert interpolate("of $service and $unknown", known) == 'of the "shop" and $unknown'
    assert interpolate("${pod:pipe} ${pod:raw}", known, {}) == 'a.b|c"d a.b,c"d'
    assert interpolate('{pod="$pod"}', (several.only("a.b"),), {}) == '{pod="a\\\\.b"}'


def test_macros_are_grafanas() -> None:
    found = macros(Window(0, 6 * 3600), interval=90, minimum=0)
    assert found["__rate_interval"] == "105s" and found["__interval"] == "90s" and found["__range"] == "21600s"
    assert macros(Window(0, 300), interval=1, minimum=60)["__rate_interval"] == "240s", "four scrapes at the least"
    assert interpolate("rate(x[$__rate_interval])", (), found) == "rate(x[105s])"


def test_label_values_is_understood_with_and_without_a_selector() -> None:
    assert label_values('label_values(up{job=~"$job",a="b, c"}, instance)') == ('up{job=~"$job",a="b, c"}', "instance")
    assert label_values({"query": "label_values(instance)", "refId": "A"}) == ("", "instance")
    assert label_values("query_result(up)") is None


def test_sample_data_passes_through_every_level_and_stays_within_the_bounds() -> None:
    levels = {
        "mode": "absolute",
        "steps": [{"value": v, "color": c} for v, c in ((None, "green"), (0.7, "yellow"), (0.9, "red"))],
    }
    one = panel(
        1,
        "timeseries",
        "CPU",
        {"expr": "x"},
        place=(0, 0, 12, 8),
        defaults={"unit": "percentunit", "min": 0, "max": 1, "thresholds": levels},
    )
    made = [content(board(one), Sample(), now=NOW, theme="light") for _ in range(2)]
    assert made[0] == made[1], "the same dashboard, the same picture"
    values = made[0]["items"][0]["frames"][0]["fields"][1]["values"]
    assert min(values) < 0.7 and any(0.7 <= value < 0.9 for value in values) and max(values) >= 0.9
    assert min(values) >= 0 and max(values) <= 1
