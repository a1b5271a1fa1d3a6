"""The dashboards about all services: the worst first, a way to each, and the runbook's indicators."""

from __future__ import annotations

import re

from compile.service import fleet
from dashboards.examples import examples
from msgspec.structs import replace

from capgen import naming, promql
from capgen.blueprint.dashboards import Dashboard, Panel

CART = 'metadata: {name: cart}\nsources: {host: {exporter: node, targets: ["b:1"]}}\n'
LONG = "metadata: {name: " + "c" * 60 + '}\nsources: {host: {exporter: node, targets: ["c:1"]}}\n'


def both(*texts: str) -> dict[str, Dashboard]:
    together, found = fleet(*texts)
    assert found == ()
    return {dashboard.uid.partition("_")[0].removeprefix("capgen-"): dashboard for dashboard in together.dashboards}


def panel(dashboard: Dashboard, key: str) -> Panel:
    return next(panel for row in dashboard.rows for panel in row.panels if panel.key == key)


def keys(dashboard: Dashboard) -> set[str]:
    return {panel.key for row in dashboard.rows for panel in row.panels}


def test_the_worst_stands_first_and_every_row_leads_to_its_dashboard() -> None:
    table = panel(both("metadata: {name: shop}\n", CART)["overview"], "overview/services")
    assert table.transformations[-1].options == {"sort": [{"field": "Headroom", "desc": False}]}
    assert '"capgen_default_$1"' in table.targets[0].expr
    assert "min by (service, signal)" in table.targets[0].expr, "the nearest signal has a column"
    assert table.data_links[0].url.startswith("/d/${__data.fields.Dashboard}?")


def test_a_name_too_long_for_a_uid_has_its_own() -> None:
    uid = naming.dashboard("default", "c" * 60)
    expr = panel(both("metadata: {name: shop}\n", LONG)["overview"], "overview/services").targets[0].expr
    assert f'"uid", "{uid}", "service", "{"c" * 60}"' in expr
    assert len(uid) == 40
    promql.parse(expr)


def test_every_query_is_promql_over_what_is_recorded() -> None:
    for one in examples():
        records = {record.name for service in one.services for group in service.groups for record in group.records}
        for dashboard in one.dashboards:
            for row in dashboard.rows:
                for shown in row.panels:
                    for target in shown.targets:
                        tree = promql.parse(target.expr)
                        names = {
                            selector.name for selector in promql.selectors(tree) if selector.name.startswith("capgen:")
                        }
                        assert names <= records
                        for pattern in re.findall(r'__name__=~"([^"]+)"', target.expr):
                            assert set(pattern.split("|")) <= records


def test_the_runbooks_indicators() -> None:
    production = next(one for one in examples() if one.environment == "production")
    kpi = next(dashboard for dashboard in production.dashboards if "kpi" in dashboard.uid)
    assert [row.title for row in kpi.rows] == [
        "Resource utilisation", "Performance degradation", "Scaling", "Cost efficiency", "Capacity headroom",
    ]  # fmt: skip


def test_what_no_service_has_is_not_shown() -> None:
    plain = both("metadata: {name: shop}\n")["kpi"]
    colors = {one.which: dict(one.properties)["color"]["fixedColor"] for one in panel(plain, "kpi/alerts").overrides}
    assert colors == {"info": "blue", "warning": "yellow", "critical": "red", "emergency": "dark-red"}
    assert "kpi/scaling" not in keys(plain) and "kpi/unit_cost" not in keys(plain) and "kpi/cpu" in keys(plain)
    costs = both('sources: {cost: {exporter: opencost}, app: {exporter: http, targets: ["a:1"]}}\n')["kpi"]
    assert "kpi/unit_cost" in keys(costs) and "kpi/cpu" not in keys(costs)


def test_a_service_more_changes_only_how_many_there_are() -> None:
    one, two = both("metadata: {name: shop}\n"), both("metadata: {name: shop}\n", CART)
    assert one["kpi"] == two["kpi"]
    measured = panel(two["overview"], "overview/measured")
    assert measured.steps[-1].value == 2
    others = [
        [replace(p, height=0) for row in dashboard["overview"].rows for p in row.panels if p.key != "overview/measured"]
        for dashboard in (one, two)
    ]
    assert others[0] == others[1]
