"""capgen as a process that starts in milliseconds: forked from a server that has imported it once.

For tests that run it a hundred times with its exit codes, signals and streams. What a user sees of starting up is
tested elsewhere, with `cli.command`.
"""

from __future__ import annotations

import faulthandler
import importlib
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from cli.command import Ran

_FORKS = multiprocessing.get_context("forkserver")
# What is installed alone can be imported there: the server does not know this process' path.
_FORKS.set_forkserver_preload(
    [
        "capgen.api.reconcile", "capgen.cli.apply", "capgen.cli.destroy", "capgen.cli.diff", "capgen.delivery", "capgen.incremental.build",
        "capgen.render.artifacts", "capgen.render.dashboards.deliver", "capgen.report.plan", "capgen.report.text",
        "capgen.targets.kubernetes", "capgen.targets.login", "cronsim", "deepdiff", "jinja2", "kubernetes", "kubernetes.config",
    ]
)  # fmt: skip

NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Forked:
    """A run that may not have ended yet."""

    process: ForkServerProcess
    out: Path
    err: Path

    def tell(self, number: signal.Signals) -> None:
        """Sends a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def ended(self, seconds: float = 60) -> Ran:
        """What it left; the code of a run that a signal killed is negative."""
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.tell(signal.SIGUSR1)  # it says where each of its threads is
            self.process.join(1)
            self.process.kill()
            raise AssertionError(f"capgen did not end within {seconds:g} s: {self.err.read_text()}")
        return Ran(self.process.exitcode, self.out.read_text(), self.err.read_text())


def start(*arguments: str, cwd: Path, env: Mapping[str, str], put: Mapping[str, Any] = NOTHING) -> Forked:
    """Starts `capgen ARGUMENTS` in a folder; `put` has values by the dotted names whose place they take in that process."""
    folder = Path(tempfile.mkdtemp(dir=cwd, prefix=".ran-"))
    out, err = folder / "out", folder / "err"
    process = _FORKS.Process(target=_run, args=(arguments, cwd, {**os.environ, **env}, out, err, put))
    process.start()
    return Forked(process, out, err)


def run(*arguments: str, cwd: Path, env: Mapping[str, str], put: Mapping[str, Any] = NOTHING) -> Ran:
    """Runs it to its end."""
    return start(*arguments, cwd=cwd, env=env, put=put).ended()


def _run(
    arguments: Sequence[str], cwd: Path, env: Mapping[str, str], out: Path, err: Path, put: Mapping[str, Any]
) -> None:
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    faulthandler.register(signal.SIGUSR1, sys.stderr)
    from capgen import cli

    for name, value in put.items():
        module, _, attribute = name.rpartition(".")
        setattr(importlib.import_module(module), attribute, value)
    try:
        cli.main(list(arguments))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
