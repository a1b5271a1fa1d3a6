"""What a real API server refuses: a verdict for each object, and the others go on."""

from __future__ import annotations

import pytest
from harness.controlplane import ControlPlane
from harness.delivery import actions, apply, granted, open_as, plan
from harness.manifests import CONFIG, CRON, HPA, RULES, SCRAPE, VPA, artifact, artifacts, config_map

from capgen.errors import PartlyDone, TargetError
from capgen.reconcile.outcome import State
from capgen.reconcile.plan import Action, FieldChange, Verdict
from capgen.report import plan as report
from capgen.targets.kubernetes import Cluster


def test_a_missing_crd_blocks_its_objects_and_no_others(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    keda = artifact(
        "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata:\n  name: apm\nspec: {scaleTargetRef: {name: apm}}\n"
    )
    found = cluster.rehearse(plan(cluster, keda, artifact(CONFIG)))
    assert actions(found) == {"ConfigMap": "create", "ScaledObject": "blocked"}
    (blocked,) = found.of(Action.BLOCKED)
    assert "install KEDA first" in blocked.reason and blocked.verdict is Verdict.UNVERIFIED
    assert f"blocked ({Verdict.UNVERIFIED})" in report.render(found, "markdown")
    outcome = cluster.apply(found)
    assert [(r.key.split("/")[0], r.state) for r in outcome.results] == [
        ("ConfigMap", State.CREATED), ("ScaledObject", State.FAILED),
    ]  # fmt: skip
    assert "KEDA" in str(outcome.error())


def test_a_missing_namespace_blocks_what_would_live_there(control_plane: ControlPlane, cluster: Cluster) -> None:
    lost = artifact(CONFIG.replace("  name:", "  namespace: nowhere\n  name:"))
    with control_plane.recorded() as seen:
        found = plan(cluster, lost, artifact(HPA))
        outcome = cluster.apply(found)
    assert actions(found) == {"ConfigMap": "blocked", "HorizontalPodAutoscaler": "create"}
    (blocked,) = found.of(Action.BLOCKED)
    assert blocked.reason == "the namespace nowhere does not exist: create it first"
    assert blocked.verdict is Verdict.UNVERIFIED
    assert [r.state for r in outcome.results] == [State.FAILED, State.CREATED]
    assert [r.uri for r in seen if r.writes and "nowhere" in r.uri] == []


def test_a_namespace_of_the_same_plan_comes_first(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    home = f"{namespace}-new"
    space = artifact(f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {home}\n")
    inside = artifact(CONFIG.replace("  name:", f"  namespace: {home}\n  name:"))
    found = cluster.rehearse(plan(cluster, inside, space))
    assert [change.key for change in found.changes] == [f"Namespace/{home}", f"ConfigMap/{home}/capgen-apm-scripts"]
    assert {r.state for r in cluster.apply(found).results} == {State.CREATED}


def test_what_the_server_refuses_is_told_and_the_rest_goes_on(cluster: Cluster) -> None:
    too_many = artifact(HPA.replace("minReplicas: 2", "minReplicas: 50"))
    misspelt = artifact(SCRAPE.replace("scrapeInterval", "scrapeIntervall"))
    wrong_mode = artifact(VPA.replace("InPlaceOrRecreate", "Sometimes"))
    twice = artifact(CONFIG.replace("\ndata:", "\ndatum: {}\ndata:"))
    desired = (too_many, misspelt, wrong_mode, twice, artifact(RULES))
    found = plan(cluster, *desired)
    rehearsed = cluster.rehearse(found)
    reasons = {change.kind: change.reason for change in rehearsed.of(Action.BLOCKED)}
    assert "maxReplicas" in reasons["HorizontalPodAutoscaler"]
    assert "scrapeIntervall" in reasons["ScrapeConfig"] and "schema" in reasons["ScrapeConfig"]
    assert "InPlaceOrRecreate" in reasons["VerticalPodAutoscaler"], "the legal values are named"
    assert "datum" in reasons["ConfigMap"]
    assert [change.kind for change in rehearsed.of(Action.CREATE)] == ["PrometheusRule"]
    outcome = cluster.apply(found)
    assert {r.key.split("/")[0]: r.state for r in outcome.results} == {
        "HorizontalPodAutoscaler": State.FAILED, "ScrapeConfig": State.FAILED,
        "VerticalPodAutoscaler": State.FAILED, "ConfigMap": State.FAILED, "PrometheusRule": State.CREATED,
    }  # fmt: skip


def test_what_needs_a_failed_object_is_not_tried(cluster: Cluster) -> None:
    broken = artifact(CONFIG.replace("\ndata:", "\ndatum: {}\ndata:"))
    other = artifact(CRON.replace("capgen-apm-check", "other"), service="other")
    outcome = apply(cluster, broken, artifact(CRON), other)
    assert {r.key.split("/")[-1]: r.state for r in outcome.results} == {
        "capgen-apm-scripts": State.FAILED, "capgen-apm-check": State.NOT_TRIED, "other": State.CREATED,
    }  # fmt: skip


def test_a_kind_or_version_capgen_does_not_deliver_is_blocked(cluster: Cluster) -> None:
    old = artifact(HPA.replace("autoscaling/v2", "autoscaling/v1"))
    odd = artifact("apiVersion: example.org/v1\nkind: Widget\nmetadata:\n  name: w\n")
    found = plan(cluster, old, odd)
    assert [change.action for change in found.changes] == [Action.BLOCKED, Action.BLOCKED]
    assert "autoscaling/v2" in found.changes[0].reason
    assert [r.state for r in cluster.apply(found).results] == [State.FAILED, State.FAILED]


def test_a_reader_can_diff_and_not_apply(control_plane: ControlPlane, cluster: Cluster, namespace: str) -> None:
    apply(cluster, *artifacts(HPA, RULES))
    granted(control_plane, namespace, "reader", "get", "list")
    reader = open_as(control_plane, namespace, "reader")
    with control_plane.recorded("reader") as seen:
        found = plan(reader, artifact(HPA), artifact(RULES.replace("> 0.9", "> 0.7")), artifact(VPA))
    assert {request.code for request in seen} <= {200, 403} and {request.verb for request in seen} <= {"get", "list"}
    assert actions(found) == {
        "PrometheusRule": "update", "VerticalPodAutoscaler": "create", "HorizontalPodAutoscaler": "unchanged",
    }  # fmt: skip
    assert found.of(Action.UPDATE)[0].fields == (
        FieldChange('.spec.groups[name="capgen/apm/cpu"].rules[1].expr', "capgen:node_cpu:ratio > 0.9", "capgen:node_cpu:ratio > 0.7"),
    )  # fmt: skip
    rehearsed = reader.rehearse(found)
    assert {change.verdict for change in rehearsed.changes} == {Verdict.ESTIMATED}
    assert actions(rehearsed) == actions(found), "without rights to ask, the estimate stands"
    with pytest.raises(TargetError, match="leases") as refused:
        reader.apply(found)
    assert not isinstance(refused.value, PartlyDone)
    granted(
        control_plane,
        namespace,
        "limited",
        "get",
        "list",
        "create",
        "update",
        "delete",
        resources="leases,configmaps,horizontalpodautoscalers,prometheusrules,verticalpodautoscalers",
    )
    outcome = open_as(control_plane, namespace, "limited").apply(found)
    assert {r.key.split("/")[0]: r.state for r in outcome.results} == {
        "PrometheusRule": State.FAILED, "VerticalPodAutoscaler": State.FAILED, "HorizontalPodAutoscaler": State.UNCHANGED,
    }  # fmt: skip
    error = outcome.error()
    assert isinstance(error, TargetError) and not isinstance(error, PartlyDone)
    assert 'cannot patch resource "configmaps"' in str(error), "no object without its inventory"


def test_whoever_may_not_ask_does_not_ask(control_plane: ControlPlane, namespace: str) -> None:
    granted(control_plane, namespace, "reader", "get", "list")
    reader = open_as(control_plane, namespace, "reader")
    found = plan(reader, *(config_map(f"m{n}", {}) for n in range(4)))
    with control_plane.recorded("reader") as seen:
        rehearsed = reader.rehearse(found)
    assert [request.uri.rpartition("/")[2] for request in seen] == ["selfsubjectrulesreviews"], "and nothing is tried"
    assert all("no right to patch configmaps" in change.reason for change in rehearsed.changes)


def test_a_kind_that_may_not_be_read_blocks_its_objects_alone(control_plane: ControlPlane, namespace: str) -> None:
    plane = control_plane
    plane.kubectl(
        "create",
        "role",
        "maps",
        "--verb=get,list,patch,create,delete,update",
        "--resource=configmaps,leases.coordination.k8s.io",
        "-n",
        namespace,
    )
    plane.kubectl("create", "rolebinding", "maps", "--role=maps", "--user=limited", "-n", namespace)
    limited = open_as(plane, namespace, "limited")
    found = plan(limited, artifact(CONFIG), artifact(HPA))
    assert actions(found) == {"ConfigMap": "create", "HorizontalPodAutoscaler": "blocked"}
    (blocked,) = found.of(Action.BLOCKED)
    assert 'cannot list resource "horizontalpodautoscalers"' in blocked.reason
    assert blocked.verdict is Verdict.UNVERIFIED
    assert [r.state for r in limited.apply(found).results] == [State.CREATED, State.FAILED]
