"""Grafana's own dashboard-linter, strict, over every generated dashboard; what it may overlook is one panel at a time."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from dashboards.generated import Generated, dashboards, panels
from harness.binaries import program

ALL = dashboards()
each = pytest.mark.parametrize("generated", ALL, ids=lambda generated: generated.path)


def lint(board: dict[str, object], exclusions: str, folder: Path) -> tuple[int, str]:
    (folder / "dashboard.json").write_text(json.dumps(board))
    (folder / ".lint").write_text(exclusions)
    command = [program("dashboard-linter"), "lint", "--strict", "--config", folder / ".lint", folder / "dashboard.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_there_are_dashboards_of_every_kind() -> None:
    kinds = {generated.path.partition("/")[2] for generated in ALL}
    assert {"apm", "shop", "ledger", "cache", "fleet_overview", "fleet_kpi"} <= kinds


@each
def test_the_strict_linter_finds_nothing(generated: Generated, tmp_path: Path) -> None:
    code, said = lint(generated.board, generated.lint, tmp_path)
    assert code == 0, "\n".join(line for line in said.splitlines() if "❌" in line or "⚠" in line)


@each
def test_an_exclusion_is_for_one_panel_that_is_there_and_says_why(generated: Generated) -> None:
    titles = {panel["title"] for panel in panels(generated.board)}
    for rule, excluded in yaml.safe_load(generated.lint)["exclusions"].items():
        assert excluded["entries"], f"{rule} is excluded for all panels"
        for entry in excluded["entries"]:
            assert entry["panel"] in titles and len(entry["reason"]) > 10, entry
            assert set(entry) == {"panel", "reason"}, "the file lies beside one dashboard"


@each
def test_every_exclusion_is_needed(generated: Generated, tmp_path: Path) -> None:
    """Without the file, the linter complains of exactly the panels and rules that it names, and of nothing else."""
    _, said = lint(generated.board, "{}\n", tmp_path)
    complaints = {_told(line) for line in said.splitlines() if "❌" in line or "⚠" in line}
    excluded = yaml.safe_load(generated.lint)["exclusions"]
    assert complaints == {(rule, entry["panel"]) for rule, found in excluded.items() for entry in found["entries"]}


def _told(complaint: str) -> tuple[str, str]:
    """The rule and the panel of a complaint; all of it when it is none of those that may be overlooked."""
    found = re.search(r", panel '(.*?)', target idx .*: (job|instance) selector [^:]*$", complaint)
    return (f"target-{found[2]}-rule", found[1]) if found else (complaint, "")


def test_the_linter_would_have_told(tmp_path: Path) -> None:
    board = json.loads(json.dumps(ALL[0].board))
    broken = next(panel for panel in panels(board) if panel["type"] == "timeseries")
    broken["fieldConfig"]["defaults"]["unit"] = "cores"
    broken["targets"][0]["expr"] = "rate(x[5m]"
    code, said = lint(board, ALL[0].lint, tmp_path)
    assert code == 1 and "cores" in said and "invalid PromQL query 'rate(x[5m]'" in said, said[-1500:]
