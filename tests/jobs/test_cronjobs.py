"""CronJobs on the real API server: taken, left alone when nothing changed, and run by the real Job controller."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.binaries import program
from harness.controlplane import ControlPlane
from harness.delivery import apply, each, open_as, plan
from harness.processes import serving
from jobs.cluster import environment
from jobs.running import built, capacity

from capgen import api
from capgen.reconcile.outcome import State

SPEC = capacity("""
sources: {host: {exporter: node, targets: ["localhost:9100"]}}
jobs:
  look: {schedule: "*/5 * * * *", watch: [host.cpu], timeout: 40s}
reports: {daily: {schedule: "0 7 * * *"}}
""")
REPORTED = "jobs: {report_image: registry.example.com/capgen:1}\n"


def test_they_are_delivered_and_their_memory_is_left_to_them(
    control_plane: ControlPlane, tmp_path: Path, namespace: str
) -> None:
    built(tmp_path, SPEC, environment(namespace, "http://prometheus:9090") + REPORTED)
    ((_, artifacts),) = api.build([tmp_path / "specs"]).artifacts
    desired = [a for a in artifacts if a.kubernetes and "/jobs/" in a.path]
    cluster = open_as(control_plane, namespace)
    assert {r.state for r in apply(cluster, *desired).results} == {State.CREATED}
    patch = json.dumps({"data": {"state": "capgen-state-1\nend\n"}})
    control_plane.kubectl("patch", "configmap", "capgen-shop-look-state", "-n", namespace, "--type=merge", "-p", patch)
    asking = [
        "auth",
        "can-i",
        "--list",
        f"--as=system:serviceaccount:{namespace}:capgen-shop-report-daily",
        "-n",
        namespace,
    ]
    anybody = ["auth", "can-i", "--list", f"--as=system:serviceaccount:{namespace}:nobody", "-n", namespace]
    assert control_plane.kubectl(*asking) == control_plane.kubectl(*anybody), "a report asks the API server nothing"
    with control_plane.recorded() as seen:
        again = plan(cluster, *desired)
        assert again.is_clean and set(each(again).values()) == {"unchanged"}
        cluster.apply(again)
    assert not [request for request in seen if request.writes]
    assert control_plane.get("configmap", "capgen-shop-look-state", namespace)["data"] == {
        "state": "capgen-state-1\nend\n"
    }


def test_a_run_is_a_restricted_pod_with_the_script(control_plane: ControlPlane, tmp_path: Path, namespace: str) -> None:
    """In a namespace that takes restricted pods alone."""
    control_plane.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    built(tmp_path, SPEC, environment(namespace, "http://prometheus:9090") + REPORTED)
    ((_, artifacts),) = api.build([tmp_path / "specs"]).artifacts
    apply(open_as(control_plane, namespace), *[a for a in artifacts if a.kubernetes and "/jobs/" in a.path])
    command = [
        program("kube-controller-manager"), f"--kubeconfig={control_plane.kubeconfig()}", "--leader-elect=false",
        "--controllers=job-controller,cronjob-controller", "--secure-port=0", f"--cert-dir={tmp_path}",
    ]  # fmt: skip
    with serving("kube-controller-manager", command, tmp_path / "controllers.log"):
        control_plane.kubectl("create", "job", "now", "--from=cronjob/capgen-shop-look", "-n", namespace)
        control_plane.kubectl("create", "job", "then", "--from=cronjob/capgen-shop-report-daily", "-n", namespace)
        deadline = time.monotonic() + 30
        while len(pods := json.loads(control_plane.kubectl("get", "pods", "-n", namespace, "-o", "json"))["items"]) < 2:
            assert time.monotonic() < deadline, control_plane.kubectl("describe", "job", "now", "-n", namespace)
            time.sleep(0.2)
    specs: dict[str, dict[str, Any]] = {pod["spec"]["serviceAccountName"]: pod["spec"] for pod in pods}
    assert "kube-api-access" not in json.dumps(specs["capgen-shop-report-daily"]), "it brings no token"
    spec = specs["capgen-shop-look"]
    assert spec["serviceAccountName"] == "capgen-shop-look"
    assert (spec["restartPolicy"], spec["securityContext"]["runAsNonRoot"]) == ("Never", True)
    job = control_plane.get("job", "now", namespace)
    assert (job["spec"]["activeDeadlineSeconds"], job["spec"]["backoffLimit"]) == (40, 0)
    (container,) = spec["containers"]
    assert container["command"] == ["/bin/sh", "/jobs/job.sh"]


@pytest.mark.parametrize(
    ("schedule", "taken"),
    [("0 3 * * 0", True), ("0 3 * * 7", False), ("@daily", True), ("0 8 1 jan,Apr *", True), ("0 0 L * *", False)],
)
def test_the_server_takes_the_schedules_that_capgen_takes(
    control_plane: ControlPlane, tmp_path: Path, namespace: str, schedule: str, taken: bool
) -> None:
    files = built(tmp_path, SPEC, environment(namespace, "http://prometheus:9090"))
    cronjob = yaml.safe_load(files["shop/jobs/look/cronjob.yaml"])
    cronjob["spec"]["schedule"] = schedule
    said = control_plane.kubectl("create", "--dry-run=server", "-f", "-", stdin=cronjob, check=False)
    assert ("created" in said) == taken, said
