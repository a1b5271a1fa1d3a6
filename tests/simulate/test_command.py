"""`capgen simulate` as people call it: what comes out, what is said of bad input, and what it costs nobody to see."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import capgen.cli
from capgen.simulate import demand

HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 6
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}
  behavior: {scaleDown: {stabilizationWindowSeconds: 30}}
"""
DEMAND = "t,cpu\n0,0.5\n30,2\n60,2\n90,0.1\n120,0.1\n"


class Shell:
    """Runs the command in a folder with the two files."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: str, hpa: str = HPA, demand: str = DEMAND) -> tuple[int, str, str]:
        Path("hpa.yaml").write_text(hpa)
        Path("demand.csv").write_text(demand)
        common = ("simulate", "--hpa", "hpa.yaml", "--demand", "demand.csv")
        with pytest.raises(SystemExit) as done:
            capgen.cli.main([*common, *words])
        out, err = self.capsys.readouterr()
        return int(done.value.code or 0), out, err

    def json(self, *words: str, **files: str) -> Any:
        status, out, _ = self("--format", "json", "--request", "cpu=500m", *words, **files)
        assert status == 0
        return json.loads(out)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(capsys)


def test_events_by_hand(shell: Shell) -> None:
    told = shell.json("--initial", "2", "--ready-after", "20s")
    # At 30 s two pods share two cores: 200 % of the request, so 8 are wanted and 6 are the most.
    assert told["events"] == [
        {"t": 30, "from": 2, "to": 6, "reason": "TooManyReplicas"},
        {"t": 105, "from": 6, "to": 2, "reason": "TooFewReplicas"},
    ]
    # The last row holds as long as the one before it, up to 150 s, and the tick at that instant runs.
    assert told["ticks"] == 10
    assert told["schema_version"] == 1
    assert told["summary"]["replicas"] == {"min": 2, "mean": pytest.approx((2 * 75 + 6 * 75) / 150), "max": 6}
    assert told["summary"]["minutes_at_max"] == 1.25
    assert told["summary"]["pod_hours"] == pytest.approx((2 * 75 + 6 * 75) / 3600, abs=1e-4)


def test_the_replay_starts_with_the_minimum_and_counts_money(shell: Shell) -> None:
    told = shell.json("--pod-hour", "36", "--limit", "cpu=700m")
    assert told["model"]["initial"] == 2
    assert told["summary"]["money"] == "6.00"
    # Two cores on two ready pods from 30 s on, until the new ones are ready 30 s later.
    assert told["summary"]["minutes_above_limit"] == {"cpu": 0.5}


def test_text_names_what_a_replay_does_not_know(shell: Shell) -> None:
    status, out, err = shell("--request", "cpu=500m")
    assert (status, err) == (0, "")
    assert "2 -> 6    TooManyReplicas" in out
    assert "no evictions" in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_a_rollout_in_text_and_json(shell: Shell) -> None:
    words = ("--rollout-at", "1m", "--max-surge", "1", "--max-unavailable", "0")
    status, out, _ = shell("--request", "cpu=500m", *words)
    assert status == 0
    assert "rolled out       after 1m; 1 more and 0 fewer pods meanwhile" in out
    calm = shell.json("--initial", "2")["summary"]["pod_hours"]
    assert shell.json("--initial", "2", *words)["summary"]["pod_hours"] > calm


def test_every_mistake_of_both_files_at_once_with_its_place(shell: Shell) -> None:
    hpa = (
        HPA.replace("maxReplicas: 6", "maxReplicas: 1")
        .replace(": 30}", ": 9000}")
        .replace("Utilization,", "Utilisation,")
    )
    status, out, err = shell(hpa=hpa, demand="t,cpu\n0,1\n15,x\n10,-1\n")
    assert (status, out) == (3, "")
    for place in ("hpa.yaml:7:16: error CG922", "hpa.yaml:10:44: error CG922", "hpa.yaml:11:54: error CG922", "demand.csv:3:4: error CG924"):  # fmt: skip
        assert place in err


def test_a_metric_without_a_column_fails_as_it_would_in_the_cluster(shell: Shell) -> None:
    queue = "    - {type: External, external: {metric: {name: queue}, target: {type: Value, value: 5}}}\n"
    status, out, err = shell("--request", "cpu=500m", hpa=HPA.replace("  behavior", queue + "  behavior"))
    assert status == 0
    assert "warning CG925" in err
    assert "6 -> 2" not in out, "a failing metric never lets it scale down"


def test_metrics_that_all_fail_leave_nothing_to_replay_whatever_their_reasons(shell: Shell) -> None:
    memory = "    - type: Resource\n      resource: {name: memory, target: {type: AverageValue, averageValue: 1Gi}}\n"
    status, out, err = shell(hpa=HPA.replace("  behavior:", f"{memory}  behavior:"))
    assert (status, out) == (3, "")
    assert "error CG925: no column gives the metric 'memory'" in err
    assert "error CG926: the target for cpu is a share of the request" in err
    status, _, err = shell("--vpa", "cpu")
    assert status == 3
    assert "error CG926" in err


def test_both_files_may_come_through_pipes(shell: Shell) -> None:
    shell("--request", "cpu=500m")
    line = "capgen simulate --hpa <(cat hpa.yaml) --demand <(cat demand.csv) --request cpu=500m --format json"
    ran = subprocess.run(
        ["bash", "-c", line.replace("capgen", f"{sys.executable} -m capgen", 1)], capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["events"] == shell.json()["events"]


def test_a_column_without_a_value_is_none(shell: Shell) -> None:
    status, out, err = shell("--request", "cpu=500m", demand="t,cpu,memory\n0,,5\n15,,6\n")
    assert (status, out) == (3, "")
    assert "error CG925: the column cpu is empty: it fails at every tick" in err


def test_a_vpa_is_replayed_alone(shell: Shell) -> None:
    status, out, err = shell("--request", "cpu=500m", "--vpa", "cpu", "--bound", "changes=< 1/day")
    assert (status, out) == (2, "")
    assert "leave out --bound and --advise" in err


def test_what_was_recorded_at_the_limit_or_the_maximum_is_flagged(shell: Shell) -> None:
    recorded = "t,cpu,replicas\n0,0.5,2\n30,1.5,2\n60,3.9,6\n90,1,6\n120,1,6\n"
    _, _, err = shell("--request", "cpu=500m", "--limit", "cpu=700m", demand=recorded)
    told = " ".join(err.split())
    assert "cpu was at what the pods may use for 30s of the recorded time, first at 30s" in told
    assert "cpu was above its target with as many pods as are allowed for 30s of the recorded time, first at 1m" in told
    assert (
        "CG928" not in shell("--request", "cpu=500m", "--limit", "cpu=9", demand="t,cpu,replicas\n0,1,3\n60,1,3\n")[2]
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--request", "cpu"), "write each resource once"),
        (("--request", "cpu=lots"), "is no quantity"),
        (("--request", "cpu=0"), "above 0"),
        (("--sync", "0s"), "out of range"),
        (("--ready-after", "20"), "has no unit"),
        (("--pod-hour", "-1"), "is no price"),
        (("--rollout-every", "5s"), "out of range"),
        (("--rollout-at", "1h", "--max-surge", "a"), "number of pods or percent"),
        (("--rollout-at", "1h", "--max-surge", "0%", "--max-unavailable", "0"), "never ends"),
        (("--rollout-at", "1h", "--vpa", "cpu"), "not replayed beside a VPA"),
        (("--demand", "nowhere.csv"), "there is no file"),
        (("--demand", "."), "is a folder"),
        (("--hpa", "."), "is a folder: name a manifest"),
        (("--hpa", "nowhere.yaml"), "there is no file nowhere.yaml: name a manifest"),
    ],
)
def test_bad_arguments_are_usage_errors(shell: Shell, words: tuple[str, ...], complaint: str) -> None:
    status, out, err = shell(*words)
    assert (status, out) == (2, "")
    assert complaint in err


BAD = {
    "": "there is no header",
    "cpu\n1\n": "no column t",
    "t\n0\n": "no column of demand",
    "t,cpu,cpu\n0,1,1\n": "stands there twice",
    "t,\n0,1\n": "has no name",
    "t,cpu\n": "there are no rows",
    "t,cpu\n0,1,2\n": "3 cells",
    "t,cpu\n0,nan\n": "is no number",
    "t,cpu\n0,inf\n": "is no number",
    "t,cpu\n0,1e400\n": "is no number",
    "t,cpu\n,1\n": "is no number",
    "t,cpu\n0,1\n0,1\n": "has to rise",
    "t,cpu\n0,-1\n": "below 0",
    "t,cpu\n0,1e300\n": "more than",
    "t,cpu\n1790000000,1\n1790000015,1\n": "count t in seconds from the start",
    "t,cpu\n1790000000000,1\n1790000015000,1\n": "1,790,000,015,000 seconds, which are more than",
    "t,cpu\n1e300,1\n1e301,1\n": "which are more than",
    "t,cpu\n-1e300,1\n0,1\n": "which are more than",
    "t,cpu\n-100,1\n-90,1\n": "end before the controller looks for the first time, 15s after 0",
}


@pytest.mark.parametrize("text", BAD)
def test_demand_that_cannot_be_read(text: str) -> None:
    read, found = demand.read("demand.csv", text, sync=15 * 10**9)
    assert read is None
    assert any(BAD[text] in f"{finding.message}; {finding.hint}" for finding in found), found
    assert all(finding.span and finding.span.file == "demand.csv" for finding in found)


def test_quotes_around_cells_are_no_part_of_them() -> None:
    read, found = demand.read("demand.csv", '"t","cpu"\n"0","1"\n"15",""\n30,"2.5"\n', sync=15 * 10**9)
    assert found == ()
    assert read is not None
    assert [str(value) for value in read.columns["cpu"]] == ["1.0", "nan", "2.5"]


def test_empty_cells_windows_line_ends_and_a_first_row_after_the_first_tick() -> None:
    read, found = demand.read("demand.csv", "\ufefft,cpu,queue\r\n20,1,\r\n\r\n40,,3\r\n", sync=15 * 10**9)
    assert found == ()
    assert read is not None
    at = {name: [str(value) for value in values] for name, values in read.at_ticks(15 * 10**9).items()}
    assert at == {"cpu": ["nan", "1.0", "nan", "nan"], "queue": ["nan", "nan", "3.0", "3.0"]}


@pytest.mark.parametrize(
    "cells",
    ["15,1", "15,1.0", "15,1e0", "15,+1", "15,01", "15,1.", "15.0,1", "15, 1", "15,1\n", "15,1\n\n", "15,1\r", "1.5e1,10e-1", "15,-0"],
)  # fmt: skip
def test_a_number_may_be_written_in_many_ways(cells: str) -> None:
    """Also in those that JSON, as which an ordinary file is read, does not know."""
    read, found = demand.read("demand.csv", f"t,cpu\n0,3\n{cells}\n30,2\n", sync=15 * 10**9)
    assert read and not found
    assert read.times.tolist() == [0, 15 * 10**9, 30 * 10**9]
    assert read.columns["cpu"].tolist() == [3, 0 if cells == "15,-0" else 1, 2]


@pytest.mark.parametrize("cells", ["15,true", "15,null", "15,[1]", "15", "15,1,2", "15,1,\n2", "15\n,1", "15,1e999"])
def test_what_is_no_row_of_numbers_is_none_though_it_may_be_json(cells: str) -> None:
    read, found = demand.read("demand.csv", f"t,cpu\n0,3\n{cells}\n30,2\n", sync=15 * 10**9)
    assert read is None
    assert {finding.code for finding in found} == {"CG924"}


def test_a_manifest_is_replayed_without_what_reads_specs(shell: Shell) -> None:
    """Loading the spec language takes longer than half a million ticks may take."""
    shell("--request", "cpu=500m")
    loaded = (
        "import runpy, sys\n"
        "try: runpy.run_module('capgen', run_name='__main__')\n"
        "finally: print({'pydantic', 'jinja2'} & sys.modules.keys(), file=sys.stderr)"
    )
    words = ["simulate", "--hpa", "hpa.yaml", "--demand", "demand.csv", "--request", "cpu=500m"]
    ran = subprocess.run([sys.executable, "-c", loaded, *words], capture_output=True, text=True, check=True)
    assert ran.stderr == "set()\n"
