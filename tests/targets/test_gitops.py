"""The built tree applied by plain `kubectl apply -k`: then capgen sees no difference but whose it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from cli.command import Ran, run
from harness.controlplane import ControlPlane
from harness.delivery import apply, open_as, plan
from harness.manifests import config_map

from capgen import api
from capgen.artifact import Artifact
from capgen.reconcile.applyset import PART_OF
from capgen.reconcile.build import Rules, build_plan
from capgen.reconcile.plan import Action
from capgen.targets.kubernetes import Cluster

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "specs"


def test_what_kubectl_applied_differs_in_ownership_alone(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    built = dict(api.build([SPECS]).artifacts)["production"]
    homes: dict[str, str] = {}

    def moved(match: re.Match[str]) -> str:
        name = match[2]
        if name not in homes:
            homes[name] = f"{namespace}-{name}"
            control_plane.kubectl("create", "namespace", homes[name])
        return f"{match[1]}namespace: {homes[name]}"

    desired = []
    for artifact in built:
        text = re.sub(r'^(  )namespace: "?([\w-]+)"?$', moved, artifact.text, flags=re.MULTILINE)
        target = tmp_path / artifact.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        if artifact.kubernetes:
            desired.append(Artifact(artifact.path, text, artifact.kind, artifact.service, kubernetes=True))
    control_plane.kubectl("apply", "-k", str(tmp_path))

    cluster = open_as(control_plane, namespace)
    found = plan(cluster, *desired)
    assert {change.action for change in found.changes} == {Action.UPDATE}, found.of(Action.CONFLICT, Action.BLOCKED)
    for change in found.changes:
        assert [f.path for f in change.fields] in (
            [f'.metadata.labels["{PART_OF}"]'], [".metadata.labels"],
        ), change  # fmt: skip
        assert change.reason.startswith("nothing differs but ownership: kubectl apply declares it")
    adopting = Rules(adopt=frozenset(("kubectl-client-side-apply",)))
    taken = build_plan(cluster.name, desired, cluster.read(desired), adopting)
    assert cluster.apply(taken).error() is None
    assert plan(cluster, *desired).is_clean
    assert apply(cluster, *desired).error() is None


@pytest.mark.parametrize(
    ("head", "whose"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "web:/ConfigMap:x/state"}}, "Argo CD (Application web)"),
        (
            {
                "labels": {
                    f"kustomize.toolkit.fluxcd.io/{k}": v for k, v in (("name", "web"), ("namespace", "flux-system"))
                }
            },
            "Flux (Kustomization flux-system/web)",
        ),
    ],
)
def test_what_a_gitops_tool_delivers_too_is_left_alone(
    control_plane: ControlPlane, cluster: Cluster, namespace: str, head: dict[str, dict[str, str]], whose: str
) -> None:
    """Also what has no content of its own, as the ConfigMap in which a job notes its state."""
    apply(cluster, config_map("state", {}), config_map("gone", {}), config_map("kept", {}))
    state = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "state", "namespace": namespace, **head}}
    control_plane.apply_as("gitops", state)
    left = {change.key.rpartition("/")[2]: change for change in plan(cluster, config_map("kept", {})).changes}
    assert {name: change.action for name, change in left.items()} == {"gone": Action.DELETE, "state": Action.EXTRA}
    assert left["state"].reason.startswith(
        f"no spec asks for it any more, and {whose} declares it too: it is left alone"
    )


HPA = """apiVersion: capgen/v1
kind: Capacity
metadata: {name: %s}
sources: {app: {exporter: http, existing: true, job: %s}}
workloads:
  web: {kind: Deployment, namespace: %s, horizontal: {replicas: {min: 2, max: 9}, targets: {cpu: 70%%}}}
jobs: {}
notify: {chat: {webhook: {env: CHAT_URL}}}
"""
LIVE = """apiVersion: capgen/v1
kind: Environment
metadata: {name: live}
kubernetes: {namespace: shop}
directory: {root: ./deploy}
deliver: {prometheus: operator, grafana: none, jobs: none, alertmanager: none}
"""


def test_a_folder_always_has_what_its_kustomization_names(tmp_path: Path) -> None:
    """Or nobody takes it, and no service's changes reach the cluster any more."""
    specs = tmp_path / "specs"
    specs.mkdir()
    for name in ("shop", "cart"):
        (specs / f"{name}.yaml").write_text(HPA % (name, name, name))
    (specs / "live.yaml").write_text(LIVE)

    def capgen(*arguments: str) -> Ran:
        return run(*arguments, "--env", "live", cwd=tmp_path)

    def whole() -> bool:
        text = (tmp_path / "deploy/kustomization.yaml").read_text()
        return all((tmp_path / "deploy" / path).is_file() for path in yaml.safe_load(text)["resources"])

    assert capgen("apply", "--yes").code == 0 and whole()
    hpa = tmp_path / "deploy/cart/hpa-web.yaml"
    assert hpa.is_file()
    early = capgen("destroy", "cart", "--deletions", "3", "--yes")
    assert early.code == 6 and "kustomization.yaml names it" in early.err and hpa.is_file()

    (specs / "cart.yaml").write_text((HPA % ("cart", "cart", "cart")).split("workloads:")[0] + "jobs: {}\n")
    told = " ".join(capgen("diff", "specs/cart.yaml").out.split())
    assert "no spec asks for it any more, and it stays: kustomization.yaml names it" in told
    assert capgen("apply", "specs/cart.yaml", "--yes").code == 0 and whole() and hpa.is_file()
    assert capgen("apply", "--yes").code == 0 and whole() and not hpa.exists()

    (specs / "cart.yaml").unlink()
    assert capgen("apply", "--yes").code == 0 and whole() and list((tmp_path / "deploy/cart").iterdir())
    count = len(list((tmp_path / "deploy/cart").iterdir()))
    assert capgen("destroy", "cart", "--deletions", str(count), "--yes").code == 0 and whole()
    assert not (tmp_path / "deploy/cart").exists() or not list((tmp_path / "deploy/cart").iterdir())
