"""A fixed number of replicas beside something that scales: each apply would undo what the scaler did."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.blueprint import Blueprint
from capgen.check.scaling.finding import finding
from capgen.diagnostics import Diagnostic
from capgen.spec.parse import Spec

CODE = "CG407"


def check(spec: Spec, blueprint: Blueprint) -> Iterator[Diagnostic]:
    """Points at `replicas`."""
    for name, workload in spec.model.workloads.items():
        if workload.replicas is not None and workload.horizontal is not None:
            path = ("workloads", name, "replicas")
            yield finding(
                spec,
                CODE,
                f"{name!r} has a fixed number of replicas and is scaled as well",
                path,
                "remove `replicas`, or remove `horizontal`",
            )
