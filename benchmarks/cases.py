"""What is measured: each function is one table of docs/benchmarks.md, its rows capgen's numbers and its peers'."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path

import services
from measure import MIB, Cost, measure
from peers import HERE as PEERS
from peers import VERSIONS, peer

CAPGEN = (sys.executable, "-m", "capgen")
_RULE = re.compile(r'^\s*-?\s*"?(alert|record)"?:', re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """One measurement; `goal` in words and whether it was reached, where the design sets one."""

    work: str
    tool: str
    cost: Cost
    made: str = ""
    goal: str = ""
    reached: bool | None = None


@dataclass(frozen=True)
class Bench:
    """The circumstances of a run: where it writes, how often it repeats, how large the fleets are."""

    scratch: Path
    fleet: int
    sizes: Sequence[int]
    runs: int = 3
    with_peers: bool = True
    tools: Path | None = None
    """The folder of promtool, None to leave the proof out."""
    environment: dict[str, str] = field(default_factory=dict)

    def folder(self, name: str) -> Path:
        """A fresh folder."""
        path = self.scratch / name
        self.put_away(path)
        path.mkdir(parents=True)
        return path

    def put_away(self, path: Path) -> None:
        """What lies there is moved out of the way and not removed: a file system that has just lost thousands of files
        is slow at making new ones for a minute (ext4 passes over what was deleted a moment ago)."""
        if path.exists():
            aside = self.scratch / "aside"
            aside.mkdir(exist_ok=True)
            path.rename(aside / str(sum(1 for _ in aside.iterdir())))

    def without(self, *folders: Path) -> Callable[[], None]:
        """What makes a run one that finds none of the folders."""

        def put_away() -> None:
            for folder in folders:
                self.put_away(folder)

        return put_away

    def fresh(self, folder: Path) -> Callable[[], None]:
        """What makes a run one that finds the folder empty."""

        def make() -> None:
            self.put_away(folder)
            folder.mkdir()

        return make

    def cost(
        self,
        command: Sequence[str | Path],
        folder: Path,
        before: Callable[[], object] = lambda: None,
        runs: int = 0,
        *,
        once: bool = False,
    ) -> Cost:
        """What the command costs, run in the folder; `once` for what cannot be done twice, or takes minutes."""
        tools = f"{self.tools}{os.pathsep}" if self.tools else ""
        environment = {
            "HOME": str(self.scratch),
            "XDG_CACHE_HOME": str(self.cache),
            "PATH": tools + os.environ["PATH"],
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
        }
        return measure(
            [str(word) for word in command],
            folder,
            runs=0 if once else runs or self.runs,
            before=before,
            environment=environment,
        )

    @property
    def cache(self) -> Path:
        """Where the measured programs keep what they remember."""
        return self.scratch / "cache"


def start_up(bench: Bench) -> Iterator[Row]:
    """From the prompt to an answer, for one service."""
    folder = bench.folder("one")
    services.write_fleet(folder, 1)
    often = 3 * bench.runs
    help_, validate = (
        bench.cost([*CAPGEN, "--help"], folder, runs=often),
        bench.cost([*CAPGEN, "validate"], folder, runs=often),
    )
    yield Row("`--help`", "capgen", help_, "", "< 150 ms", help_.wall < 0.15)
    yield Row("validate one spec", "capgen", validate, "", "< 300 ms", validate.wall < 0.3)
    build = bench.cost([*CAPGEN, "build"], folder, bench.without(folder / "generated", bench.cache))
    yield Row("build one service", "capgen", build, _made(folder / "generated"))
    if bench.with_peers:
        nthlayer, theirs = peer("nthlayer"), bench.folder("nthlayer")
        shutil.copy(PEERS / "nthlayer" / "service-00000.yaml", theirs)
        yield Row("`--help`", VERSIONS["nthlayer"], bench.cost([nthlayer, "--help"], theirs))
        yield Row(
            "validate one service",
            VERSIONS["nthlayer"],
            bench.cost([nthlayer, "validate", "service-00000.yaml"], theirs),
        )
        out = theirs / "out"
        apply = bench.cost(
            [nthlayer, "apply", "service-00000.yaml", "--force", "--output-dir", out], theirs, bench.without(out)
        )
        yield Row("build one service", VERSIONS["nthlayer"], apply, _made(out))


def cold_builds(bench: Bench) -> Iterator[Row]:
    """Everything is compiled and written; nothing is there from an earlier build."""
    for count in bench.sizes:
        folder = bench.folder(f"cold-{count}")
        services.write_fleet(folder, count)
        out = folder / "generated"
        cost = bench.cost(
            [*CAPGEN, "build"], folder, bench.without(out, bench.cache), runs=1 if count > 1000 else bench.runs
        )
        made, goal = _made(out), "< 6 s, < 300 MiB" if count == 1000 else ""
        reached = cost.wall < 6 and cost.memory < 300 * MIB if goal else None
        yield Row(f"{count:,} services ({cost.wall / count * 1000:.1f} ms each)", "capgen", cost, made, goal, reached)
        bench.put_away(folder)


def rebuilds(bench: Bench) -> Iterator[Row]:
    """The fleet was built before."""
    folder, count = bench.folder("rebuild"), bench.fleet
    specs = services.write_fleet(folder, count)
    goal = "< 0.6 s" if count == 1000 else ""
    bench.cost([*CAPGEN, "build"], folder, bench.without(bench.cache), runs=1)
    states = cycle((True, False))
    one = bench.cost([*CAPGEN, "build"], folder, lambda: services.change_one(specs, count, changed=next(states)))
    yield Row(f"one spec changed among {count:,}", "capgen", one, "", goal, one.wall < 0.6 if goal else None)
    yield Row(f"nothing changed among {count:,}", "capgen", bench.cost([*CAPGEN, "build"], folder))
    yield Row(f"`build --check` of {count:,}", "capgen", bench.cost([*CAPGEN, "build", "--check"], folder))


def rules_alone(bench: Bench) -> Iterator[Row]:
    """Rule files and nothing else, cold; the peers make as many rules."""
    folder, count = bench.folder("rules"), bench.fleet
    services.write_fleet(folder, count, rules_only=True)
    out = folder / "generated"
    ours = bench.cost([*CAPGEN, "build"], folder, bench.without(out, bench.cache))
    records, alerts = _rules(out)
    work = f"rules of {count:,} services"
    if not bench.with_peers:
        yield Row(work, "capgen", ours, _made(out))
        return
    sloth = _sloth(bench, records + alerts)
    yield Row(work, "capgen", ours, _made(out), "≤ 2 × Sloth", ours.wall <= 2 * sloth.cost.wall)
    yield sloth
    theirs = bench.folder("jsonnet")
    numbers = {"services": count, "records": round(records / count), "alerts": round(alerts / count)}
    settings = [word for key, value in numbers.items() for word in ("--tla-code", f"{key}={value}")]
    command: list[str | Path] = [peer("jsonnet"), "-m", "out", *settings, PEERS / "jsonnet" / "rules.jsonnet"]
    cost = bench.cost(command, theirs, bench.fresh(theirs / "out"))
    yield Row(work, VERSIONS["jsonnet"], cost, _made(theirs / "out"))


_SLO = """\
  - name: objective-{n}
    objective: 99.9
    description: Service {i} answers, objective {n}
    sli:
      events:
        error_query: sum(rate(http_requests_total{{job="service-{i:05d}-app",code=~"5.."}}[{{{{.window}}}}]))
        total_query: sum(rate(http_requests_total{{job="service-{i:05d}-app"}}[{{{{.window}}}}]))
    alerting:
      name: Service{i:05d}Objective{n}
      annotations: {{runbook_url: "https://runbooks.example.com/service-{i:05d}"}}
      page_alert: {{labels: {{severity: critical}}}}
      ticket_alert: {{labels: {{severity: warning}}}}
"""
RULES_AN_OBJECTIVE = 17
"""Eight rates, seven facts and two alerts."""


def _sloth(bench: Bench, rules: int) -> Row:
    folder, count = bench.folder("sloth"), bench.fleet
    (folder / "in").mkdir()
    objectives = round(rules / RULES_AN_OBJECTIVE)
    for i in range(count):
        head = f"version: prometheus/v1\nservice: service-{i:05d}\nlabels: {{team: team-{i % 37}, tier: standard}}\nslos:\n"
        share = objectives * (i + 1) // count - objectives * i // count
        text = head + "".join(_SLO.format(i=i, n=n) for n in range(share))
        (folder / "in" / f"service-{i:05d}.yml").write_text(text, encoding="utf-8")
    cost = bench.cost(
        [peer("sloth"), "generate", "--no-log", "-i", "in", "-o", "out"], folder, bench.fresh(folder / "out")
    )
    return Row(
        f"rules of {objectives:,} objectives of {count:,} services", VERSIONS["sloth"], cost, _made(folder / "out")
    )


def proof(bench: Bench) -> Iterator[Row]:
    """The generated rules of one service, proved by promtool."""
    if bench.tools is None or find_spec("capgen.cli.test") is None:
        return
    folder = bench.folder("proof")
    services.write_fleet(folder, 1)
    yield Row("prove one service", "capgen", bench.cost([*CAPGEN, "test"], folder, bench.without(bench.cache)))
    yield Row("the same again", "capgen", bench.cost([*CAPGEN, "test"], folder))


def _rules(out: Path) -> tuple[int, int]:
    """How many recording and alerting rules lie in the files of a folder."""
    found = [
        kind for path in _files(out) if path.suffix != ".j2" for kind in _RULE.findall(path.read_text(encoding="utf-8"))
    ]
    return found.count("record"), found.count("alert")


def _files(out: Path) -> list[Path]:
    return [path for path in out.rglob("*") if path.is_file()]


def _made(out: Path) -> str:
    records, alerts = _rules(out)
    files = _files(out)
    return f"{len(files):,} files, {sum(path.stat().st_size for path in files) / MIB:.1f} MiB; {alerts:,} alerts, {records:,} records"
