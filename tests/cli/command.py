"""capgen as its users run it: a process of its own, with its streams and its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import capgen

SOURCE = Path(capgen.__file__).parents[1]
_SHELL = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}


@dataclass(frozen=True)
class Ran:
    """What a run of the command left: its exit code and what it wrote where."""

    code: int
    out: str
    err: str


def line(*arguments: str) -> list[str]:
    """The command line that runs capgen under the interpreter of the tests."""
    return [sys.executable, "-m", "capgen", *arguments]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of a shell in which capgen is found, wherever it is run."""
    path = os.pathsep.join(filter(None, (str(SOURCE), os.environ.get("PYTHONPATH"))))
    return {**_SHELL, "PYTHONPATH": path, **(extra or {})}


def run(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Ran:
    """Runs capgen in a folder, with nothing on stdin."""
    done = subprocess.run(
        line(*arguments), cwd=cwd, env=environment(env), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)
