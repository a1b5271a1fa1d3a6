"""The same specs give the same bytes: on any hash seed, with keys and files in any order; and little for little."""

from __future__ import annotations

import difflib
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def build(specs: Path, out: Path, seed: str = "0") -> dict[str, str]:
    """The files that `capgen build` writes, run as its own process under a hash seed."""
    command = [sys.executable, "-m", "capgen", "build", specs.name, "--out", str(out)]
    run = subprocess.run(
        command,
        cwd=specs.parent,
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return {
        path.relative_to(out).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "specs", tmp_path / "specs"))


@pytest.mark.parametrize("seed", ["1", "2", "4711"])
def test_hash_seed(specs: Path, tmp_path: Path, seed: str) -> None:
    assert build(specs, tmp_path / "out", seed) == committed()


def committed() -> dict[str, str]:
    folder = ROOT / "generated"
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_keys_and_file_order(specs: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    files = sorted(specs.rglob("*.yaml"))
    texts = {
        path: yaml.safe_dump(_shuffled(yaml.safe_load(path.read_text()), chance), sort_keys=False) for path in files
    }
    shutil.rmtree(specs)
    for path in chance.sample(files, len(files)):  # so that the folder lists them in another order
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[path])
    assert build(specs, tmp_path / "out") == committed()


def _shuffled(node: Any, chance: random.Random) -> Any:
    if isinstance(node, dict):
        return {key: _shuffled(node[key], chance) for key in chance.sample(list(node), len(node))}
    return [_shuffled(item, chance) for item in node] if isinstance(node, list) else node


def test_a_new_signal_changes_its_own_lines_alone(specs: Path, tmp_path: Path) -> None:
    before = build(specs, tmp_path / "before")
    spec = specs / "apm.yaml"
    own = "  mail.backlog:\n    source: app\n    expr: sum by (queue) (mail_queue{$selector})\n    levels: {warning: 5, critical: 9}\n"
    spec.write_text(spec.read_text().replace("signals:\n", "signals:\n" + own, 1))
    after = build(specs, tmp_path / "after")
    assert before.keys() == after.keys()
    changed = {path for path in before if before[path] != after[path]}
    rules = {"host/apm/rules.yml", "production/apm/prometheusrule.yaml"}
    shown = {"host/apm/dashboard.json", "production/apm/configmap-dashboard.yaml"}
    shown |= {"host/apm/README.md", "production/apm/README.md"}
    # A report in a cluster brings the whole spec with it.
    brought = {path for path in before if path.startswith("production/apm/jobs/report-")} & changed
    assert {path.split("/")[3].removeprefix("report-") for path in brought} == {
        "daily",
        "weekly",
        "monthly",
        "quarterly",
    }
    assert changed - brought == rules | shown | {"host/apm/.lint", "production/apm/.lint"}
    for path in rules:
        lines = list(difflib.ndiff(before[path].splitlines(), after[path].splitlines()))
        assert not [line for line in lines if line.startswith("- ")]
        added = [line[2:] for line in lines if line.startswith("+ ")]
        assert added[0].strip() == "- name: capgen/apm/mail.backlog"
        assert len([line for line in added if line.strip().startswith("- name:")]) == 1
