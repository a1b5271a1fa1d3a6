"""Delivered while Kubernetes' own controllers work on the same objects: scale, status, jobs and garbage.

KEDA's operator is not built here. What it does to an HPA is done by `keda_takes_over`, call by call as its controller does
(kedacore/keda v2, controllers/keda/hpa.go: get by name, update with its own spec, labels and controller reference).
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli.command import run
from harness.controlplane import ControlPlane
from jobs.cluster import workload

pytestmark = pytest.mark.usefixtures("scaled_objects", "controllers")
ROOT = Path(__file__).parents[2]


def until(done: Callable[[], object], what: Callable[[], object] = lambda: "", seconds: float = 45) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)


@contextlib.contextmanager
def watched(plane: ControlPlane, namespace: str, *arguments: str) -> Iterator[list[str]]:
    """What a watch shows inside the block, a line an event."""
    command = [
        str(plane.kubectl_path),
        f"--kubeconfig={plane.kubeconfig()}",
        "get",
        "-n",
        namespace,
        "--watch",
        *arguments,
    ]
    seen: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen.append(process.stdout.readline().strip())
        try:
            yield seen
        finally:
            process.terminate()
        seen += [line.strip() for line in process.stdout]


def deployed(plane: ControlPlane, namespace: str, name: str, replicas: int, kind: str = "Deployment") -> None:
    document = workload(kind, name, replicas, requests={"cpu": "100m"}, limits={})
    plane.kubectl("create", "-n", namespace, "-f", "-", stdin=document)


def condition(plane: ControlPlane, namespace: str, name: str) -> str:
    conditions = plane.get("hpa", name, namespace).get("status", {}).get("conditions") or []
    return next((c["status"] for c in conditions if c["type"] == "AbleToScale"), "")


SPEC = """apiVersion: capgen/v1
kind: Capacity
metadata: {name: shop}
sources:
  web: {exporter: http, existing: true, job: web}
workloads:
  web:
    kind: Deployment
    namespace: SPACE
    horizontal:
      replicas: {min: 3, max: 9}
      targets: {cpu: 70%, web.throughput: 50}
jobs: {}
notify: {chat: {webhook: {env: CHAT_URL}}}
"""


def project(folder: Path, namespace: str, metrics: str = "adapter", spec: str = SPEC) -> None:
    (folder / "specs/environments").mkdir(parents=True, exist_ok=True)
    (folder / "specs/shop.yaml").write_text(spec.replace("SPACE", namespace))
    environment = {
        "apiVersion": "capgen/v1", "kind": "Environment", "metadata": {"name": "test"},
        "kubernetes": {"namespace": namespace}, "prometheus": {"url": "http://prometheus:9090"},
        "deliver": {"prometheus": "operator", "grafana": "none", "alertmanager": "none", "jobs": "cronjob", "metrics": metrics},
    }  # fmt: skip
    (folder / "specs/environments/test.yaml").write_text(yaml.safe_dump(environment))


def capgen(plane: ControlPlane, folder: Path, *arguments: str, code: int = 0) -> str:
    done = run(*arguments, cwd=folder, env={"KUBECONFIG": str(plane.kubeconfig())})
    assert done.code == code, done.out + done.err
    return done.out


def test_the_whole_fleet_is_silent_while_controllers_write_status_and_scale(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    homes = {home: f"{namespace}-{home}" for home in ("monitoring", "shop", "payments", "apm")}
    for home in homes.values():
        control_plane.kubectl("create", "namespace", home)
    for file in [*(ROOT / "specs").glob("*.yaml"), *(ROOT / "specs/environments").glob("*.yaml")]:
        text = re.sub(r"(namespace: )(\w+)", lambda m: m[1] + homes.get(m[2], m[2]), file.read_text())
        target = tmp_path / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace("context: production, ", ""))
    deployed(control_plane, homes["shop"], "shop-web", 1)
    deployed(control_plane, homes["payments"], "ledger", 1)
    deployed(control_plane, homes["apm"], "apm-service", 1)
    deployed(control_plane, homes["apm"], "postgres-replica", 1, "StatefulSet")
    capgen(control_plane, tmp_path, "apply", "--env", "production", "--yes")

    # The HPAs lift their workloads to the smallest number; a CronJob whose last run is due runs.
    hpas = [(homes["shop"], "shop-web"), (homes["payments"], "ledger"), (homes["apm"], "apm-service")]
    past = json.dumps({"status": {"lastScheduleTime": "2026-01-01T00:00:00Z"}})
    monitor = ("cronjob", "capgen-apm-monitor-app", "-n", homes["monitoring"])
    control_plane.kubectl("patch", *monitor, "--subresource=status", "--type=merge", "-p", past)
    for home, name in hpas:
        until(lambda home=home, name=name: condition(control_plane, home, f"{name}-hpa") == "True")
        until(lambda home=home, name=name: control_plane.get("deployment", name, home)["spec"]["replicas"] > 1)
        until(
            lambda home=home, name=name: "ScalingActive" in str(control_plane.get("hpa", f"{name}-hpa", home)["status"])
        )

    with control_plane.recorded() as requests:
        said = capgen(control_plane, tmp_path, "diff", "--env", "production", "--exit-code")
        capgen(control_plane, tmp_path, "apply", "--env", "production", "--yes")
    assert not [request for request in requests if request.writes]
    assert "unchanged" in said
    assert not re.search(r"^[-+~!?] ", said, re.MULTILINE), said
    told = capgen(control_plane, tmp_path, "status", "--env", "production")
    assert "replicas, 4 wanted" in told
    assert "ScalingActive: FailedGetResourceMetric" in told
    assert "last started" in told


def test_what_a_cronjob_has_started_is_collected_with_it(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    spec = SPEC.replace("jobs: {}", 'jobs: {look: {schedule: "0 3 * * *", watch: [web.throughput]}}')
    project(tmp_path, namespace, spec=spec)
    deployed(control_plane, namespace, "web", 3)
    capgen(control_plane, tmp_path, "apply", "--env", "test", "--yes")
    control_plane.kubectl("create", "job", "now", "--from=cronjob/capgen-shop-look", "-n", namespace)
    until(lambda: control_plane.kubectl("get", "pods", "-l", "job-name=now", "-n", namespace, "-o", "name"))
    env = {"KUBECONFIG": str(control_plane.kubeconfig())}
    guess = run("destroy", "shop", "--env", "test", "--yes", "--deletions", "1", cwd=tmp_path, env=env)
    count = re.search(r"--deletions (\d+)", guess.err)
    assert guess.code == 6 and count, guess.err
    capgen(control_plane, tmp_path, "destroy", "shop", "--env", "test", "--yes", "--deletions", count[1])
    until(lambda: not control_plane.kubectl("get", "jobs,pods", "-l", "job-name=now", "-n", namespace, "-o", "name"))
    assert control_plane.get("deployment", "web", namespace)["spec"]["replicas"] == 3


def test_replicas_pass_from_a_script_to_an_hpa_and_no_watch_shows_fewer(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    by_script = SPEC.replace("horizontal:", "horizontal:\n      by: script").replace(
        "jobs: {}", 'jobs: {grow: {schedule: "0 3 * * *", scale: web}}'
    )
    project(tmp_path, namespace, spec=by_script)
    deployed(control_plane, namespace, "web", 7)
    capgen(control_plane, tmp_path, "apply", "--env", "test", "--yes")
    with watched(control_plane, namespace, "deployment", "web", "-o", 'jsonpath={.spec.replicas}{"\\n"}') as counts:
        project(tmp_path, namespace)
        capgen_apply_counted(control_plane, tmp_path)
        until(lambda: condition(control_plane, namespace, "web-hpa") == "True")
        names = control_plane.kubectl("get", "cronjob", "-n", namespace, "-o", "name")
        assert names == ""
        until(lambda: control_plane.get("hpa", "web-hpa", namespace)["status"].get("currentReplicas") == 7)
    assert set(counts) == {"7"}, counts


def capgen_apply_counted(plane: ControlPlane, folder: Path) -> None:
    env = {"KUBECONFIG": str(plane.kubeconfig())}
    plan = json.loads(run("diff", "--env", "test", "--format", "json", cwd=folder, env=env).out)
    count = sum(change["action"] == "delete" for change in plan["changes"])
    done = run("apply", "--env", "test", "--yes", "--deletions", str(count), cwd=folder, env=env)
    assert done.code == 0, done.out + done.err


def keda_takes_over(plane: ControlPlane, namespace: str, name: str) -> None:
    scaled = plane.get("scaledobject", name, namespace)
    hpa_name = scaled["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["name"]
    metadata = {
        "name": hpa_name, "namespace": namespace,
        "labels": {**scaled["metadata"]["labels"], "scaledobject.keda.sh/name": name, "app.kubernetes.io/managed-by": "keda-operator"},
        "ownerReferences": [{
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": name, "uid": scaled["metadata"]["uid"],
            "controller": True, "blockOwnerDeletion": True,
        }],
    }  # fmt: skip
    metric = {
        "type": "External",
        "external": {"metric": {"name": "s0-prometheus", "selector": {"matchLabels": {"scaledobject.keda.sh/name": name}}},
                     "target": {"type": "AverageValue", "averageValue": "50"}},
    }  # fmt: skip
    spec: dict[str, Any] = {
        "scaleTargetRef": scaled["spec"]["scaleTargetRef"], "minReplicas": scaled["spec"]["minReplicaCount"],
        "maxReplicas": scaled["spec"]["maxReplicaCount"], "metrics": [metric],
    }  # fmt: skip
    hpa = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}
    found = plane.kubectl("get", "hpa", hpa_name, "-n", namespace, "-o", "name", check=False)
    verb = "replace" if found.startswith("horizontalpodautoscaler") else "create"
    plane.kubectl(verb, "--field-manager=keda", "-f", "-", stdin=hpa)


@pytest.mark.parametrize("killed", [False, True])
def test_an_hpa_becomes_kedas_and_ours_again_and_there_is_never_none_and_never_a_second_one(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, killed: bool
) -> None:
    project(tmp_path, namespace)
    deployed(control_plane, namespace, "web", 7)
    capgen(control_plane, tmp_path, "apply", "--env", "test", "--yes")
    until(lambda: condition(control_plane, namespace, "web-hpa") == "True")
    before = control_plane.get("hpa", "web-hpa", namespace)["metadata"]["uid"]
    project(tmp_path, namespace, "keda")
    with (
        watched(control_plane, namespace, "deployment", "web", "-o", 'jsonpath={.spec.replicas}{"\\n"}') as counts,
        watched(control_plane, namespace, "hpa", "--output-watch-events", "-o", 'jsonpath={.type} {.object.metadata.name}{"\\n"}') as events,
    ):  # fmt: skip
        said = capgen(control_plane, tmp_path, "diff", "--env", "test")
        assert "the ScaledObject web-hpa takes it over as it is" in " ".join(said.split())
        capgen_apply_counted(control_plane, tmp_path)
        # KEDA may take its time, and a second run may come before it has done anything.
        capgen(control_plane, tmp_path, "apply", "--env", "test", "--yes")
        keda_takes_over(control_plane, namespace, "web-hpa")
        until(lambda: condition(control_plane, namespace, "web-hpa") == "True")
        said = capgen(control_plane, tmp_path, "diff", "--env", "test", "--exit-code")
        assert "web-hpa" not in said.replace("ScaledObject", ""), said
        capgen(control_plane, tmp_path, "apply", "--env", "test", "--yes")
    after = control_plane.get("hpa", "web-hpa", namespace)["metadata"]
    assert after["uid"] == before
    assert after["ownerReferences"][0]["name"] == "web-hpa"
    assert set(counts) == {"7"}, counts
    shown = " ".join(events)
    assert "DELETED" not in shown and not re.search(r"(ADDED|MODIFIED) (?!web-hpa)", shown), shown

    # And back. A run may be killed when the ScaledObject is gone and the HPA is nobody's yet.
    project(tmp_path, namespace)
    plane, stays = control_plane, ("HorizontalPodAutoscaler", "web-hpa")
    with (
        watched(plane, namespace, "deployment", "web", "-o", 'jsonpath={.spec.replicas}{"\\n"}') as counts,
        watched(plane, namespace, "hpa", "--output-watch-events", "-o", 'jsonpath={.type} {.object.metadata.name}{"\\n"}') as events,
    ):  # fmt: skip
        said = " ".join(capgen(plane, tmp_path, "diff", "--env", "test").split())
        assert "the HPA that it made stays and is taken over" in said and "takes over what keda declared" in said
        kept = json.loads(capgen(plane, tmp_path, "diff", "--env", "test", "--no-prune", "--format", "json"))
        assert "conflict" in {c["action"] for c in kept["changes"] if c["kind"] == stays[0]}, "KEDA would undo it"
        if killed:
            plane.kubectl("delete", "scaledobject", "web-hpa", "-n", namespace, "--cascade=orphan")
        capgen_apply_counted(plane, tmp_path)
        capgen(plane, tmp_path, "diff", "--env", "test", "--exit-code")
        until(lambda: condition(plane, namespace, "web-hpa") == "True")
    live = plane.get("hpa", "web-hpa", namespace)
    assert live["metadata"]["uid"] == before and "ownerReferences" not in live["metadata"]
    assert {metric["type"] for metric in live["spec"]["metrics"]} == {"Resource", "External"} or killed is None
    assert "keda" not in json.dumps(live["metadata"]["labels"])
    assert "NotFound" in plane.kubectl("get", "scaledobject", "web-hpa", "-n", namespace, check=False)
    assert set(counts) == {"7"} and "DELETED" not in " ".join(events), (counts, events)
