"""Runs a command as a process of its own and says what it cost: time on the clock, processor time, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LOOK_EVERY = 0.01
MIB = 1 << 20
_LAUNCHER = """\
import os, sys, time
start = time.perf_counter()
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(pid, 0)
with open(sys.argv[1], "w") as told:
    print(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss, file=told)
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"""
"""Starts a command and writes its seconds on the clock, its processor seconds, and the most memory that one of its
processes held, to a file."""


class Failed(RuntimeError):
    """A measured command did not end well; the message has its last words."""


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, processor seconds (with those of its children), and the most memory in bytes that its
    processes held together."""

    wall: float
    cpu: float
    memory: int


def measure(
    command: Sequence[str], folder: Path, *, runs: int, before: Callable[[], object], environment: Mapping[str, str]
) -> Cost:
    """The fastest of `runs` runs. One more run goes first: it fills caches and has its memory watched, which would cost
    the others time; without `runs` it is the only one. `before` is called ahead of each run, off the clock."""
    _prepare(before)
    first = _run(command, folder, environment, watched=True)
    costs = [] if runs else [first]
    for _ in range(runs):
        _prepare(before)
        costs.append(_run(command, folder, environment, watched=False))
    fastest = min(costs, key=lambda cost: cost.wall)
    return Cost(fastest.wall, fastest.cpu, first.memory)


def _prepare(before: Callable[[], object]) -> None:
    before()
    # What the run before has left to be written to the disk is not this one's to wait for.
    os.sync()


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str], *, watched: bool) -> Cost:
    with (folder / ".measured").open("w+b") as said, tempfile.NamedTemporaryFile("w+") as told:
        # A process begins with the peak of the one that starts it: this one has numpy and more, so a small one does it.
        small = (sys.executable, "-ES", "-c", _LAUNCHER, told.name) if watched else ()
        start = time.perf_counter()
        # A session of its own, so that the children it starts can be told from everything else.
        process = subprocess.Popen(
            [*small, *command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        peak = _watch(process.pid) if watched else 0
        _, status, used = os.wait4(process.pid, 0)
        cost = Cost(time.perf_counter() - start, used.ru_utime + used.ru_stime, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise Failed(f"{' '.join(command)} exited with {process.returncode}:\n{_tail(said)}")
        if watched:
            wall, cpu, most = map(float, told.read().split())
            cost = Cost(wall, cpu, max(peak, round(most) * (1 if sys.platform == "darwin" else 1024)))
    return cost


def _watch(session: int) -> int:
    """The most that the processes of a session held together, but for its leader, until that ends (and is left to be
    reaped)."""
    peak = 0
    while os.waitid(os.P_PID, session, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        start = time.perf_counter()
        peak = max(peak, sum(_held(pid) for pid in _members(session) if pid != session))
        # Looking at gigabytes takes long: it may have a twentieth of the time.
        time.sleep(max(LOOK_EVERY, 20 * (time.perf_counter() - start)))
    return peak


def _members(session: int) -> list[int]:
    if sys.platform != "linux":
        return []
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if _session_of(pid) == session]


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _held(pid: int) -> int:
    """The memory of a process; what it shares with others counts once in all (Pss)."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:  # it has just ended
        pass
    return 0


def _tail(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")[-2000:]
