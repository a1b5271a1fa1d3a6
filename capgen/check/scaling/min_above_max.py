"""More replicas at least than at most: the API server refuses such an HPA."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.blueprint import Blueprint
from capgen.check.scaling.finding import finding
from capgen.diagnostics import Diagnostic
from capgen.spec.parse import Spec

CODE = "CG404"


def check(spec: Spec, blueprint: Blueprint) -> Iterator[Diagnostic]:
    """Points at the minimum."""
    for name, workload in spec.model.workloads.items():
        if workload.horizontal is None:
            continue
        replicas = workload.horizontal.replicas
        if replicas.min > replicas.max:
            path = ("workloads", name, "horizontal", "replicas", "min")
            yield finding(
                spec,
                CODE,
                f"at least {replicas.min} replicas cannot be at most {replicas.max}",
                path,
                "raise `max` or lower `min`",
            )
