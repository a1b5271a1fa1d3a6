"""A script that changes limits beside a VPA that changes requests: two owners of one container's resources."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.blueprint import Blueprint
from capgen.check.scaling.finding import finding
from capgen.diagnostics import Diagnostic
from capgen.spec.parse import Spec

CODE = "CG408"


def check(spec: Spec, blueprint: Blueprint) -> Iterator[Diagnostic]:
    """For each `resize` job on a workload whose VPA does more than recommend."""
    for name, job in spec.model.jobs.items():
        workload = spec.model.workloads.get(job.resize or "")
        if workload is not None and workload.vertical is not None and workload.vertical.mode != "recommend":
            yield finding(
                spec, CODE, f"both a job and a VPA resize {job.resize!r}", ("jobs", name, "resize"),
                "set `vertical.mode: recommend` and let the job apply it, or remove the job",
            )  # fmt: skip
