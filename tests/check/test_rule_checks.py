"""What is found in a rule because of what stands around its expression."""

from __future__ import annotations

import json

import pytest

RATIO = "redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.9"
GROUPED = "sum by (service) (shop_x) > 1"


def alert(expr, **fields):
    return {"alert": "A", "expr": expr, "for": "5m", "labels": {"severity": "warning"}} | fields


def says(text, expr=GROUPED, **labels):
    return alert(expr, annotations={"summary": text}, labels={"severity": "warning"} | labels)


CASES = [
    # absent
    (alert("absent(shop_x == 1)"), ["CG513"]),
    (alert("absent(shop_x)"), ["CG513"]),
    (alert('absent(shop_x{a=~"b"})'), ["CG513"]),
    (alert('absent(shop_x{a="b"})'), []),
    (alert("absent(sum(shop_x))", labels={"team": "shop"}), []),
    # for
    (alert("shop_x > 1", **{"for": "0s"}), ["CG514"]),
    (alert("rate(shop_x[5m]) > 1", **{"for": "0"}), ["CG514"]),
    (alert("changes(shop_x[5m]) > 1", **{"for": "0s"}), []),
    (alert("avg_over_time(shop_x[5m]) > 1", **{"for": "0s"}), []),
    (alert("shop_x > 1", **{"for": "1m"}), ["CG515"]),
    (alert("shop_x > 1", **{"for": "2m"}), []),
    # who fires
    (alert("topk(1, shop_x) > 1"), ["CG520"]),
    (alert("shop_x * on (pod) group_left (node) topk by (pod) (1, shop_info) > 1"), []),
    (alert("shop_x and shop_y"), ["CG533"]),
    (alert("shop_x unless shop_y"), []),
    (alert("shop_x > bool 1"), ["CG533"]),
    (alert("shop_x > 1 or shop_y"), []),
    (alert("count(shop_x > 1)"), []),
    (alert("clamp_max(shop_x > 1, 5)"), []),
    (alert("job:shop_broken:bool"), []),
    (alert("vector(1)"), []),
    (alert("predict_linear(shop_x[1h], 3600) > 5"), ["CG529"]),
    (alert("predict_linear(shop_x[1h], 3600) > 5 and shop_x > 3"), []),
    # labels in texts
    (says("{{ $labels.service }} {{ .Labels.service }}"), []),
    (says("{{ $labels.pod }}"), ["CG521"]),
    (says('{{ index $labels "pod" }}'), ["CG521"]),
    (says("{{ $labels.team }}", team="shop"), ["CG521"]),
    (says("{{ $labels.alertname }}"), ["CG521"]),
    (says("in words: $labels.pod"), []),
    (says("{{ $labels.pod }}", "shop_x > 1"), []),
    (says("{{ $labels.mountpoint }}", "node_load5 > 1"), ["CG521"]),
    (says("{{ $labels.instanec }}", "node_load5 > 1"), ["CG521"]),
    (says("{{ $labels.stack }}", "node_load5 > 1"), []),
    (says("fine", tier="{{ $labels.pod }}"), ["CG521"]),
    (says("fine", now='{{ printf "%f" $value }}'), ["CG523"]),
    # units in texts
    (says("{{ $value | humanizePercentage }}", RATIO), []),
    (says("{{ $value | humanizePercentage }} of 5%", RATIO), []),
    (says("{{ $value }}%", RATIO), ["CG522"]),
    (says("{{ $value }}%", "100 * " + RATIO.replace("0.9", "90")), []),
    (says("{{ $value | humanizePercentage }}", "100 * " + RATIO.replace("0.9", "90")), ["CG522"]),
    (says('{{ $value | printf "%.0f" }}', RATIO), ["CG522"]),
    (says('{{ $value | printf "%.2f" }}', RATIO), []),
    (says("{{ $value | humanizeDuration }}", RATIO), ["CG522"]),
    (says("{{ $value | humanizeDuration }}", "pg_replication_lag_seconds > 9"), []),
    (says("{{ $value }}s", "pg_replication_lag_seconds > 9"), []),
    (says("{{ $value }} seconds", "redis_connected_clients > 9"), ["CG522"]),
    (says("{{ $value }} sessions", "redis_connected_clients > 9"), []),
    (says("{{ $value | humanize1024 }}B", "node_memory_MemAvailable_bytes < 9"), []),
    (says("{{ $value | humanize1024 }}B", "redis_connected_clients > 9"), ["CG522"]),
    (says("{{ $value | humanizePercentage }}", "rate(node_disk_io_time_seconds_total[5m]) > 0.9"), []),
    (says("{{ $value }} bytes", "rate(node_network_receive_bytes_total[5m]) > 9"), ["CG522"]),
    (
        says(
            "{{ $value | humanizeDuration }}",
            "histogram_quantile(0.9, rate(shop_query_duration_seconds_bucket[5m])) > 2",
        ),
        [],
    ),
    (
        says(
            "{{ $value | humanizePercentage }}",
            "histogram_quantile(0.9, rate(shop_query_duration_seconds_bucket[5m])) > 2",
        ),
        ["CG522"],
    ),
    (says("{{ $value | humanizePercentage }}", "count(node_load5 > 4) > 3"), ["CG522"]),
    (says("{{ $value | humanizeDuration }}", "shop_x > 1"), []),
]


def rule_file(*groups):
    return json.dumps({"groups": [{"name": f"g{index}", "rules": rules} for index, rules in enumerate(groups)]})


@pytest.mark.parametrize(
    ("rule", "codes"), CASES, ids=lambda value: json.dumps(value) if isinstance(value, dict) else None
)
def test_rule(rule, codes, check):
    assert [d.code for d in check(rule_file([rule]))] == codes


def cpu(mode, name="A"):
    return alert(f"avg by (instance) (rate(node_cpu_seconds_total{{{mode}}}[5m])) > 0.1", alert=name)


A_RECORD = {"record": "x:y", "expr": "sum by (service) (shop_a)"}
READS_IT = alert("x:y > 1")
FILES = [
    ([[cpu('mode="idle"'), cpu('mode!~"idle|steal"', "B")]], ["CG525"]),
    ([[cpu('mode="idle"')], [cpu('mode!="idle"', "B")]], []),
    (
        [
            [
                cpu('mode="idle"'),
                cpu('mode="iowait"', "B"),
                alert('count(node_cpu_seconds_total{mode=~"idle|steal"}) > 4', alert="C"),
            ]
        ],
        ["CG531"],
    ),
    ([[READS_IT, {**READS_IT}]], ["CG526"]),
    ([[READS_IT], [alert("x:z > 1")]], ["CG526"]),
    ([[A_RECORD, {**A_RECORD, "labels": {"a": "b"}}]], []),
    ([[A_RECORD, READS_IT]], []),
    ([[A_RECORD], [READS_IT]], ["CG527"]),
    ([[READS_IT, A_RECORD]], ["CG527"]),
    ([[alert("shop_x > 1", alert=name) for name in "AB"]], []),
    ([[alert("shop_x > 1", alert=name) for name in "ABC"]], ["CG531"]),
    ([[alert("shop_x > 1", alert=name, keep_firing_for="5m") for name in "ABC"]], []),
    (
        [
            [alert("shop_x > 1", alert=name) for name in "AB"]
            + [alert('shop_x > 1 or shop_x > 0 and on (a) ALERTS{a="b"}', alert="C")]
        ],
        [],
    ),
]


@pytest.mark.parametrize(("groups", "codes"), FILES)
def test_file(groups, codes, check):
    assert [d.code for d in check(rule_file(*groups))] == codes


def test_a_copy_is_worse_than_a_name_used_twice(check):
    assert [d.severity for d in check(rule_file([READS_IT], [READS_IT]))] == ["error"]
    assert [d.severity for d in check(rule_file([READS_IT], [alert("x:z > 1")]))] == ["warning"]


@pytest.mark.parametrize(
    ("label", "hint"),
    [
        ("team", "`$labels` has the labels of the expression only; write the value itself"),
        ("alertname", "`$labels` has the labels of the expression only; write the value itself"),
        ("pod", "keep it in `by (…)`, or use one of: service"),
    ],
)
def test_what_to_do_about_a_label_that_is_not_there(label, hint, check):
    rule = says("{{ $labels." + label + " }}", team="shop")
    assert [d.hint for d in check(rule_file([rule]))] == [hint]
