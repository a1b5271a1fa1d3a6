"""Rules as careful people write them pass without a finding, and Prometheus' own tool loads them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
import yaml
from check.conftest import HERE

GOOD = sorted((HERE / "good").iterdir())
LOADED = [*GOOD, *sorted((HERE / "corpus").glob("*/good.yml"))]


@pytest.fixture(scope="session")
def promtool() -> str:
    """The binary on the PATH, or the one that the project's components hold."""
    if found := shutil.which("promtool"):
        return found
    build = HERE.parent / "components" / "build.py"
    done = subprocess.run([sys.executable, str(build), "prometheus"], capture_output=True, text=True, timeout=1800)
    if done.returncode == 0:
        return f"{done.stdout.strip()}/promtool"
    if os.environ.get("CI"):
        pytest.fail(f"promtool is not there and could not be built: {done.stderr[-500:]}")
    pytest.skip(f"promtool is not there and could not be built: {done.stderr[-500:]}")


def accepts(promtool, tmp_path, text) -> bool:
    document = yaml.safe_load(text)
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump(document.get("spec", document)), encoding="utf-8")
    return subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
@pytest.mark.parametrize("interval", [15, 60])
def test_good_rules_have_no_findings(file, interval, check):
    assert check(file.read_text(), scrape_interval=interval) == ()


@pytest.mark.parametrize("file", LOADED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_promtool_loads_what_passes(file, promtool, tmp_path):
    assert accepts(promtool, tmp_path, file.read_text())


RULE = "groups: [{name: a, rules: [%s]}]"


@pytest.mark.parametrize(
    "rule",
    [
        "{alert: A, expr: 'sum by (x (y)'}",
        "{alert: A, expr: 'x > > 1'}",
        "{alert: A, expr: 'rate(x)'}",
        "{alert: A, expr: ''}",
        "{alert: A}",
        "{expr: x}",
        "{alert: A, record: b, expr: x}",
        "{alert: A, expr: x > 1, for: five}",
        "{alert: A, expr: x > 1, For: 5m}",
        "{record: a, expr: x, for: 5m}",
        "{alert: A, expr: x > 1, labels: {__name__: d}}",
        "{alert: A, expr: x > 1}], rules: [{}",
    ],
)
def test_what_promtool_refuses_is_an_error(rule, check, promtool, tmp_path):
    text = RULE % rule
    codes = {d.code for d in check(text) if d.severity == "error"}
    assert codes & {"CG500", "CG501", "CG103"}
    if "CG103" not in codes:  # a key twice, which PyYAML would hide from promtool
        assert not accepts(promtool, tmp_path, text)
