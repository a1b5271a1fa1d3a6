"""The built tree applied by plain `kubectl apply -k`: then capgen sees no difference but whose it is."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import yaml
from cli.command import run
from harness.controlplane import ControlPlane
from harness.delivery import apply, open_as, plan

from capgen import api
from capgen.artifact import Artifact
from capgen.reconcile.applyset import PART_OF
from capgen.reconcile.build import Rules, build_plan
from capgen.reconcile.plan import Action

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "specs"
ANNOTATIONS = (
    ".metadata.annotations", '.metadata.annotations["argocd.argoproj.io/sync-wave"]',
    '.metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"]',
)  # fmt: skip
"""What a tool notes down about itself on what it applies."""


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
    adopting = Rules(adopt=frozenset(("kubectl-client-side-apply",)))
    taken = build_plan(cluster.name, desired, cluster.read(desired), adopting)
    assert cluster.apply(taken).error() is None
    assert plan(cluster, *desired).is_clean
    assert apply(cluster, *desired).error() is None


def test_a_checkout_is_what_argo_cd_and_flux_build(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    """The directory target's tree, built by kubectl's own kustomize and applied; capgen then only wants to own it."""
    shutil.copytree(SPECS, tmp_path / "specs")
    for file in (tmp_path / "specs").glob("*.yaml"):
        if file.name not in ("shop.yaml", "defaults.yaml"):
            file.unlink()
    shop = tmp_path / "specs/shop.yaml"
    shop.write_text(shop.read_text().replace("namespace: shop", f"namespace: {namespace}"))
    (tmp_path / "specs/environments/host.yaml").unlink()
    production = tmp_path / "specs/environments/production.yaml"
    text = production.read_text().partition("# Changes to single specs")[0]
    text = text.replace("context: production, namespace: monitoring", f"namespace: {namespace}")
    production.write_text(f"{text}directory: {{root: ./deploy}}\n")
    assert run("apply", "--env", "production", "--yes", cwd=tmp_path).code == 0

    tree = str(tmp_path / "deploy")
    # PyYAML takes a bare `=` for a value of its own; as text everything reads.
    built = list(yaml.load_all(control_plane.kubectl("kustomize", tree), Loader=yaml.BaseLoader))
    waves = {d["kind"]: (d["metadata"].get("annotations") or {}).get("argocd.argoproj.io/sync-wave") for d in built}
    assert waves["HorizontalPodAutoscaler"] == "1"
    assert waves["PrometheusRule"] is None
    assert {"ConfigMap", "ServiceMonitor", "AlertmanagerConfig"} <= waves.keys()
    # What a rebuild writes is what is there: the folder never differs by itself.
    assert run("diff", "--env", "production", "--exit-code", cwd=tmp_path).code == 0

    control_plane.kubectl("apply", "-k", tree)
    production.write_text(text)
    env = {"KUBECONFIG": str(control_plane.kubeconfig())}
    for more in ((), ("--adopt", "kubectl-client-side-apply")):
        done = run("diff", "--env", "production", "--format", "json", *more, cwd=tmp_path, env=env)
        changes = json.loads(done.out)["changes"]
        assert {change["action"] for change in changes} == {"update"}, done.out
        touched = {field["path"] for change in changes for field in change["fields"]}
        assert touched <= {f'.metadata.labels["{PART_OF}"]', ".metadata.labels", *ANNOTATIONS}, touched
