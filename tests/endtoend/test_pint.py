"""cloudflare's pint has nothing to say about any generated rule, not even for information.

It runs offline: what it asks a live Prometheus is answered by the tests of real scrapes. No check is switched off. The
version is the newest one that the Go module proxy gives.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from harness.binaries import program
from prove.test_catalogue import spec

from capgen import api, disk
from capgen.catalog.load import Catalog
from capgen.render.artifacts import render_service

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("pint.hcl")
RULES = re.compile("rule|configmap-prometheus")
"""The files that hold rules, by their names."""


@pytest.fixture(scope="module")
def pint() -> Path:
    return program("pint")


def problems(pint: Path, folder: Path) -> list[str]:
    """What pint says of the rule files below a folder, a line each. Fails when there are none."""
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.y*ml") if RULES.search(path.name))
    assert paths
    run = subprocess.run(
        [pint, "--offline", "--no-color", "--config", CONFIG, "lint", "--min-severity", "info", "--fail-on", "info", *paths],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    said = run.stdout + run.stderr
    found = re.findall(r"^\S+:[0-9-]+ (?:Information|Warning|Bug|Fatal): .*$", said, flags=re.MULTILINE)
    assert (run.returncode == 0) == (not found), said
    return found


def test_the_examples_have_no_problems(pint: Path) -> None:
    assert problems(pint, ROOT / "generated") == []


@pytest.mark.parametrize("form", ["files", "operator", "configmap"])
def test_no_rule_of_the_catalogue_has_problems(form: str, pint: Path, tmp_path: Path) -> None:
    """Every signal of every exporter, in each form of delivery."""
    specs = tmp_path / "specs"
    specs.mkdir()
    for name in Catalog().exporters:
        (specs / f"{name}.yaml").write_text(spec(Catalog().entry(name).exporter))
    (specs / "environment.yaml").write_text(
        "apiVersion: capgen/v1\nkind: Environment\nmetadata: {name: here}\n"
        f"kubernetes: {{namespace: monitoring}}\ndeliver: {{prometheus: {form}}}\n"
    )
    (fleet,) = api.build([specs]).compiled.fleets
    files = {a.path: a.text for service in fleet.services for a in render_service(service)}
    disk.write(tmp_path / "out", disk.compare(tmp_path / "out", files, below=()))
    assert problems(pint, tmp_path / "out") == []


@pytest.mark.parametrize(
    "path", ["host/apm/rules.yml", "production/apm/prometheusrule.yaml"], ids=["rule file", "PrometheusRule"]
)
@pytest.mark.parametrize(
    ("good", "bad", "check"),
    [
        (r"absent\(", "absent((", "promql/syntax"),
        (r" no longer gives ", " no longer gives {{ $labels.pod }} ", "alerts/template"),
        (r"^ +severity: .*\n", "", "rule/label"),
    ],
    ids=["syntax", "template", "label"],
)
def test_it_reads_every_form(path: str, good: str, bad: str, check: str, pint: Path, tmp_path: Path) -> None:
    """What it would say is told apart from silence: one planted mistake is found."""
    text = (ROOT / "generated" / path).read_text()
    broken, number = re.subn(good, bad, text, count=1, flags=re.MULTILINE)
    assert number == 1
    (tmp_path / "rules.yml").write_text(broken)
    assert any(check in line for line in problems(pint, tmp_path)), check
