"""Faults before a real API server that show in the plan; `faults/test_thirty_faults.py` has all of them from the command line."""

from __future__ import annotations

import json

import pytest
from harness.controlplane import ControlPlane
from harness.delivery import apply, only, plan
from harness.manifests import BINDING, RULES, artifact, config_map
from harness.proxy import Fault, Proxy, status

from capgen.artifact import Artifact
from capgen.errors import Findings
from capgen.reconcile.build import Rules, build_plan
from capgen.reconcile.outcome import State
from capgen.reconcile.plan import Action, Plan, Verdict
from capgen.targets import kubeconfig, kubernetes
from capgen.targets.kubernetes import Cluster

MAPS = [config_map(f"m{n}", {"n": str(n)}) for n in range(3)]
OTHER = artifact(BINDING.replace("kind: Role, name: capgen-apm", "kind: Role, name: another"))


@pytest.fixture
def through(proxy: Proxy, namespace: str) -> Cluster:
    """A fresh namespace, reached through the proxy."""
    return kubernetes.connect(kubeconfig.load([proxy.kubeconfig()]), namespace, seconds=20)


@pytest.mark.parametrize(
    "fault", [status(503, "no"), Fault(200, {}, b"<html>log in</html>"), Fault(200, {}, b'{"items": [{"metadata'), Fault(502, {}, b"<html>")]
)  # fmt: skip
def test_a_list_that_cannot_be_had_is_never_an_empty_one(
    proxy: Proxy, through: Cluster, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setattr("capgen.targets.wire._waits", lambda: iter((0.01, 0.01)))
    apply(through, *MAPS, artifact(RULES))
    proxy.fails(fault, times=99, path="/prometheusrules")
    found = plan(through, *MAPS[1:])
    assert found.of(Action.DELETE) == (), "not even of the kind that could be listed"
    assert [change.key.rpartition("/")[2] for change in found.of(Action.EXTRA)] == ["m0"]
    assert "PrometheusRule could not be listed" in found.notes[0]
    blocked = plan(through, artifact(RULES)).changes[0]
    assert (blocked.action, "could not be listed" in blocked.reason) == (Action.BLOCKED, True)


def test_dashboards_arrive_and_one_that_is_too_large_is_refused_with_its_size(cluster: Cluster) -> None:
    many = [config_map(f"board-{n}", {"d": "x" * 64_000}) for n in range(40)]
    assert apply(cluster, config_map("large", {"d": "x" * 300_000}), *many).error() is None
    with pytest.raises(Findings, match="larger than 1 MiB"):
        plan(cluster, config_map("large", {"d": "x" * 1_100_000}), config_map("other", {}))


def replaced(cluster: Cluster, desired: Artifact) -> Plan:
    name = f"RoleBinding/{cluster.namespace}/capgen-apm"
    return build_plan(cluster.name, [desired], cluster.read([desired]), Rules(replace=frozenset((name,))))


def test_what_cannot_be_changed_in_place_is_told_and_replaced_only_as_it_was_seen(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    apply(cluster, artifact(BINDING))
    blocked = only(plan(cluster, OTHER))
    assert blocked.action is Action.BLOCKED and f"--replace RoleBinding/{namespace}/capgen-apm" in blocked.reason
    apply(cluster, OTHER)
    uid = control_plane.get("rolebinding", "capgen-apm", namespace)["metadata"]["uid"]
    assert control_plane.get("configmap", "capgen.apm", namespace), "it stays in the inventory"
    approved = replaced(cluster, OTHER)
    assert only(cluster.rehearse(approved)).verdict is Verdict.UNVERIFIED
    # Somebody else puts something into it: it would be lost.
    subjects = {"subjects": [{"kind": "User", "name": "guest", "apiGroup": "rbac.authorization.k8s.io"}]}
    control_plane.kubectl(
        "patch", "rolebinding", "capgen-apm", "-n", namespace, "--type=merge", "-p", json.dumps(subjects)
    )
    assert [result.state for result in cluster.apply(approved).results] == [State.FAILED]
    assert control_plane.get("rolebinding", "capgen-apm", namespace)["metadata"]["uid"] == uid
    assert "kubectl-patch" in only(replaced(cluster, OTHER)).reason and not only(replaced(cluster, OTHER)).writes


def test_a_replacement_that_is_cut_short_is_finished_by_the_next_run(
    proxy: Proxy, through: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("capgen.targets.wire._waits", lambda: iter((0.01,)))
    apply(through, artifact(BINDING))
    proxy.fails(status(503, "no"), times=99, method="PATCH", path="/rolebindings/")
    outcome = through.apply(replaced(through, OTHER))
    assert [result.state for result in outcome.results] == [State.PENDING] and "not made again yet" in str(
        outcome.error()
    )
    proxy.rule = lambda _: None
    assert [result.state for result in apply(through, OTHER).results] == [State.CREATED]
