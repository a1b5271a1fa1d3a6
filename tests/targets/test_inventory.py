"""The inventory on a real API server: what kubectl makes of it, what is deleted, and what never is."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import Any

import pytest
from harness.controlplane import ControlPlane
from harness.delivery import apply, granted, open_as, plan
from harness.manifests import CONFIG, CRON, HPA, RULES, VPA, artifact, artifacts, config_map
from msgspec.structs import replace

from capgen.errors import PartlyDone, Refused
from capgen.reconcile import applyset, prune
from capgen.reconcile.build import build_plan
from capgen.reconcile.outcome import State
from capgen.reconcile.plan import Action
from capgen.targets.kubernetes import Cluster

PARENT = "capgen.apm"


def parent(plane: ControlPlane, namespace: str) -> dict[str, str]:
    annotations: dict[str, str] = plane.get("configmap", PARENT, namespace)["metadata"]["annotations"]
    return {key.rpartition("/")[2]: value for key, value in annotations.items() if key.startswith("applyset")}


def body(name: str, namespace: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, **metadata}, "data": {"text": "x"},
    }  # fmt: skip


def kubectl_prunes(plane: ControlPlane, namespace: str, *documents: object) -> str:
    command = [
        str(plane.kubectl_path), f"--kubeconfig={plane.kubeconfig()}", "apply", "--server-side", "--force-conflicts",
        "--prune", f"--applyset=configmap/{PARENT}", "-n", namespace, "-f", "-",
    ]  # fmt: skip
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)})
    run = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "KUBECTL_APPLYSET": "true"},
    )  # fmt: skip
    return run.stdout + run.stderr


def test_ids_are_those_that_kubectl_computes() -> None:
    assert applyset.set_id("capgen", "monitoring") == "applyset--aMQ94goneMh2OWt0DuA7e0fMamH2I9mbfpq-9xzjqU-v1"


def test_kubectl_reads_the_inventory_and_prunes_by_it_once_it_is_handed_over(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, config_map("one", {"text": "1"}), config_map("two", {"text": "2"}), artifact(HPA))
    assert parent(control_plane, namespace) == {
        "tooling": "capgen/v1", "additional-namespaces": "",
        "contains-group-kinds": "ConfigMap,HorizontalPodAutoscaler.autoscaling",
    }  # fmt: skip
    keep = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"text": "1"}}
    assert 'managed by tooling "capgen" instead of "kubectl"' in kubectl_prunes(control_plane, namespace, keep)
    control_plane.kubectl(
        "annotate", "configmap", PARENT, "-n", namespace, "--overwrite", f"{applyset.TOOLING}=kubectl/v1.36"
    )
    said = kubectl_prunes(control_plane, namespace, keep)
    assert "configmap/two pruned" in said and "apm-hpa pruned" in said and "one pruned" not in said, said
    # And now that it is kubectl's, capgen leaves it alone.
    found = plan(cluster, config_map("three", {}))
    assert "kept by kubectl" in found.notes[0]
    assert [result.state for result in cluster.apply(found).results] == [State.FAILED]


def test_the_inventory_is_wide_while_objects_are_written_and_exact_afterwards(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    away = control_plane.new_namespace()
    elsewhere = artifact(HPA.replace("  name: apm-hpa", f"  namespace: {away}\n  name: apm-hpa"))
    apply(cluster, elsewhere, artifact(CONFIG), artifact(RULES))
    assert parent(control_plane, namespace)["additional-namespaces"] == away
    with control_plane.recorded() as seen:
        outcome = apply(cluster, artifact(CONFIG), artifact(VPA))
    assert [result.state for result in outcome.results] == [
        State.UNCHANGED, State.CREATED, State.DELETED, State.DELETED,
    ]  # fmt: skip
    writes = [
        f"{request.verb} {request.uri.partition('?')[0].rpartition('/')[2]}" for request in seen if request.writes
    ]
    assert writes[0].startswith("create") and writes[-1] == f"delete {PARENT}", "the lease is around everything"
    assert writes[1:-1] == [
        f"patch {PARENT}", "patch apm-vpa", "delete apm-hpa", "delete capgen-apm", f"patch {PARENT}",
    ]  # fmt: skip
    assert parent(control_plane, namespace) == {
        "tooling": "capgen/v1", "additional-namespaces": "",
        "contains-group-kinds": "ConfigMap,VerticalPodAutoscaler.autoscaling.k8s.io",
    }  # fmt: skip
    live = cluster.read((), ["apm"])
    cluster.apply(build_plan(cluster.name, (), live))
    assert not control_plane.kubectl("get", "configmap", PARENT, "-n", namespace, "--ignore-not-found")
    assert not control_plane.kubectl("get", "lease", "-n", namespace, "-o", "name")


def test_what_is_not_capgen_s_is_never_deleted_whatever_its_label_says(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, config_map("one", {"text": "1"}), config_map("owned", {"text": "2"}))
    label = {applyset.PART_OF: applyset.set_id(PARENT, namespace)}
    control_plane.apply_as("copycat", body("copied", namespace, labels=label))
    uid = control_plane.get("configmap", "one", namespace)["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "one", "uid": uid}
    control_plane.apply_as("owner", body("owned", namespace, ownerReferences=[owner]), "--force-conflicts")
    found = plan(cluster, config_map("one", {"text": "1"}))
    reasons = {change.key.rpartition("/")[2]: (change.action, change.reason) for change in found.changes}
    assert reasons["copied"][0] is Action.EXTRA and "never applied it" in reasons["copied"][1]
    assert reasons["owned"][0] is Action.EXTRA and "belongs to ConfigMap/one" in reasons["owned"][1]
    assert found.managed == 2, "what is not capgen's makes no share of deletions smaller"
    with control_plane.recorded() as seen:
        cluster.apply(found)
    assert [request for request in seen if request.writes] == []


def test_what_others_declare_too_is_not_deleted(control_plane: ControlPlane, cluster: Cluster, namespace: str) -> None:
    apply(
        cluster,
        *(config_map(name, {"text": "x"}) for name in ("one", "server", "client", "helm", "edited", "labelled")),
    )
    control_plane.apply_as("blue", body("server", namespace))
    control_plane.kubectl("apply", "-f", "-", stdin=body("client", namespace))
    control_plane.kubectl("annotate", "configmap", "helm", "-n", namespace, "meta.helm.sh/release-name=shop")
    edit = ("patch", "configmap", "edited", "-n", namespace, "--type=merge", "-p", '{"data":{"more":"x"}}')
    control_plane.kubectl(*edit)
    control_plane.apply_as(
        "red",
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "labelled", "namespace": namespace, "labels": {"a": "b"}},
        },
    )
    found = plan(cluster, config_map("one", {"text": "x"}))
    told = {change.key.rpartition("/")[2]: change.reason.partition(": ")[0] for change in found.of(Action.EXTRA)}
    assert told == {
        name: f"no spec asks for it any more, and {who} declares it too"
        for name, who in (("server", "blue"), ("client", "kubectl apply"), ("helm", "Helm (release shop)"))
    }
    going = found.of(Action.DELETE)
    assert {change.key.rpartition("/")[2] for change in going} == {"edited", "labelled"}
    # Whoever begins to declare it after the plan was made is seen as well.
    control_plane.apply_as("blue", body("edited", namespace), "--force-conflicts")
    ends = {r.key.rpartition("/")[2]: r.state for r in cluster.apply(found).results}
    assert (ends["edited"], ends["labelled"]) == (State.FAILED, State.DELETED)


def test_an_object_of_another_inventory_is_in_the_way_and_its_way_out_is_told(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    home = control_plane.new_namespace()
    wanted = artifact(CONFIG.replace("metadata:\n", f"metadata:\n  namespace: {namespace}\n"))
    apply(cluster, replace(wanted, service="first"))
    for target, named in ((cluster, "capgen.first"), (open_as(control_plane, home), "capgen.first")):
        (change,) = plan(target, wanted).changes
        assert change.action is Action.BLOCKED
        _, found, looked = change.reason.partition("(kubectl ")
        if found:  # the environment's namespace is another one now, where nobody knows that inventory
            assert f"{namespace} " in control_plane.kubectl(*looked.partition(" finds it)")[0].split())
            assert named in control_plane.kubectl(*looked.partition(" finds it)")[0].split())
        else:
            assert f"ConfigMap/{namespace}/{named}: if first is of this project, name all specs" in change.reason
    control_plane.kubectl(*change.reason.rpartition("given up by: kubectl ")[2].split())
    moved = open_as(control_plane, home)
    assert [result.state for result in apply(moved, wanted).results] == [State.UPDATED]
    assert plan(moved, wanted).is_clean
    assert not cluster.read((), ["first"]).members, "and it is the other one's no more"


def test_a_re_created_object_is_not_the_one_that_was_to_go(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, config_map("one", {"text": "1"}), config_map("two", {"text": "2"}))
    found = plan(cluster, config_map("one", {"text": "1"}))
    label = control_plane.get("configmap", "two", namespace)["metadata"]["labels"]
    control_plane.kubectl("delete", "configmap", "two", "-n", namespace)
    control_plane.kubectl("create", "-f", "-", stdin=body("two", namespace, labels=label))
    outcome = cluster.apply(found)
    assert [(r.state, r.reason) for r in outcome.results[1:]] == [
        (State.FAILED, "it changed since the plan was made: plan again")
    ]
    assert control_plane.get("configmap", "two", namespace)["data"] == {"text": "x"}


def test_an_object_whose_status_moves_all_the_time_is_deleted_all_the_same(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, artifact(HPA), artifact(CONFIG))
    found = plan(cluster, artifact(CONFIG))
    status = {"status": {"currentReplicas": 7, "desiredReplicas": 7}}
    control_plane.kubectl(
        "patch", "hpa", "apm-hpa", "-n", namespace, "--subresource=status", "--type=merge", "-p", json.dumps(status)
    )
    assert [result.state for result in cluster.apply(found).results] == [State.UNCHANGED, State.DELETED]


def test_a_deletion_that_waits_or_is_denied_stays_in_the_inventory(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    plane = control_plane
    apply(cluster, artifact(CONFIG), artifact(HPA))
    finalizer = {"metadata": {"finalizers": ["example.org/wait"]}}
    plane.kubectl("patch", "hpa", "apm-hpa", "-n", namespace, "--type=merge", "-p", json.dumps(finalizer))
    outcome = apply(cluster, artifact(CONFIG))
    assert [(r.state, r.reason) for r in outcome.results[1:]] == [
        (State.PENDING, "its deletion waits for example.org/wait")
    ]
    assert isinstance(outcome.error(), PartlyDone)
    assert "HorizontalPodAutoscaler" in parent(plane, namespace)["contains-group-kinds"]
    (waiting,) = plan(cluster, artifact(CONFIG)).of(Action.EXTRA)
    assert "example.org/wait" in waiting.reason

    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": namespace},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": ["configmaps"]}
            ], "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}},
            "validations": [{"expression": "false", "message": "nothing is deleted on Fridays"}],
        },
    }  # fmt: skip
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": namespace}, "spec": {"policyName": namespace, "validationActions": ["Deny"]},
    }  # fmt: skip
    apply(cluster, config_map("one", {}), config_map("two", {}))
    for document in (policy, binding):
        plane.kubectl("create", "-f", "-", stdin=document)
    try:
        deadline = time.monotonic() + 20
        while "Fridays" not in plane.kubectl("delete", "cm", "two", "-n", namespace, "--dry-run=server", check=False):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        outcome = apply(cluster, config_map("one", {}))
    finally:
        plane.kubectl("delete", "validatingadmissionpolicybinding", namespace)
        plane.kubectl("delete", "validatingadmissionpolicy", namespace)
    (denied,) = outcome.of(State.FAILED)
    assert denied.key.endswith("/two") and "Fridays" in denied.reason
    assert "ConfigMap" in parent(plane, namespace)["contains-group-kinds"]


def test_what_could_not_be_listed_completely_is_not_deleted_from(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, artifact(CONFIG), artifact(HPA), config_map("two", {}))
    granted(
        control_plane, namespace, "limited", "get", "list", "create", "update", "patch", "delete",
        resources="configmaps,leases",
    )  # fmt: skip
    limited = open_as(control_plane, namespace, "limited")
    found = plan(limited, artifact(CONFIG))
    assert [change.action for change in found.changes] == [Action.EXTRA] and found.unchanged
    assert "nothing of apm is deleted now: HorizontalPodAutoscaler could not be listed" in found.notes[0]
    changed = plan(limited, artifact(CONFIG.replace("checked", "done")))
    limited.apply(changed)
    assert "HorizontalPodAutoscaler" in parent(control_plane, namespace)["contains-group-kinds"]


def test_a_kind_whose_crd_is_gone_is_dropped_with_a_note(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, artifact(CONFIG), artifact(HPA))
    # As another tool would have written it: without the places, which is every kind in every namespace.
    annotation = f"{applyset.GROUP_KINDS}=ConfigMap,HorizontalPodAutoscaler.autoscaling,ScaledObject.keda.sh"
    control_plane.kubectl("annotate", "configmap", PARENT, "-n", namespace, "--overwrite", annotation)
    found = plan(cluster, artifact(CONFIG.replace("checked", "done")))
    assert found.notes == ("what apm had of ScaledObject is gone with its CRD",)
    assert [result.state for result in cluster.apply(found).results] == [State.UPDATED, State.DELETED]
    assert parent(control_plane, namespace)["contains-group-kinds"] == "ConfigMap"


@pytest.mark.parametrize("said", ["is gone", "was edited and does not name HorizontalPodAutoscaler"])
def test_an_inventory_that_somebody_deleted_or_edited_is_told_and_written_anew(
    control_plane: ControlPlane, cluster: Cluster, namespace: str, said: str
) -> None:
    apply(cluster, artifact(CONFIG), artifact(HPA), config_map("two", {}))
    if said == "is gone":
        control_plane.kubectl("delete", "configmap", PARENT, "-n", namespace)
    else:
        kept = [f"{key}=ConfigMap{at}" for key, at in ((applyset.GROUP_KINDS, ""), (applyset.PLACES, f"@{namespace}"))]
        control_plane.kubectl("annotate", "configmap", PARENT, "-n", namespace, "--overwrite", *kept)
    wanted = (artifact(CONFIG), artifact(HPA))
    found = plan(cluster, *wanted)
    (note,) = found.notes
    assert f"nothing of apm is deleted now: its inventory ConfigMap/{namespace}/{PARENT} {said}" in note
    assert not found.of(Action.DELETE) and found.is_clean, "what else it named nobody knows"
    (left,) = found.of(Action.EXTRA)
    assert left.key.endswith("/two")
    # What the note says to look with finds what the inventory does not name.
    asked = note.partition("kubectl ")[2].replace("KIND", "hpa").split()
    assert "apm-hpa" in control_plane.kubectl(*asked)

    with control_plane.recorded() as seen:
        assert cluster.apply(found).error() is None
    assert [r.uri.partition("?")[0].rpartition("/")[2] for r in seen if r.verb == "patch"] == [PARENT]
    assert parent(control_plane, namespace)["contains-group-kinds"] == "ConfigMap,HorizontalPodAutoscaler.autoscaling"
    again = plan(cluster, *wanted)
    assert not again.notes and [change.key.rpartition("/")[2] for change in again.of(Action.DELETE)] == ["two"]
    assert cluster.apply(again).error() is None
    with control_plane.recorded() as seen:
        assert apply(cluster, *wanted).error() is None
    assert [request for request in seen if request.writes] == []


def test_a_failed_change_keeps_what_it_replaces(control_plane: ControlPlane, cluster: Cluster, namespace: str) -> None:
    apply(cluster, artifact(CONFIG), artifact(CRON), config_map("other", {}, "other"), config_map("gone", {}, "other"))
    broken = artifact(CONFIG.replace("\ndata:", "\ndatum: {}\ndata:"))
    outcome = apply(cluster, broken, config_map("other", {}, "other"))
    states = {r.key.rpartition("/")[2]: r.state for r in outcome.results}
    assert states == {
        "capgen-apm-scripts": State.FAILED, "other": State.UNCHANGED, "gone": State.DELETED,
        "capgen-apm-check": State.NOT_TRIED,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("standing", "kept", "confirmed", "said"),
    [
        (3, 1, None, ""), (6, 2, None, "4 of the 6"), (5, 0, None, "5 of the 5"), (60, 39, None, "21 would"),
        (60, 39, 21, ""), (60, 39, 20, "20 were expected"), (60, 60, 1, "0 would"), (60, 40, None, ""),
    ],
)  # fmt: skip
def test_many_deletions_want_to_be_counted(standing: int, kept: int, confirmed: int | None, said: str) -> None:
    from capgen.reconcile.target import LeftFile, LiveFiles

    extra = {f"f{n}": LeftFile("apm", "x") for n in range(standing - kept)}
    found = build_plan("x", (), LiveFiles(extra=extra, managed=standing))
    why = prune.too_many(found, confirmed)
    assert (said in why) if said else why == ""


def test_one_writer_at_a_time_for_a_service_and_others_go_on(control_plane: ControlPlane, namespace: str) -> None:
    whole = open_as(control_plane, namespace)
    cluster = Cluster(whole.name, namespace, whole.wire, lease_seconds=1)
    held = {
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": PARENT, "namespace": namespace},
        "spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 3600, "renewTime": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())},
    }  # fmt: skip
    control_plane.kubectl("create", "-f", "-", stdin=held)
    with pytest.raises(Refused, match="somebody"):
        apply(cluster, artifact(CONFIG))
    assert [r.state for r in apply(cluster, config_map("x", {}, "other")).results] == [State.CREATED]
    control_plane.kubectl(
        "patch", "lease", PARENT, "-n", namespace, "--type=merge", "-p",
        json.dumps({"spec": {"leaseDurationSeconds": 1, "renewTime": "2020-01-01T00:00:00.000000Z"}}),
    )  # fmt: skip
    assert [r.state for r in apply(cluster, *artifacts(CONFIG)).results] == [State.CREATED], (
        "a stale lease is taken over"
    )
    assert not control_plane.kubectl("get", "lease", "-n", namespace, "-o", "name"), "and given back"


def test_a_lease_is_kept_while_the_next_one_is_waited_for(control_plane: ControlPlane, namespace: str) -> None:
    whole = open_as(control_plane, namespace)
    cluster = Cluster(whole.name, namespace, whole.wire, lease_seconds=2)
    killed = {
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "capgen.b", "namespace": namespace},
        "spec": {"holderIdentity": "killed", "leaseDurationSeconds": 2, "renewTime": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())},
    }  # fmt: skip
    control_plane.kubectl("create", "-f", "-", stdin=killed)
    outcome = apply(cluster, config_map("one", {}, "a"), config_map("two", {}, "b"))
    assert [(r.state, r.reason) for r in outcome.results] == [(State.CREATED, "")] * 2
