"""What is found in an expression, at which severity and at which characters."""

from __future__ import annotations

import pytest
from check.conftest import EXPORTERS

from capgen.check.expressions import check_expression
from capgen.check.facts import facts_of
from capgen.check.problem import Setting


@pytest.fixture(scope="module")
def setting(catalog) -> Setting:
    return Setting(facts_of(catalog, EXPORTERS), scrape_interval=60.0)


def seen(text, setting):
    """Findings as `CG504 error node_load5`: code, severity, the characters pointed at."""
    return [f"{f.code} {f.severity} {text[f.start : f.start + f.length]}" for f in check_expression(text, setting)]


BAD = [
    # names
    ("pg_stat_activity_cuont", ["CG502 error pg_stat_activity_cuont"]),
    ("redis_evicted_keys", ["CG502 error redis_evicted_keys"]),
    ("node_load5_total", ["CG502 error node_load5_total"]),
    ("node_something_else", ["CG502 note node_something_else"]),
    ("kube_hpa_spec_max_replicas", ["CG503 warning kube_hpa_spec_max_replicas"]),
    ("kube_pod_labels", ["CG503 warning kube_pod_labels"]),
    ("node_systemd_unit_state == 1", ["CG503 warning node_systemd_unit_state"]),
    # types
    ("increase(node_load5[5m])", ["CG504 error node_load5"]),
    ("sum(irate(pg_stat_activity_count[5m]))", ["CG504 error pg_stat_activity_count"]),
    ("predict_linear(pg_stat_database_deadlocks[1h], 60)", ["CG505 error pg_stat_database_deadlocks"]),
    ("delta(shop_orders_total[5m])", ["CG505 warning shop_orders_total"]),
    ("sum by (instance) (redis_commands_total) > 5", ["CG532 warning redis_commands_total"]),
    # ranges
    ("rate(shop_a[1m])", ["CG506 error shop_a"]),
    ("rate(shop_a[2m])", ["CG506 warning shop_a"]),
    ("max_over_time(shop_a[30s])", ["CG506 error shop_a"]),
    ("rate(shop_a[5m]) + rate(shop_a[3m])", ["CG506 warning shop_a"]),
    # labels
    ('pg_up{datname="x"}', ["CG507 error datname"]),
    ('pg_up{datname!="x"}', ["CG507 warning datname"]),
    ('pg_up{datname=""}', ["CG507 warning datname"]),
    ('pg_up{state=~"a|"}', ["CG507 warning state"]),
    ('node_cpu_seconds_total{moed="idle"}', ["CG507 error moed"]),
    ("sum by (device) (node_load5)", ["CG507 warning device"]),
    # matching
    ("node_cpu_seconds_total / node_load5", ["CG508 error node_load5"]),
    ("sum by (a) (shop_x) / sum by (a, b) (shop_y)", ["CG508 error sum"]),
    ("node_load5 and container_memory_working_set_bytes", ["CG508 error container_memory_working_set_bytes"]),
    ("node_load5 / redis_connected_clients", ["CG508 error redis_connected_clients"]),
    ("node_load5 / on (instance, device) node_memory_MemTotal_bytes * 0", []),
    ("node_load5 * on (device) sum by (device) (node_network_receive_bytes_total)", ["CG508 error sum"]),
    ("sum by (instance, namespace) (node_load5) / sum by (instance) (node_load5)", ["CG508 warning sum"]),
    ("node_load5 * on (instance) group_left () pg_stat_activity_count", ["CG509 warning pg_stat_activity_count"]),
    (
        "node_filesystem_avail_bytes / ignoring (device) node_filesystem_size_bytes",
        ["CG509 warning node_filesystem_avail_bytes", "CG509 warning node_filesystem_size_bytes"],
    ),
    # ratios
    ('shop_used / shop_size{namespace="a"}', ["CG510 warning shop_used"]),
    ("sum(rate(shop_errors_total[5m])) / sum(rate(shop_requests_total[5m]))", ["CG511 warning sum"]),
    ("node_filesystem_files_free / node_filesystem_files", ["CG511 warning node_filesystem_files"]),
    ("shop_x / (rate(shop_a[5m]) + rate(shop_b[5m]))", ["CG511 warning rate"]),
    ("avg(shop_x / (shop_y > 0))", ["CG518 warning avg"]),
    ("1 - avg by (a) (1 - shop_x / (shop_y > 0))", ["CG518 warning avg"]),
    ('avg(shop_seconds{quantile="0.9"})', ["CG518 warning avg"]),
    ("rate(sum(shop_a)[10m:1m])", ["CG519 error rate"]),
    ("increase(job:shop_a:sum[10m])", ["CG519 warning job:shop_a:sum"]),
    ("shop_x or vector(0)", ["CG512 warning vector"]),
    # histograms
    ("histogram_quantile(0.9, sum(rate(shop_x_bucket[5m])))", ["CG517 error histogram_quantile"]),
    ("histogram_quantile(0.9, shop_x_bucket)", ["CG517 warning histogram_quantile"]),
    ("histogram_quantile(0.9, rate(shop_query_duration_seconds_bucket[5m])) > 10", ["CG516 error histogram_quantile"]),
    (
        "histogram_quantile(0.9, rate(http_server_request_duration_seconds_bucket[5m])) > 20",
        ["CG516 warning histogram_quantile"],
    ),
    ('shop_query_duration_seconds_bucket{le="0.2"}', ["CG516 error le"]),
    ('shop_x_bucket{le="1"}', ["CG530 warning le"]),
    # what is certain
    ('sum by (instance, my_own) (node_load5{my_own="a"}) / sum by (instance) (node_load5)', ["CG508 error sum"]),
    ('sum by (instance, my_own) (node_load5{my_own!="a"}) / sum by (instance) (node_load5)', ["CG508 warning sum"]),
    ("shop_x / (shop_b or rate(shop_a[5m]))", ["CG511 warning shop_b"]),
    # filters
    ('node_network_receive_bytes_total{device!=""}', ["CG524 warning device"]),
    ('shop_x{queue=~".*",a="b"}', ["CG524 warning queue"]),
    ('shop_x{a="b",queue!~".*"}', ["CG524 error queue"]),
    # syntax
    ("sum by (", ["CG501 error sum by ("]),
    ("shop_x[5m]", ["CG501 error shop_x[5m]"]),
    ("'text'", ["CG501 error 'text'"]),
]

GOOD = [
    "shop_anything > 1",
    "up == 0",
    'ALERTS{alertstate="firing"}',
    "increase(node_vmstat_oom_kill[10m])",
    "rate(pg_stat_database_xact_commit[4m])",
    'pg_up{namespace="a",exported_namespace="b",my_own="c"}',
    'http_requests_total{tenant="a"}',
    "sum by (service, my_own) (node_load5)",
    "node_cpu_seconds_total / ignoring (cpu, mode) group_left () node_load5",
    "node_load5 / on (job, instance) group_left () count without (cpu, mode) (node_cpu_seconds_total)",
    "sum by (instance) (node_load5) / on (instance) sum by (instance) (redis_connected_clients)",
    "sum without (device) (rate(node_network_receive_bytes_total[5m])) + node_load5",
    "shop_x / ignoring (a) shop_y",
    "sum(shop_x) or vector(0)",
    "shop_x / clamp_min(rate(shop_a[5m]), 1)",
    "rate(shop_x[5m]) / rate(shop_y[5m]) > 0.1 and rate(shop_y[5m]) > 1",
    "shop_x / count(shop_y)",
    "shop_x / (rate(shop_a[5m]) + shop_b)",
    "sum(rate(shop_x[5m])) / 60",
    "max(shop_x / (shop_y > 0))",
    "histogram_quantile(0.9, sum by (service) (rate(shop_native[5m])))",
    "histogram_quantile(0.9, rate(shop_query_duration_seconds_bucket[5m])) >= 10",
    'shop_query_duration_seconds_bucket{le="+Inf"}',
    'container_cpu_usage_seconds_total{container!=""}',
    'label_replace(node_load5, "host", "$1", "instance", "(.*):.*") / on (host) shop_limit',
    "redis_evicted_keys_total > 0",
    "max_over_time(shop_x[1m])",
]


@pytest.mark.parametrize(("text", "wanted"), BAD)
def test_found(text, wanted, setting):
    assert seen(text, setting) == wanted


@pytest.mark.parametrize("text", GOOD)
def test_fine(text, setting):
    assert seen(text, setting) == []


def test_the_interval_moves_the_law_of_ranges(catalog):
    facts = facts_of(catalog)
    assert seen("rate(shop_a[1m])", Setting(facts, scrape_interval=15.0)) == []
    assert seen("rate(shop_a[1m])", Setting(facts, scrape_interval=16.0)) == ["CG506 warning shop_a"]


def test_the_same_name_at_two_exporters(catalog):
    text = 'nginx_http_requests_total{status="500"}'
    assert seen(text, Setting(facts_of(catalog))) == []
    assert seen(text, Setting(facts_of(catalog, ["nginx_lua"]))) == []
    found = check_expression(text, Setting(facts_of(catalog, ["nginx"])))
    assert [f.code for f in found] == ["CG507"]
    assert "nginx_lua has a metric of that name with this label" in found[0].hint


def test_the_close_name_is_offered(setting):
    assert check_expression("pg_replication_lag > 1", setting)[0].hint == "did you mean 'pg_replication_lag_seconds'?"


def test_an_unknown_exporter_is_a_key_error(catalog):
    with pytest.raises(KeyError, match="nosuch"):
        facts_of(catalog, ["nosuch"])


def test_what_to_do_when_the_sides_never_match(setting):
    (found,) = check_expression("node_cpu_seconds_total / node_load5", setting)
    assert "'cpu', 'mode' is on node_cpu_seconds_total and not on node_load5" in found.message
    assert "`/ on (instance)`" in found.hint
    (found,) = check_expression(
        "sum by (job) (node_load5) * on (device) sum by (device) (node_network_receive_bytes_total)", setting
    )
    assert found.hint == "remove it from `on`"
