"""`capgen simulate SPEC`: the autoscaler that a spec makes beside the one built before, and the bounds it declares."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

import capgen.cli
from capgen.report.codes import page
from capgen.simulate.bounds import bounds

ENVIRONMENT = """\
apiVersion: capgen/v1
kind: Environment
metadata: {name: production}
kubernetes: {namespace: monitoring}
deliver: {prometheus: operator}
"""
HEAD = "apiVersion: capgen/v1\nkind: Capacity\nmetadata: {name: shop}\n"
BAD, GOOD = (text.split("\n", 1)[1].rsplit("```", 1)[0] for text in (page("CG927").bad, page("CG927").good))
STEADY = "t,cpu\n0,4\n604800,4\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "production.yaml").write_text(ENVIRONMENT)
    (tmp_path / "demand.csv").write_text(STEADY)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str, spec: str) -> tuple[int, str, str]:
    Path("specs/shop.yaml").write_text(HEAD + spec)
    with pytest.raises(SystemExit) as done:
        capgen.cli.main([*words])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


SIMULATE = ("simulate", "--env", "production", "--demand", "demand.csv")


def told(capsys: pytest.CaptureFixture[str], *words: str, spec: str) -> Any:
    _, out, _ = run(capsys, *SIMULATE, "--format", "json", *words, spec=spec)
    return json.loads(out)["workloads"][0]


def test_a_bound_that_is_not_kept_is_a_finding_at_its_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, *SIMULATE, spec=BAD)
    assert status == 3
    assert re.findall(r"specs/shop\.yaml:(\d+):\d+: error (CG\d+)", err) == [("12", "CG927")]
    assert "2 to 3" in out
    assert run(capsys, *SIMULATE, spec=GOOD)[0::2] == (0, "")


def test_what_was_built_before_stands_beside_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, spec=GOOD)["before"] is None
    assert run(capsys, "build", spec=BAD)[0] == 0
    both = told(capsys, spec=GOOD)
    assert both["before"]["hpa"]["max"] == 3
    assert both["before"]["summary"]["replicas"]["max"] == 3
    assert both["after"]["summary"]["replicas"]["max"] == 12, "four cores at 70 % of half a core"
    assert told(capsys, spec=BAD)["before"] is None, "the same autoscaler needs no comparison"


def test_requests_and_start_up_are_the_specs_and_the_command_line_is_stronger(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = GOOD.replace('"< 1h/week"', '"< 1h/week", ready_after: 2m')
    assert told(capsys, spec=slow)["after"]["model"]["ready_after_seconds"] == 120
    assert told(capsys, spec=slow)["after"]["model"]["requests"] == {"cpu": 0.5}
    assert told(capsys, "--request", "cpu=1", spec=slow)["after"]["model"]["requests"] == {"cpu": 1}


def test_rollouts_are_the_specs_and_the_command_line_is_stronger(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "demand.csv").write_text("t,cpu\n0,4\n7200,4\n")

    def model(*words: str, simulate: str = "", kind: str = "Deployment") -> Any:
        spec = GOOD.replace('"< 1h/week"', f'"< 1h/hour"{simulate}').replace("Deployment", kind)
        return told(capsys, *words, spec=spec)["after"]["model"]

    assert model()["rollouts"] is None
    often = ", rollout: {every: 1h, max_surge: 2}"
    every_hour = {"at": [], "every_seconds": 3600, "max_surge": "2", "max_unavailable": "25%"}
    assert model(simulate=often)["rollouts"] == every_hour
    assert model("--rollout-every", "2h", "--max-unavailable", "0", simulate=often)["rollouts"] == {
        **every_hour, "every_seconds": 7200, "max_unavailable": "0",
    }  # fmt: skip
    assert model("--rollout-at", "10m", simulate=often)["rollouts"]["every_seconds"] is None
    one_by_one = {"at": [600], "every_seconds": None, "max_surge": "0", "max_unavailable": "1"}
    assert model("--rollout-at", "10m", kind="StatefulSet")["rollouts"] == one_by_one
    never = GOOD.replace('"< 1h/week"', '"< 1h/week", rollout: {every: 1h, max_surge: 0%, max_unavailable: 0}')
    status, _, err = run(capsys, *SIMULATE, spec=never)
    assert status == 3
    assert re.search(r"specs/shop\.yaml:\d+:\d+: error CG965", err)
    assert model("--ready-after", "90s", simulate=", ready_after: 2m")["ready_after_seconds"] == 90


def test_a_signal_of_the_spec_is_a_column_by_its_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = "sources:\n  app: {exporter: http, existing: true}\n" + GOOD.replace("cpu: 70%", "app.throughput: 50")
    (folder / "demand.csv").write_text("t,app.throughput\n0,400\n3600,400\n")
    assert told(capsys, spec=spec)["after"]["summary"]["replicas"]["max"] == 8


def test_pods_without_requests_keep_no_other_workload_from_being_replayed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unsized = (HEAD + GOOD).replace("    containers: {shop: {requests: {cpu: 500m}}}\n", "").replace("shop", "cart")
    Path("specs/cart.yaml").write_text(unsized)
    status, out, err = run(capsys, *SIMULATE, spec=GOOD)
    assert status == 3
    assert "shop: shop, replayed over" in out
    assert "cart" not in out
    assert re.search(r"specs/cart\.yaml:\d+:\d+: error CG926: cart: cart is not replayed", " ".join(err.split()))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--env", "production", "--hpa", "hpa.yaml"), "name a manifest with --hpa FILE, or specs with --env NAME"),
        ((), "name a manifest with --hpa FILE, or specs with --env NAME"),
        (("--env", "nowhere"), "there is no environment 'nowhere'"),
        (("--env", "production", "--against", "nowhere"), "there is no folder nowhere"),
    ],
)
def test_usage(folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], complaint: str) -> None:
    status, out, err = run(capsys, "simulate", "--demand", "demand.csv", *words, spec=GOOD)
    assert (status, out) == (2, "")
    assert complaint in err


def test_bounds_read_as_they_are_written() -> None:
    read = {bound.name: (bound.most, bound.period) for bound in bounds({"at_max": "< 1.5h/week", "changes": "<40/day"})}
    assert read == {"at_max": (5400, "week"), "changes": (40, "day")}


PLANNED = """\
planning:
  compute: {nodes: 3, node: {cpu: 4, memory: 16Gi}, used: {cpu: 60%, memory: 50%}, keep_below: 80%, months: 12, growth: {cpu: {points: 5}, memory: {points: 5}}}
  cost: {currency: EUR, months: 12, compute: {instances: 3, each: 146}}
"""


def weekly(folder: Path, weeks: int) -> None:
    """Demand that rises by day, by a third more from Monday to Friday, at every five minutes."""
    rows = [
        f"{n * 300},{(1.2 + 0.8 * math.sin(n / 288 * 2 * math.pi)) * (1.33 if n // 288 % 7 < 5 else 1):.3f}"
        for n in range(weeks * 2016)
    ]
    (folder / "demand.csv").write_text("t,cpu\n" + "\n".join(rows) + "\n")


def test_forecast_demand_is_replayed_at_three_percentiles(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weekly(folder, 6)
    found = told(capsys, "--ahead", "14d", spec=GOOD + PLANNED)
    paths = found["ahead"]
    assert list(paths) == ["P10", "P50", "P90"]
    assert paths["P10"]["pod_hours"] <= paths["P50"]["pod_hours"] <= paths["P90"]["pod_hours"]
    assert paths["P50"]["duration_seconds"] == 14 * 86400
    # It repeats, so what comes is like what was.
    assert paths["P50"]["replicas"]["mean"] == pytest.approx(found["after"]["summary"]["replicas"]["mean"], rel=0.05)
    assert float(paths["P50"]["money"]) == pytest.approx(paths["P50"]["pod_hours"] * 0.025, rel=0.3)
    text = run(capsys, *SIMULATE, "--ahead", "14d", spec=GOOD + PLANNED)[1]
    assert re.search(r"P10 +P50 +P90", text)


def test_advice_for_specs_keeps_the_bounds_that_they_declare(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weekly(folder, 2)
    status, out, _ = run(capsys, *SIMULATE, "--advise", "--format", "json", spec=GOOD)
    (found,) = json.loads(out)["workloads"]
    assert (status, found["workload"]) == (0, "shop: shop")
    assert found["best"]["pod_hours"] <= found["today"]["pod_hours"]
    assert found["best"]["keeps_bounds"]
    status, out, _ = run(capsys, *SIMULATE, "--advise", "--bound", "changes=< 0.001/month", spec=GOOD)
    assert status == 3
    assert "settings keeps the bounds" in out
    undeclared = re.sub(r"\n *simulate:.*", "", GOOD)
    status, _, err = run(capsys, *SIMULATE, "--advise", spec=undeclared)
    assert status == 2
    assert "workloads.shop.horizontal.simulate" in err


def test_late_metrics_scale_late(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "demand.csv").write_text("t,cpu\n0,0.3\n600,4\n3600,4\n")
    documents = [told(capsys, "--metric-delay", delay, spec=GOOD)["after"] for delay in ("0s", "2m")]
    fresh, late = ([event["t"] for event in document["events"]] for document in documents)
    assert late[0] - fresh[0] == 120
