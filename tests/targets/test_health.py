"""What objects say of themselves, and how long a run waits for it: on a real API server, with the status that a
controller would write.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from harness.controlplane import ControlPlane
from harness.delivery import apply, plan
from harness.manifests import CONFIG, HPA, artifact

from capgen.errors import PartlyDone
from capgen.reconcile.build import build_plan
from capgen.reconcile.health import health
from capgen.reconcile.outcome import State
from capgen.reconcile.packed import unpacked
from capgen.reconcile.plan import Action, Change, Plan
from capgen.report.status import render
from capgen.targets.kubernetes import Cluster
from capgen.targets.taken import Status


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
    late = cluster.wait(found, outcome, 1.5)
    assert time.monotonic() - begun < 4
    assert [(r.state, r.reason) for r in late.results] == [
        (State.CREATED, ""),
        (State.NOT_READY, "created, waited 1.5 s: 0 replicas, 0 wanted; no controller has said AbleToScale yet"),
    ]
    assert isinstance(late.error(), PartlyDone)
    # Whoever runs it again waits again, though there is nothing to write any more.
    again = plan(cluster, artifact(HPA), artifact(CONFIG))
    (once_more,) = cluster.wait(again, cluster.apply(again), 0.5).of(State.NOT_READY)
    assert once_more.reason == "waited 0.5 s: 0 replicas, 0 wanted; no controller has said AbleToScale yet"
    timer = threading.Timer(1, able, (control_plane, namespace, "True", "ReadyForNewScale"))
    timer.start()
    assert cluster.wait(found, outcome, 30) == outcome
    timer.join()
    assert time.monotonic() - begun < 20

    # What it said of its old bounds says nothing of the new ones.
    found = plan(cluster, artifact(HPA.replace("minReplicas: 2", "minReplicas: 6")), artifact(CONFIG))
    (late_again,) = cluster.wait(found, cluster.apply(found), 0.5).of(State.NOT_READY)
    assert "its controller still wants 4 replicas, which is not between 6 and 20" in late_again.reason


def test_a_run_waits_until_what_it_deleted_is_gone(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, artifact(HPA), artifact(CONFIG))
    object_of = ("patch", "hpa", "apm-hpa", "-n", namespace, "--type=merge", "-p")
    control_plane.kubectl(*object_of, json.dumps({"metadata": {"finalizers": ["example.org/wait"]}}))
    found = plan(cluster, artifact(CONFIG))
    outcome = cluster.apply(found)
    assert cluster.wait(found, outcome, 0.1) == outcome and [r.state for r in outcome.results][-1] is State.PENDING
    timer = threading.Timer(1, control_plane.kubectl, (*object_of, json.dumps({"metadata": {"finalizers": None}})))
    timer.start()
    gone = cluster.wait(found, outcome, 30)
    timer.join()
    assert gone.error() is None and [r.state for r in gone.results][-1] is State.DELETED
    # The run that finds it gone takes its kind out of the inventory.
    again = plan(cluster, artifact(CONFIG))
    assert again.is_clean and again.wide == {"apm"} and cluster.apply(again).error() is None
    assert "Autoscaler" not in json.dumps(
        control_plane.get("configmap", "capgen.apm", namespace)["metadata"]["annotations"]
    )


def test_status_moves_nothing_and_is_told(control_plane: ControlPlane, cluster: Cluster, namespace: str) -> None:
    apply(cluster, artifact(HPA))
    able(control_plane, namespace, "False", "FailedGetScale")
    (change,) = build_plan(cluster.name, (artifact(HPA),), cluster.read((artifact(HPA),), whole=True)).changes
    assert change.action is Action.UNCHANGED and change.before is not None
    seen = health(change.kind, unpacked(change.before))
    assert seen.ready is False
    assert seen.told == ("3 replicas, 4 wanted", "AbleToScale: FailedGetScale said the controller")


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        ("CronJob", {}, ["never started, suspended"]),
        (
            "CronJob",
            {"lastScheduleTime": "2026-01-02T00:00:00Z", "lastSuccessfulTime": "2026-01-01T00:00:00Z", "active": [{}, {}]},
            ["last started 2026-01-02T00:00:00Z, last succeeded 2026-01-01T00:00:00Z, 2 running, suspended"],
        ),
        (
            "VerticalPodAutoscaler",
            {"recommendation": {"containerRecommendations": [{"containerName": "app", "target": {"memory": "262144k", "cpu": "25m"}}]}},
            ["recommended for app: cpu 25m, memory 262144k", "no controller has said RecommendationProvided yet"],
        ),
    ],
)  # fmt: skip
def test_jobs_and_vertical_autoscalers_say_what_they_did(kind: str, status: dict[str, Any], told: list[str]) -> None:
    assert list(health(kind, {"kind": kind, "spec": {"suspend": True}, "status": status}).told) == told


def test_conditions_that_are_well_are_in_a_line_and_all_of_them_data() -> None:
    conditions = [
        {
            "type": "AbleToScale",
            "status": "True",
            "reason": "ReadyForNewScale",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        },
        {"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message": "no metrics"},
        {"type": "ScalingLimited", "status": "False", "reason": "DesiredWithinRange"},
    ]
    seen = health("HorizontalPodAutoscaler", {"spec": {"maxReplicas": 9}, "status": {"conditions": conditions}})
    change = Change("HorizontalPodAutoscaler/x/y", Action.UNCHANGED, "HorizontalPodAutoscaler", "shop", "y.yaml")
    found = Status(Plan("there", (change,)), (seen,))
    assert render(found, "text", color=False).splitlines() == [
        "= HorizontalPodAutoscaler/x/y: as the spec says",
        "    ScalingActive: FailedGetResourceMetric no metrics",
        "    AbleToScale True (ReadyForNewScale), ScalingLimited False (DesiredWithinRange)",
    ]
    (told,) = json.loads(render(found, "json", color=False))["objects"]
    assert [(c["type"], c["status"], c["bad"]) for c in told["conditions"]] == [
        ("AbleToScale", "True", False), ("ScalingActive", "False", True), ("ScalingLimited", "False", False),
    ]  # fmt: skip


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
