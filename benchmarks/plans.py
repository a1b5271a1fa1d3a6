"""Plans of a fleet from ninety days of hours a signal, out of files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import services
from cases import CAPGEN, Bench, Row

ENVIRONMENT = """\
apiVersion: capgen/v1
kind: Environment
metadata: {name: live}
kubernetes: {namespace: monitoring}
"""
DAYS = 90


def plans(bench: Bench) -> Iterator[Row]:
    """Every signal of every service forecast, and when its levels are reached."""
    count = 50 if bench.fleet >= 100 else 4
    folder = bench.folder("plans")
    signals = fleet(folder, count)
    cost = bench.cost([*CAPGEN, "plan", "--env", "live", "--history", "history", "--format", "json"], folder)
    made = f"{signals:,} series, {(folder / '.measured').stat().st_size / 1e6:.1f} MB of JSON"
    goal = "< 10 s on one core" if count == 50 else ""
    yield Row(f"{count} services × {DAYS} days", "capgen", cost, made, goal, cost.cpu < 10 if goal else None)


def fleet(folder: Path, count: int) -> int:
    """Specs of `count` services and a file for each of their signals; how many these are."""
    from planning.shapes import csv, weekly

    from capgen import api

    specs = services.write_fleet(folder, count)
    (specs / "live.yaml").write_text(ENVIRONMENT, encoding="utf-8")
    texts = [csv(weekly(13, seed=seed)[: DAYS * 24] * 1e-3) for seed in range(20)]
    written = 0
    compiled = api.compile_project([specs], environments=["live"])
    for service in (service for built in compiled.fleets for service in built.services):
        place = folder / "history" / service.name
        place.mkdir(parents=True)
        for signal in service.signals:
            (place / f"{signal.id}.csv").write_text(texts[written % len(texts)], encoding="utf-8")
            written += 1
    return written
