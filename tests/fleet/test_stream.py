"""A large fleet is compiled piece by piece for a delivery: the same files, and mistakes told as ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from capgen.api.desired import build_all, build_in_pieces
from capgen.api.reconcile import plan_delivery, save_plan
from capgen.errors import Findings
from capgen.incremental.crew import PIECE
from capgen.incremental.stream import Unclear
from capgen.reconcile.saved import Request

SPEC = """\
apiVersion: capgen/v1
kind: Capacity
metadata: {name: svc-%(n)02d, owner: team-%(team)d, runbook: "https://example.com/%(n)d"}
sources:
  app: {exporter: http, targets: ["app-%(n)d.example.com:8080"]}
"""
ENVIRONMENT = """\
apiVersion: capgen/v1
kind: Environment
metadata: {name: live}
directory: {root: out}
"""


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "live.yaml").write_text(ENVIRONMENT)
    for n in range(PIECE + 3):
        (specs / f"svc-{n:02d}.yaml").write_text(SPEC % {"n": n, "team": n % 3})
    return Request((str(specs),), (), "live", str(tmp_path / "out"))


def test_it_makes_the_files_that_the_whole_makes(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = build_in_pieces(request_)
    assert pieces is not None and pieces.built is None
    made, whole = list(pieces.artifacts), build_all(request_)
    assert sorted(made, key=lambda a: a.path) == list(whole.artifacts)
    assert (pieces.declared, pieces.partial) == (whole.declared, whole.partial)
    delivery = plan_delivery(request_)
    monkeypatch.setattr("capgen.api.reconcile.build_in_pieces", lambda _: None)
    again = plan_delivery(request_)
    assert save_plan(delivery, delivery.plan) == save_plan(again, again.plan), "and the plan has the same bytes"


def test_a_cluster_gets_all_manifests_and_nothing_else(request_: Request) -> None:
    (Path(request_.specs[0]) / "live.yaml").write_text(
        ENVIRONMENT.replace(
            "directory: {root: out}", "kubernetes: {namespace: here}\ndeliver: {prometheus: operator, grafana: sidecar}"
        )
    )
    cluster = Request(request_.specs, (), "live", "")
    pieces = build_in_pieces(cluster)
    assert pieces is not None
    wanted = [artifact for artifact in build_all(cluster).artifacts if artifact.kubernetes]
    assert {a.service for a in wanted} > {""} and sorted(pieces.artifacts, key=lambda a: a.path) == wanted


@pytest.mark.parametrize(
    ("old", "new"),
    [("exporter: http", "exporter: htpp"), ("name: svc-27", "name: svc-01"), ("kind: Capacity", "kind: Capacities")],
)
def test_mistakes_are_told_by_who_sees_all(request_: Request, old: str, new: str) -> None:
    spec = Path(request_.specs[0]) / "svc-27.yaml"
    spec.write_text(spec.read_text().replace(old, new))
    pieces = build_in_pieces(request_)
    if pieces is not None:
        with pytest.raises(Unclear):
            list(pieces.artifacts)
    with pytest.raises(Findings) as told:
        plan_delivery(request_)
    assert any("svc-27" in str(found.span) for found in told.value.diagnostics)
