"""What stands on a dashboard: every signal once, with the numbers of its alerts, and nothing without a source."""

from __future__ import annotations

import re

import pytest
from compile.service import service, signal
from dashboards.examples import EXAMPLES, examples, services
from dashboards.examples import panels as classic_panels

from capgen import naming, promql, units
from capgen.blueprint import Blueprint
from capgen.blueprint.dashboards import Dashboard, Grafana, Panel
from capgen.check.dashboards.units import UNITS
from capgen.render.dashboards.classic import classic
from capgen.render.dashboards.grid import COLUMNS, Place, flow

SERVICES = [pytest.param(one, id=f"{one.environment}-{one.name}") for one in services()]


def panels(blueprint: Blueprint) -> list[Panel]:
    return [panel for dashboard in blueprint.dashboards for row in dashboard.rows for panel in row.panels]


def rows(blueprint: Blueprint) -> dict[str, list[Panel]]:
    (dashboard,) = blueprint.dashboards
    return {row.title: list(row.panels) for row in dashboard.rows}


def by_key(blueprint: Blueprint) -> dict[str, Panel]:
    return {panel.key: panel for panel in panels(blueprint)}


@pytest.mark.parametrize("blueprint", SERVICES)
def test_every_signal_has_one_panel_with_its_levels(blueprint: Blueprint) -> None:
    shown = [panel.signal for panel in panels(blueprint) if panel.signal]
    assert sorted(shown) == sorted(one.id for one in blueprint.signals)
    for panel in panels(blueprint):
        if panel.signal:
            levels = signal(blueprint, panel.signal).levels
            assert [step.value for step in panel.steps] == [None, *sorted(level.threshold for level in levels)]
            told = [level for level in levels if level.severity]
            for level in told if not panel.values else ():
                words = f"{level.name.replace('_', ' ')} at {units.human(level.threshold, signal(blueprint, panel.signal).unit)}"
                assert f'"{words}"' in panel.targets[1].expr, "the dashed line has its name in the legend"
                assert f"vector({units.number(level.threshold)})" in panel.targets[1].expr


@pytest.mark.parametrize("blueprint", SERVICES)
def test_every_panel_explains_itself_and_leads_on(blueprint: Blueprint) -> None:
    (dashboard,) = blueprint.dashboards
    assert dashboard.tag_links
    for panel in panels(blueprint):
        assert panel.title and "What to do:" in panel.description, panel.key
        assert panel.unit in UNITS if panel.type in ("timeseries", "stat", "bargauge", "table", "heatmap") else True
        if panel.type in ("timeseries", "stat", "bargauge"):
            assert panel.links or panel.data_links or dashboard.links, panel.key


@pytest.mark.parametrize("blueprint", SERVICES)
def test_every_query_is_promql_of_this_service(blueprint: Blueprint) -> None:
    for panel in panels(blueprint):
        assert len(panel.targets) <= 26, "letters run out"
        for target in panel.targets:
            tree = promql.parse(re.sub(r"\$__rate_interval", "5m", target.expr))
            for selector in promql.selectors(tree):
                names = {matcher.name for matcher in selector.matchers}
                assert names & {"service", "job", "namespace"}, f"{panel.key}: {selector.name} is anybody's"


@pytest.mark.parametrize("blueprint", SERVICES)
def test_recorded_series_are_ones_that_are_recorded(blueprint: Blueprint) -> None:
    records = {record.name for group in blueprint.groups for record in group.records}
    for panel in panels(blueprint):
        for target in panel.targets:
            for selector in promql.selectors(promql.parse(target.expr.replace("$__rate_interval", "5m"))):
                assert not selector.name.startswith(f"{naming.PREFIX}:") or selector.name in records, panel.key


def test_the_order_of_the_questions() -> None:
    apm = next(one for one in services() if one.name == "apm" and one.environment == "production")
    assert list(rows(apm)) == [
        "At a glance", "Demand", "Latency", "Latency: details", "System", "System: details", "Autoscaling",
        "Database: database (PostgreSQL)", "Database: database (PostgreSQL): details", "Forecast and cost", "Provenance",
    ]  # fmt: skip
    (dashboard,) = apm.dashboards
    opened = [panel for row in dashboard.rows if not row.collapsed for panel in row.panels]
    assert len(opened) <= 36, "what is open is loaded, and read, at once"
    assert {row.title for row in dashboard.rows if row.collapsed} >= {"Forecast and cost", "System: details"}
    assert [panel.key for panel in rows(apm)["At a glance"]] == [
        "glance/headroom", "glance/time", "glance/replicas", "glance/latency", "glance/errors", "glance/cost", "glance/alerts",
    ]  # fmt: skip


def test_nothing_is_shown_that_nothing_measures() -> None:
    blueprint = service('metadata: {name: shop}\nsources: {host: {exporter: node, targets: ["a:1"]}}\n')
    assert set(rows(blueprint)) == {"At a glance", "System", "System: details", "Forecast and cost", "Provenance"}
    assert [panel.key for panel in rows(blueprint)["At a glance"]] == [
        "glance/headroom",
        "glance/time",
        "glance/alerts",
    ]
    bare = service("metadata: {name: shop}\nsources: {}\n")
    assert set(rows(bare)) == {"At a glance", "Provenance"}
    assert [panel.key for panel in panels(bare)] == ["glance/alerts", "provenance"]


def test_the_first_line_has_no_gap() -> None:
    """Whatever a service has to show there, it fills the line; three numbers or fewer have the alerts beside them."""
    known = [one for one in services() if one.environment == "production"]
    bare = service("metadata: {name: shop}\nsources: {}\n")
    counts = set()
    for blueprint in (*known, bare):
        *stats, alerts = rows(blueprint)["At a glance"]
        beside = (alerts.width,) if len(stats) <= 3 else ()
        assert sum((*(panel.width for panel in stats), *beside)) == 24
        assert alerts.width == 24 or len(stats) <= 3
        assert all(panel.width >= 4 for panel in (*stats, alerts))
        counts.add(len(stats))
    assert counts >= {0, 2, 5, 6}


def test_an_environment_without_a_cluster_has_no_autoscaling() -> None:
    host = next(one for one in services() if one.name == "apm" and one.environment == "host")
    assert "Autoscaling" not in rows(host)
    assert "kube_" not in " ".join(target.expr for panel in panels(host) for target in panel.targets)


def test_why_it_scaled_whether_it_can_and_until_when() -> None:
    shop = next(one for one in services() if one.name == "shop")
    found = by_key(shop)
    (hpa,) = shop.hpas
    root = f"hpa/{hpa.name}"
    replicas = found[f"{root}/replicas"]
    assert [target.legend for target in replicas.targets] == ["running", "wanted", "at least", "at most"]
    assert replicas.steps[-1].value == hpa.max_replicas == 60
    metric = found[f"{root}/metric/web.throughput"]
    assert metric.steps[-1].value == 40, "the HPA's own target"
    assert 'metric_name="capgen_otel_http_throughput"' in metric.targets[0].expr
    container = found[f"{root}/metric/cpu/web"]
    assert (container.unit, container.steps[-1].value) == ("percent", 75)
    assert found[f"{root}/conditions"].type == "state-timeline"
    assert {f"{root}/room", f"{root}/until", f"{root}/events"} <= found.keys()
    for panel in (replicas, metric):
        for target in panel.targets:
            assert 'job="kube-state-metrics"' in target.expr, "the spec's source says which job"


def test_a_kubernetes_source_adds_what_is_requested() -> None:
    cache = by_key(next(one for one in services() if one.name == "cache"))
    apm = by_key(next(one for one in services() if one.name == "apm" and one.environment == "production"))
    assert "vpa/cache-vpa/table" in cache and "vpa/apm-service-vpa/table" not in apm
    assert [target.legend.split()[1] for target in cache["vpa/cache-vpa/cpu"].targets][3:] == ["requested", "used"]
    assert len(apm["vpa/apm-service-vpa/cpu"].targets) == 3


def test_the_bounds_of_a_recommendation_are_a_band() -> None:
    """Grafana fills down to the one series of exactly that name."""
    for blueprint in (one for one in services() if one.vpas and one.environment == "production"):
        (vpa,) = blueprint.vpas
        panel = by_key(blueprint)[f"vpa/{vpa.name}/memory"]
        legends = {target.legend for target in panel.targets}
        assert {"{{container}} lower", "{{container}} upper"} <= legends
        bands = {one.which: dict(one.properties)["custom.fillBelowTo"] for one in panel.overrides if one.by == "byName"}
        names = [bounds.container for bounds in vpa.containers if bounds.container != "*"]
        assert names and bands == {f"{name} upper": f"{name} lower" for name in names}


@pytest.mark.parametrize(("dashboard", "grafana"), EXAMPLES)
def test_no_line_has_a_gap(dashboard: Dashboard, grafana: Grafana) -> None:
    del grafana
    for row in dashboard.rows:
        lines: dict[int, list[Place]] = {}
        for _, place in flow(row.panels):
            lines.setdefault(place.y, []).append(place)
        for line in lines.values():
            assert [place.x for place in line] + [COLUMNS] == [0, *(place.x + place.w for place in line)], row.title
            assert len({place.h for place in line}) == 1, f"{row.title}: one height"


def test_a_number_is_on_the_panel_where_the_spec_has_it() -> None:
    for warning in ("61%", "62.5%"):
        blueprint = service(
            "signals: {host.cpu: {levels: {warning: "
            + warning
            + ", critical: 80%}}}\nplanning: {capacity: {app.throughput: 1234}}\n"
        )
        value = float(warning.rstrip("%")) / 100
        found = by_key(blueprint)
        assert found["host.cpu"].steps[1].value == value
        assert f"warning at or above {warning}" in found["host.cpu"].description
        assert f"warning from {warning}" in found["provenance"].content
        assert found["capacity/app.throughput"].steps[-1].value == 1234


def test_the_last_row_says_which_spec_it_comes_from() -> None:
    """By a digest of what the spec means: not of its comments, nor of what no dashboard shows."""

    def said(text: str, *beside: str) -> str:
        content = by_key(service(text, *beside))["provenance"].content
        (found,) = re.findall(r"spec `[^`]+` - digest `([0-9a-f]{12})`", content)
        return str(found)

    plain = "metadata: {name: shop}\nsignals: {host.cpu: {levels: {critical: 80%}}}\n"
    host = "apiVersion: capgen/v1\nkind: Environment\nmetadata: {name: host}\n"
    assert said(plain) == said("# by hand\n" + plain) == said(plain + 'reports: {daily: {schedule: "@daily"}}\n')
    assert said(plain) == said(plain.replace("{name: shop}", "{name: shop, environments: [host]}"), host)
    assert said(plain) != said(plain.replace("80%", "81%"))


def test_low_is_bad_for_some() -> None:
    blueprint = service(
        'sources: {r: {exporter: redis, targets: ["a:1"]}}\nsignals: {r.hit_ratio: {levels: {acceptable: 85%, poor: 60%}}}\n'
    )
    steps = by_key(blueprint)["r.hit_ratio"].steps
    assert [(step.color, step.value) for step in steps] == [("yellow", None), ("blue", 0.6), ("green", 0.85)]


def test_the_latency_is_read_with_its_mean_and_its_spread() -> None:
    found = by_key(service("metadata: {name: shop}\n"))
    assert {target.legend for target in found["app.latency"].targets} >= {"latency", "latency p99", "latency mean"}
    heat = found["app.latency/spread"]
    assert heat.type == "heatmap" and heat.targets[0].format == "heatmap"
    assert "$__rate_interval" in heat.targets[0].expr and 'job=~"$job"' in heat.targets[0].expr


def test_a_databases_pools_are_also_bars_of_now() -> None:
    """Beside the curve, with its series, its levels and a full bar for a full pool; not for a share of statements."""
    text = """
sources: {db: {exporter: mysql, targets: ["a:1"]}, pool: {exporter: hikaricp, targets: ["a:2"]}, host: {exporter: node, targets: ["a:3"]}}
signals: {pool.active: {levels: {critical: 85%}}}
"""
    blueprint = service(text)
    found = by_key(blueprint)
    assert {key for key in found if key.endswith("/now")} == {"db.connections/now", "pool.active/now"}
    bars, curve = found["pool.active/now"], found["pool.active"]
    assert (bars.type, bars.unit, bars.minimum, bars.maximum) == ("bargauge", "percentunit", 0.0, 1.0)
    assert bars.steps == curve.steps and 0.85 in [step.value for step in bars.steps]
    (asked,) = bars.targets
    assert asked.instant and (asked.expr, asked.legend) == (curve.targets[0].expr, "{{instance}} {{pool}}")
    beside = next(panels for panels in rows(blueprint).values() if bars in panels)
    assert beside.index(bars) == beside.index(curve) + 1
    body = next(one for one in classic_panels(classic(blueprint.dashboards[0], Grafana())) if one["id"] == bars.id)
    assert (body["type"], body["options"]["reduceOptions"]["calcs"]) == ("bargauge", ["lastNotNull"])


def test_what_is_sent_is_drawn_downwards_beside_what_is_received() -> None:
    """In one panel; the other direction keeps its own as well, since its alerts would link there."""
    text = """
workloads: {web: {kind: Deployment, namespace: shop}}
sources: {pods: {exporter: kubernetes, workload: web}}
signals: {pods.network_in: {levels: {high: 1MB/s}}%s}
"""
    blueprint = service(text % "")
    received, sent = by_key(blueprint)["pods.network_in"], by_key(blueprint)["pods.network_out"]
    assert [target.legend for target in received.targets] == ["{{pod}} network in", "{{levels}}", "{{pod}} network out"]
    assert received.targets[2].expr == sent.targets[0].expr and received.minimum is None
    assert [one.which for one in received.overrides if ("custom.transform", "negative-Y") in one.properties] == ["C"]
    assert "Downwards: Network sent" in received.description
    assert len(sent.targets) == 1 and sent.minimum == 0 and sent in rows(blueprint)["System: details"]
    alone = by_key(service(text % ", pods.network_out: null"))["pods.network_in"]
    assert (len(alone.targets), alone.minimum) == (2, 0), "without the other direction it is as it was"


def test_what_one_signal_sends_is_drawn_downwards_with_its_levels_on_both_sides() -> None:
    """node_exporter's network has both directions, told apart by a label."""
    panel = by_key(service("signals: {host.network: {levels: {warning: 61%, critical: 85%, emergency: null}}}\n"))[
        "host.network"
    ]
    received, lines, sent, *below = panel.targets
    assert (
        'direction!="transmit"' in received.expr
        and 'direction="transmit"' in sent.expr
        and "direction" not in lines.expr
    )
    assert received.expr.replace("!=", "=", 1) == sent.expr
    assert (received.legend, sent.legend) == ("{{device}} {{instance}}", "{{device}} {{direction}} {{instance}}")
    assert [line.expr.partition(" and ")[0] for line in below] == ["vector(0.61)", "vector(0.85)"]
    down = [one.which for one in panel.overrides if ("custom.transform", "negative-Y") in one.properties]
    assert down == ["C", "D", "E"] and panel.minimum is None and "Downwards: transmit" in panel.description


def test_used_memory_has_the_levels_of_its_share_as_lines() -> None:
    """In bytes, by container: what 80 % of the limit are is what somebody asks who has to change the limit."""
    text = """
workloads: {web: {kind: Deployment, namespace: shop}}
sources: {pods: {exporter: kubernetes, workload: web}}
signals: {pods.memory: {levels: {warning: 62%, critical: 85%, emergency: null}}}
"""
    blueprint = service(text)
    panel = by_key(blueprint)["pods.memory_used"]
    used, *lines = panel.targets
    share = by_key(blueprint)["pods.memory"].targets[0].expr
    each = "namespace, pod, container"
    assert [line.legend for line in lines] == ["{{container}} warning at 62%", "{{container}} critical at 85%"]
    by = ", ".join(sorted(each.split(", ")))
    assert lines[0].expr == f"0.62 * max by (container, namespace) ({used.expr} / on ({by}) ({share} > 0))"
    colors = {one.which: dict(one.properties)["color"]["fixedColor"] for one in panel.overrides}
    assert colors == {"B": "yellow", "C": "red"} and panel.unit == "bytes"
    assert len(by_key(service(text.replace("{levels", "{enabled: false, levels")))["pods.memory_used"].targets) == 1


def test_the_instances_can_be_chosen_where_the_series_have_them() -> None:
    blueprint = service("metadata: {name: shop}\n")
    (dashboard,) = blueprint.dashboards
    assert [variable.name for variable in dashboard.variables] == ["job", "instance"]
    for panel in panels(blueprint):
        if panel.signal and not panel.values:
            wanted = "instance" in signal(blueprint, panel.signal).labels
            assert ('instance=~"$instance"' in panel.targets[0].expr) is wanted


COST = """planning:
  cost:
    currency: %s
    months: 12
    compute: {instances: 3, each: 150}
    storage: {database: 100, backups: 50}
    network: {bandwidth: 75}
    budget: {monthly: 2000, alert_at: [50%%, 80%%]}
"""


@pytest.mark.parametrize(("currency", "unit", "suffix"), [("EUR", "currencyEUR", ""), ("XAF", "short", " (XAF)")])
def test_the_cost_against_its_budget(currency: str, unit: str, suffix: str) -> None:
    panel = by_key(service(COST % currency))["glance/cost"]
    assert (panel.unit, panel.title) == (unit, f"Planned a month{suffix}")
    assert panel.targets[0].expr == "vector(675)"
    assert [step.value for step in panel.steps] == [None, 1000, 1600, 2000]


def test_the_cost_as_it_is_measured() -> None:
    found = by_key(service('sources: {cost: {exporter: opencost}, app: {exporter: http, targets: ["a:1"]}}\n'))
    assert found["glance/cost"].targets[0].expr.endswith("* 730")
    assert "cost/unit" in found and found["cost.total_cost"].type == "timeseries"


def test_annotations_mark_what_happened() -> None:
    shop: Dashboard = next(one for one in services() if one.name == "shop").dashboards[0]
    assert [mark.name for mark in shop.annotations] == ["Alerts", "Scaling of shop-web", "Changes of shop-web"]
    for mark in shop.annotations:
        promql.parse(mark.expr)
    assert examples()
