"""HPA and VPA on one resource drive one another away; on different ones they leave each other in peace."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import capgen.cli
from capgen.report.codes import page
from capgen.report.conflict import as_text, drives
from capgen.simulate.autoscaler import Autoscaler, Metric
from capgen.simulate.conflict import unfold
from capgen.simulate.pods import SECOND, Model

DAY = 5760
DEMAND = {"cpu": np.full(3 * DAY, 6.0)}
MODEL = Model(12, 20 * SECOND, {"cpu": 1000})


def test_a_share_of_a_request_that_a_vpa_moves_ends_far_from_where_it_began() -> None:
    steps = unfold(Autoscaler(1, 40, (Metric("Resource", "cpu", "Utilization", 50),)), MODEL, DEMAND)
    assert steps[0].mean_replicas == 12
    assert any(step.updated for step in steps)
    # Twelve pods use half a core each; the VPA cuts the request to that, utilisation doubles, pods come, each uses
    # less, the VPA cuts again: towards as many tiny pods as are allowed.
    assert steps[-1].mean_replicas > 30
    assert steps[-1].cpu < 400
    requests = [step.cpu for step in steps]
    assert requests == sorted(requests, reverse=True)


def test_an_amount_for_each_pod_does_not_care_about_the_request() -> None:
    steps = unfold(Autoscaler(1, 40, (Metric("Resource", "cpu", "AverageValue", 500),)), MODEL, DEMAND)
    assert any(step.updated for step in steps)
    assert {step.mean_replicas for step in steps} == {12}


def test_a_vpa_that_leaves_cpu_alone_leaves_the_hpa_alone() -> None:
    steps = unfold(Autoscaler(1, 40, (Metric("Resource", "cpu", "Utilization", 50),)), MODEL, DEMAND, controlled=("memory",))  # fmt: skip
    assert {step.mean_replicas for step in steps} == {12}
    assert {step.cpu for step in steps} == {1000}


def test_what_the_hpa_scaled_to_nothing_wakes_up_in_a_later_hour() -> None:
    hour = DAY // 24
    demand = {"queue": np.repeat([0.0, 0.0, 120.0], hour), "cpu": np.repeat([0.0, 0.0, 2.0], hour)}
    steps = unfold(Autoscaler(0, 10, (Metric("External", "queue", "AverageValue", 30_000),)), MODEL, demand)
    assert [step.mean_replicas > 3 for step in steps] == [False, False, True]


def test_memory_is_driven_as_cpu_is_also_where_nothing_else_is_known() -> None:
    gibi = 2**30
    model = Model(12, 20 * SECOND, {"memory": 1024 * gibi // 1024 * 1000})
    demand = {"memory": np.full(3 * DAY, 6.0 * gibi)}
    hpa = Autoscaler(1, 40, (Metric("Resource", "memory", "Utilization", 50),))
    steps = unfold(hpa, model, demand, controlled=("memory",))
    assert drives(steps)
    assert steps[-1].memory < steps[0].memory / 1.5
    assert steps[-1].mean_replicas > 20
    text = as_text(steps)
    assert "memory request" in text
    assert "cpu" not in text.splitlines()[0]
    assert all(len(line) <= 80 for line in text.splitlines())
    assert not drives(unfold(hpa, model, demand, controlled=("cpu",)))


def test_a_single_pod_is_never_replaced() -> None:
    one = Model(1, 20 * SECOND, {"cpu": 4000})
    steps = unfold(Autoscaler(1, 1), one, {"cpu": np.full(2 * DAY, 0.2)})
    assert not any(step.updated for step in steps)
    two = Model(2, 20 * SECOND, {"cpu": 4000})
    assert any(step.updated for step in unfold(Autoscaler(2, 2), two, {"cpu": np.full(2 * DAY, 0.2)}))


def test_the_command_shows_how_it_would_unfold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hpa.yaml").write_text(page("CG920").good.split("\n", 1)[1].rsplit("```", 1)[0].replace("70", "50"))
    Path("demand.csv").write_text("t,cpu\n0,3\n86400,3\n")

    def run(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as done:
            capgen.cli.main(["simulate", "--hpa", "hpa.yaml", "--demand", "demand.csv", "--request", "cpu=1", *words])
        return int(done.value.code or 0), capsys.readouterr().out

    status, out = run("--vpa", "cpu")
    assert status == 3
    assert "drive one another" in out
    assert "changes all pods at once" in out
    status, out = run("--vpa", "memory", "--format", "json")
    assert status == 0
    assert {step["cpu_request"] for step in json.loads(out)["steps"]} == {"1"}
