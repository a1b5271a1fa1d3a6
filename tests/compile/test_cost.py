"""What rules are estimated to cost: declared sizes count exactly, budgets are errors at their line."""

from __future__ import annotations

import pytest
from compile.service import CATALOG, document

from capgen.blueprint.cost import Cost
from capgen.compile.cost import estimate, total
from capgen.compile.service import compile_spec
from capgen.diagnostics import Diagnostic
from capgen.spec.parse import Spec, parse_project, specs
from capgen.yamlio import Source


def spec(text: str) -> Spec:
    project, found = parse_project([Source("shop.yaml", document(text))])
    (one,), problems = specs(project)
    assert not (*found, *problems)
    return one


def cost(text: str, subject: str) -> Cost:
    """What one group of a service costs."""
    return next(one.cost for one in estimate(spec(text), CATALOG) if one.subject == subject)


def found(text: str) -> tuple[Diagnostic, ...]:
    return compile_spec(spec(text), CATALOG)[1]


HOSTS = (
    "sources: {{host: {{exporter: node, targets: [{targets}], sizes: {{cpu: {cpus}, device: 3}}, interval: 30s}}}}\n"
)


@pytest.mark.parametrize(("targets", "cpus"), [(1, 4), (1, 64), (7, 4)])
def test_targets_and_sizes_count_exactly(targets: int, cpus: int) -> None:
    text = HOSTS.format(targets=", ".join(f'"h{n}:9100"' for n in range(targets)), cpus=cpus)
    text += "signals: {host.cpu: {levels: {warning: 50%, critical: 80%, emergency: null}}}\n"
    cpu = cost(text, "host.cpu")
    assert (cpu.rules, cpu.series) == (4, 2 * targets), "the value and its headroom"
    # Three modes of each CPU over ten scrapes; the headroom and each alert read the record.
    assert cpu.samples_per_second == pytest.approx((targets * cpus * 3 * 10 + 3 * targets) / 15)
    assert cost(text, "host.disk_iops").series == 3 * targets


def test_replicas_and_containers_of_a_workload_count() -> None:
    text = """
sources:
  pods: {exporter: kubernetes, workload: web}
workloads:
  web:
    kind: Deployment
    namespace: shop
    containers: {app: {requests: {cpu: 1}}, proxy: {requests: {cpu: 1}}, log: {requests: {cpu: 1}}}
    horizontal: {replicas: {max: 20}, targets: {cpu: 60%}}
"""
    assert cost(text, "pods.restarts").series == 2 * 60
    assert cost(text, "pods.hpa_at_max").series == 2


def test_endpoints_of_a_service_are_as_many_as_the_autoscaler_may_start() -> None:
    text = """
sources:
  web: {exporter: http, service: {namespace: shop, labels: {app: web}, port: http}}
workloads:
  web: {kind: Deployment, namespace: shop, horizontal: {replicas: {max: 30}, targets: {cpu: 60%}}}
  other: {kind: Deployment, namespace: elsewhere, horizontal: {replicas: {max: 90}, targets: {cpu: 60%}}}
"""
    most = cost(text, "web.throughput").samples_per_second
    assert most == pytest.approx(
        30 * cost(text.replace("max: 30", "max: 1"), "web.throughput").samples_per_second, rel=0.2
    )


OWN = """
signals:
  app.parts: {{source: app, expr: 'sum by (part) (rate(http_requests_total{{$selector}}[$window]))', levels: {{warning: 5}}}}
budget: {{{budget}}}
"""


def test_labels_that_nobody_knows_are_counted_too() -> None:
    assert cost(OWN.format(budget=""), "app.parts").series == 2 * 5
    known = 'sources: {app: {exporter: http, targets: ["a:80"], sizes: {part: 12}}}\n'
    assert cost(known + OWN.format(budget=""), "app.parts").series == 2 * 12


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ("series: 3", "series are recorded, and the budget is 3"),
        ("samples_per_second: 1.5", "samples are read a second, and the budget is 1.5"),
        ("rules: 2", "rules are evaluated, and the budget is 2"),
    ],
)
def test_an_exceeded_budget_is_an_error_at_its_limit(budget: str, said: str) -> None:
    text = OWN.format(budget=budget)
    (wrong,) = found(text)
    assert (wrong.code, wrong.severity) == ("CG380", "error") and said in wrong.message
    line = document(text).splitlines()[(wrong.span.line if wrong.span else 0) - 1]
    assert line.startswith("budget:") and "capgen estimate" in wrong.hint
    assert found(OWN.format(budget="series: 10000, samples_per_second: 1e6, rules: 500")) == ()


def test_the_parts_add_up() -> None:
    parts = [Cost(1, 2, 3.0), Cost(10, 20, 30.0)]
    assert total(parts) == Cost(11, 22, 33.0)
