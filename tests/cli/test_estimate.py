"""`capgen estimate` and budgets: what rules cost is told before they run, and too much is an error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cli.command import run

SPECS = Path(__file__).parents[2] / "specs"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(SPECS, tmp_path / "specs")
    return tmp_path


def limit(project: Path, budget: str) -> Path:
    path = project / "specs/environments/production.yaml"
    path.write_text(f"{path.read_text()}budget: {budget}\n")
    return path


def test_every_service_and_signal_is_told(project: Path) -> None:
    ran = run("estimate", "--signals", "--env", "production", cwd=project)
    assert ran.code == 0
    assert ran.out.startswith("production: 4 services, ") and "web.latency" in ran.out
    (production,) = json.loads(run("estimate", "--env", "production", "--format", "json", cwd=project).out)[
        "environments"
    ]
    rules = sum(path.read_text().count("- alert:") + path.read_text().count("- record:") for path in
                (SPECS.parent / "generated/production").rglob("prometheusrule.yaml"))  # fmt: skip
    assert production["rules"] == rules == sum(service["rules"] for service in production["services"])
    assert production["budget"] is None
    assert run("estimate", "--format", "markdown", cwd=project).out.startswith("**host: 1 service")


def test_an_environments_budget_is_for_all_services_together(project: Path) -> None:
    path = limit(project, "{series: 100, rules: 100000}")
    line = path.read_text().count("\n")
    said = run("validate", cwd=project)
    assert said.code == 3 and f"specs/environments/production.yaml:{line}:" in said.out and "CG380" in said.out
    assert "most of it: shop" in said.out.replace("\n  ", " ")
    for options in ((), ("--no-cache",)):
        assert run("build", *options, cwd=project).code == 3, "neither build writes what nobody can afford"
    assert not (project / "generated").exists()
    ran = run("estimate", "--env", "production", cwd=project)
    assert ran.code == 3 and "of 100 (over)" in ran.out and "of 100,000 rules" in ran.out


def test_a_budget_that_is_kept_changes_nothing(project: Path) -> None:
    assert run("build", cwd=project).code == 0
    limit(project, "{series: 100000, samples_per_second: 1e9, rules: 100000}")
    for _ in range(2):  # once fresh, once remembered
        assert run("build", "--check", cwd=project).code == 0


def test_defaults_bound_each_service(project: Path) -> None:
    path = project / "specs/defaults.yaml"
    path.write_text(path.read_text() + "budget: {rules: 100}\n")
    ran = run("validate", cwd=project)
    assert ran.code == 3 and ran.out.count("error CG380") == 1, "only apm has so many"
    assert "specs/defaults.yaml:" in ran.out
