"""The benchmarks measure what they say they measure. Nothing here depends on a clock."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from capgen import api

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import services  # noqa: E402
from measure import MIB, Failed, measure  # noqa: E402

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def alerts_of(built: api.Built) -> dict[str, int]:
    return {
        s.name: sum(len(group.alerts) for group in s.groups) for fleet in built.compiled.fleets for s in fleet.services
    }


def test_each_service_compiles_to_about_thirty_alerts(tmp_path: Path) -> None:
    built = api.build([services.write_fleet(tmp_path, 8)])
    counts = alerts_of(built)
    assert sorted(counts) == [services.name(i) for i in range(8)]
    assert all(25 <= count <= 40 for count in counts.values()), counts
    assert built.compiled.diagnostics == ()


def test_rules_alone_are_rules_alone(tmp_path: Path) -> None:
    built = api.build([services.write_fleet(tmp_path, 4, rules_only=True)])
    assert {artifact.kind for _, artifacts in built.artifacts for artifact in artifacts} <= {
        "rules",
        "prometheus",
        "page",
    }


def test_the_change_is_a_change_of_one_service(tmp_path: Path) -> None:
    specs = services.write_fleet(tmp_path, 6)
    before = api.generated_files(api.build([specs]))
    services.change_one(specs, 6, changed=True)
    after = api.generated_files(api.build([specs]))
    assert {path.split("/")[1] for path in after if after[path] != before[path]} == {services.name(3)}
    services.change_one(specs, 6, changed=False)
    assert api.generated_files(api.build([specs])) == before


def test_memory_of_children_counts(tmp_path: Path) -> None:
    hold = "import time; held = b'x' * (64 << 20); time.sleep(0.4)"
    two = f"import subprocess, sys; [c.wait() for c in [subprocess.Popen([sys.executable, '-c', {hold!r}]) for _ in range(2)]]"
    cost = measure([sys.executable, "-c", two], tmp_path, runs=1, before=lambda: None, environment=ENVIRONMENT)
    assert 128 * MIB < cost.memory < 400 * MIB


def test_memory_of_whoever_measures_does_not_count(tmp_path: Path) -> None:
    held = b"x" * (256 * MIB)
    wait = "import time; time.sleep(0.2)"
    cost = measure([sys.executable, "-c", wait], tmp_path, runs=1, before=lambda: None, environment=ENVIRONMENT)
    assert MIB < cost.memory < 64 * MIB < len(held)


def test_processor_time_of_children_counts(tmp_path: Path) -> None:
    spin = "import time\nwhile time.process_time() < 0.3: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {spin!r}])"
    cost = measure([sys.executable, "-c", parent], tmp_path, runs=1, before=lambda: None, environment=ENVIRONMENT)
    assert cost.cpu >= 0.3


def test_a_command_that_fails_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="exited with 3:\nno such spec"):
        command = [sys.executable, "-c", "import sys; print('no such spec'); sys.exit(3)"]
        measure(command, tmp_path, runs=1, before=lambda: None, environment=ENVIRONMENT)


def test_a_tiny_run_writes_the_page(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "page.md"
    command = [
        sys.executable,
        str(BENCHMARKS / "run.py"),
        "--services",
        "4",
        "--runs",
        "1",
        "--no-peers",
        "--out",
        str(page),
    ]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(BENCHMARKS.parent)}, capture_output=True)
    text = page.read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if " | capgen | " in line]
    assert [row[0].strip("| ") for row in rows][:3] == ["`--help`", "validate one spec", "build one service"]
    [cold] = [row for row in rows if row[0].startswith("| 4 services (")]
    built = api.build([services.write_fleet(tmp_path, 4)])
    files, alerts = re.findall(r"([0-9,]+) (?:files|alerts)", cold[5])
    assert int(files) == len(api.generated_files(built))
    assert int(alerts) == sum(alerts_of(built).values())
    assert str(tmp_path) not in text
    assert os.uname().nodename not in text
