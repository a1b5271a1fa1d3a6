"""Scaling and resizing on the real API server, with nothing but the rights that were generated for it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from harness.binaries import component
from harness.controlplane import ControlPlane
from harness.prometheus import Start
from jobs.cluster import METRICS, apply_jobs, environment, in_pod, replicas, run_pods, settled, workload
from jobs.measured import Measured, measuring
from jobs.running import Script, Webhook, built, capacity, serving_webhook

SPEC = """
sources:
  database: {exporter: postgres, targets: ["localhost:9187"]}
  pods: {exporter: kubernetes, workload: api}
workloads:
  shop-web:
    kind: Deployment
    namespace: NAMESPACE
    horizontal:
      by: script
      replicas: {min: 2, max: 5}
      targets: {cpu: 70%}
      scale_up: {stabilization: 0s}
      scale_down: {stabilization: 0s}
  replica:
    kind: StatefulSet
    namespace: NAMESPACE
    horizontal:
      by: script
      replicas: {min: 1, max: 3}
      targets: {database.connections: 70%}
      scale_up: {stabilization: 0s}
      scale_down: {stabilization: 5m}
  worker:
    kind: Deployment
    namespace: NAMESPACE
    vertical: {mode: recommend, containers: {worker: {min: {cpu: 100m, memory: 128Mi}, max: {cpu: "2", memory: 4Gi}}}}
  api: {kind: Deployment, namespace: NAMESPACE}
jobs:
  scale-application: {schedule: "*/2 * * * *", scale: shop-web}
  scale-database-replicas: {schedule: "*/2 * * * *", scale: replica}
  adjust-resource-limits: {schedule: "0 3 * * *", resize: worker, apply: true}
  advise: {schedule: "0 3 * * *", resize: api}
"""
REQUESTS = {"cpu": "500m", "memory": "1Gi"}
LIMITS = {"cpu": "1", "memory": "2Gi"}


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with serving_webhook() as server:
        yield server


@pytest.fixture
def measured(tmp_path: Path, prometheus: Start) -> Iterator[Measured]:
    with measuring(tmp_path, prometheus) as running:
        yield running


@pytest.fixture(scope="module")
def usage(control_plane: ControlPlane) -> None:
    """The metrics API."""
    control_plane.apply_as("test", METRICS)
    deadline = time.monotonic() + 20
    while "PodMetrics" not in control_plane.kubectl("api-resources", "--api-group=metrics.k8s.io", check=False):
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture
def home(usage: None, control_plane: ControlPlane) -> tuple[str, str]:
    """The namespaces of jobs and of workloads."""
    return control_plane.new_namespace(), control_plane.new_namespace()


@pytest.fixture
def files(
    tmp_path: Path, control_plane: ControlPlane, home: tuple[str, str], request: pytest.FixtureRequest
) -> dict[str, str]:
    url = request.getfixturevalue("measured").url if "measured" in request.fixturenames else "http://127.0.0.1:1"
    found = built(tmp_path, capacity(SPEC.replace("NAMESPACE", home[1])), environment(home[0], url))
    apply_jobs(control_plane, found)
    return found


def create(plane: ControlPlane, namespace: str, kind: str, name: str, count: int) -> None:
    document = workload(kind, name, count, requests=REQUESTS, limits=LIMITS)
    plane.kubectl("create", "-n", namespace, "-f", "-", stdin=document)
    settled(plane, namespace, kind.lower(), name, count)


@pytest.fixture
def application(
    tmp_path: Path, control_plane: ControlPlane, home: tuple[str, str], files: dict[str, str], webhook: Webhook
) -> Script:
    create(control_plane, home[1], "Deployment", "shop-web", 2)
    return in_pod(control_plane, tmp_path, files, "scale-application", CHAT_URL=webhook.url)


def test_an_application_is_scaled_by_its_share_of_requests(
    application: Script, control_plane: ControlPlane, home: tuple[str, str], webhook: Webhook
) -> None:
    namespace = home[1]
    # 90 % of what is requested; the runbook compared 450 millicores with 70 and always scaled.
    run_pods(
        control_plane,
        namespace,
        "shop-web",
        {"cpu": "400m", "memory": "1Mi"},
        {"cpu": "500000000n", "memory": "1Mi"},
        requests=REQUESTS,
    )
    dry = application.run("--dry-run")
    assert (dry.code, dry.of("would_scale")[0]["to"]) == (0, "3"), dry.text
    assert replicas(control_plane, namespace, "deployment", "shop-web") == 2
    run = application.run()
    assert run.code == 0, run.text
    assert replicas(control_plane, namespace, "deployment", "shop-web") == 3
    assert [line["value"] for line in run.of("target")] == ["0.9"]
    (text,) = webhook.heard()
    assert text.startswith("[scaled] Shop: deployments.v1.apps/shop-web from 2 to 3 replicas (cpu 0.9 of 0.7)")
    # The third replica is not there yet.
    again = application.run()
    assert (again.code, [line["event"] for line in again.of("waiting")]) == (0, ["waiting"])
    settled(control_plane, namespace, "deployment", "shop-web", 3)
    run_pods(control_plane, namespace, "shop-web", *[{"cpu": "100m", "memory": "1Mi"}] * 3, requests=REQUESTS)
    down = application.run()
    assert replicas(control_plane, namespace, "deployment", "shop-web") == 2, down.text
    settled(control_plane, namespace, "deployment", "shop-web", 2)
    application.run()
    assert replicas(control_plane, namespace, "deployment", "shop-web") == 2, "never below the fewest"


def test_a_hair_off_its_target_nothing_is_scaled(
    application: Script, control_plane: ControlPlane, home: tuple[str, str]
) -> None:
    run_pods(control_plane, home[1], "shop-web", *[{"cpu": "370m", "memory": "1Mi"}] * 2, requests=REQUESTS)
    run = application.run()
    assert (run.code, replicas(control_plane, home[1], "deployment", "shop-web")) == (0, 2)
    assert run.of("unchanged")


def test_beyond_its_bounds_it_says_so_once(
    application: Script, control_plane: ControlPlane, home: tuple[str, str], webhook: Webhook
) -> None:
    control_plane.kubectl("scale", "deployment", "shop-web", "--replicas=5", "-n", home[1])
    settled(control_plane, home[1], "deployment", "shop-web", 5)
    run_pods(control_plane, home[1], "shop-web", *[{"cpu": "500m", "memory": "1Mi"}] * 5, requests=REQUESTS)
    for expected in (["[warning] "], []):
        assert application.run().code == 0
        assert [text[:10] for text in webhook.heard()] == expected
    assert replicas(control_plane, home[1], "deployment", "shop-web") == 5


def test_beside_an_autoscaler_it_refuses(
    application: Script, control_plane: ControlPlane, home: tuple[str, str]
) -> None:
    run_pods(control_plane, home[1], "shop-web", *[{"cpu": "500m", "memory": "1Mi"}] * 2, requests=REQUESTS)
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-web"}
    hpa = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "hers", "namespace": home[1]},
    }
    control_plane.apply_as("her", {**hpa, "spec": {"scaleTargetRef": reference, "maxReplicas": 9}})
    run = application.run()
    assert (run.code, [line["event"] for line in run.events if line["level"] == "error"]) == (6, ["refused"])
    assert replicas(control_plane, home[1], "deployment", "shop-web") == 2


def test_what_somebody_else_changes_meanwhile_is_left_to_them(
    application: Script, control_plane: ControlPlane, home: tuple[str, str], tmp_path: Path, webhook: Webhook
) -> None:
    """Between looking and patching, an administrator scales: the patch says which version it is about."""
    run_pods(control_plane, home[1], "shop-web", *[{"cpu": "500m", "memory": "1Mi"}] * 2, requests=REQUESTS)
    tools, kubectl = tmp_path / "tools", component("kubernetes") / "kubectl"
    tools.mkdir()
    (tools / "kubectl").write_text(
        f"#!/bin/sh\ncase $* in *'patch deployments'*) {kubectl} --kubeconfig={control_plane.kubeconfig()} "
        f'scale deployment shop-web --replicas=4 -n {home[1]} >/dev/null ;; esac\nexec {kubectl} "$@"\n'
    )
    (tools / "kubectl").chmod(0o755)
    run = application.run(PATH=f"{tools}:{application.variables['PATH']}")
    assert (run.code, [line["event"] for line in run.events if line["level"] == "error"]) == (6, ["not_scaled"]), (
        run.text
    )
    assert replicas(control_plane, home[1], "deployment", "shop-web") == 4
    assert webhook.heard() == [], "nothing was scaled, so nothing is told"


def test_without_usage_it_holds_still(application: Script, control_plane: ControlPlane, home: tuple[str, str]) -> None:
    run = application.run()
    assert run.code == 5
    assert replicas(control_plane, home[1], "deployment", "shop-web") == 2


def test_a_target_that_is_gone_has_a_code_of_its_own(
    application: Script, control_plane: ControlPlane, home: tuple[str, str]
) -> None:
    control_plane.kubectl("delete", "deployment", "shop-web", "-n", home[1])
    run = application.run()
    assert (run.code, run.of("target_unknown")[0]["target"]) == (9, "deployments.v1.apps/shop-web")


def test_a_server_that_is_gone(application: Script, tmp_path: Path) -> None:
    config = Path(application.variables["KUBECONFIG"])
    config.write_text(config.read_text().replace("https://127.0.0.1:", "https://127.0.0.1:1"))
    run = application.run()
    assert (run.code, run.events[-1]["event"]) == (7, "state_unreadable")


def test_it_may_do_nothing_else(application: Script, control_plane: ControlPlane, home: tuple[str, str]) -> None:
    create(control_plane, home[1], "Deployment", "other", 2)
    account = f"--as=system:serviceaccount:{home[0]}:capgen-shop-scale-application"
    for verb, what, place in (
        ("patch", "deployments/other --subresource=scale", 1), ("patch", "deployments/shop-web", 1), ("get", "secrets", 0),
        ("create", "configmaps", 0), ("patch", "configmaps/capgen-shop-scale-application", 0), ("delete", "deployments/shop-web", 1),
        ("get", "configmaps/capgen-shop-advise-state", 0), ("list", "pods", 0), ("update", "deployments/shop-web --subresource=scale", 1),
    ):  # fmt: skip
        said = control_plane.kubectl("auth", "can-i", verb, *what.split(), account, "-n", home[place], check=False)
        assert said.strip().startswith("no"), (verb, what, said)
    config = application.variables["KUBECONFIG"]
    denied = control_plane.kubectl(
        f"--kubeconfig={config}", "patch", "deployment", "other", "--subresource=scale", "--type=merge",
        '-p={"spec":{"replicas":9}}', "-n", home[1], check=False,
    )  # fmt: skip
    assert "forbidden" in denied
    assert replicas(control_plane, home[1], "deployment", "other") == 2


def test_every_generated_right_is_used(
    application: Script, control_plane: ControlPlane, home: tuple[str, str], files: dict[str, str]
) -> None:
    """What the audit log shows of a run that scales is exactly what the Roles allow."""
    run_pods(control_plane, home[1], "shop-web", *[{"cpu": "500m", "memory": "1Mi"}] * 2, requests=REQUESTS)
    log = control_plane.folder / "audit.log"
    start = log.stat().st_size
    assert application.run().code == 0
    time.sleep(0.3)
    account = f"system:serviceaccount:{home[0]}:capgen-shop-scale-application"
    used = set()
    with log.open() as file:
        file.seek(start)
        for line in file:
            event = json.loads(line)
            ref = event.get("objectRef", {})
            if event["user"]["username"] == account and ref.get("resource"):
                what = "/".join(part for part in (ref["resource"], ref.get("subresource")) if part)
                used.add((ref.get("apiGroup", ""), what, event["verb"], ref["namespace"]))
                assert event["responseStatus"]["code"] < 300, event
    allowed = set()
    for name in ("role", "role-target"):
        role = yaml.safe_load(files[f"shop/jobs/scale-application/{name}.yaml"])
        for rule in role["rules"]:
            allowed |= {
                (rule["apiGroups"][0], rule["resources"][0], verb, role["metadata"]["namespace"])
                for verb in rule["verbs"]
            }
    assert used == allowed


def test_database_replicas_follow_a_signal_of_prometheus(
    measured: Measured,
    tmp_path: Path,
    control_plane: ControlPlane,
    home: tuple[str, str],
    files: dict[str, str],
    webhook: Webhook,
) -> None:
    create(control_plane, home[1], "StatefulSet", "replica", 1)
    script = in_pod(control_plane, tmp_path, files, "scale-database-replicas", CHAT_URL=webhook.url)
    series = (
        'capgen:postgres_connections:ratio{service="shop",source="database",instance="a\\"},\\"value\\":[0,\\"9\\"]"}'
    )
    measured.set(series, 0.85)
    run = script.run()
    assert run.code == 0, run.text
    assert replicas(control_plane, home[1], "statefulset", "replica") == 2
    settled(control_plane, home[1], "statefulset", "replica", 2)
    measured.set(series, 0.2)
    run = script.run()
    assert (run.code, run.of("waiting")[0]["message"]) == (0, "the load has to stay low for a while")
    assert replicas(control_plane, home[1], "statefulset", "replica") == 2
    # Five minutes later, as the state has it.
    state = control_plane.get("configmap", "capgen-shop-scale-database-replicas-state", home[0])["data"]["state"]
    earlier = "".join(
        f"K\t{line.split(chr(9))[1]}\t{int(line.split(chr(9))[2]) - 400}\n" if line.startswith("K") else line + "\n"
        for line in state.splitlines()
    )
    patch = {"data": {"state": earlier}}
    control_plane.kubectl(
        "patch", "configmap", "capgen-shop-scale-database-replicas-state", "-n", home[0], "--type=merge",
        f"-p={json.dumps(patch)}",
    )  # fmt: skip
    run = script.run()
    assert replicas(control_plane, home[1], "statefulset", "replica") == 1, run.text
    assert [text.partition(" (")[0] for text in webhook.heard()] == [
        "[scaled] Shop: statefulsets.v1.apps/replica from 1 to 2 replicas",
        "[scaled] Shop: statefulsets.v1.apps/replica from 2 to 1 replicas",
    ]
    measured.set(series, None)
    assert script.run().code == 5, "a signal that is gone scales nothing"


def test_limits_are_adjusted_within_their_bounds(
    tmp_path: Path, control_plane: ControlPlane, home: tuple[str, str], files: dict[str, str], webhook: Webhook
) -> None:
    create(control_plane, home[1], "Deployment", "worker", 1)
    script = in_pod(control_plane, tmp_path, files, "adjust-resource-limits", CHAT_URL=webhook.url)
    run_pods(
        control_plane,
        home[1],
        "worker",
        {"cpu": "900m", "memory": "100Mi"},
        {"cpu": "100m", "memory": "6Gi"},
        requests=REQUESTS,
    )
    assert script.run("--dry-run").of("would_resize")
    run = script.run()
    assert run.code == 0, run.text
    resources = control_plane.get("deployment", "worker", home[1])["spec"]["template"]["spec"]["containers"][0][
        "resources"
    ]
    # 900m at 80 %; 6Gi is more than the bound allows; limits keep their distance.
    assert resources == {"requests": {"cpu": "1130m", "memory": "4Gi"}, "limits": {"cpu": "2250m", "memory": "8Gi"}}
    (text,) = webhook.heard()
    assert text.startswith("[resized] Shop: deployments.v1.apps/worker: worker: cpu 500m to 1130m (uses 900m)")
    run_pods(control_plane, home[1], "worker", *[{"cpu": "10m", "memory": "100Mi"}] * 2, requests=REQUESTS)
    assert script.run().of("unchanged"), "one look never shows that a request is too large"


def test_a_day_of_use_may_lower_a_request_and_advice_is_told_once(
    measured: Measured,
    tmp_path: Path,
    control_plane: ControlPlane,
    home: tuple[str, str],
    files: dict[str, str],
    webhook: Webhook,
) -> None:
    create(control_plane, home[1], "Deployment", "api", 1)
    script = in_pod(control_plane, tmp_path, files, "advise", CHAT_URL=webhook.url)
    labels = 'service="shop",source="pods",namespace="x",pod="p",container="api"'
    measured.page.pages["/metrics"] = (
        200, f"capgen:kubernetes_cpu_of_request:ratio{{{labels}}} 0.2\ncapgen:kubernetes_memory_of_request:ratio{{{labels}}} 0.75\n",
    )  # fmt: skip
    deadline = time.monotonic() + 15
    while not measured.running.json("/api/v1/query", query="capgen:kubernetes_memory_of_request:ratio")["data"][
        "result"
    ]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for expected in (
        ["[advice] Shop: deployments.v1.apps/api: api: cpu 500m to 130m (uses 100m), limit 1000m to 250m"],
        [],
    ):
        run = script.run()
        assert run.code == 0, run.text
        assert webhook.heard() == expected
    resources = control_plane.get("deployment", "api", home[1])["spec"]["template"]["spec"]["containers"][0][
        "resources"
    ]
    assert resources["requests"] == REQUESTS
