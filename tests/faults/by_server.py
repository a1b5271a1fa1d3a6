"""Faults made for real on the API server: rights, quotas, admission, CRDs, namespaces, other people's edits."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from cli.command import Ran
from faults import admission
from faults.by_proxy import CHANGED, Injected, quickly
from faults.scene import Scene, states
from harness.delivery import granted

REFUSES = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy"}
BINDS = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding"}


# --- fields and objects of others


def held(*fields: dict[str, Any], alone: bool = True) -> Injected:
    """Each field is somebody else's, with a value of their own; `alone`: nothing else is to be written."""

    def inject(scene: Scene) -> Ran:
        scene.applied()
        for number, spec in enumerate(fields):
            metadata = {"name": "web-hpa", "namespace": scene.namespace}
            theirs = {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "metadata": metadata,
                "spec": spec,
            }
            scene.plane.apply_as(f"team-{number}", theirs, "--force-conflicts")
        if not alone:
            scene.workloads("web", "cart", "search", "more")
        scene.afterwards(lambda: scene.plane.kubectl("delete", "hpa", "web-hpa", "-n", scene.namespace))
        ran = scene.apply()
        assert not [write for write in scene.writes() if "/web-hpa" in write], "nobody even tried"
        live = scene.live("web")["spec"]
        assert all(live[name] == value for spec in fields for name, value in spec.items())
        return ran

    return inject


def held_in_a_keyed_list(scene: Scene) -> Ran:
    scene.change("owner: team}", "owner: team}\nsources: {host: {exporter: node, targets: ['h:9100']}}")
    scene.applied()
    edit = [{"op": "replace", "path": "/spec/groups/0/rules/0/expr", "value": "vector(1)"}]
    rule = ("patch", "prometheusrule", "capgen-shop", "-n", scene.namespace, "--field-manager=kubectl-edit")
    scene.plane.kubectl(*rule, "--type=json", "-p", json.dumps(edit))
    scene.afterwards(lambda: scene.plane.kubectl("delete", "prometheusrule", "capgen-shop", "-n", scene.namespace))
    return scene.apply()


def yielded(scene: Scene) -> Ran:
    rule = "{kind: HorizontalPodAutoscaler, field: .spec.maxReplicas, policy: yield}"
    scene.change("}\ndeliver", f", ownership: [{rule}]}}\ndeliver", file=scene.environment)
    scene.applied()
    scene.hpa("web", maxReplicas=9)
    scene.change("min: 2", "min: 3")
    ran = scene.apply()
    spec = scene.live("web")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 9)
    return ran


def saved_then(edit: Any) -> Injected:
    """A plan is approved, somebody does something, and the plan is applied."""

    def inject(scene: Scene) -> Ran:
        scene.applied()
        scene.change(*CHANGED)
        assert scene.diff("--save", "plan.json").code == 4
        edit(scene)
        return scene.run("apply", "plan.json", "--yes", "--format", "json")

    return inject


def deleted(scene: Scene, name: str = "web") -> None:
    scene.plane.kubectl("delete", "hpa", f"{name}-hpa", "-n", scene.namespace)


def made_again(scene: Scene, name: str = "web") -> None:
    old = scene.live(name)
    deleted(scene, name)
    old["metadata"] = {key: old["metadata"][key] for key in ("name", "namespace", "labels")}
    old.pop("status", None)
    scene.create(old, home=True)


def made_again_and_kept(scene: Scene) -> Ran:
    """What has another UID by the time it would be pruned stays."""
    scene.applied()
    scene.workloads("web", "search")
    scene.meanwhile("DELETE", "/cart-hpa", lambda: made_again(scene, "cart"))
    ran = scene.apply()
    assert scene.live("cart")
    return ran


def status_moves(scene: Scene) -> None:
    scene.patch("hpa", "web-hpa", {"status": {"currentReplicas": 3, "desiredReplicas": 4}}, "--subresource=status")


POST = ("create", "--field-manager=capgen")


def kubectl_made_it(*flags: str, made: tuple[str, ...] = ("apply",)) -> Injected:
    """An autoscaler of this name is there already, made in some other way, with a label of its own."""
    how = made

    def inject(scene: Scene) -> Ran:
        made = {
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web-hpa", "namespace": scene.namespace, "labels": {"old": "yes"}},
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 7},
        }  # fmt: skip
        scene.plane.kubectl(*how, "-f", "-", stdin=made)
        ran = scene.apply(*flags)
        live = scene.live("web")
        assert (live["spec"]["maxReplicas"], "old" in live["metadata"]["labels"]) == (
            (10, False) if flags else (7, True)
        )
        if not flags:
            scene.afterwards(lambda: deleted(scene))
        return ran

    return inject


def label_copied(scene: Scene) -> Ran:
    scene.applied()
    labels = scene.live("web")["metadata"]["labels"]
    copy = {"metadata": {"name": "copy-hpa", "namespace": scene.namespace, "labels": labels}}
    theirs = {**scene.live("web"), **copy}
    theirs.pop("status", None)
    scene.plane.kubectl("create", "-f", "-", stdin=theirs)
    ran = scene.apply()
    assert scene.live("copy")
    return ran


# --- rights, quotas, admission


def limited(*grants: tuple[str, str]) -> Injected:
    """Whoever delivers has some rights and not others: (verbs, resources)."""

    def inject(scene: Scene) -> Ran:
        scene.applied("--no-prune")
        scene.change(*CHANGED)
        for number, (verbs, resources) in enumerate(grants):
            granted(
                scene.plane, scene.namespace, "limited", *verbs.split(), resources=resources, name=f"limited-{number}"
            )
        return scene.apply(env={"KUBECONFIG": str(scene.proxy.kubeconfig("limited"))})

    return inject


def limited_and_kept(*grants: tuple[str, str]) -> Injected:
    """And something is left over, of which nobody can tell now whether it is all."""

    def inject(scene: Scene) -> Ran:
        scene.applied()
        scene.workloads("web", "search")
        ran = limited(*grants)(scene)
        assert scene.live("cart") and not [write for write in scene.writes() if write.startswith("DELETE")]
        return ran

    return inject


def quota(scene: Scene) -> Ran:
    count = "count/horizontalpodautoscalers.autoscaling"
    scene.create(
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {count: "2"}}}, home=True
    )  # fmt: skip
    scene.patch("quota", "q", {"status": {"hard": {count: "2"}, "used": {count: "0"}}}, "--subresource=status")
    scene.afterwards(lambda: scene.plane.kubectl("delete", "quota", "q", "-n", scene.namespace))
    assert scene.diff().code == 4, "each dry run is alone, and has room"
    ran = scene.apply()
    assert Counter(states(ran)[name] for name in ("web", "cart", "search")) == {"created": 2, "failed": 1}
    return ran


def hook(kind: str, decide: admission.Decision, *, diff: bool = False) -> Injected:
    """A webhook for the namespace's autoscalers; the other objects do not meet it."""

    def inject(scene: Scene) -> Ran:
        serving = admission.webhook(scene.folder, decide)
        document = admission.configuration(scene.namespace, kind, serving.__enter__())
        scene.afterwards(lambda: serving.__exit__(None, None, None))
        scene.create(document)
        awaited(scene)
        return scene.diff() if diff else scene.apply(**quickly())

    return inject


def awaited(scene: Scene) -> None:
    """The server takes a moment to call a new webhook: until then a dry run of an autoscaler goes through unchanged."""
    metadata = {"name": "probe", "namespace": scene.namespace}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "probe"}
    probe = {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata,
        "spec": {"scaleTargetRef": target, "maxReplicas": 99},
    }  # fmt: skip

    def called() -> bool:
        said = scene.plane.kubectl(
            "create", "--dry-run=server", "-o", "jsonpath={.spec.maxReplicas}", "-f", "-", stdin=probe, check=False
        )
        return said != "99"

    scene.until(called)


def capped_again(scene: Scene) -> Ran:
    """What admission makes otherwise stays so: the next run does not see a change in it, and writes nothing new."""
    ran = hook("Mutating", admission.caps(5))(scene)
    assert ran.code == 0 and scene.live("web")["spec"]["maxReplicas"] == 5
    version = scene.live("web")["metadata"]["resourceVersion"]
    again = scene.apply()
    assert again.code == 0 and scene.live("web")["metadata"]["resourceVersion"] == version
    return scene.diff()


def deletion_denied(scene: Scene) -> Ran:
    scene.applied()
    selector = {"matchLabels": {"kubernetes.io/metadata.name": scene.namespace}}
    rules = [{"apiGroups": ["autoscaling"], "apiVersions": ["*"], "operations": ["DELETE"], "resources": ["*"]}]
    probe = ("delete", "hpa", "cart-hpa", "-n", scene.namespace, "--dry-run=server")
    scene.afterwards(lambda: scene.until(lambda: "Fridays" not in scene.plane.kubectl(*probe, check=False)))
    scene.create({
        **REFUSES, "metadata": {"name": scene.namespace},
        "spec": {
            "failurePolicy": "Fail", "matchConstraints": {"resourceRules": rules, "namespaceSelector": selector},
            "validations": [{"expression": "false", "message": "nothing is deleted on Fridays"}],
        },
    })  # fmt: skip
    spec = {"policyName": scene.namespace, "validationActions": ["Deny"]}
    scene.create({**BINDS, "metadata": {"name": scene.namespace}, "spec": spec})
    scene.until(lambda: "Fridays" in scene.plane.kubectl(*probe, check=False))
    scene.workloads("web", "search")
    return scene.apply()


def finalizer_stays(scene: Scene) -> Ran:
    scene.applied()
    scene.patch("hpa", "cart-hpa", {"metadata": {"finalizers": ["example.org/wait"]}})
    scene.afterwards(lambda: scene.patch("hpa", "cart-hpa", {"metadata": {"finalizers": []}}))
    scene.workloads("web", "search")
    first = scene.apply()
    kinds = scene.live("capgen.shop", "configmap")["metadata"]["annotations"][
        "applyset.kubernetes.io/contains-group-kinds"
    ]
    assert "HorizontalPodAutoscaler" in kinds
    assert "waits for example.org/wait" in scene.diff().out
    return first


# --- kinds and namespaces that are not there


def dashboards(scene: Scene) -> None:
    """Asks for objects of a kind whose CRD nobody installed."""
    scene.change("grafana: none", "grafana: operator", file=scene.environment)


def no_crd(scene: Scene) -> Ran:
    dashboards(scene)
    scene.afterwards(lambda: scene.change("grafana: operator", "grafana: none", file=scene.environment))
    return scene.apply()


def crd(scene: Scene, **schema: Any) -> None:
    """Installs a CRD of the Grafana operator's name, as old or as new as the schema says."""
    open_ended = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    properties = {"spec": {**open_ended, **({"properties": schema} if schema else {})}}
    version = {
        "name": "v1beta1", "served": True, "storage": True,
        "schema": {"openAPIV3Schema": {**open_ended, "properties": properties}},
    }  # fmt: skip
    names = {
        "kind": "GrafanaDashboard",
        "plural": "grafanadashboards",
        "singular": "grafanadashboard",
        "listKind": "GrafanaDashboardList",
    }
    scene.create({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "grafanadashboards.grafana.integreatly.org"},
        "spec": {"group": "grafana.integreatly.org", "names": names, "scope": "Namespaced", "versions": [version]},
    })  # fmt: skip
    path = f"/apis/grafana.integreatly.org/v1beta1/namespaces/{scene.namespace}/grafanadashboards"
    scene.until(lambda: "GrafanaDashboardList" in scene.plane.kubectl("get", "--raw", path, check=False))


def old_crd(scene: Scene) -> Ran:
    dashboards(scene)
    scene.afterwards(lambda: scene.change("grafana: operator", "grafana: none", file=scene.environment))
    crd(scene, resyncPeriod={"type": "string", "enum": ["1m", "5m"]}, json={"type": "string", "maxLength": 9})
    return scene.apply()


def crd_removed(scene: Scene) -> Ran:
    crd(scene)
    dashboards(scene)
    scene.applied()
    scene.change("grafana: operator", "grafana: none", file=scene.environment)
    scene.gone()
    return scene.apply()


def no_namespace(scene: Scene) -> Ran:
    scene.change(f"namespace: {scene.namespace}\n", "namespace: nowhere\n", times=1)
    scene.afterwards(lambda: scene.change("namespace: nowhere\n", f"namespace: {scene.namespace}\n"))
    return scene.apply()


def namespace_ends(scene: Scene) -> Ran:
    home = scene.plane.new_namespace()
    scene.plane.kubectl("delete", "namespace", home, "--wait=false")
    scene.change(f"namespace: {scene.namespace}\n", f"namespace: {home}\n", times=1)
    scene.afterwards(lambda: scene.change(f"namespace: {home}\n", f"namespace: {scene.namespace}\n"))
    ran = scene.apply()
    assert not any(f"/{home}/" in write for write in scene.writes()), "nothing is even tried"
    return ran


def namespace_comes_with_it(scene: Scene) -> Ran:
    """A project whose own template makes the namespace that its autoscaler goes to."""
    home = f"{scene.namespace}-new"
    scene.template(
        "kubernetes/prometheusrule.yaml.j2", f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {home}}}\n"
    )
    scene.change(f"namespace: {scene.namespace}\n", f"namespace: {home}\n", times=1)
    scene.afterwards(lambda: scene.plane.kubectl("delete", "namespace", home, "--wait=false"))
    scene.afterwards(lambda: scene.change(f"namespace: {home}\n", f"namespace: {scene.namespace}\n"))
    shown = {change["key"]: change for change in json.loads(scene.diff().out)["changes"]}
    web = shown[f"HorizontalPodAutoscaler/{home}/web-hpa"]
    assert (web["action"], web["verdict"], web["reason"]) == (
        "create", "unverified", "its namespace is made by the same plan",
    )  # fmt: skip
    assert shown[f"Namespace/{home}"]["verdict"] == "exact"
    scene.proxy.seen.clear()
    ran = scene.apply()
    assert f"/namespaces/{home}?" in scene.writes()[0], "the namespace goes first, before any lease in it"
    assert scene.diff().code == 0
    return ran


def replica_watched(scene: Scene) -> Ran:
    """An HPA comes, changes and goes beside a Deployment of seven; nobody may ever see another number in it."""
    from harness.binaries import program
    from harness.processes import serving

    pod = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main", "image": "example.org/x"}]}}
    spec = {"replicas": 7, "selector": {"matchLabels": {"app": "web"}}, "template": pod}
    scene.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}, home=True)
    command = [
        program("kube-controller-manager"), f"--kubeconfig={scene.plane.kubeconfig()}", "--leader-elect=false",
        "--controllers=deployment-controller,replicaset-controller,horizontal-pod-autoscaler-controller",
        "--horizontal-pod-autoscaler-sync-period=1s", "--secure-port=0", f"--cert-dir={scene.folder}",
    ]  # fmt: skip
    seen = scene.folder / "watched"
    watch = [
        scene.plane.kubectl_path, f"--kubeconfig={scene.plane.kubeconfig()}", "get", "deployment", "web", "-n", scene.namespace,
        "--watch", "-o", 'jsonpath={.metadata.generation} {.spec.replicas}{"\\n"}',
    ]  # fmt: skip

    def active() -> bool:
        conditions = scene.live("web").get("status", {}).get("conditions") or []
        return any(c["type"] == "AbleToScale" for c in conditions)

    with serving("kube-controller-manager", command, scene.folder / "controllers.log"), serving("watch", watch, seen):
        scene.until(lambda: bool(seen.read_text()))
        scene.applied()
        scene.until(active)
        scene.change(*CHANGED)
        scene.applied()
        scene.workloads("cart", "search")
        ran = scene.apply()
        scene.patch("deployment", "web", {"metadata": {"labels": {"last": "event"}}})
        scene.plane.kubectl("scale", "deployment", "web", "--replicas=8", "-n", scene.namespace)
        scene.until(lambda: seen.read_text().rstrip().endswith(" 8"))
    replicas = [line.split()[1] for line in seen.read_text().splitlines()]
    assert set(replicas[:-1]) <= {"7", "8"} and replicas == sorted(replicas), replicas
    assert not any("deployments" in request.path for request in scene.proxy.seen), "capgen never looks at it"
    return ran
