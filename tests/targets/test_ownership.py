"""Fields of others on a real API server: left to them or taken as the environment says, and objects taken over."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pytest
from harness.controlplane import ControlPlane
from harness.delivery import only, plan
from harness.manifests import CONFIG, HPA, RULES, SCRAPE, VPA, artifact, config_map

from capgen.artifact import Artifact
from capgen.reconcile.build import Rules, build_plan
from capgen.reconcile.outcome import State
from capgen.reconcile.plan import Action, Plan, Verdict
from capgen.reconcile.policy import LAST_APPLIED, FieldPolicy, adopted
from capgen.reconcile.saved import meant
from capgen.report import plan as report
from capgen.targets.kubernetes import Cluster

MAX = ".spec.maxReplicas"


def planned(cluster: Cluster, rules: Rules, *desired: Artifact) -> Plan:
    return build_plan(cluster.name, desired, cluster.read(desired), rules)


def theirs(namespace: str, maximum: int, minimum: int | None = None) -> dict[str, Any]:
    spec = {"maxReplicas": maximum, **({"minReplicas": minimum} if minimum else {})}
    metadata = {"name": "apm-hpa", "namespace": namespace}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}


def test_a_field_that_is_yielded_stays_with_its_holder_and_the_rest_is_applied(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    rules = Rules(fields=(FieldPolicy("HorizontalPodAutoscaler", MAX, "yield"),))
    cluster.apply(planned(cluster, rules, artifact(HPA)))
    assert control_plane.get("hpa", "apm-hpa", namespace)["spec"]["maxReplicas"] == 20, "nobody held it"
    control_plane.apply_as("team-blue", theirs(namespace, 9), "--force-conflicts")
    found = planned(cluster, rules, artifact(HPA.replace("minReplicas: 2", "minReplicas: 3")))
    change = only(found)
    assert (change.action, [field.path for field in change.fields]) == (Action.UPDATE, [".spec.minReplicas"])
    assert change.reason == f"{MAX} is left to team-blue, as the environment says: 9 stays, not 20"
    assert only(cluster.rehearse(found)).verdict is Verdict.EXACT
    assert [result.state for result in cluster.apply(found).results] == [State.UPDATED]
    spec = control_plane.get("hpa", "apm-hpa", namespace)["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 9)
    again = planned(cluster, rules, artifact(HPA.replace("minReplicas: 2", "minReplicas: 3")))
    assert only(again).action is Action.UNCHANGED and "left to team-blue" in only(again).reason


def test_a_field_is_taken_only_where_it_is_said_and_only_as_it_was_seen(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    rules = Rules(fields=(FieldPolicy("HorizontalPodAutoscaler", MAX, "take", name="apm-hpa"),))
    cluster.apply(plan(cluster, artifact(HPA)))
    control_plane.apply_as("team-blue", theirs(namespace, 9, 1), "--force-conflicts")
    both = only(planned(cluster, rules, artifact(HPA)))
    assert both.action is Action.CONFLICT, "the other field is in the way"
    control_plane.apply_as("team-blue", theirs(namespace, 9), "--force-conflicts")
    found = planned(cluster, rules, artifact(HPA))
    assert (only(found).action, only(found).takes, only(found).fields[0].owner) == (Action.UPDATE, True, "team-blue")
    exact = only(cluster.rehearse(found))
    assert [(f.path, f.old, f.new, f.owner) for f in exact.fields if f.path == MAX] == [(MAX, 9, 20, "team-blue")]

    # Somebody takes another field in between: nothing is overrun.
    control_plane.apply_as(
        "team-red",
        {**theirs(namespace, 9), "metadata": {"name": "apm-hpa", "namespace": namespace, "labels": {"a": "b"}}},
        "--force-conflicts",
    )
    assert [result.state for result in cluster.apply(found).results] == [State.FAILED]
    found = planned(cluster, rules, artifact(HPA))
    # Status that moves in between is no reason.
    status = {"status": {"currentReplicas": 7, "desiredReplicas": 7}}
    control_plane.kubectl(
        "patch", "hpa", "apm-hpa", "-n", namespace, "--subresource=status", "--type=merge", "-p", json.dumps(status)
    )
    assert [result.state for result in cluster.apply(found).results] == [State.UPDATED]
    assert control_plane.get("hpa", "apm-hpa", namespace)["spec"]["maxReplicas"] == 20
    assert planned(cluster, rules, artifact(HPA)).is_clean


@pytest.mark.parametrize("tool", ["kubectl", "helm", "by hand"])
def test_an_object_of_another_tool_is_taken_over_and_what_is_not_wanted_goes(
    control_plane: ControlPlane, cluster: Cluster, namespace: str, tool: str
) -> None:
    metadata: dict[str, Any] = {"name": "taken", "namespace": namespace, "labels": {"old": "yes"}}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": "old", "more": "goes"}}
    if tool == "kubectl":
        control_plane.kubectl("apply", "-f", "-", stdin=body)
        manager = "kubectl-client-side-apply"
    elif tool == "helm":
        metadata["annotations"] = {"meta.helm.sh/release-name": "shop"}
        control_plane.kubectl("create", "--field-manager=helm", "-f", "-", stdin=body)
        manager = "helm"
    else:
        control_plane.kubectl("create", "-f", "-", stdin=body)
        manager = "kubectl-create"
    control_plane.kubectl(
        "patch", "configmap", "taken", "-n", namespace, "--field-manager=foreign", "--type=merge",
        "-p", '{"data":{"kept":"theirs"}}',
    )  # fmt: skip
    wanted = config_map("taken", {"text": "new"})
    assert only(plan(cluster, wanted)).action is Action.CONFLICT, "not without being asked"
    found = planned(cluster, Rules(adopt=frozenset((manager,))), wanted)
    change = only(found)
    shown = {field.path: (field.old, field.new) for field in change.fields}
    assert change.action is Action.UPDATE and f"takes over what {manager} declared" in change.reason
    assert shown[".data.text"] == ("old", "new") and ".data.more" in shown and ".metadata.labels.old" in shown
    assert ".data.kept" not in shown and (".metadata.annotations" in shown) is (tool == "helm")
    rehearsed = only(cluster.rehearse(found))
    assert rehearsed.verdict is Verdict.UNVERIFIED and "not asked of the server" in rehearsed.reason
    assert [result.state for result in cluster.apply(found).results] == [State.UPDATED]
    live = control_plane.get("configmap", "taken", namespace)
    assert live["data"] == {"text": "new", "kept": "theirs"}
    assert "old" not in live["metadata"]["labels"] and not live["metadata"].get("annotations")
    assert LAST_APPLIED not in json.dumps(live["metadata"]["managedFields"])
    assert only(plan(cluster, wanted)).action is Action.UNCHANGED


def test_an_object_that_changed_since_it_was_to_be_taken_over_is_not(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    control_plane.kubectl("create", "configmap", "taken", "--from-literal=text=old", "-n", namespace)
    found = planned(cluster, Rules(adopt=frozenset(("kubectl-create",))), config_map("taken", {"text": "new"}))
    control_plane.kubectl(
        "patch", "configmap", "taken", "-n", namespace, "--type=merge", "-p", '{"data":{"text":"newer"}}'
    )
    assert [result.state for result in cluster.apply(found).results] == [State.FAILED]
    assert control_plane.get("configmap", "taken", namespace)["data"] == {"text": "newer"}


def test_a_whole_list_of_another_manager_is_yielded_by_its_name(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    cluster.apply(plan(cluster, artifact(RULES)))
    edit = [{"op": "replace", "path": "/spec/groups/0/rules/1/for", "value": "1h"}]
    control_plane.kubectl(
        "patch", "prometheusrule", "capgen-apm", "-n", namespace, "--type=json", "-p", json.dumps(edit),
        "--field-manager=kubectl-edit",
    )  # fmt: skip
    rules = Rules(fields=(FieldPolicy("PrometheusRule", '.spec.groups[name="capgen/apm/cpu"].rules', "yield"),))
    change = only(planned(cluster, rules, artifact(RULES)))
    assert change.action is Action.UNCHANGED and "left to kubectl-edit" in change.reason


def test_an_autoscaler_that_was_written_in_another_version_is_taken_over_whole(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "apm-service"}
    old: dict[str, Any] = {
        "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "apm-hpa", "namespace": namespace, "labels": {"old": "yes"}},
        "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 7, "targetCPUUtilizationPercentage": 55},
    }  # fmt: skip
    control_plane.kubectl("apply", "-f", "-", stdin=old)
    manager = "kubectl-client-side-apply"
    without = only(plan(cluster, artifact(HPA)))
    assert without.action is Action.CONFLICT and f"held by {manager}" in without.reason
    found = planned(cluster, Rules(adopt=frozenset((manager,))), artifact(HPA))
    assert only(found).adopts == (manager,)
    assert any(field.path.startswith(".spec.metrics") for field in only(found).fields)
    (result,) = cluster.apply(found).results
    assert result.state is State.UPDATED, result.reason
    live = control_plane.get("hpa", "apm-hpa", namespace)
    assert live["spec"]["maxReplicas"] == 20 and "old" not in live["metadata"]["labels"]
    assert manager not in json.dumps(live["metadata"]["managedFields"])
    # What is not wanted any more really goes.
    assert cluster.apply(plan(cluster, artifact(HPA.replace("  minReplicas: 2\n", "")))).error() is None
    assert control_plane.get("hpa", "apm-hpa", namespace)["spec"]["minReplicas"] == 1
    assert plan(cluster, artifact(HPA.replace("  minReplicas: 2\n", ""))).is_clean


def test_what_was_declared_in_a_version_that_no_server_has_any_more_is_taken_over_too() -> None:
    """A server keeps such an entry as it is until the next write, and takes none, so there is no making it for real."""
    theirs = {
        "manager": "helm", "operation": "Update", "apiVersion": "autoscaling/v2beta2", "time": "2020-01-01T00:00:00Z",
        "fieldsV1": {"f:spec": {"f:maxReplicas": {}, "f:metrics": {}, "f:behavior": {"f:scaleUp": {}}}},
    }  # fmt: skip
    live = {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "a", "managedFields": [theirs]}, "spec": {}}
    after, managers = adopted(live, {"helm"}, "autoscaling/v2")
    (entry,) = after["metadata"]["managedFields"]
    assert managers == ("helm",) and entry["fieldsV1"] == theirs["fieldsV1"]
    assert (entry["manager"], entry["operation"], entry["apiVersion"]) == ("capgen", "Apply", "autoscaling/v2")


class Held(NamedTuple):
    """What somebody does to an object of capgen's, and how the diff tells the field: `old` is theirs, `new` is declared."""

    what: str
    desired: Artifact
    patch: Sequence[Mapping[str, Any]]
    told: str
    old: str
    new: str


def _replace(path: str, value: Any, op: str = "replace") -> list[dict[str, Any]]:
    return [{"op": op, "path": path, "value": value}]


NOTED = artifact(CONFIG.replace("scripts\n", "scripts\n  annotations: {team.io/owner: blue}\n"))
_CPU = '.spec.groups[name="capgen/apm/cpu"]'
HELD = (
    Held("a key", artifact(HPA), _replace("/spec/maxReplicas", 9), ".spec.maxReplicas", "9", "20"),
    Held("a part of a list that is one value", artifact(HPA),
         _replace("/spec/metrics/0/resource/target/averageUtilization", 55),
         ".spec.metrics[cpu].resource.target.averageUtilization", "55 %", "70 %"),
    Held("an item by its key", artifact(RULES), _replace("/spec/groups/0/interval", "1m"), f"{_CPU}.interval", "1m", "30s"),
    Held("a rule", artifact(RULES), _replace("/spec/groups/0/rules/1/for", "1h"), f"{_CPU}.rules[ApmCpuCritical].for", "1h", "5m"),
    Held("a rule more", artifact(RULES), _replace("/spec/groups/0/rules/-", {"alert": "Mine", "expr": "up"}, "add"),
         f"{_CPU}.rules[Mine]", "- alert Mine at once: up", ""),
    Held("a container", artifact(VPA), _replace("/spec/resourcePolicy/containerPolicies/0/maxAllowed/memory", "9Gi"),
         ".spec.resourcePolicy.containerPolicies[apm].maxAllowed.memory", "9Gi", "4Gi"),
    Held("a list without names", artifact(SCRAPE), _replace("/spec/relabelings/0/targetLabel", "node"),
         ".spec.relabelings[0].targetLabel", "node", "instance"),
    Held("a key with dots", config_map("words", {"a.b": "1", "a": "2"}), _replace("/data/a.b", "x"), '.data["a.b"]', "x", "1"),
    Held("a label", artifact(HPA), _replace("/metadata/labels/app.kubernetes.io~1part-of", "x"),
         '.metadata.labels["app.kubernetes.io/part-of"]', "x", "apm"),
    Held("an annotation", NOTED, _replace("/metadata/annotations/team.io~1owner", "red"),
         '.metadata.annotations["team.io/owner"]', "red", "blue"),
)  # fmt: skip


@pytest.mark.parametrize("held", HELD, ids=lambda held: held.what)
def test_a_conflict_tells_the_field_as_the_environment_may_name_it(
    control_plane: ControlPlane, cluster: Cluster, namespace: str, held: Held
) -> None:
    """With who holds it, since when, and both values; left to them or taken, it is silent from then on."""
    cluster.apply(plan(cluster, held.desired))
    (key,) = (key for keys in cluster.read([held.desired]).wanted.settled.values() for key in keys)  # type: ignore[union-attr]
    kind, _, name = key.split("/")
    edit = (
        "patch",
        kind,
        name,
        "-n",
        namespace,
        "--type=json",
        "-p",
        json.dumps(held.patch),
        "--field-manager=kubectl-edit",
    )
    control_plane.kubectl(*edit)
    (entry,) = (
        e
        for e in control_plane.get(kind, name, namespace)["metadata"]["managedFields"]
        if e["manager"] == "kubectl-edit"
    )
    values = f": {held.old} → {held.new}" if held.new else ""
    line = f"    {held.told}{values} (held by kubectl-edit since {entry['time']})"
    found = plan(cluster, held.desired)
    for asked in (found, cluster.rehearse(found)):
        assert only(asked).action is Action.CONFLICT
        said = report.render(asked, "text")
        assert [told for told in said.splitlines() if told.startswith("    .")] == [line] and held.old in said
    with control_plane.recorded() as seen:
        assert [result.state for result in cluster.apply(found).results] == [State.CONFLICT]
    assert [request for request in seen if request.writes and "/leases" not in request.uri] == []

    theirs = meant(control_plane.get(kind, name, namespace))
    for policy, stays in (("yield", True), ("take", False)):
        rules = Rules(fields=(FieldPolicy(kind, held.told, policy, name),))  # type: ignore[arg-type]
        done = planned(cluster, rules, held.desired)
        assert not done.of(Action.CONFLICT), report.render(done, "text")
        assert cluster.apply(done).error() is None
        live = meant(control_plane.get(kind, name, namespace))
        assert (live == theirs) is stays
        with control_plane.recorded() as seen:
            again = planned(cluster, rules, held.desired)
            assert again.is_clean and cluster.apply(again).error() is None
        assert [request for request in seen if request.writes] == []
    assert plan(cluster, held.desired).is_clean, "what is taken is capgen's, whatever the environment says later"
