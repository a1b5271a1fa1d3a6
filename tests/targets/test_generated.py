"""What the example specs compile to, delivered: the whole way, on a real API server and a folder with promtool."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.controlplane import ControlPlane
from harness.delivery import apply, open_as, plan

from capgen import api
from capgen.artifact import Artifact
from capgen.reconcile.outcome import State
from capgen.reconcile.plan import Action, Verdict
from capgen.targets.directory import Directory

SPECS = Path(__file__).parents[2] / "specs"


@pytest.fixture(scope="module")
def built() -> dict[str, tuple[Artifact, ...]]:
    """The artifacts of each environment."""
    return dict(api.build([SPECS]).artifacts)


def test_the_example_specs_are_delivered_to_a_cluster(
    control_plane: ControlPlane, built: dict[str, tuple[Artifact, ...]]
) -> None:
    desired = built["production"]
    cluster = open_as(control_plane, "monitoring")
    homeless = plan(cluster, *desired).of(Action.BLOCKED)
    for home in sorted({change.key.split("/")[1] for change in homeless}):
        control_plane.kubectl("create", "namespace", home)

    found = cluster.rehearse(plan(cluster, *desired))
    assert {"HorizontalPodAutoscaler", "VerticalPodAutoscaler", "PrometheusRule"} <= {c.kind for c in found.changes}
    others = [c for c in found.changes if (c.action, c.verdict) != (Action.CREATE, Verdict.EXACT)]
    assert others == []
    outcome = cluster.apply(found)
    assert {result.state for result in outcome.results} == {State.CREATED}, outcome.error()

    with control_plane.recorded() as seen:
        again = apply(cluster, *desired)
    assert {result.state for result in again.results} == {State.UNCHANGED}
    assert [request for request in seen if request.writes] == []


@pytest.mark.usefixtures("with_promtool")
def test_the_example_specs_are_delivered_to_a_host(tmp_path: Path, built: dict[str, tuple[Artifact, ...]]) -> None:
    host = Directory(tmp_path)
    assert any(artifact.path == "prometheus.yml" for artifact in built["host"]), "promtool has something to check"
    assert apply(host, *built["host"]).error() is None
    assert plan(host, *built["host"]).is_clean
