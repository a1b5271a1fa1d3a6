"""Who serves signals to autoscalers: the rules of the adapter for the whole fleet, and what KEDA is told."""

from __future__ import annotations

from compile.service import compiled, fleet, service

from capgen.blueprint.serving import ServedMetric
from capgen.render.serving import triggers

ENVIRONMENT = """apiVersion: capgen/v1
kind: Environment
metadata: {{name: test}}
kubernetes: {{namespace: monitoring}}
deliver: {{metrics: {by}, alertmanager: none}}
prometheus: {{url: "http://prometheus:9090"}}
"""
WEB = """
metadata: {{name: {name}}}
sources: {{web: {{exporter: http, job: {name}-web, targets: ["a:80"]}}}}
signals:
  web.queue: {{expr: 'sum (http_requests_in_progress{{$selector}})', unit: {unit}, source: web}}
workloads:
  web: {{kind: Deployment, namespace: {name}, horizontal: {{replicas: {{max: 9}}, targets: {targets}}}}}
"""


def web(name: str = "shop", targets: str = "{web.throughput: 40}", unit: str = "short") -> str:
    return WEB.format(name=name, targets=targets, unit=unit)


def test_the_adapter_serves_each_record_once_for_all_services() -> None:
    together, found = fleet(
        ENVIRONMENT.format(by="adapter"),
        web("one"),
        web("two"),
        web("idle", "{cpu: 60%}"),
        web("own", "{web.queue: 5}"),
    )
    assert found == ()
    assert together.served == (
        ServedMetric("capgen_http_throughput", "capgen:http_throughput:rate"),
        ServedMetric("capgen_own_web_queue_short", "capgen:own_web_queue:short"),
    )


def test_signals_of_ones_own_with_other_units_are_not_mixed_up() -> None:
    together, _ = fleet(
        ENVIRONMENT.format(by="adapter"), web("one", "{web.queue: 5}"), web("two", "{web.queue: 5s}", unit="seconds")
    )
    assert len({metric.name for metric in together.served}) == len(together.served) == 2


def test_keda_is_told_what_the_hpa_would_have_been() -> None:
    (hpa,) = service(
        ENVIRONMENT.format(by="keda"), web(targets="{web.throughput: 0.25, cpu: 60%, memory/web: 1Gi}")
    ).hpas
    assert hpa.keda is not None
    shown = [(t["type"], t["target_type"], dict(t["metadata"])) for t in triggers(hpa, hpa.keda)]
    assert shown == [
        ("cpu", "Utilization", {"value": "60"}),
        ("memory", "AverageValue", {"value": "1Gi", "containerName": "web"}),
        ("prometheus", "AverageValue", {
            "serverAddress": "http://prometheus:9090", "threshold": "0.25", "ignoreNullValues": "false",
            "query": 'sum(capgen:http_throughput:rate{service="shop",source="web"})',
        }),
    ]  # fmt: skip


def test_keda_names_the_tenant_too() -> None:
    tenant = ENVIRONMENT.format(by="keda").replace(
        "prometheus: {", "prometheus: {headers: {X-Scope-OrgID: a|b, X-Zone: z}, "
    )
    (hpa,) = service(tenant, web(targets="{web.throughput: 0.25}")).hpas
    assert hpa.keda is not None
    (trigger,) = triggers(hpa, hpa.keda)
    assert dict(trigger["metadata"])["customHeaders"] == "X-Scope-OrgID=a|b,X-Zone=z"


def test_an_hpa_on_resources_alone_stays_one_under_keda() -> None:
    (hpa,) = service(ENVIRONMENT.format(by="keda"), web(targets="{cpu: 60%}")).hpas
    assert hpa.keda is None


def test_what_nobody_serves_is_an_error_at_its_target() -> None:
    _, found = compiled(ENVIRONMENT.format(by="none"), web())
    assert [finding.code for finding in found] == ["CG430"]
    assert found[0].span and found[0].excerpt[found[0].span.column - 1 :].startswith("web.throughput")
    _, found = compiled(ENVIRONMENT.format(by="none"), web(targets="{queue: {external: queue_length, average: 3}}"))
    assert found == (), "somebody serves it who is not capgen's business"
