"""Autoscalers: what the spec's words become, and each conflict where it stands beside the spec without it."""

from __future__ import annotations

import pytest
from compile.service import marked, said, service

from capgen.report.codes import codes

WEB = "workloads:\n  web:\n    kind: Deployment\n    namespace: shop\n"
HPA = "    horizontal: {replicas: {min: 2, max: 10}, targets: {%s}}\n"
REQUESTS = "    containers: {app: {requests: {cpu: 500m, memory: 1Gi}}}\n"
SOURCES = 'sources: {pods: {exporter: kubernetes, workload: web}, app: {exporter: http, targets: ["a:80"]}}\n'

# code: the spec with the conflict, what is replaced in it, and by what, to have none
CONFLICTS = [
    ("CG401", WEB + HPA % "cpu: 70%" + 'jobs: {up: {schedule: "* * * * *", scale: »web«}}\n', 'jobs: {up: {schedule: "* * * * *", scale: »web«}}\n', ""),
    ("CG402", WEB + HPA % "cpu: 70%" + "    vertical: {mode: »recreate«}\n", "»recreate«", "recommend"),
    ("CG402", WEB + HPA % "memory: 70%" + "    vertical: {mode: »initial«, containers: {'*': {control: [cpu, memory]}}}\n", "[cpu, memory]", "[cpu]"),
    ("CG402", WEB + HPA % "cpu: 70%" + "    vertical: {mode: »in_place«}\n", "cpu: 70%", "cpu: 500m"),
    ("CG403", SOURCES + WEB + HPA % "cpu: »90%«" + "signals: {pods.cpu_of_request: {levels: {warning: 80%, critical: 90%}}}\n", "»90%«", "89%"),
    ("CG403", SOURCES + WEB + (HPA % "app.errors: »5%«").replace("{replicas", "{by: script, replicas"), "»5%«", "4%"),
    ("CG403", WEB + HPA % "app.errors: »{value: 6%}«", "value: 6%", "value: 1%"),
    ("CG404", WEB + HPA.replace("min: 2", "min: »20«") % "cpu: 70%", "»20«", "10"),
    ("CG405", WEB + HPA.replace("min: 2", "min: »0«") % "cpu: 70%", "cpu: 70%", "app.throughput: 70"),
    ("CG406", WEB + HPA % "cpu: »1500m«" + "    vertical: {mode: recreate, containers: {web: {max: {cpu: 1}}}}\n", "»1500m«", "1000m"),
    ("CG407", WEB + "    replicas: »3«\n" + HPA % "cpu: 70%", "    replicas: »3«\n", ""),
    ("CG408", WEB + '    vertical: {mode: initial}\njobs: {adjust: {schedule: "0 3 * * *", resize: »web«}}\n', "initial", "recommend"),
    ("CG409", WEB + "    containers: {web: »{requests: {memory: 512Mi}}«}\n" + HPA % "cpu: 70%", "70%", "500m"),
    ("CG409", WEB + "    containers: {web: {requests: {cpu: 1}}, envoy: »{requests: {memory: 1Gi}}«}\n" + HPA % "cpu: 70%", "cpu: 70%", "cpu/web: 70%"),
]  # fmt: skip


def test_every_conflict_has_a_case() -> None:
    assert {code for code, *_ in CONFLICTS} == {code for code in codes() if code.startswith("CG40")}


@pytest.mark.parametrize(("code", "text", "wrong", "right"), CONFLICTS)
def test_a_conflict_is_found_where_it_stands_and_gone_without_it(code: str, text: str, wrong: str, right: str) -> None:
    assert others(text) == [(code, marked(text)[0])]
    assert wrong in text
    assert others(text.replace(wrong, right)) == []


def others(text: str) -> list[tuple[str, str]]:
    """What is said, but for what the next test is about: a script needs a Prometheus, which is none of these."""
    return [one for one in said(text) if one[0] != "CG442"]


def test_a_workload_that_no_script_scales_is_told() -> None:
    text = SOURCES + WEB + (HPA % "cpu: 60%").replace("{replicas", "{by: script, replicas")
    job = 'jobs: {up: {schedule: "* * * * *", scale: %s}}\n'
    assert said(text) == [("CG442", "script")]
    assert said(text + job % "web") == []
    assert [code for code, _ in said(text + job % "we")] == ["CG312"]
    assert said(text.replace("by: script", "by: hpa")) == []


def test_targets_become_metrics_in_kubernetes_spelling() -> None:
    text = SOURCES + WEB + REQUESTS + HPA % "cpu: 70%, memory: 1.5Gi, cpu/app: 250m, memory/app: 80%, app.throughput: 100, lag: {external: lag, value: 1.5k, selector: {q: a}}, rps: {pods: rps, average: 0.5}"  # fmt: skip
    (hpa,) = service(text).hpas
    assert {(m.type, m.name, m.container): (m.target_type, m.target) for m in hpa.metrics} == {
        ("Resource", "cpu", ""): ("Utilization", "70"),
        ("Resource", "memory", ""): ("AverageValue", "1536Mi"),
        ("ContainerResource", "cpu", "app"): ("AverageValue", "250m"),
        ("ContainerResource", "memory", "app"): ("Utilization", "80"),
        ("External", "capgen_http_throughput", ""): ("AverageValue", "100"),
        ("External", "lag", ""): ("Value", "1500"),
        ("Pods", "rps", ""): ("AverageValue", "500m"),
    }
    selectors = {m.name: m.selector for m in hpa.metrics if m.type == "External"}
    assert selectors == {"capgen_http_throughput": (("service", "shop"), ("source", "app")), "lag": (("q", "a"),)}


@pytest.mark.parametrize(
    ("words", "mode"),
    [("recommend", "Off"), ("initial", "Initial"), ("recreate", "Recreate"), ("in_place", "InPlaceOrRecreate")],
)
def test_no_mode_is_the_deprecated_auto(words: str, mode: str) -> None:
    (vpa,) = service(WEB + f"    vertical: {{mode: {words}, containers: {{app: {{min: {{cpu: 0.1, memory: 128Mi}}, control: [memory, cpu]}}}}}}").vpas  # fmt: skip
    assert vpa.mode == mode
    (app,) = vpa.containers
    assert (app.min_allowed, app.max_allowed, app.controlled) == ((("cpu", "100m"), ("memory", "128Mi")), (), ("cpu", "memory"))  # fmt: skip


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("CG306", WEB + HPA % "»app.througput«: 5"),
        ("CG204", WEB + HPA % "cpu: »70«"),
        ("CG205", WEB + HPA % "cpu: »0%«"),
        ("CG311", WEB + HPA % "»lag«: {external: lag}"),
        ("CG311", WEB + HPA % "»lag«: {value: 5}"),
        ("CG323", WEB.replace("Deployment", "»Rollout«") + HPA % "cpu: 70%"),
        ("CG325", WEB + "    vertical: {mode: recommend, containers: {app: {min: {cpu: »2«}, max: {cpu: 1}}}}"),
        ("CG312", WEB + REQUESTS + "    vertical: {mode: recommend, containers: {»ap«: {min: {cpu: 1}}}}"),
        ("CG205", WEB + "    horizontal: {replicas: {max: 3}, targets: {cpu: 70%}, scale_up: {stabilization: »2h«}}"),
        ("CG205", WEB + "    horizontal: {replicas: {max: 3}, targets: {cpu: 70%}, scale_up: {policies: [{pods: 1, every: »31m«}]}}"),
        ("CG324", WEB + "    horizontal: {replicas: {max: 3}, targets: {cpu: 70%}, scale_up: {policies: [»{pods: 1, percent: 5, every: 1m}«]}}"),
        ("CG329", WEB + "    horizontal: {replicas: {max: 3}, »targets«: {}}"),
    ],
)  # fmt: skip
def test_an_autoscaler_that_cannot_be_is_found_where_it_stands(code: str, text: str) -> None:
    assert said(text) == [(code, marked(text)[0])]


def test_an_autoscaler_that_is_there_keeps_its_name_and_no_two_share_one() -> None:
    named = (
        HPA.replace("{replicas", "{name: frontend, replicas") % "cpu: 70%"
        + "    vertical: {name: sizes, mode: recommend}\n"
    )
    blueprint = service(SOURCES + WEB + REQUESTS + named)
    assert [hpa.name for hpa in blueprint.hpas] == ["frontend"]
    assert [vpa.name for vpa in blueprint.vpas] == ["sizes"]
    # What kube-state-metrics says of the autoscaler is looked for under its name.
    reading = [s.expr for s in blueprint.signals if "horizontalpodautoscaler=" in s.expr]
    assert reading and all('horizontalpodautoscaler="frontend"' in expr for expr in reading)
    other = "  api:\n    kind: Deployment\n    namespace: shop\n" + HPA.replace(
        "{replicas", "{name: »web-hpa«, replicas"
    )
    text = WEB + HPA % "cpu: 70%" + other % "cpu: 70%"
    assert [code for code, _ in said(text)] == ["CG315"]
    assert said(text.replace("»web-hpa«", "api-hpa")) == []
