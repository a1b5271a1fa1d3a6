"""What a run may do is what it does: no request of a diff or an apply leaves the Role that capgen prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from cli.command import run
from faults.scene import Scene
from harness.controlplane import ControlPlane
from harness.delivery import actions, apply, each, open_as, plan
from harness.manifests import ALERTMANAGER, ALL, CONFIG, HPA, RULES, artifact, artifacts, config_map
from harness.proxy import Proxy

from capgen.artifact import Artifact
from capgen.reconcile.outcome import State
from capgen.reconcile.plan import Verdict
from capgen.reconcile.rights import Purpose, rights
from capgen.reconcile.wanted import read_manifests
from capgen.targets.kubernetes import Cluster

SPECS = Path(__file__).parents[2] / "specs"


def grant(plane: ControlPlane, user: str, purpose: Purpose, home: str, desired: tuple[Artifact, ...]) -> None:
    for part in rights(purpose, read_manifests(desired, home), home):
        rules = [
            {"apiGroups": [r.group], "resources": list(r.resources), "verbs": list(r.verbs), **({"resourceNames": list(r.names)} if r.names else {})}
            for r in part.rules
        ]  # fmt: skip
        name = f"{home}-{purpose}"
        kind, flags = ("Role", ["-n", part.namespace]) if part.namespace else ("ClusterRole", [])
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "rules": rules}
        plane.kubectl("create", *flags, "-f", "-", stdin=role)
        plane.kubectl("create", f"{kind.lower()}binding", name, f"--{kind.lower()}={name}", f"--user={user}", *flags)


def test_a_diff_needs_rights_to_read_and_asks_for_no_more(control_plane: ControlPlane, namespace: str) -> None:
    apply(open_as(control_plane, namespace), *artifacts(*ALL))
    changed = (*artifacts(*ALL[1:]), artifact(HPA.replace("maxReplicas: 20", "maxReplicas: 30")))
    grant(control_plane, "reader", "diff", namespace, changed)
    reader = open_as(control_plane, namespace, "reader")
    with control_plane.recorded("reader") as seen:
        found = reader.rehearse(plan(reader, *changed))
        place = reader.place()
    assert {request.code for request in seen} <= {200, 201}
    assert {r.verb for r in seen if "selfsubjectrulesreviews" not in r.uri} == {"list", "get"}
    assert place["uid"] and found.notes == ()
    assert actions(found)["HorizontalPodAutoscaler"] == "update"
    (change,) = (c for c in found.changes if c.writes)
    assert change.verdict is Verdict.ESTIMATED and "no right to patch" in change.reason


def test_an_apply_gets_along_with_what_is_printed_for_it(control_plane: ControlPlane, namespace: str) -> None:
    away = control_plane.new_namespace()
    elsewhere = artifact(HPA.replace("  name: apm-hpa", f"  namespace: {away}\n  name: apm-hpa"))
    desired = (*artifacts(*ALL[1:]), elsewhere)
    grant(control_plane, "limited", "apply", namespace, desired)
    limited = open_as(control_plane, namespace, "limited")
    with control_plane.recorded("limited") as seen:
        first = apply(limited, *desired)
        rest = [a for a in desired if a.kind not in ("HorizontalPodAutoscaler", "PrometheusRule")]
        found = limited.rehearse(plan(limited, *rest, artifact(RULES.replace("0.9", "0.95"))))
        second = limited.apply(found)
    assert first.error() is None and second.error() is None, (first.error(), second.error())
    assert State.DELETED in {result.state for result in second.results} and found.notes == ()
    # The first look for a parent or a lease finds nothing, and making one that is there already is tried by nobody.
    assert {request.code for request in seen} <= {200, 201, 404}, [r for r in seen if r.code >= 400]


def test_only_who_delivers_many_services_may_list_leases() -> None:
    def leases(services: int) -> set[str]:
        desired = [config_map(f"c{n}", {}, f"s{n}") for n in range(services)]
        (rule,) = (
            rule
            for part in rights("apply", read_manifests(desired, "here"), "here")
            for rule in part.rules
            if "leases" in rule.resources
        )
        return set(rule.verbs)

    assert leases(17) - leases(16) == {"list"}


def bind(plane: ControlPlane, printed: str, user: str, home: str) -> None:
    """Gives a user the Roles that are printed, in the place of those that it had."""
    items = []
    for document in yaml.safe_load_all(printed):
        kind, metadata = document["kind"], {**document["metadata"], "name": f"{home}-{user}"}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": metadata["name"]}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
        binding = {**document, "kind": f"{kind}Binding", "metadata": metadata, "roleRef": role, "subjects": [subject]}
        binding.pop("rules")
        items += [{**document, "metadata": metadata}, binding]
    plane.kubectl("apply", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": items})


def test_no_request_of_any_verb_leaves_the_role_that_is_printed_for_it(
    control_plane: ControlPlane, namespace: str, proxy: Proxy, tmp_path: Path
) -> None:
    scene = Scene(tmp_path, control_plane, namespace, proxy)
    away = control_plane.new_namespace()
    scene.change(
        "  web:\n    kind: Deployment\n    namespace: " + namespace,
        "  web:\n    kind: Deployment\n    namespace: " + away,
    )
    uid = control_plane.get("namespace", "kube-system", "")["metadata"]["uid"]
    scene.change("kubernetes: {", f"kubernetes: {{uid: {uid}, ", file=scene.environment)

    def may(verb: str, *command: str, more: tuple[str, ...] = ()) -> str:
        printed = scene.run("rbac", "--env", "live", "--for", verb, *more)
        assert printed.code == 0, printed.err
        user = "limited" if verb in ("apply", "destroy") else "reader"
        bind(control_plane, printed.out, user, namespace)
        verbs = {verb for d in yaml.safe_load_all(printed.out) for rule in d["rules"] for verb in rule["verbs"]}
        assert (verbs <= {"get", "list"}) is (verb not in ("apply", "destroy"))
        with control_plane.recorded(user) as seen:
            ran = scene.run(*command, env={"KUBECONFIG": str(control_plane.kubeconfig(user))})
        assert ran.code == 0, ran.out + ran.err
        assert seen and {request.code for request in seen} <= {200, 201, 404}, [r for r in seen if r.code >= 400]
        return ran.out + ran.err

    may("apply", "apply", "--env", "live", "--yes")
    may("diff", "diff", "--env", "live", "--save", "plan.json")
    scene.change("max: 10", "max: 12")
    may("diff", "diff", "--env", "live", "--save", "plan.json")
    may("apply", "apply", "plan.json", "--yes")
    assert "cannot" not in may("status", "status", "--env", "live")
    said = may("import", "import", "shop", "--env", "live", "-n", away, "--out", "-", more=("-n", away))
    assert "web" in said and "cannot" not in said
    may("destroy", "destroy", "shop", "--env", "live", "--yes", "--deletions", "4")
    assert "No resources" in control_plane.kubectl("get", "hpa", "-n", away, check=False)


def test_the_printed_roles_are_taken_by_the_server(control_plane: ControlPlane) -> None:
    for purpose in ("diff", "status", "apply", "destroy", "import"):
        ran = run("rbac", "--env", "production", "--for", purpose, cwd=SPECS.parent)
        assert ran.code == 0, ran.err
        documents = list(yaml.safe_load_all(ran.out))
        assert {d["kind"] for d in documents} == {"Role", "ClusterRole"}
        for document in (d for d in documents if d["kind"] == "ClusterRole"):
            control_plane.kubectl("create", "--dry-run=server", "-f", "-", stdin=document)
        verbs = {verb for d in documents for rule in d["rules"] for verb in rule["verbs"]}
        assert (verbs == {"get", "list"}) is (purpose not in ("apply", "destroy"))
        assert "*" not in json.dumps(documents)


@pytest.mark.parametrize("owners", [True, False])
def test_an_export_is_compared_with_as_far_as_it_goes(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, owners: bool
) -> None:
    from capgen.errors import UsageError
    from capgen.targets.exported import Exported

    apply(open_as(control_plane, namespace), *artifacts(CONFIG, HPA))
    flags = ["--show-managed-fields"] if owners else []
    text = control_plane.kubectl("get", "hpa,configmap", "-n", namespace, "-o", "yaml", *flags)
    (tmp_path / "export.yaml").write_text(text)
    exported = Exported(tmp_path, namespace)
    desired = (artifact(CONFIG), artifact(HPA.replace("maxReplicas: 20", "maxReplicas: 30")), artifact(RULES))
    found = exported.rehearse(plan(exported, *desired))
    assert actions(found) == {
        "ConfigMap": "unchanged", "HorizontalPodAutoscaler": "update", "PrometheusRule": "create",
    }  # fmt: skip
    sure = {change.kind: change.verdict for change in found.changes}
    assert sure["PrometheusRule"] is Verdict.UNVERIFIED
    assert sure["HorizontalPodAutoscaler"] is (Verdict.ESTIMATED if owners else Verdict.UNVERIFIED)
    with pytest.raises(UsageError):
        exported.apply(found)


def test_an_export_may_have_several_files_in_either_form_and_others_objects(
    control_plane: ControlPlane, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    from capgen.targets.exported import Exported

    theirs = config_map("theirs", {"text": "a"}, service="other")
    assert apply(cluster, *artifacts(CONFIG, HPA, ALERTMANAGER), theirs).error() is None
    (tmp_path / "more").mkdir()
    for file, kinds, form in (
        ("hpa.yaml", "hpa", "yaml"), ("more/maps.json", "configmap", "json"), ("more/routes.yml", "alertmanagerconfig", "yaml"),
    ):  # fmt: skip
        text = control_plane.kubectl("get", kinds, "-n", namespace, "-o", form, "--show-managed-fields")
        (tmp_path / file).write_text(text)
    assert "matchType: =\n" in (tmp_path / "more/routes.yml").read_text(), "as kubectl prints it"
    exported = Exported(tmp_path, namespace)
    found = exported.rehearse(plan(exported, *artifacts(CONFIG, HPA, ALERTMANAGER)))
    assert set(actions(found).values()) == {"unchanged"} and len(each(found)) == 3, "nothing is said of the other's"
