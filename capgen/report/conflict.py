"""An HPA and a VPA over the same demand, step by step: for a terminal and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from capgen import units
from capgen.report.color import painted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from capgen.simulate.conflict import Step

SCHEMA_VERSION = 1
_APART = 1.5
"""Requests that end so many times higher or lower than they began were driven there."""


def drives(steps: Sequence[Step]) -> bool:
    """Whether the two moved one another: requests of cpu and replicas went opposite ways, and far."""
    if len(steps) < 2 or not steps[0].cpu or not steps[-1].cpu:
        return False
    request = steps[-1].cpu / steps[0].cpu
    replicas = steps[-1].mean_replicas / steps[0].mean_replicas
    return (request >= _APART and replicas < 1) or (request <= 1 / _APART and replicas > 1)


def as_json(steps: Sequence[Step]) -> str:
    """Every step."""
    rows = [
        {
            "t": step.seconds,
            "cpu_request": units.kube_cpu(step.cpu / 1000),
            "memory_request": step.memory,
            "mean_replicas": round(step.mean_replicas, 4),
            "cpu_of_a_pod": round(step.cpu_of_a_pod, 6),
            "updated": step.updated,
        }
        for step in steps
    ]
    document = {"schema_version": SCHEMA_VERSION, "drives": drives(steps), "steps": rows}
    return json.dumps(document, indent=2) + "\n"


def as_text(steps: Sequence[Step], *, color: bool = False) -> str:
    """The steps at which the VPA changed something, with the first and the last."""
    shown = [s for n, s in enumerate(steps) if n in (0, len(steps) - 1) or s.updated or steps[n - 1].updated]
    lines = [painted(f"{'from':>12}{'cpu request':>14}{'replicas':>10}{'cpu of a pod':>14}", "bold", color)]
    lines += [
        f"{units.duration(s.seconds):>12}{units.kube_cpu(s.cpu / 1000):>14}{s.mean_replicas:>10.1f}{s.cpu_of_a_pod:>14.3f}"
        for s in shown
    ]
    verdict = (
        "the two drive one another: choose what the HPA aims at as an amount for each pod, or let the VPA control memory"
        if drives(steps)
        else "the two leave one another in peace over this demand"
    )
    return "\n".join([*lines, painted(verdict, "bold", color)]) + "\n"
