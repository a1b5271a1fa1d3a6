"""HPA manifests and demand for the tests: behaviours that people write, and series with the shapes of real ones."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

Manifest = dict[str, Any]


def hpa(metrics: Sequence[Any] = (), behavior: Any = None, *, low: int = 1, high: int = 30) -> Manifest:
    spec: dict[str, Any] = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": low,
        "maxReplicas": high,
        "metrics": list(metrics) or [resource("cpu", 70)],
    }
    if behavior is not None:
        spec["behavior"] = behavior
    return {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "default"}, "spec": spec,
    }  # fmt: skip


def resource(name: str, utilization: int | None = None, *, average: str = "", container: str = "") -> Any:
    target: dict[str, Any] = {"type": "AverageValue", "averageValue": average}
    if utilization is not None:
        target = {"type": "Utilization", "averageUtilization": utilization}
    if container:
        return {
            "type": "ContainerResource",
            "containerResource": {"name": name, "container": container, "target": target},
        }
    return {"type": "Resource", "resource": {"name": name, "target": target}}


def _amount(kind: str, amount: str) -> Any:
    return {"type": kind, ("value" if kind == "Value" else "averageValue"): amount}


def pods(name: str, average: str) -> Any:
    return {"type": "Pods", "pods": {"metric": {"name": name}, "target": _amount("AverageValue", average)}}


def external(name: str, kind: str, amount: str) -> Any:
    return {"type": "External", "external": {"metric": {"name": name}, "target": _amount(kind, amount)}}


def of_object(name: str, kind: str, amount: str) -> Any:
    described = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "web"}
    target = _amount(kind, amount)
    return {"type": "Object", "object": {"describedObject": described, "metric": {"name": name}, "target": target}}


def rules(window: int | None = None, *policies: tuple[str, int, int], select: str = "", tolerance: str = "") -> Any:
    made: dict[str, Any] = {}
    if window is not None:
        made["stabilizationWindowSeconds"] = window
    if policies:
        made["policies"] = [{"type": kind, "value": value, "periodSeconds": period} for kind, value, period in policies]
    if select:
        made["selectPolicy"] = select
    if tolerance:
        made["tolerance"] = tolerance
    return made


BEHAVIOURS: Mapping[str, Manifest] = {
    "legacy": hpa(),
    "default": hpa(behavior={}),
    "both windows": hpa(behavior={"scaleUp": rules(120), "scaleDown": rules(600)}),
    "no windows": hpa(behavior={"scaleDown": rules(0)}),
    "slow policies": hpa(
        behavior={"scaleUp": rules(0, ("Pods", 2, 60)), "scaleDown": rules(60, ("Pods", 1, 120), ("Percent", 10, 60))}
    ),
    "select min": hpa(
        behavior={
            "scaleUp": rules(30, ("Pods", 3, 45), ("Percent", 50, 90), select="Min"),
            "scaleDown": rules(0, ("Pods", 4, 300), ("Percent", 20, 60), select="Min"),
        }
    ),
    "down disabled": hpa(behavior={"scaleDown": rules(select="Disabled")}),
    "up disabled": hpa(behavior={"scaleUp": rules(select="Disabled")}, low=6),
    "tolerance": hpa(behavior={"scaleUp": rules(tolerance="0.02"), "scaleDown": rules(30, tolerance="350m")}),
    "long period": hpa(
        behavior={"scaleUp": rules(0, ("Percent", 30, 1800)), "scaleDown": rules(45, ("Percent", 25, 900))}
    ),
    "several metrics": hpa([resource("cpu", 60), resource("memory", 75), external("queue", "AverageValue", "40")]),
    "a failing metric": hpa([resource("cpu", 60), external("absent", "Value", "10")], {"scaleDown": rules(0)}),
    "container": hpa([resource("cpu", 55, container="app")]),
    "average": hpa([resource("cpu", average="350m"), resource("memory", average="300Mi")], {}),
    "pods metric": hpa([pods("rps", "25500m")], {"scaleDown": rules(120)}),
    "object": hpa([of_object("rps", "Value", "90")], {"scaleDown": rules(60)}),
    "object a pod": hpa([of_object("rps", "AverageValue", "22")]),
    "external": hpa([external("queue", "Value", "150")], {"scaleDown": rules(90, ("Percent", 50, 60))}),
    "to zero": hpa([external("night", "AverageValue", "30")], {"scaleDown": rules(60)}, low=0),
    "to zero, legacy": hpa([external("night", "Value", "60"), resource("cpu", 80)], low=0),
    "narrow": hpa(low=3, high=6),
}


def trace(seed: int, ticks: int, *, base: float, swing: float, noise: float) -> list[float]:
    """A day with a wave, noise, a few bursts and steps, as load has them; the same for the same seed."""
    chance = random.Random(seed)
    level, burst, values = 0.0, 0.0, []
    for tick in range(ticks):
        wave = swing * (1 - math.cos(2 * math.pi * tick / 5760))
        if chance.random() < 0.004:
            burst = base * chance.uniform(0.5, 4)
        if chance.random() < 0.002:
            level = base * chance.uniform(-0.4, 0.8)
        burst *= 0.9
        values.append(max(0.0, base + level + wave + burst + chance.gauss(0, noise)))
    return values


def demand(seed: int, ticks: int) -> dict[str, list[float | None]]:
    """All the metrics that the behaviours read; `absent` never has a value and `night` is nothing for hours."""
    queue: list[float | None] = list(trace(seed + 2, ticks, base=200, swing=150, noise=60))
    gaps = random.Random(seed)
    for start in gaps.sample(range(ticks), 3):
        queue[start : start + 20] = [None] * len(queue[start : start + 20])
    night = [max(0.0, value - 250) for value in trace(seed + 4, ticks, base=100, swing=120, noise=20)]
    return {
        "cpu": [*trace(seed, ticks, base=1.2, swing=1.5, noise=0.15)],
        "memory": [*trace(seed + 1, ticks, base=1.5e9, swing=8e8, noise=5e7)],
        "rps": [*trace(seed + 3, ticks, base=120, swing=90, noise=15)],
        "queue": queue,
        "night": [*night],
        "absent": [None] * ticks,
    }
