"""The thirty faults of `reconcile.md`, section 5, one after the other: what is done, how capgen ends, what it says.

Every row runs the command line against a real API server. Whatever the fault was, nobody sees a traceback or a token,
no lease is left behind by a run that was not killed, and once it is gone one more `apply` brings everything to where the specs want it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults import admission
from faults.by_hand import (
    clock_skew,
    crash,
    crash_while_writing,
    environment_says,
    large,
    many,
    odd_text,
    one_after_the_other,
    plugin,
    project_changes,
    proxied,
    prune_counted,
    role_changes,
    said_no,
    server,
    slow,
    template,
    two_services,
    unknown_once,
)
from faults.by_proxy import (
    Injected,
    answered,
    between,
    broken_off,
    dated,
    deletions_recorded,
    killed,
    old_list,
    old_server_s_dry_run,
    refused_dry_run,
    shrinking_list,
    webhook_without_dry_run,
)
from faults.by_server import (
    POST,
    capped_again,
    crd_removed,
    deleted,
    deletion_denied,
    finalizer_stays,
    held,
    held_in_a_keyed_list,
    hook,
    kubectl_made_it,
    label_copied,
    limited,
    limited_and_kept,
    made_again,
    made_again_and_kept,
    namespace_comes_with_it,
    namespace_ends,
    no_crd,
    no_namespace,
    old_crd,
    quota,
    replica_watched,
    saved_then,
    status_moves,
    yielded,
)
from faults.scene import Scene, states
from harness.controlplane import ControlPlane
from harness.proxy import Fault, Proxy, status

WEB, ALL = "/web-hpa", ""
BUSY = {"Retry-After": "1"}
QUOTA = 'Operation cannot be fulfilled on resourcequotas "q": the object has been modified'


@dataclass(frozen=True)
class Row:
    """`verdict` is how objects end (or what is planned); `said` has to be found in what it prints. `again` is the exit
    code of the apply after the fault, None where the fault leaves nothing to be applied by this project.
    """

    number: str
    what: str
    inject: Injected
    code: int
    verdict: str = ""
    said: str = ""
    again: int | None = 0


TABLE = (
    *(Row("1", f"SIGKILL after write {n}", killed(n, "after"), -9) for n in range(1, 11)),
    *(Row("1", f"SIGKILL before write {n}", killed(n, "before"), -9) for n in (1, 2, 10)),
    Row("2", "reset after an apply was committed", answered(Fault(reset="after"), method="PATCH", path=WEB), 0, "web updated, more created, cart deleted"),
    Row("2", "reset after a deletion", answered(Fault(reset="after"), method="DELETE", path="/cart-hpa"), 0, "web updated, more created, cart deleted"),
    Row("2", "reset after the lease was made", answered(Fault(reset="after"), method="POST", path="/leases"), 0, "web updated"),
    Row("2", "reset after the inventory was written", answered(Fault(reset="after"), method="PATCH", path="/capgen.shop"), 0, "web updated"),
    Row("3", "another manager holds a field", held({"maxReplicas": 9}), 1, "web conflict, cart unchanged", r'"old": 9,\s+"new": 10,\s+"owner": "team-0",\s+"since": "20'),
    Row("3", "three managers hold a field each", held({"maxReplicas": 9}, {"minReplicas": 1}, {"scaleTargetRef": {"kind": "Deployment", "name": "x", "apiVersion": "apps/v1"}}, alone=False), 5, "web conflict, more created", "(?s)team-0.*team-1.*team-2"),
    Row("3", "a field in a list with keys", held_in_a_keyed_list, 1, "capgen-shop conflict", r"groups\[name=.*(?s:.*)kubectl-edit"),
    Row("3", "a field that is yielded", yielded, 0, "web updated, cart updated"),
    Row("3", "a conflict between plan and write", between("PATCH", WEB, lambda s: s.hpa("web", maxReplicas=9)), 5, "web conflict, cart updated", "kubectl-edit", again=None),
    Row("4", "deleted since the plan was approved", saved_then(deleted), 6, said="(?s)approved: update.*now: +create"),
    Row("4", "deleted and made again since", saved_then(made_again), 6, said="(?s)approved: update.*now:", again=None),
    Row("4", "deleted before the write", between("PATCH", WEB, deleted), 5, "web failed, search updated", "plan again"),
    Row("4", "deleted and made again before the write", between("PATCH", WEB, made_again), 5, "web conflict, cart updated", "held by kubectl-create", again=None),
    Row("5", "deleted and made again before it is pruned", made_again_and_kept, 1, "cart failed", "changed since the plan was made"),
    Row("6", "an owned field was edited since", saved_then(lambda s: s.hpa("web", maxReplicas=11)), 6, said=r"10 → 12(?s:.*)11 → 12 \(held by kubectl-edit\)", again=None),
    Row("6", "another field was edited since", saved_then(lambda s: s.patch("hpa", "web-hpa", {"metadata": {"annotations": {"a": "b"}}})), 0, "web updated"),
    Row("6", "the status moved since", saved_then(status_moves), 0, "web updated"),
    Row("7", "two made it at once", answered(status(409, 'hpas "more-hpa" already exists', reason="AlreadyExists"), method="PATCH", path="/more-hpa"), 0, "more created"),
    Row("7", "the quota moved under the server", answered(status(409, QUOTA, reason="Conflict"), method="PATCH", path=WEB), 0, "web updated"),
    *(Row("8", f"429 with Retry-After for {method}", answered(status(429, "busy", headers=BUSY), method=method, path=path, times=2), 0, "web updated, cart deleted, more created") for method, path in (("PATCH", WEB), ("GET", "/horizontalpodautoscalers?"), ("GET", "/configmaps?"), ("GET", "/leases/"), ("DELETE", "/cart-hpa"), ("POST", "/leases"))),
    Row("8", "429 with a date", answered(dated(1), method="PATCH", path=WEB), 0, "web updated"),
    Row("8", "429 without a word", answered(status(429, "busy"), method="PATCH", path=WEB, times=2), 0, "web updated"),
    Row("8", "429 with 30 s, and less time than that", answered(status(429, "busy", headers={"Retry-After": "30"}), method="PATCH", path=WEB, times=99, more=("--timeout", "9")), 5, "web failed, search updated, more created", "busy"),
    *(Row("9", f"{fault.status} twice", answered(fault, method="PATCH", path=WEB, times=2), 0, "web updated") for fault in (status(500, "etcdserver: request timed out"), Fault(502, {}, b"<html>"), status(503, "no"), Fault(504))),
    Row("9", "503 for good", answered(status(503, "no"), method="PATCH", path=WEB, times=99), 5, "web failed, search updated", "503"),
    Row("9", "a list that is cut", answered(Fault(cut=40), method="GET", path="/horizontalpodautoscalers?", times=99), 1, said="gave no answer"),
    Row("9", "a list that is no JSON", answered(Fault(200, {}, b'{"items": [{"meta'), method="GET", path="/horizontalpodautoscalers?", times=99), 1, "web failed, more failed", "the answer is no list"),
    Row("9", "a list that is a login page", answered(Fault(200, {}, b"<html>log in</html>"), method="GET", path="/horizontalpodautoscalers?", times=99), 1, "web failed, more failed", "the answer is no list"),
    Row("10", "the token ends in between", unknown_once, 0, "web updated"),
    Row("10", "the plugin fails", plugin("echo no session >&2; exit 1"), 1, said="failed with 1: no session"),
    Row("10", "the plugin prints rubbish", plugin("echo hello"), 1, said="printed no credentials"),
    Row("10", "the plugin hangs", plugin("exec sleep 60", "--timeout", "1"), 1, said="did not answer within 1 s"),
    Row("11", "one kind may not be listed", limited_and_kept(("get list create update patch delete", "configmaps,leases,prometheusrules")), 1, "web failed, capgen-shop unchanged", "nothing of shop is deleted now: .*cannot list resource"),
    Row("11", "one kind may not be written", limited(("get list create update patch delete", "configmaps,leases"), ("get list", "horizontalpodautoscalers,prometheusrules")), 1, "web failed", "cannot patch resource"),
    Row("11", "a dry run is not allowed", refused_dry_run, 4, "web create", '"verdict": "estimated"'),
    *(Row("12", f"a webhook denies with {code}", hook("Validating", admission.denies(code)), 5, "web failed, capgen-shop created", "not on Fridays") for code in (400, 403, 422)),
    Row("12", "a webhook takes too long", hook("Validating", admission.sleeps(3)), 5, "web failed, capgen-shop created", "failed calling webhook"),
    Row("12", "a webhook changes what is applied", hook("Mutating", admission.caps(5), diff=True), 4, "web create", r'"mutated": \[\s+{\s+"path": ".spec.maxReplicas",\s+"old": 10,\s+"new": 5'),
    Row("12", "a webhook changed it, and nothing else did", capped_again, 0, "web unchanged", r'"path": ".spec.maxReplicas",\s+"old": 10,\s+"new": 5'),
    Row("12", "a webhook has no dry run", webhook_without_dry_run, 4, "web create", '"verdict": "unverified"'),
    Row("13", "the CRD is missing", no_crd, 5, "capgen-shop.dashboard failed, web created", "install the Grafana operator first"),
    Row("13", "the CRD is an old one", old_crd, 5, "capgen-shop.dashboard failed, web created", r"Too long: may not be more than 9 bytes.*; from shop/.*\.yaml:\d+ \(specs/shop.yaml"),
    Row("13", "a field that the kind does not have", template("kubernetes/hpa.yaml.j2", "  bogus: 1\n"), 5, "web failed, capgen-shop created", r"\.spec\.bogus: field not declared in schema; from shop/hpa-web\.yaml:\d+ \(specs/shop\.yaml:9:5\)"),
    Row("13", "the same key twice in a list", template("kubernetes/prometheusrule.yaml.j2", "  - {name: twice}\n  - {name: twice}\n"), 5, "capgen-shop failed, web created", r'duplicate entries for key \[name="twice"\]'),
    Row("14", "the CRD goes while the inventory has its kind", crd_removed, 0, "web unchanged", "GrafanaDashboard is gone with its CRD"),
    Row("15", "the namespace is missing", no_namespace, 5, "web failed, cart created", "the namespace nowhere does not exist"),
    Row("15", "the namespace is made by the same plan", namespace_comes_with_it, 0, "web created, cart created"),
    Row("15", "the namespace is going away", namespace_ends, 5, "web failed, cart created", "is being deleted"),
    Row("16", "a field that is never changed in place", role_changes(), 1, said=r"roleRef.name cannot be changed in place: --replace RoleBinding/"),
    Row("16", "and may be replaced", role_changes("--replace", "BINDING"), 0, said="it was deleted and made again", again=None),
    Row("17", "the quota is full", quota, 5, "capgen-shop created", said="exceeded quota"),
    Row("18", "a list grows too old between pages", old_list, 0, "web unchanged, cart unchanged, search unchanged"),
    *(Row("18", f"a list breaks off with {fault.status}", broken_off(fault), 1, "web failed, search failed", "HorizontalPodAutoscaler could not be listed") for fault in (status(403, "no more", reason="Forbidden"), status(500, "etcdserver: request timed out"), Fault(200, {}, b"{}"))),
    Row("18", "a list shrinks between pages", shrinking_list, 0, "web unchanged, search unchanged"),
    Row("19", "nothing is declared any more", project_changes(text="apiVersion: capgen/v1\nkind: Capacity\nmetadata: {name: shop, owner: team}\n"), 6),
    Row("19", "the service has another name", project_changes("web", "cart", "search", service="store"), 5, "web failed", "belongs to another inventory"),
    Row("19", "a spec cannot be read", project_changes(text="{"), 3),
    Row("19", "more goes than half", prune_counted, 6, said="--deletions 3", again=0),
    Row("20", "a policy denies the deletion", deletion_denied, 1, "cart failed", "nothing is deleted on Fridays"),
    Row("20", "a finalizer is never removed", finalizer_stays, 5, "cart pending", "waits for example.org/wait"),
    Row("21", "somebody copied the label", label_copied, 0, "web unchanged", "never applied it"),
    Row("22", "kubectl made it", kubectl_made_it(), 5, "web conflict, cart created", "kubectl-client-side-apply"),
    Row("22", "kubectl made it, and it is taken over", kubectl_made_it("--adopt", "kubectl-client-side-apply"), 0, "web updated"),
    Row("22", "it was made by POST under capgen's own name", kubectl_made_it(made=POST), 5, "web conflict, cart created", "held by capgen"),
    Row("22", "it was made so, and is taken over", kubectl_made_it("--adopt", "capgen", made=POST), 0, "web updated"),
    Row("23", "an HPA comes and goes over seven replicas", replica_watched, 0, "web deleted"),
    Row("24", "metrics in another order, quantities in another spelling", old_server_s_dry_run, 0, "web unchanged, cart unchanged"),
    Row("25", "a dashboard of 300 KB", large(300), 0),
    Row("25", "a dashboard of 1.1 MiB", large(1130), 3, said="larger than 1 MiB"),
    Row("25", "forty dashboards of 64 KB", many(40, 64), 0),
    Row("26", "two files with a current context each", said_no, 0, "web created"),
    Row("26", "the context is called otherwise", environment_says("context: prod"), 1, said="has no context 'prod'"),
    Row("26", "another cluster", environment_says("uid: 00000000-0000-0000-0000-000000000000"), 6, said="choose the right context"),
    Row("26", "another server", environment_says("server: 'https://elsewhere:6443'"), 6, said="choose the right context"),
    Row("26", "a proxy in the environment", proxied, 0, "web created"),
    Row("27", "two applies of one service", one_after_the_other, 0, "web created"),
    Row("27", "applies of two services", two_services, 0, "other created"),
    Row("28", "our clock is a day ahead", clock_skew, 6, said=r"another run \(somebody\) holds the lease"),
    Row("28", "the server takes 30 s", slow, 5, "web failed, cart created", "gave no answer"),
    Row("28", "the name is not known", server("https://nowhere.invalid"), 1, said="not known|resolution"),
    Row("28", "nobody listens", server("https://127.0.0.1:1"), 1, said="refused"),
    Row("28", "the certificate is another one", server(""), 1, said="certificate"),
    Row("29", "text that is no plain text", odd_text, 0),
    Row("29", "a control character", project_changes("web", text='apiVersion: capgen/v1\nkind: Capacity\nmetadata: {name: shop, owner: t, title: "\\x7f"}\n'), 3, said="not printable text"),
    Row("29b", "deletions are recorded", deletions_recorded, 0, "cart deleted"),
    Row("30", "a crash in the differ", crash, 1, said="a mistake of capgen's own"),
    Row("30", "a crash while it writes", crash_while_writing, 1, said="a mistake of capgen's own"),
)  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.number}: {row.what}")
def test_a_fault(row: Row, control_plane: ControlPlane, namespace: str, proxy: Proxy, tmp_path: Path) -> None:
    scene = Scene(tmp_path, control_plane, namespace, proxy)
    try:
        ran = row.inject(scene)
    finally:
        scene.gone()
    told = ran.out + ran.err
    assert ran.code == row.code, told
    for word in filter(None, row.verdict.split(", ")):
        name, _, state = word.partition(" ")
        assert states(ran).get(name) == state, (word, states(ran), told)
    assert re.search(row.said, told), told
    assert "Traceback" not in told and "admin-token" not in told
    assert row.code == -9 or not scene.leases(), "whatever happened, the lease was given back"
    assert row.code not in (3, 6) or not scene.writes(), "what is refused is refused before anything is written"
    if row.again is not None:
        again = scene.apply()
        assert again.code == row.again, again.err
        assert scene.delivered() == scene.declared(), "all is there, and no orphan"
    if row.code == -9:
        assert "capgen-shop" not in control_plane.kubectl("get", "prometheusrule", "-n", namespace, check=False)
        assert scene.diff().code == 0


def test_no_fault_is_missing() -> None:
    assert {row.number for row in TABLE} == {*map(str, range(1, 31)), "29b"}
