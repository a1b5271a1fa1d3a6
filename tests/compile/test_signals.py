"""Signals: the catalogue's definition under the spec's words, and signals of one's own."""

from __future__ import annotations

import pytest
from compile.service import compiled, marked, records, said, service, signal

from capgen.promql import Selector, parse, walk

DB = 'sources: {db: {exporter: postgres, %stargets: ["a:1"]}}\n'
OWN = "signals: {own.queue: {source: app, %s}}"


def test_what_the_spec_does_not_say_is_the_catalogues_and_what_it_says_wins() -> None:
    left, said_ = (
        signal(service(""), "host.cpu"),
        signal(service("signals: {host.cpu: {for: 1m, title: Heat, action: Run}}"), "host.cpu"),
    )
    assert (said_.for_, said_.title, said_.action) == (60, "Heat", "Run")
    assert (said_.expr, said_.levels, said_.unit, said_.record) == (left.expr, left.levels, left.unit, left.record)
    assert left.origin.layer == "catalogue" and left.origin.span is not None
    assert said_.origin.path == "signals.host.cpu"


def test_a_default_signal_comes_unasked_and_goes_when_it_is_refused() -> None:
    assert "host.cpu" in {s.id for s in service("").signals}
    for refusal in ("null", "{enabled: false}"):
        assert "host.cpu" not in {s.id for s in service(f"signals: {{host.cpu: {refusal}}}").signals}
    assert "app.data_throughput" not in {s.id for s in service("").signals}
    assert "app.data_throughput" in {s.id for s in service("signals: {app.data_throughput: {}}").signals}


@pytest.mark.parametrize(
    ("version", "zero_filled"), [("", True), ("version: '0.17', ", True), ("version: '0.16.0', ", False), ("version: '0.11.1', ", False)]
)  # fmt: skip
def test_the_exporters_version_chooses_the_expression(version: str, zero_filled: bool) -> None:
    assert ("0 * max" in signal(service(DB % version), "db.lock_waits").expr) is zero_filled


def test_a_param_that_is_given_chooses_the_expression_and_is_put_in() -> None:
    measured = signal(service(""), "host.network").expr
    declared = signal(service("signals: {host.network: {capacity: 1Gbps}}"), "host.network").expr
    assert "125000000" in declared and "125000000" not in measured
    for share in ("0.9", "90%"):
        assert (
            "histogram_quantile(0.9,"
            in signal(service(f"signals: {{app.latency: {{quantile: {share}}}}}"), "app.latency").expr
        )


@pytest.mark.parametrize(
    ("interval", "window", "used"), [("15s", "", 300), ("2m", "", 480), ("15s", "window: 1m, ", 60), ("1m", "window: 4m, ", 240)]
)  # fmt: skip
def test_a_window_holds_four_samples(interval: str, window: str, used: float) -> None:
    text = f'sources: {{host: {{exporter: node, interval: {interval}, targets: ["a:1"]}}}}\nsignals: {{host.cpu: {{{window}for: 5m}}}}'
    found = signal(service(text), "host.cpu")
    assert found.window == used
    ranges = {node.range for node in walk(parse(found.expr)) if isinstance(node, Selector) and node.range}
    assert ranges == {used}


def test_a_window_of_three_samples_is_refused() -> None:
    text = 'sources: {host: {exporter: node, interval: 1m, targets: ["a:1"]}}\nsignals: {host.cpu: {window: »3m59s«}}'
    assert said(text) == [("CG318", marked(text)[0])]


def test_no_generated_window_is_shorter_than_four_scrapes() -> None:
    for interval in ("1s", "30s", "100s", "2m"):
        found = service(
            f'sources: {{h: {{exporter: node, interval: {interval}, targets: ["a:1"]}}, a: {{exporter: http, interval: {interval}, targets: ["a:2"]}}}}'
        )
        for one in found.signals:
            for node in walk(parse(one.expr)):
                assert not isinstance(node, Selector) or node.range is None or node.range >= 4 * one.interval


def test_a_signal_of_ones_own_is_scoped_named_and_labelled_like_any_other() -> None:
    found = service(
        OWN
        % "expr: 'sum by (queue, shard) (rate(depth{$selector,kind!=\"dead\"}[$window]))', unit: short, levels: {warning: 5}"
    )
    own = signal(found, "own.queue")
    assert own.expr == 'sum by (queue, shard) (rate(depth{job="shop-app",kind!="dead"}[5m]))'
    assert (own.labels, own.metrics, own.ladder, own.record) == (
        ("queue", "shard"),
        ("depth",),
        "utilisation",
        "capgen:own_own_queue:short",
    )
    assert records(found)[own.record].labels == (("service", "shop"), ("source", "app"))


def test_a_signal_of_ones_own_may_take_its_quantile_from_the_spec() -> None:
    expr = "expr: 'histogram_quantile($quantile, sum by (le) (rate(t_bucket{$selector}[$window])))', quantile: 99%, unit: seconds"
    found = signal(service(OWN % expr), "own.queue").expr
    assert found == 'histogram_quantile(0.99, sum by (le) (rate(t_bucket{job="shop-app"}[5m])))'


def test_the_replicas_of_a_pair_are_counted_once_under_their_own_label() -> None:
    text = "prometheus: {replica_labels: [replica, cluster_member]}"
    assert "without (cluster_member, replica)" in signal(service(text), "app.throughput").expr


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("CG304", "signals: {»hots.cpu«: {for: 5m}}"),
        ("CG304", "signals: {own.q: {source: »ap«, expr: 'sum(q{$selector})'}}"),
        ("CG306", "signals: {»host.cpuu«: {for: 5m}}"),
        ("CG311", "signals: {host.cpu: {»quantile«: 0.9}}"),
        ("CG311", "signals: {host.cpu: {params: {»limit«: 1}}}"),
        ("CG205", "signals: {app.latency: {quantile: »100%«}}"),
        ("CG204", "signals: {host.network: {capacity: »1Gi«}}"),
        ("CG204", "signals: {host.cpu: {hysteresis: »5s«}}"),
        ("CG311", "signals: {own.q: {source: app, expr: »'sum(q{$selector}[$windw])'«}}"),
        ("CG320", "signals: {own.q: {source: app, expr: »'sum(q{$selector}'«}}"),
        ("CG321", "signals: {own.q: {source: app, expr: »'sum(q{$selector}) / sum(r)'«}}"),
        ("CG322", "signals: {own.q: {source: app, expr: »'q{$selector}'«}}"),
        ("CG322", "signals: {own.q: {source: app, expr: »'scalar(sum(q{$selector}))'«}}"),
        ("CG313", "signals: {own.q: {source: app, expr: »'sum by (service) (q{$selector})'«}}"),
    ],
)  # fmt: skip
def test_a_signal_that_cannot_be_is_found_where_it_stands(code: str, text: str) -> None:
    (finding,) = said(text)
    expected = marked(text)[0]
    assert (finding[0], finding[1].strip("'\"")) == (code, expected.strip("'\""))


def test_a_label_of_the_service_is_no_label_of_its_signals() -> None:
    _, found = compiled("metadata: {name: shop, labels: {device: x}}")
    assert [finding.code for finding in found] == ["CG313"]


@pytest.mark.parametrize("label", ["job", "instance", "__address__"])
def test_a_source_cannot_rename_what_selectors_look_for(label: str) -> None:
    _, found = compiled(f'sources: {{host: {{exporter: node, labels: {{{label}: x}}, targets: ["a:1"]}}}}')
    assert [finding.code for finding in found] == ["CG313"]
