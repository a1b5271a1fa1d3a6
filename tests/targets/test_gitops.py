"""The built tree applied by plain `kubectl apply -k`: then capgen sees no difference but whose it is."""

from __future__ import annotations

import re
from pathlib import Path

from harness.controlplane import ControlPlane
from harness.delivery import apply, open_as, plan

from capgen import api
from capgen.artifact import Artifact
from capgen.reconcile.applyset import PART_OF
from capgen.reconcile.build import Rules, build_plan
from capgen.reconcile.plan import Action

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
    adopting = Rules(adopt=frozenset(("kubectl-client-side-apply",)))
    taken = build_plan(cluster.name, desired, cluster.read(desired), adopting)
    assert cluster.apply(taken).error() is None
    assert plan(cluster, *desired).is_clean
    assert apply(cluster, *desired).error() is None
