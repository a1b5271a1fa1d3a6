"""Replays of an HPA over ninety days at 15 seconds, beside Kubernetes' own controller over the same demand."""

from __future__ import annotations

import json
import math
import random
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cases import CAPGEN, Bench, Row
from peers import Unavailable

DAY = 5760
_WHOLE = {"type": "Percent", "value": 100, "periodSeconds": 15}
BEHAVIOURS: Mapping[str, Any] = {
    "without behaviour": None,
    "default behaviour": {},
    "slow policies": {
        "scaleUp": {"policies": [{"type": "Pods", "value": 2, "periodSeconds": 60}]},
        "scaleDown": {"policies": [{"type": "Percent", "value": 10, "periodSeconds": 60}]},
    },
    "no windows": {"scaleDown": {"stabilizationWindowSeconds": 0}},
    "no windows, no tolerance": {
        "scaleUp": {"policies": [_WHOLE], "tolerance": "0"},
        "scaleDown": {"stabilizationWindowSeconds": 0, "tolerance": "0"},
    },
}


def replays(bench: Bench) -> Iterator[Row]:
    """From the manifest and half a million rows of demand to the events."""
    days = 90 if bench.fleet >= 1000 else 9 if bench.fleet >= 100 else 1
    folder = bench.folder("replays")
    demand = _demand(days * DAY)
    rows = [f"{tick * 15},{value:.4f}" for tick, value in enumerate(demand)]
    (folder / "demand.csv").write_text("\n".join(["t,cpu", *rows]) + "\n", encoding="utf-8")
    for name, behavior in BEHAVIOURS.items():
        manifest = _manifest(behavior)
        (folder / "hpa.yaml").write_text(json.dumps(manifest), encoding="utf-8")
        words = (
            "simulate --hpa hpa.yaml --demand demand.csv --request cpu=500m --initial 2 --ready-after 20s --format json"
        )
        cost = bench.cost([*CAPGEN, *words.split()], folder)
        made = f"{days * DAY:,} ticks, {len(json.loads((folder / '.measured').read_text())['events']):,} events"
        goal = "< 2 s" if days == 90 else ""
        yield Row(f"{days} days, {name}", "capgen", cost, made, goal, cost.wall < 2 if goal else None)
    if bench.with_peers:
        yield _controller(bench, folder, demand, days)


def _controller(bench: Bench, folder: Path, demand: list[float], days: int) -> Row:
    from components.build import BuildFailed, ensure

    try:
        oracle = ensure("oracle") / "oracle"
    except BuildFailed as failed:
        raise Unavailable(str(failed)) from failed
    second = 10**9
    scenario = {
        "hpa": _manifest(None), "sync": 15 * second, "ticks": len(demand), "initial": 2, "ready_after": 20 * second,
        "sample_after": 0, "window": 30 * second, "requests": {"cpu": 500}, "demand": {"cpu": demand},
    }  # fmt: skip
    (folder / "scenario.json").write_text(json.dumps(scenario) + "\n", encoding="utf-8")
    line = f"{shlex.quote(str(oracle))} -test.timeout 0 < scenario.json"
    cost = bench.cost(["bash", "-c", line], folder, runs=1)
    return Row(f"{days} days, without behaviour", "Kubernetes 1.36 in virtual time", cost, f"{len(demand):,} ticks")


def _manifest(behavior: Any) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": 70}
    spec: dict[str, Any] = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 1,
        "maxReplicas": 30,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    if behavior is not None:
        spec["behavior"] = behavior
    head = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    return {**head, "metadata": {"name": "web", "namespace": "default"}, "spec": spec}


def _demand(ticks: int) -> list[float]:
    """A wave a day, noise, a burst now and then; the same every time."""
    chance = random.Random(7)
    burst, values = 0.0, []
    for tick in range(ticks):
        burst = chance.uniform(1, 4) if chance.random() < 0.0007 else burst * 0.97
        wave = 1.5 * (1 - math.cos(2 * math.pi * tick / DAY))
        values.append(round(max(0.0, 1.0 + wave + burst + chance.gauss(0, 0.05)), 4))
    return values
