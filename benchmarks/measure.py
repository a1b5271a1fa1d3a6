"""Runs a command as a process of its own and says what it cost: time on the clock, processor time, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LOOK_EVERY = 0.01
MIB = 1 << 20


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
    with (folder / ".measured").open("w+b") as said:
        start = time.perf_counter()
        # A session of its own, so that the children it starts can be told from everything else.
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        peak = _watch(process.pid) if watched else 0
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise Failed(f"{' '.join(command)} exited with {process.returncode}:\n{_tail(said)}")
    # `ru_maxrss` only where nothing better is to be had: it begins with what the process held that started this one.
    memory = peak if sys.platform == "linux" else used.ru_maxrss
    return Cost(wall, used.ru_utime + used.ru_stime, memory)


def _watch(session: int) -> int:
    """The most that the processes of a session held together, until its leader ends (which is left to be reaped); at
    least the most that one of them ever held, so that a peak between two looks is seen too."""
    peak = 0
    while os.waitid(os.P_PID, session, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        start = time.perf_counter()
        held = [_held(pid) for pid in _members(session)]
        peak = max(peak, sum(now for now, _ in held), *(most for _, most in held), 0)
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


def _held(pid: int) -> tuple[int, int]:
    """The memory of a process now, and the most since it runs its program; what it shares with others counts once in
    all now (Pss), and for each in the most (VmHWM)."""
    now = _bytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")
    return now, _bytes(Path(f"/proc/{pid}/status"), "VmHWM:")


def _bytes(table: Path, name: str) -> int:
    try:
        for line in table.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    except OSError:  # the process has just ended
        pass
    return 0


def _tail(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")[-2000:]
