"""Where the real programs are, and what happens when one is not there.

They are looked for in KUBEBUILDER_ASSETS, on PATH, and then in what `components/build.py` keeps or builds. A
laptop without them skips the tests, and says so; under CI a missing program fails them, since a test that
was skipped everywhere has proved nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

BUILD = Path(__file__).resolve().parent.parent / "components" / "build.py"
COMPONENT_OF: Mapping[str, str] = {
    "etcd": "etcd",
    "kube-apiserver": "kubernetes", "kube-controller-manager": "kubernetes", "kubectl": "kubernetes",
    "prometheus": "prometheus", "promtool": "prometheus",
    "alertmanager": "alertmanager", "amtool": "alertmanager",
    "node_exporter": "exporters",
    "dashboard-linter": "dashboard-linter",
    "pint": "pint",
    "adapter": "metrics-adapter",
    "rules": "rule-engine",
    "argo": "argo",
    "flux": "flux",
}  # fmt: skip


class Missing(Exception):
    """A component is neither installed nor can it be built here."""


def under_ci() -> bool:
    """Whether a missing component is a failure and not a reason to skip."""
    return os.environ.get("CI", "").lower() in ("true", "1", "yes")


def unavailable(reason: str) -> NoReturn:
    """Fails under CI, skips elsewhere; either way the reason is told."""
    if under_ci():
        pytest.fail(f"{reason}; CI has to run every test", pytrace=False)
    pytest.skip(reason)


def program(name: str) -> Path:
    """The path of a program; fails or skips the test when there is none."""
    try:
        return find(name)
    except Missing as missing:
        unavailable(str(missing))


def component(name: str) -> Path:
    """The folder of a built component (`crds` has YAML files and no program)."""
    try:
        return built(name)
    except Missing as missing:
        unavailable(str(missing))


def find(name: str) -> Path:
    """The path of a program. Raises Missing."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and os.access(Path(assets, name), os.X_OK):
        return Path(assets, name)
    if found := shutil.which(name):
        return Path(found)
    return built(COMPONENT_OF[name]) / name


@cache
def built(name: str) -> Path:
    """The folder of a component, built first where that is needed. Raises Missing."""
    run = subprocess.run([sys.executable, str(BUILD), name], capture_output=True, text=True, check=False)
    if run.returncode:
        last = (run.stderr.strip().splitlines() or ["no message"])[-1]
        raise Missing(f"the component {name} is not here and could not be built: {last}")
    return Path(run.stdout.strip().splitlines()[-1])
