"""Sources: which job a source is, and that every selector stays within its service."""

from __future__ import annotations

import re

import pytest
from compile.service import alerts, compiled, marked, said, service, signal

from capgen.promql import parse, selectors

PODS = "sources: {pods: {exporter: kubernetes, workload: web}}\n"
WORKLOAD = "workloads: {web: {kind: %s, namespace: shop%s}}"
HPA = ', horizontal: {replicas: {min: 2, max: 9}, targets: {cpu: "70%"}}'


def matchers(text: str) -> list[dict[str, tuple[str, str]]]:
    """The matchers of every selector of every signal of a service, each by its label."""
    found = service(text)
    return [{m.name: (m.op, m.value) for m in s.matchers} for x in found.signals for s in selectors(parse(x.expr))]


def test_a_job_is_named_after_service_and_source_unless_the_spec_names_it() -> None:
    named = service(
        'sources: {a: {exporter: node, targets: ["x:1"]}, b: {exporter: node, job: theirs, targets: ["x:2"]}}'
    )
    assert {scrape.source: scrape.job for scrape in named.scrapes} == {"a": "shop-a", "b": "theirs"}
    assert {signal.source: f'job="{job}"' in signal.expr for signal, job in ((s, {"a": "shop-a", "b": "theirs"}[s.source]) for s in named.signals)} == {"a": True, "b": True}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "interval", "timeout"),
    [("", 15, 10), ("interval: 5s, ", 5, 4), ("interval: 1m, ", 60, 10), ("interval: 30s, timeout: 20s, ", 30, 20)],
)
def test_the_timeout_fits_into_the_interval(source: str, interval: float, timeout: float) -> None:
    (scrape,) = service(f'sources: {{h: {{exporter: node, {source}targets: ["a:1"]}}}}').scrapes
    assert (scrape.interval, scrape.timeout) == (interval, timeout)


@pytest.mark.parametrize(
    ("kind", "pod", "not_a_pod"),
    [
        ("Deployment", "web-7d4b9c6f5d-x2x8z", "web-api-7d4b9c6f5d-x2x8z"),
        ("StatefulSet", "web-0", "web-api-0"),
        ("DaemonSet", "web-x2x8z", "web-7d4b9c6f5d-x2x8z"),
    ],
)
def test_a_workloads_series_are_its_own_pods_and_nobody_elses(kind: str, pod: str, not_a_pod: str) -> None:
    scopes = matchers(PODS + WORKLOAD % (kind, HPA))
    assert all(scope["namespace"] == ("=", "shop") for scope in scopes)
    patterns = {scope["pod"][1] for scope in scopes if scope.get("pod", ("",))[0] == "=~"}
    assert len(patterns) == 1
    assert re.fullmatch(patterns.pop(), pod)
    assert not any(re.fullmatch(scope["pod"][1], not_a_pod) for scope in scopes if "pod" in scope)
    others = {"deployment", "statefulset", "daemonset"} - {kind.lower()}
    assert not any(others & scope.keys() for scope in scopes), "a label that this kind's series do not have"
    scaled = {scope["horizontalpodautoscaler"] for scope in scopes if "horizontalpodautoscaler" in scope}
    assert scaled <= {("=", "web-hpa")}


@pytest.mark.parametrize(("hpa", "there"), [(HPA, True), ("", False)])
def test_signals_of_an_autoscaler_need_an_autoscaler(hpa: str, there: bool) -> None:
    found = service(PODS + WORKLOAD % ("Deployment", hpa))
    assert any("horizontalpodautoscaler" in signal.expr for signal in found.signals) is there


def test_an_existing_source_is_read_and_not_scraped_and_its_jobs_can_be_named() -> None:
    text = "sources: {pods: {exporter: kubernetes, workload: web, jobs: {state: ksm}}}\n" + WORKLOAD % (
        "Deployment",
        "",
    )
    found = service(text)
    assert [scrape.existing for scrape in found.scrapes] == [True]
    assert alerts(found, "down") == {}, "its targets are somebody else's to watch"
    jobs = {scope["job"][1] for scope in matchers(text)}
    assert {"kubelet", "ksm"} <= jobs and "kube-state-metrics" not in jobs


def test_match_narrows_what_has_the_label() -> None:
    found = service('sources: {db: {exporter: postgres, match: {datname: shop, cluster: a}, targets: ["a:1"]}}')
    connections = signal(found, "db.connections")
    for selector in selectors(parse(connections.expr)):
        values = {m.name: m.value for m in selector.matchers}
        assert values["cluster"] == "a", "a label of the target is on all of its series"
        assert values.get("datname") == ("shop" if selector.name == "pg_stat_activity_count" else None)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("CG305", "sources: {»host«: {exporter: node}}"),
        ("CG305", 'sources: {host: {exporter: node, targets: ["a:1"], »service«: {namespace: a, labels: {a: b}, port: m}}}'),
        ("CG305", "sources: {host: {exporter: node, service: {namespace: a, »labels«: {}, port: m}}}"),
        ("CG205", 'sources: {host: {exporter: node, targets: [»"a:99999"«]}}'),
        ("CG311", 'sources: {app: {exporter: http, params: {»status«: code}, targets: ["a:1"]}}'),
        ("CG311", 'sources: {pods: {exporter: kubernetes, jobs: {»stat«: x}}}'),
        ("CG312", "sources: {pods: {exporter: kubernetes, workload: »wbe«}}\n" + WORKLOAD % ("Deployment", "")),
        ("CG313", 'sources: {host: {exporter: node, labels: {»service«: x}, targets: ["a:1"]}}'),
        ("CG314", 'sources: {host: {exporter: node, interval: »3m«, targets: ["a:1"]}}'),
        ("CG314", 'sources: {host: {exporter: node, interval: 5s, timeout: »6s«, targets: ["a:1"]}}'),
        ("CG315", 'sources: {a: {exporter: node, job: x, targets: ["a:1"]}, b: {exporter: node, »job«: x, targets: ["a:2"]}}'),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_is_found_where_it_stands(code: str, text: str) -> None:
    (finding,) = said(text)
    assert finding[0] == code
    assert code == "CG315" or finding[1] == marked(text)[0]


def test_one_source_with_a_mistake_does_not_hide_the_others() -> None:
    text = 'sources: {a: {exporter: nod, targets: ["a:1"]}, b: {exporter: node}}\nsignals: {a.cpu: {levels: {warning: 1%}}}'
    assert sorted(finding.code for finding in compiled(text)[1]) == ["CG301", "CG305"]
