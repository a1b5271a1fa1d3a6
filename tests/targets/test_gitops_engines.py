"""The tree that capgen writes into a folder, taken by the engines of Argo CD and Flux while Kubernetes' controllers work.

Both are the packages that the two tools are made of, in programs that take one folder to one cluster as their
controllers do (tests/components/argo, tests/components/flux).
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli.command import run
from harness.binaries import program
from harness.controlplane import ControlPlane, Request
from jobs.cluster import workload

from capgen.reconcile.manifest import PART_OF

pytestmark = pytest.mark.usefixtures("scaled_objects", "controllers")
ROOT = Path(__file__).parents[2]
KINDS = frozenset((
    "AlertmanagerConfig", "ConfigMap", "CronJob", "HorizontalPodAutoscaler", "PrometheusRule", "Role", "RoleBinding",
    "ScaledObject", "ScrapeConfig", "ServiceAccount", "ServiceMonitor", "VerticalPodAutoscaler",
))  # fmt: skip
RECORDS = ("prometheusrules", "servicemonitors", "scrapeconfigs")
USES = ("serviceaccounts", "roles", "rolebindings", "configmaps")
ACTORS = ("horizontalpodautoscalers", "verticalpodautoscalers", "scaledobjects", "cronjobs")
CLIENT_SIDE = 1 << 18
"""The bytes from which on client-side apply cannot keep its copy of an object."""
OWN = """  checkout.own{n}:
    {{title: Own {n}, source: app, expr: "sum by (queue) (own{n}_depth{{$selector}} > 0)", unit: short, levels: {{warning: 500, critical: 2000}}}}
"""


def taken(name: str, plane: ControlPlane, *arguments: str) -> dict[str, str]:
    """Runs an engine: `Kind/namespace/name` -> what it says of the object."""
    command = [str(program(name)), f"-kubeconfig={plane.kubeconfig()}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done.stderr[-2000:]
    return {f"{e['kind']}/{e['namespace']}/{e['name']}": e["result"] for e in json.loads(done.stdout)}


@dataclass(frozen=True)
class ArgoCD:
    """An Application with `prune`, as it is by default: it applies client-side."""

    plane: ControlPlane
    namespace: str
    folder: Path
    made: str = "Synced"
    same: str = "Synced"
    changed: str = "Synced"
    pruned: str = "Pruned"
    first: Sequence[Collection[str]] = ((*USES, *RECORDS), ACTORS)
    owner: str = "Argo CD (Application capacity)"
    managers: Sequence[str] = ("argocd-controller", "argocd-application-controller")

    def sync(self, tree: Path, *flags: str) -> dict[str, str]:
        spaces = ",".join(homes(self.namespace).values())
        return taken("argo", self.plane, f"-namespaces={spaces}", *flags, "sync", str(tree))

    def restless(self, tree: Path) -> dict[str, str]:
        """What is not Synced, by either comparison."""
        spaces = ",".join(homes(self.namespace).values())
        both = [
            taken("argo", self.plane, f"-namespaces={spaces}", *how, "diff", str(tree))
            for how in ((), ("-server-side",))
        ]
        return {key: said for one in both for key, said in one.items() if said != "Synced"}


@dataclass(frozen=True)
class Flux:
    """A Kustomization with `prune` and, since others may want it for theirs, with a variable to substitute."""

    plane: ControlPlane
    namespace: str
    folder: Path
    made: str = "created"
    same: str = "unchanged"
    changed: str = "configured"
    pruned: str = "deleted"
    first: Sequence[Collection[str]] = (USES, ("cronjobs",))
    owner: str = "Flux (Kustomization flux-system/capacity)"
    managers: Sequence[str] = ("kustomize-controller",)

    def sync(self, tree: Path, *flags: str) -> dict[str, str]:
        inventory = f"-inventory={self.folder / 'inventory.json'}"
        substitute = () if flags else ("-substitute=cluster=one",)
        return taken("flux", self.plane, inventory, *substitute, str(tree))

    def restless(self, tree: Path) -> dict[str, str]:
        """What a second run finds to change, without substitution."""
        return {key: said for key, said in self.sync(tree, "as it is").items() if said != "unchanged"}


def homes(namespace: str) -> dict[str, str]:
    return {home: f"{namespace}-{home}" for home in ("monitoring", "shop", "apm")}


def project(folder: Path, namespace: str) -> Path:
    """The specs of two services with every kind, one with a large dashboard; gives the environment's file."""
    spaces = homes(namespace)
    for name in ("apm.yaml", "shop.yaml", "defaults.yaml", "environments/production.yaml"):
        text = re.sub(
            r"(namespace: )(\w+)", lambda m: m[1] + spaces.get(m[2], m[2]), (ROOT / "specs" / name).read_text()
        )
        target = folder / "specs" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(
            text.replace("context: production, ", "").replace("jobs: cronjob ", "metrics: keda\n  jobs: cronjob ")
        )
    apm = folder / "specs/apm.yaml"
    own = "".join(OWN.format(n=n) for n in range(8))
    text = re.sub(r"^  (daily|weekly|monthly): .*\n", "", apm.read_text(), flags=re.MULTILINE)
    apm.write_text(text.replace("signals:\n", f"signals:\n{own}", 1))
    return folder / "specs/environments/production.yaml"


def manifests(tree: Path) -> dict[str, dict[str, Any]]:
    """The objects that a kustomization names, by `Kind/namespace/name`."""
    named = yaml.safe_load((tree / "kustomization.yaml").read_text())["resources"]
    # PyYAML takes a bare `=` for a value of its own; as text everything reads.
    found = [yaml.load((tree / path).read_text(), Loader=yaml.CBaseLoader) for path in named]
    return {f"{d['kind']}/{d['metadata']['namespace']}/{d['metadata']['name']}": d for d in found}


def live(plane: ControlPlane, namespace: str) -> dict[str, str]:
    """Every object of the generated kinds -> its version, in all namespaces of the test; but what its namespace came with."""
    kinds = ",".join(sorted(KINDS))
    found: dict[str, str] = {}
    for home in homes(namespace).values():
        for item in json.loads(plane.kubectl("get", kinds, "-n", home, "-o", "json"))["items"]:
            head = item["metadata"]
            if head["name"] not in ("default", "kube-root-ca.crt"):
                found[f"{item['kind']}/{home}/{head['name']}"] = head["resourceVersion"]
    return found


def in_order(requests: Sequence[Request], groups: Sequence[Collection[str]]) -> bool:
    """Whether everything of a group was created before anything of the next one."""
    created = [
        match[1]
        for request in requests
        if request.writes and request.code == 201 and (match := re.search(r"/namespaces/[^/]+/([a-z]+)", request.uri))
    ]
    places = [[i for i, kind in enumerate(created) if kind in group] for group in groups]
    assert all(places), created
    return all(max(one) < min(other) for one, other in pairwise(places))


def controllers_write(plane: ControlPlane, namespace: str) -> None:
    """An HPA gets its conditions, a job notes its state, and a CronJob's last run has failed."""
    spaces = homes(namespace)
    deployment = workload("Deployment", "apm-service", 1, requests={"cpu": "100m"}, limits={})
    plane.kubectl("create", "-n", spaces["apm"], "-f", "-", stdin=deployment)
    state = ("configmap", "capgen-apm-monitor-app-state", "-n", spaces["monitoring"])
    plane.kubectl("patch", *state, "--field-manager=job", "--type=merge", "-p", '{"data": {"since": "1"}}')
    failed = {"status": {"lastScheduleTime": "2026-01-02T00:00:00Z", "lastSuccessfulTime": "2026-01-01T00:00:00Z"}}
    report = ("cronjob", "capgen-apm-report-quarterly", "-n", spaces["monitoring"])
    plane.kubectl("patch", *report, "--subresource=status", "--type=merge", "-p", json.dumps(failed))
    plane.kubectl("wait", "--for=condition=AbleToScale", "hpa/apm-service-hpa", "-n", spaces["apm"], "--timeout=45s")


@pytest.mark.parametrize("tool", [ArgoCD, Flux])
def test_a_folder_is_taken_kept_and_pruned_and_capgen_then_wants_to_own_it(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, tool: type[ArgoCD | Flux]
) -> None:
    environment = project(tmp_path, namespace)
    plain = environment.read_text()
    environment.write_text(f"{plain}directory: {{root: ./deploy}}\n")
    for home in homes(namespace).values():
        control_plane.kubectl("create", "namespace", home)
    engine, deploy = tool(control_plane, namespace, tmp_path), tmp_path / "deploy"
    where: Mapping[str, str] = {"KUBECONFIG": str(control_plane.kubeconfig())}

    def capgen(*arguments: str, code: int = 0) -> str:
        done = run(*arguments, "--env", "production", cwd=tmp_path, env=where)
        assert done.code == code, done.out + done.err
        return done.out

    # Everything is taken, in order.
    capgen("apply", "--yes")
    tree = manifests(deploy)
    assert {key.partition("/")[0] for key in tree} == KINDS
    assert max(len(json.dumps(d)) for d in tree.values() if d["kind"] == "ConfigMap") > CLIENT_SIDE
    with control_plane.recorded() as seen:
        assert engine.sync(deploy) == dict.fromkeys(tree, engine.made)
    assert in_order(seen, engine.first)

    # It stays so, whatever controllers and jobs write.
    controllers_write(control_plane, namespace)
    control_plane.kubectl("create", "configmap", "by-hand", "-n", homes(namespace)["monitoring"], "--from-literal=a=b")
    before = live(control_plane, namespace)
    assert engine.restless(deploy) == {}

    # What the specs ask for no more is pruned, and nothing else: neither is it written, nor does a failed run keep it up.
    (tmp_path / "specs/shop.yaml").unlink()
    capgen("apply", "--yes")
    kept = manifests(deploy)
    gone = tree.keys() - kept.keys()
    assert {"ScaledObject", "PrometheusRule", "ConfigMap"} <= {key.partition("/")[0] for key in gone}
    assert engine.sync(deploy) == dict.fromkeys(kept, engine.same) | dict.fromkeys(gone, engine.pruned) | changed(
        tree, kept, engine.changed
    )
    after = live(control_plane, namespace)
    assert after.keys() == before.keys() - gone
    moved = {key for key in after if after[key] != before[key] and not key.startswith(("CronJob", "Horizontal"))}
    assert moved == changed(tree, kept, "").keys()

    # The cluster as capgen sees it: whose the objects are, and by whom they are applied.
    environment.write_text(plain)
    shown = capgen("diff")
    assert shown.count(f"nothing differs but ownership: {engine.owner} declares it") == len(kept)
    assert f"{len(kept)} to update ({len(kept)} in ownership alone)" in shown
    assert PART_OF not in shown
    adopting = [word for manager in engine.managers for word in ("--adopt", manager)]
    assert shown_risks(capgen("diff", "--format", "json", *adopting), engine.managers) == kept.keys()
    capgen("apply", "--yes", *adopting)
    kinds, space = ",".join(sorted(KINDS)), homes(namespace)["monitoring"]
    assert not re.search(r"argocd|fluxcd", control_plane.kubectl("get", kinds, "-n", space, "-o", "json"))

    # And back: capgen's labels and inventories are in nobody's way, nor is what `capgen build` writes.
    capgen("build")
    built = tmp_path / "generated/production"
    mine = live(control_plane, namespace).keys()
    assert set(engine.sync(built, "-server-side")) == kept.keys()
    assert live(control_plane, namespace).keys() == mine
    assert engine.restless(built) == {}
    capgen("diff", "--exit-code")


def changed(one: Mapping[str, object], other: Mapping[str, object], said: str) -> dict[str, str]:
    """What differs in two trees, and what is said of it."""
    return {key: said for key in one.keys() & other.keys() if one[key] != other[key]}


def shown_risks(plan: str, managers: Collection[str]) -> set[str]:
    """The objects of which the plan says that they are taken over from these, as a risk."""
    return {
        change["key"]
        for change in json.loads(plan)["changes"]
        if any(
            risk.startswith("takes the object over from ") and any(m in risk for m in managers)
            for risk in change["risks"]
        )
    }
