"""Rules: what an alert says, carries and compares with, and when it lets go."""

from __future__ import annotations

import pytest
from compile.service import alerts, records, service, signal

from capgen.promql import Binary, Number, parse, selectors, walk

OWN = "signals: {own.q: {source: app, expr: 'sum by (queue) (q{$selector})', %s}}"
APP = "metadata: {name: shop, title: %s, owner: blue, labels: {tier: %s}}\n"


def compared(expr: str) -> list[float]:
    """The numbers that an expression compares with, left to right."""
    return [n.right.value for n in walk(parse(expr)) if isinstance(n, Binary) and isinstance(n.right, Number)]


def test_every_alert_carries_what_routing_and_inhibition_need() -> None:
    found = service(APP % ("Shop", "gold"))
    for alert in (alert for group in found.groups for alert in group.alerts):
        labels = dict(alert.labels)
        assert labels["service"] == "shop" and labels["team"] == "blue" and labels["tier"] == "gold"
        assert labels["kind"] == alert.kind and labels["severity"] in ("info", "warning", "critical", "emergency")
        assert (labels["signal"], labels["level"]) == (alert.signal, alert.level) if alert.kind == "level" else True
        assert labels["source"] == alert.signal if alert.kind != "level" else True
        assert {"summary", "action"} <= dict(alert.annotations).keys()


def test_an_alert_reads_the_record_of_its_own_group_that_stands_before_it() -> None:
    for group in service("").groups:
        names = [record.name for record in group.records]
        for alert in (alert for alert in group.alerts if alert.kind == "level"):
            read = {selector.name for selector in selectors(parse(alert.expr))} - {"ALERTS"}
            assert read <= set(names)


def test_each_level_compares_with_its_own_number() -> None:
    found = alerts(service(OWN % "levels: {warning: 5, critical: 7.5, emergency: 9k}"))
    for level, number in (("Warning", 5), ("Critical", 7.5), ("Emergency", 9000)):
        assert found[f"ShopOwnQ{level}"].expr == f'capgen:own_own_q:short{{service="shop",source="app"}} >= {number}'
    below = alerts(service(OWN % "worse: below, levels: {warning: 5}"))["ShopOwnQWarning"]
    assert below.expr.endswith("<= 5") and "at or below 5" in dict(below.annotations)["summary"]


@pytest.mark.parametrize(
    ("words", "firing", "letting_go"),
    [
        ("unit: ratio, levels: {warning: 95%}, hysteresis: 5%", 0.95, 0.9),
        ("unit: ratio, levels: {warning: 30%}, hysteresis: 10%", 0.3, 0.2),
        ("unit: ratio, worse: below, levels: {warning: 10%}, hysteresis: 20%", 0.1, 0.3),
        ("unit: seconds, levels: {warning: 1s}, hysteresis: 300ms", 1, 0.7),
        ("unit: short, levels: {warning: 500}, hysteresis: 100", 500, 400),
    ],
)
def test_hysteresis_lets_go_on_the_good_side_without_float_noise(words: str, firing: float, letting_go: float) -> None:
    alert = alerts(service(OWN % words))["ShopOwnQWarning"]
    assert compared(alert.expr) == [firing, letting_go]
    assert f" {letting_go:g} and on (queue, service, source) ALERTS" in alert.expr
    assert 'alertname="ShopOwnQWarning",alertstate="firing",service="shop"' in alert.expr


def test_the_traffic_floor_holds_for_every_level_also_beside_hysteresis() -> None:
    found = service("signals: {app.errors: {min_traffic: 3, hysteresis: 0.1%}}")
    errors = [alert for alert in alerts(found).values() if alert.signal == "app.errors"]
    assert len(errors) == 3
    for alert in errors:
        top = parse(alert.expr)
        assert isinstance(top, Binary) and top.op == "and", "the floor is the outermost condition"
        assert compared(alert.expr)[-1] == 3
    assert "capgen:http_errors:traffic" in records(found)
    bare = service("signals: {app.errors: {min_traffic: 0}}")
    assert "capgen:http_errors:traffic" not in records(bare)
    assert all("traffic" not in alert.expr for alert in alerts(bare).values() if alert.signal == "app.errors")


@pytest.mark.parametrize(("words", "wait"), [("for: 0s", 0), ("for: 10s", 30), ("for: 10m", 600)])
def test_an_alert_that_waits_waits_for_two_evaluations(words: str, wait: float) -> None:
    assert alerts(service(OWN % f"levels: {{warning: 1}}, {words}"))["ShopOwnQWarning"].for_ == wait


def test_text_of_a_spec_is_printed_by_prometheus_and_never_run() -> None:
    hostile = '"{{ $labels.instance }} {{ query `up` }}"'
    found = service(
        APP % (hostile, hostile)
        + f"signals: {{host.cpu: {{title: {hostile}, about: {hostile}, action: {hostile}, runbook: {hostile}}}}}"
    )
    for alert in (alert for group in found.groups for alert in group.alerts):
        for name, text in (*alert.labels, *alert.annotations):
            left = text.replace('{{ "{{" }}', "")
            for run in ("{{ query", "{{ $labels.instance }} {{"):
                assert run not in left, (alert.name, name)


def test_a_source_is_watched_for_being_down_and_for_what_its_alerts_read() -> None:
    found = service("")
    assert set(alerts(found, "down")) == {"ShopAppDown", "ShopHostDown"}
    absent = {a.level: a for a in alerts(found, "absent").values() if a.signal == "app"}
    assert set(absent) == {"http_requests_total", "http_request_duration_seconds_bucket"}
    read = {metric for id_ in ("app.errors", "app.latency", "app.throughput") for metric in signal(found, id_).metrics}
    assert set(absent) <= read
    assert absent["http_requests_total"].expr == 'absent(http_requests_total{job="shop-app"})'
    quiet = service("signals: {app.errors: null, app.throughput: null, app.latency: null}")
    assert not [a for a in alerts(quiet, "absent").values() if a.signal == "app"], (
        "what only a chart shows wakes nobody"
    )
