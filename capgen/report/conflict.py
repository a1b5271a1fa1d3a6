"""An HPA and a VPA over the same demand, step by step: for a terminal and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from capgen import units
from capgen.report.color import painted
from capgen.report.simulation import unknown
from capgen.report.text import wrapped
from capgen.simulate.known_limits import BESIDE_VPA, KNOWN_LIMITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from capgen.simulate.conflict import Step

SCHEMA_VERSION = 1
_LIMITS = (*BESIDE_VPA, *KNOWN_LIMITS)
_APART = 1.5
"""Requests that end so many times higher or lower than they began were driven there."""


def drives(steps: Sequence[Step]) -> bool:
    """Whether the two moved one another: requests of cpu or memory and replicas went opposite ways, and far."""
    if len(steps) < 2:
        return False
    first, last = steps[0], steps[-1]
    replicas = last.mean_replicas / first.mean_replicas
    requests = [now / once for once, now in ((first.cpu, last.cpu), (first.memory, last.memory)) if once and now]
    return any((request >= _APART and replicas < 1) or (request <= 1 / _APART and replicas > 1) for request in requests)


def as_json(steps: Sequence[Step]) -> str:
    """Every step."""
    rows = [
        {
            "t": step.seconds,
            "cpu_request": units.kube_cpu(step.cpu / 1000),
            "memory_request": step.memory,
            "mean_replicas": round(step.mean_replicas, 4),
            "cpu_of_a_pod": round(step.cpu_of_a_pod, 6),
            "memory_of_a_pod": round(step.memory_of_a_pod),
            "updated": step.updated,
        }
        for step in steps
    ]
    document = {"schema_version": SCHEMA_VERSION, "drives": drives(steps), "steps": rows, "known_limits": list(_LIMITS)}
    return json.dumps(document, indent=2) + "\n"


def as_text(steps: Sequence[Step], *, color: bool = False, width: int = 80) -> str:
    """The steps at which the VPA changed something, with the first and the last."""
    shown = [s for n, s in enumerate(steps) if n in (0, len(steps) - 1) or s.updated or steps[n - 1].updated]
    # A resource that nothing is known of has no columns.
    measured = [(name, cells) for name, cells in _COLUMNS.items() if any(_used(step, name) for step in steps)]
    head = "".join(f"{name + ' request':>15}{name + ' of a pod':>16}" for name, _ in measured)
    lines = [painted(f"{'from':>9}{'replicas':>9}{head}", "bold", color)]
    lines += [
        f"{units.duration(s.seconds):>9}{s.mean_replicas:>9.1f}"
        + "".join(f"{request:>15}{used:>16}" for request, used in (cells(s) for _, cells in measured))
        for s in shown
    ]
    verdict = (
        "the two drive one another: let the HPA aim at an amount for each pod, or the VPA control another resource"
        if drives(steps)
        else "the two leave one another in peace over this demand"
    )
    lines += [painted(line, "bold", color) for line in wrapped(verdict, width, width)]
    return "\n".join([*lines, *unknown(_LIMITS, color=color, width=width)]) + "\n"


def _used(step: Step, name: str) -> float:
    return step.cpu_of_a_pod if name == "cpu" else step.memory_of_a_pod


def _cpu(step: Step) -> tuple[str, str]:
    return units.kube_cpu(step.cpu / 1000), f"{step.cpu_of_a_pod:.3f}"


def _memory(step: Step) -> tuple[str, str]:
    return f"{step.memory / 2**20:,.0f}Mi", f"{step.memory_of_a_pod / 2**20:,.0f}Mi"


_COLUMNS: Mapping[str, Callable[[Step], tuple[str, str]]] = {"cpu": _cpu, "memory": _memory}
