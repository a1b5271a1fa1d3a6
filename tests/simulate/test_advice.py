"""The advice is the cheapest setting that was replayed and keeps every bound, and says so when there is none."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import capgen.cli
from capgen.simulate.advice import advise
from capgen.simulate.autoscaler import Autoscaler
from capgen.simulate.result import Summary

HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 4
  maxReplicas: 6
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}
"""


def wave(hours: int) -> str:
    rows = (f"{n * 300},{1.4 - 1.2 * math.cos(2 * math.pi * n / 288):.4f}" for n in range(hours * 12))
    return "\n".join(["t,cpu", *rows]) + "\n"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)
    Path("hpa.yaml").write_text(HPA)
    Path("demand.csv").write_text(wave(48))

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as done:
            capgen.cli.main(
                ["simulate", "--hpa", "hpa.yaml", "--demand", "demand.csv", "--request", "cpu=500m", *words]
            )
        out, err = capsys.readouterr()
        return int(done.value.code or 0), out, err

    return run


def test_the_cheapest_that_keeps_the_bounds(shell: Any) -> None:
    status, out, _ = shell("--advise", "--bound", "at_max=< 1h/week", "--format", "json")
    told = json.loads(out)
    assert status == 0
    assert not told["today"]["keeps_bounds"]
    assert told["best"]["keeps_bounds"]
    kept = [one["pod_hours"] for one in told["curve"] if one["keeps_bounds"]]
    assert told["best"]["pod_hours"] <= min(kept)
    assert told["best"]["targets"] == {"Resource cpu": 65}, (
        "nothing but at_max is bounded, so a high target is cheapest"
    )
    costs = [one["pod_hours"] for one in told["curve"]]
    pressure = [one["minutes_above_target_of_today"] for one in told["curve"]]
    assert costs == sorted(costs)
    assert pressure == sorted(pressure, reverse=True)


def test_a_replay_of_the_advice_gives_what_the_advice_says(shell: Any) -> None:
    bounds = ("--bound", "at_max=< 1h/week", "--bound", "above_target=< 2h/day")
    best = json.loads(shell("--advise", *bounds, "--format", "json")[1])["best"]
    spelled = HPA.replace("minReplicas: 4", f"minReplicas: {best['min']}").replace("maxReplicas: 6", f"maxReplicas: {best['max']}")  # fmt: skip
    Path("hpa.yaml").write_text(spelled.replace(": 50}", f": {best['targets']['Resource cpu']}}}"))
    assert best["behavior"] == "as it is"
    summary = json.loads(shell("--initial", "4", "--format", "json")[1])["summary"]
    assert summary["pod_hours"] == best["pod_hours"]
    assert summary["minutes_at_max"] == best["minutes_at_max"]


def test_every_setting_that_is_tried_is_one_that_the_api_server_takes() -> None:
    tried: list[Autoscaler] = []

    def replayed(hpa: Autoscaler) -> Summary:
        tried.append(hpa)
        return Summary(86_400, hpa.minimum, 5, min(hpa.maximum, 9), 0, 0, 0, {}, {}, 120, None)

    advise(Autoscaler(3, 3), {"changes": "< 1/day"}, replayed)
    assert len(tried) > 10
    assert all(one.minimum <= one.maximum for one in tried)
    advise(Autoscaler(1, 2**31 - 1), {"changes": "< 1/day"}, replayed)
    assert max(one.maximum for one in tried) < 2**31


def test_none_is_an_answer(shell: Any) -> None:
    status, out, _ = shell("--advise", "--bound", "pod_hours=< 1/day")
    assert status == 3
    assert "settings keeps the bounds" in out
    assert "! breaks a bound." in out
    assert "hot pods" in out, "what a replay does not know holds for an advice from replays too"
    assert "money" not in out


def test_money_stands_in_the_table_and_the_verdict(shell: Any) -> None:
    words = ("--advise", "--bound", "at_max=< 1h/week", "--pod-hour", "12.5")
    told = json.loads(shell(*words, "--format", "json")[1])
    out = shell(*words)[1]
    rows = {line.split()[0]: line for line in out.splitlines() if line.startswith(("today", "best"))}
    assert rows["today!"].endswith(f"{float(told['today']['money']):>10,.2f}")
    assert rows["best"].endswith(f"{float(told['best']['money']):>10,.2f}")
    saved = abs(float(told["best"]["money"]) - float(told["today"]["money"]))
    assert f"({saved:,.2f} of money over 2d)" in out.replace("\n", " ")
    assert all(len(line) <= 80 for line in out.splitlines())


def test_a_bound_that_is_not_kept_is_a_finding(shell: Any) -> None:
    status, _, err = shell("--bound", "at_max=< 1h/week")
    assert status == 3
    assert "error CG927" in err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--advise",), "say what it has to keep"),
        (("--bound", "at_most=< 1h/week"), "did you mean 'at_max'"),
        (("--bound", "at_max=1h"), "is no bound for at_max"),
        (("--bound", "changes=< 1h/week"), "is no bound for changes"),
    ],
)
def test_usage(shell: Any, words: tuple[str, ...], complaint: str) -> None:
    status, out, err = shell(*words)
    assert (status, out) == (2, "")
    assert complaint in err
