"""Writes measurements as docs/benchmarks.md: the machine, the versions, a table a topic, what is equal and what is not."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from cases import Bench, Row
from measure import MIB
from peers import VERSIONS

_TITLES = {
    "start": "One service",
    "cold": "Cold builds",
    "rebuild": "Rebuilds",
    "rules": "Rules alone",
    "proof": "Proof",
    "replays": "Replays",
    "deliveries": "Deliveries",
    "forecasts": "Forecasts",
    "plans": "Plans",
}
_WORDS = {
    "start": """\
The work is similar and not the same. capgen resolves an HTTP service and its PostgreSQL against its catalogue and
writes scrape jobs, records and alerts. nthlayer is given the same service as two objectives and a database; it writes
records, the input of Sloth, a Backstage entity and a Grafana dashboard, and no alerts: the wheel has no templates for
them.""",
    "cold": """\
Four kinds of service take turns (HTTP with PostgreSQL, HTTP with Redis, HTTP in Kubernetes with HPA and VPA, a plain
host), each a spec of 17 to 37 lines that overrides some of the catalogue's levels. All mistakes of all specs would be
found: nothing is skipped because it is large.""",
    "rebuild": """\
The output is compared with what lies in the folder, byte for byte, every time; only files that differ are written.""",
    "rules": """\
Nobody does the same work, so the number of rules is what is made equal. Sloth reads one file a service and fills in
a template of 17 rules an objective; the expressions are the user's, and Sloth checks them and what it is given.
Jsonnet evaluates a program of ours that makes rules of the same shape from a number: it reads no specs and checks
nothing. capgen reads and validates a spec a service, derives each expression from typed metrics, checks what may not
meet across the fleet, and compares the output with what is on disk. Sloth and Jsonnet always write everything.""",
    "proof": """\
Tests are generated for each rule and run by promtool. Nothing else measured here proves its rules.""",
    "replays": """\
The controller is Kubernetes' own, unmodified, under a clock that jumps to the next thing that happens; it is what the
tests hold the replay against, tick for tick. What it reads is made ready for it, and reading the CSV is capgen's part.""",
    "deliveries": """\
Both read the same manifests and ask the same API server, which runs beside them, once directly and once through a proxy
that waits 10 ms before each request. kubectl asks the server twice for each object; capgen lists each kind once, page
by page, and compares by the owners of the fields. "From specs" is `capgen apply` and `capgen diff` as they are typed, which
compile the fleet on all cores first; the memory is that of all their processes.""",
    "forecasts": """\
Errors are means over a series, held against seasonal naive's (168 hours) and a least-squares line's, and the geometric
mean over the series. An interval holds when what came lies in it; a peak is short when the forecast week's 95th
percentile is more than a fifth below the real one's. The two yardsticks are given the errors of their own last week as
intervals; statsforecast's are its own. Time, processor and memory are the whole process's, with the library's import.""",
    "plans": """\
Four kinds of service take turns, as above, with every signal of theirs in a CSV file of its own. One process, one core.""",
}


def document(
    tables: Mapping[str, list[Row]], sources: Mapping[str, Callable[[Bench], Iterator[Row]]], runs: int, load: float
) -> str:
    """The whole page, as Markdown."""
    parts = [
        "# Benchmarks\n",
        "Written by `make bench`; run it again to have your own machine's numbers (`python benchmarks/run.py --help` for",
        "parts of it). Every command is a process of its own, start-up included. The time is the fastest of",
        f"{runs} {'runs' if runs > 1 else 'run'} after one that warms the file system's cache; the processor time is that run's, children included;",
        "memory is the most that all of the command's processes held together. Specs come from `benchmarks/services.py`",
        "and are the same every time.\n",
        *_machine(load),
    ]
    for name, rows in tables.items():
        if rows:
            parts += [
                f"\n## {_TITLES[name]}\n",
                f"{(sources[name].__doc__ or '').strip()}\n",
                *_table(rows),
                "",
                _WORDS[name],
            ]
    return "\n".join(parts) + "\n"


def _machine(load: float) -> list[str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    libraries = ", ".join(f"{name} {version(name)}" for name in ("pydantic", "jinja2", "pyyaml"))
    rows = {
        "Machine": f"{cores} cores ({_processor()}), {memory:.0f} GiB of memory",
        "Other load": f"{load:.1f} processes running or waiting before the first measurement",
        "System": f"{_system()}, {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}; {libraries}",
        "Go": _go() or "none",
        "capgen": version("capgen") if _installed() else _working_tree(),
        "Peers": ", ".join(VERSIONS.values()),
    }
    return ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())]


def _installed() -> bool:
    try:
        version("capgen")
    except ModuleNotFoundError:  # PackageNotFoundError is one
        return False
    return True


def _working_tree() -> str:
    from capgen import __version__

    return f"{__version__} (the working tree)"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _go() -> str:
    go = shutil.which("go")
    return (
        subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()
        if go
        else ""
    )


def _table(rows: Iterable[Row]) -> list[str]:
    head = [
        "| work | tool | time | processor | memory | made | goal |",
        "| --- | --- | ---: | ---: | ---: | --- | --- |",
    ]
    return head + [
        f"| {row.work} | {row.tool} | {_seconds(row.cost.wall)} | {_seconds(row.cost.cpu)} | {row.cost.memory / MIB:.0f} MiB"
        f" | {row.made} | {_goal(row)} |"
        for row in rows
    ]


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def _goal(row: Row) -> str:
    if row.reached is None:
        return row.goal
    return f"{row.goal}: {'reached' if row.reached else '**missed**'}"
