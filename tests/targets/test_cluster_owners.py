"""Fields that others hold, on a real API server: shown, respected, and taken over where the values agree."""

from __future__ import annotations

import json
from typing import Any

from harness.controlplane import ControlPlane
from harness.delivery import actions, apply, only, plan
from harness.manifests import CONFIG, HPA, RULES, VPA, artifact, config_map

from capgen.errors import PartlyDone
from capgen.reconcile.outcome import State
from capgen.reconcile.plan import Action, Verdict
from capgen.targets.kubernetes import Cluster


def hpa_of_another(namespace: str, maximum: int) -> dict[str, object]:
    return {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "apm-hpa", "namespace": namespace}, "spec": {"maxReplicas": maximum},
    }  # fmt: skip


def test_a_field_of_another_manager_is_a_conflict_and_stays(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, artifact(HPA))
    control_plane.apply_as("team-blue", hpa_of_another(namespace, 9), "--force-conflicts")
    with control_plane.recorded() as seen:
        found = plan(cluster, artifact(HPA), artifact(VPA))
        outcome = cluster.apply(found)
    assert actions(found) == {"VerticalPodAutoscaler": "create", "HorizontalPodAutoscaler": "conflict"}
    (field,) = found.of(Action.CONFLICT)[0].fields
    assert (field.path, field.old, field.new, field.owner) == (".spec.maxReplicas", 9, 20, "team-blue")
    assert field.since.startswith("20") and field.since.endswith("Z")
    assert {r.key.split("/")[0]: r.state for r in outcome.results} == {
        "VerticalPodAutoscaler": State.CREATED, "HorizontalPodAutoscaler": State.CONFLICT,
    }  # fmt: skip
    assert isinstance(outcome.error(), PartlyDone) and "team-blue" in str(outcome.error())
    assert [r for r in seen if r.writes and "horizontal" in r.uri] == [], "the conflict was known without asking"
    assert control_plane.get("hpa", "apm-hpa", namespace)["spec"]["maxReplicas"] == 9

    exact = cluster.rehearse(found).of(Action.CONFLICT)[0]
    assert exact.verdict is Verdict.EXACT
    assert [(f.path, f.old, f.new, f.owner) for f in exact.fields] == [(".spec.maxReplicas", 9, 20, "team-blue")]


def test_a_conflict_that_arises_after_the_plan_is_a_conflict_and_no_write(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, artifact(HPA))
    found = plan(cluster, artifact(HPA.replace("maxReplicas: 20", "maxReplicas: 30")))
    assert only(found).action is Action.UPDATE
    control_plane.apply_as("team-blue", hpa_of_another(namespace, 9), "--force-conflicts")
    (result,) = cluster.apply(found).results
    assert result.state is State.CONFLICT
    assert [(f.path, f.new, f.owner) for f in result.fields] == [(".spec.maxReplicas", 30, "team-blue")]
    assert control_plane.get("hpa", "apm-hpa", namespace)["spec"]["maxReplicas"] == 9


def test_an_edit_by_hand_names_the_editor_and_the_time(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, artifact(RULES))
    patch = [{"op": "replace", "path": "/spec/groups/0/rules/1/for", "value": "1h"}]
    control_plane.kubectl(
        "patch", "prometheusrule", "capgen-apm", "-n", namespace, "--type=json", "-p", json.dumps(patch),
        "--field-manager=kubectl-edit",
    )  # fmt: skip
    change = only(plan(cluster, artifact(RULES)))
    assert change.action is Action.CONFLICT
    (field,) = change.fields
    assert field.path == '.spec.groups[name="capgen/apm/cpu"].rules[1].for'
    assert (field.old, field.new, field.owner) == ("1h", "5m", "kubectl-edit")
    assert field.since


def test_equal_values_of_another_tool_are_taken_over_once(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    body: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "shared", "namespace": namespace},
        "data": {"a": "1"},
    }
    control_plane.apply_as("team-blue", body)
    shared = config_map("shared", {"a": "1"})
    found = plan(cluster, shared)
    assert (only(found).action, [field.path for field in only(found).fields]) == (Action.UPDATE, [".metadata.labels"])
    label = [field.new for field in only(found).fields]
    control_plane.apply_as("team-blue", {**body, "metadata": {**body["metadata"], "labels": label[0]}})
    found = plan(cluster, shared)
    assert (only(found).action, only(found).fields) == (Action.UPDATE, ())
    assert ".data.a" in only(found).reason
    cluster.apply(found)
    assert only(plan(cluster, shared)).action is Action.UNCHANGED
    # Given up again, the value stays with the other one; once.
    empty = config_map("shared", {})
    released = plan(cluster, empty)
    assert (only(released).action, only(released).fields) == (Action.UPDATE, ())
    cluster.apply(released)
    assert control_plane.get("configmap", "shared", namespace)["data"] == {"a": "1"}
    assert only(plan(cluster, empty)).action is Action.UNCHANGED


def test_an_object_deleted_since_the_plan_is_not_made_again(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, artifact(CONFIG))
    found = plan(cluster, artifact(CONFIG.replace("checked", "done")))
    control_plane.kubectl("delete", "configmap", "capgen-apm-scripts", "-n", namespace)
    (result,) = cluster.apply(found).results
    assert (result.state, "plan again" in result.reason) == (State.FAILED, True)
    control_plane.kubectl("create", "configmap", "capgen-apm-scripts", "-n", namespace)
    (result,) = cluster.apply(found).results
    assert (result.state, "plan again" in result.reason) == (State.FAILED, True)


def test_what_was_created_under_capgen_s_name_without_an_apply_is_not_capgen_s(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "posted", "namespace": namespace}}
    control_plane.kubectl("create", "--field-manager=capgen", "-f", "-", stdin={**body, "data": {"a": "1"}})
    found = plan(cluster, config_map("posted", {"a": "2"}))
    assert (only(found).action, only(found).fields[0].owner) == (Action.CONFLICT, "capgen")
    (exact,) = cluster.rehearse(found).changes
    assert (exact.action, exact.verdict) == (Action.CONFLICT, Verdict.EXACT), "the server sees it the same way"
