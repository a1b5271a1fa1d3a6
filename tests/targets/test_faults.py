"""Faults between capgen and a real API server: each has a verdict, an exit code, and leaves nothing half understood."""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from harness.controlplane import ControlPlane
from harness.delivery import apply, granted, open_as, plan
from harness.manifests import BINDING, CONFIG, HPA, RULES, artifact, config_map
from harness.proxy import Fault, Proxy, Seen, status

from capgen.errors import Findings, PartlyDone, TargetError
from capgen.reconcile.outcome import State
from capgen.reconcile.plan import Action, Verdict
from capgen.targets import kubeconfig, kubernetes
from capgen.targets.kubernetes import Cluster


@pytest.fixture
def through(proxy: Proxy, namespace: str) -> Cluster:
    """A fresh namespace, reached through the proxy."""
    return kubernetes.connect(kubeconfig.load([proxy.kubeconfig()]), namespace, seconds=20)


MAPS = [config_map(f"m{n}", {"n": str(n)}) for n in range(3)]


def patches(proxy: Proxy, name: str) -> int:
    return sum(seen.method == "PATCH" and f"/{name}?" in seen.path for seen in proxy.seen)


# --- 2: the connection goes while the server commits


@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", "/configmaps/m1"), ("DELETE", "/configmaps/gone"), ("POST", "/leases"), ("PATCH", "/capgen.apm")]
)  # fmt: skip
def test_a_write_whose_answer_is_lost_is_repeated_and_counts_once(
    control_plane: ControlPlane, namespace: str, proxy: Proxy, through: Cluster, method: str, path: str
) -> None:
    apply(through, *MAPS, config_map("gone", {}))
    control_plane.kubectl("delete", "configmap", "m1", "-n", namespace)
    wanted = plan(through, *MAPS, artifact(HPA))
    proxy.fails(Fault(reset="after"), method=method, path=path)
    outcome = through.apply(wanted)
    assert outcome.error() is None, outcome.error()
    assert plan(through, *MAPS, artifact(HPA)).is_clean
    assert not control_plane.kubectl("get", "configmap", "gone", "-n", namespace, "--ignore-not-found")
    assert not control_plane.kubectl("get", "lease", "-n", namespace, "-o", "name")


# --- 7, 8, 9: the server is busy or in trouble


@pytest.mark.parametrize(
    "fault",
    [
        status(409, 'Operation cannot be fulfilled on resourcequotas "q": the object has been modified', reason="Conflict"),
        status(429, "too many", headers={"Retry-After": "1"}),
        status(429, "too many", headers={"Retry-After": formatdate(time.time() + 1, usegmt=True)}),
        status(429, "too many"),
        status(500, "etcdserver: request timed out"), Fault(502, {}, b"<html>bad gateway</html>"),
        status(503, "not now", headers={"Retry-After": "1"}), Fault(504, {}, b""), Fault(reset="before"), Fault(cut=40),
    ],
    ids=["quota", "429-1", "429-date", "429", "500", "502-html", "503", "504", "reset", "cut"],
)  # fmt: skip
def test_a_passing_trouble_passes(proxy: Proxy, through: Cluster, fault: Fault) -> None:
    wanted = plan(through, *MAPS)
    begun = time.monotonic()
    proxy.fails(fault, times=2, method="PATCH", path="/configmaps/m1?")
    assert {result.state for result in through.apply(wanted).results} == {State.CREATED}
    assert patches(proxy, "m1") == 3 and patches(proxy, "m2") == 1
    if fault.headers.get("Retry-After") == "1":
        assert time.monotonic() - begun >= 2, "as long as the server asked for"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_reads_and_deletions_wait_as_they_are_asked(proxy: Proxy, through: Cluster, method: str) -> None:
    apply(through, *MAPS)
    proxy.fails(status(429, "too many", headers={"Retry-After": "1"}), method=method, path="/configmaps")
    outcome = apply(through, *MAPS[1:])
    assert outcome.error() is None and State.DELETED in {result.state for result in outcome.results}


def test_a_longer_wait_than_there_is_time_is_told_and_the_rest_is_done(proxy: Proxy, through: Cluster) -> None:
    wanted = plan(through, *MAPS)
    proxy.fails(status(429, "too many", headers={"Retry-After": "30"}), times=99, path="/configmaps/m1?")
    begun = time.monotonic()
    outcome = through.apply(wanted)
    assert time.monotonic() - begun < 20
    assert [result.state for result in outcome.results] == [State.CREATED, State.FAILED, State.CREATED]
    assert isinstance(outcome.error(), PartlyDone) and "/m1" in str(outcome.error())
    proxy.rule = lambda _: None
    assert apply(through, *MAPS).error() is None, "the next run finishes"


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


# --- 10, 28: who is asking, and whether anybody is there


def test_a_token_that_ends_in_between_is_renewed_once(proxy: Proxy, through: Cluster) -> None:
    proxy.fails(status(401, "Unauthorized", reason="Unauthorized"), method="PATCH", path="/m1?")
    assert apply(through, *MAPS).error() is None


@pytest.mark.parametrize(
    ("server", "said"),
    [("https://127.0.0.1:1", "refused"), ("https://nowhere.invalid", "not known"), ("", "certificate")],
)
def test_a_server_that_cannot_be_reached_is_told_in_a_line(
    control_plane: ControlPlane, tmp_path: Path, server: str, said: str
) -> None:
    config = json.loads(control_plane.kubeconfig().read_text())
    config["clusters"][0]["cluster"] = {"server": server or control_plane.url}
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    cluster = kubernetes.connect(kubeconfig.load([path]), "x", seconds=10)
    with pytest.raises(TargetError) as error:
        plan(cluster, *MAPS)
    assert said in str(error.value) and "admin-token" not in str(error.value) and "\n" not in str(error.value)


def test_a_slow_server_does_not_outlast_the_run(proxy: Proxy, namespace: str) -> None:
    slow = kubernetes.connect(kubeconfig.load([proxy.kubeconfig()]), namespace, seconds=2)
    wanted = plan(slow, *MAPS)
    proxy.fails(Fault(seconds=5), times=99, path="/configmaps/m1?")
    begun = time.monotonic()
    outcome = slow.apply(wanted)
    assert time.monotonic() - begun < 5
    assert {result.key.rpartition("/")[2]: result.state for result in outcome.results}["m1"] is State.FAILED
    assert isinstance(outcome.error(), PartlyDone)


# --- 11, 15, 16, 17: rights, quotas, namespaces, what cannot change


def test_a_quota_stops_the_third_and_the_rerun_finishes(
    control_plane: ControlPlane, cluster: Cluster, namespace: str
) -> None:
    five = [config_map(f"q{n}", {}) for n in range(5)]
    quota = {
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"count/configmaps": "3"}},
    }  # fmt: skip
    control_plane.kubectl("create", "-n", namespace, "-f", "-", stdin=quota)

    def allow(number: int) -> None:
        limits = {"hard": {"count/configmaps": str(number)}}
        used = len(control_plane.kubectl("get", "configmaps", "-n", namespace, "-o", "name").split())
        for part in ({"spec": limits}, {"status": {**limits, "used": {"count/configmaps": str(used)}}}):
            flags = ["--subresource=status"] if "status" in part else []
            control_plane.kubectl(
                "patch", "quota", "q", "-n", namespace, "--type=merge", "-p", json.dumps(part), *flags
            )

    allow(3)  # the inventory is one of them
    assert {change.verdict for change in cluster.rehearse(plan(cluster, *five)).changes} == {Verdict.EXACT}
    outcome = apply(cluster, *five)
    assert sorted(result.state for result in outcome.results) == [State.CREATED] * 2 + [State.FAILED] * 3
    assert all("exceeded quota" in result.reason for result in outcome.of(State.FAILED))
    assert isinstance(outcome.error(), PartlyDone)
    allow(99)
    assert apply(cluster, *five).error() is None
    assert plan(cluster, *five).is_clean


def test_a_namespace_that_is_going_away_is_told_at_once(control_plane: ControlPlane, proxy: Proxy) -> None:
    home = control_plane.new_namespace()
    control_plane.kubectl("delete", "namespace", home, "--wait=false")
    cluster = kubernetes.connect(kubeconfig.load([proxy.kubeconfig()]), home, seconds=20)
    found = plan(cluster, *MAPS)
    assert {(c.action, "being deleted" in c.reason) for c in found.changes} == {(Action.BLOCKED, True)}
    assert {result.state for result in cluster.apply(found).results} == {State.FAILED}
    assert [seen for seen in proxy.seen if seen.writes] == []


def test_what_cannot_be_changed_in_place_is_said_before_anything_is_tried(cluster: Cluster) -> None:
    apply(cluster, artifact(BINDING))
    other = artifact(BINDING.replace("kind: Role, name: capgen-apm", "kind: Role, name: another"))
    (change,) = cluster.rehearse(plan(cluster, other)).changes
    assert change.action is Action.BLOCKED and "cannot change roleRef" in change.reason


def test_a_right_to_read_that_is_missing_for_one_kind_keeps_to_that_kind(
    control_plane: ControlPlane, namespace: str
) -> None:
    granted(control_plane, namespace, "limited", "*", resources="configmaps,leases")
    limited = open_as(control_plane, namespace, "limited")
    outcome = apply(limited, *MAPS, artifact(HPA))
    assert [result.state for result in outcome.results] == [State.CREATED] * 3 + [State.FAILED]
    assert isinstance(outcome.error(), PartlyDone)


# --- 12: admission


def test_a_webhook_that_cannot_be_reached_fails_its_objects_and_no_others(
    control_plane: ControlPlane, cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("capgen.targets.wire._waits", lambda: iter((0.01, 0.01)))
    hook = {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": namespace},
        "webhooks": [{
            "name": "nobody.example.org", "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail",
            "clientConfig": {"url": "https://127.0.0.1:1/"}, "timeoutSeconds": 1,
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "rules": [{"apiGroups": ["autoscaling"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}],
        }],
    }  # fmt: skip
    control_plane.kubectl("create", "-f", "-", stdin=hook)
    try:
        time.sleep(1.5)
        outcome = apply(cluster, artifact(HPA), artifact(CONFIG))
    finally:
        control_plane.kubectl("delete", "validatingwebhookconfiguration", namespace)
    assert [result.state for result in outcome.results] == [State.CREATED, State.FAILED]
    assert "failed calling webhook" in outcome.results[1].reason


def test_a_webhook_without_a_dry_run_leaves_the_change_unverified(proxy: Proxy, through: Cluster) -> None:
    refused = status(400, "admission webhook hook.example.org does not support dry run", reason="BadRequest")
    proxy.fails(refused, path="dryRun=All")
    found = through.rehearse(plan(through, config_map("m1", {})))
    assert [(c.action, c.verdict) for c in found.changes] == [(Action.CREATE, Verdict.UNVERIFIED)]
    assert "does not support dry run" in found.changes[0].reason


# --- 18, 25, 29b


def test_a_list_that_grows_too_old_between_pages_is_begun_anew(proxy: Proxy, through: Cluster, namespace: str) -> None:
    apply(through, *MAPS)
    paged = Cluster(through.name, namespace, through.wire, page=1)
    proxy.fails(status(410, "The provided continue parameter is too old", reason="Expired"), path="continue=")
    found = plan(paged, *MAPS)
    assert found.is_clean and found.notes == ()


def test_a_large_dashboard_arrives_and_one_that_is_too_large_is_refused_with_its_size(cluster: Cluster) -> None:
    assert apply(cluster, config_map("large", {"d": "x" * 300_000}), config_map("other", {})).error() is None
    with pytest.raises(Findings, match="larger than 1 MiB"):
        plan(cluster, config_map("large", {"d": "x" * 1_100_000}), config_map("other", {}))


def test_every_deletion_has_its_conditions_in_its_body_and_a_rehearsal_has_none(proxy: Proxy, through: Cluster) -> None:
    apply(through, *MAPS)
    proxy.seen.clear()
    found = plan(through, MAPS[0])
    through.rehearse(found)
    assert [seen for seen in proxy.seen if seen.writes] == []
    through.apply(found)
    deletions = [seen for seen in proxy.seen if seen.method == "DELETE"]
    assert len(deletions) == 3, "two objects and the lease"
    for seen in deletions:
        assert "?" not in seen.path
        assert json.loads(seen.body)["preconditions"].keys() == {"uid", "resourceVersion"}


def test_two_hands_at_once_on_one_object(
    control_plane: ControlPlane, namespace: str, proxy: Proxy, through: Cluster
) -> None:
    """Another run with an older spec, in the moment before the write: same manager, and the lease is held."""
    apply(through, *MAPS)
    wanted = plan(through, MAPS[0], MAPS[1], config_map("m2", {"n": "two"}))
    tried: list[bool] = []

    def rule(seen: Seen) -> Fault | None:
        if seen.method == "PATCH" and "/m2?" in seen.path and not tried:
            tried.append(True)
            held = control_plane.kubectl("get", "lease", "capgen.apm", "-n", namespace, "-o", "name", check=False)
            tried.append("capgen.apm" in held)
        return None

    proxy.rule = rule
    assert through.apply(wanted).error() is None
    assert tried == [True, True]
