"""What objects say of themselves, and how long a run waits for it: on a real API server, with the status that a
controller would write.
"""

from __future__ import annotations

import json
import threading
import time

from harness.controlplane import ControlPlane
from harness.delivery import apply, plan
from harness.manifests import CONFIG, HPA, artifact

from capgen.reconcile.build import build_plan
from capgen.reconcile.health import health
from capgen.reconcile.packed import unpacked
from capgen.reconcile.plan import Action
from capgen.targets.kubernetes import Cluster


def able(plane: ControlPlane, namespace: str, status: str, reason: str) -> None:
    condition = {"type": "AbleToScale", "status": status, "reason": reason, "message": "said the controller"}
    body = {"status": {"currentReplicas": 3, "desiredReplicas": 4, "conditions": [condition]}}
    plane.kubectl(
        "patch", "hpa", "apm-hpa", "-n", namespace, "--subresource=status", "--type=merge", "-p", json.dumps(body)
    )


def test_a_run_waits_until_the_controller_has_taken_it_up(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    found = plan(cluster, artifact(HPA), artifact(CONFIG))
    outcome = cluster.apply(found)
    begun = time.monotonic()
    (late,) = cluster.wait(found, outcome, 1.5)
    assert time.monotonic() - begun < 4 and "apm-hpa" in late and "AbleToScale" in late
    timer = threading.Timer(1, able, (control_plane, namespace, "True", "ReadyForNewScale"))
    timer.start()
    assert cluster.wait(found, outcome, 30) == ()
    timer.join()
    assert time.monotonic() - begun < 20


def test_status_moves_nothing_and_is_told(control_plane: ControlPlane, cluster: Cluster, namespace: str) -> None:
    apply(cluster, artifact(HPA))
    able(control_plane, namespace, "False", "FailedGetScale")
    (change,) = build_plan(cluster.name, (artifact(HPA),), cluster.read((artifact(HPA),), whole=True)).changes
    assert change.action is Action.UNCHANGED and change.before is not None
    seen = health(change.kind, unpacked(change.before))
    assert seen.ready is False
    assert seen.told == ("3 replicas, 4 wanted", "AbleToScale: FailedGetScale said the controller")


def test_nothing_is_written_while_controllers_write_status(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, artifact(HPA))
    for number in range(3):
        able(control_plane, namespace, "True", f"Round{number}")
        before = control_plane.get("hpa", "apm-hpa", namespace)["metadata"]["resourceVersion"]
        with control_plane.recorded() as seen:
            assert apply(cluster, artifact(HPA)).error() is None
        assert [request for request in seen if request.writes] == []
        assert control_plane.get("hpa", "apm-hpa", namespace)["metadata"]["resourceVersion"] == before
