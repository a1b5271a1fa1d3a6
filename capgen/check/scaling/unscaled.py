"""A workload that a script shall scale, and no script does: nothing scales it, whatever its targets say."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from capgen.blueprint import Blueprint
from capgen.check.scaling.finding import finding
from capgen.diagnostics import Diagnostic, Severity
from capgen.spec.parse import Spec

CODE = "CG442"


def check(spec: Spec, blueprint: Blueprint) -> Iterator[Diagnostic]:
    """For each workload with `by: script` that no job scales. A script of somebody else's may do it: a warning."""
    scaled = {job.scale for job in spec.model.jobs.values()}
    for name, workload in spec.model.workloads.items():
        if workload.horizontal is not None and workload.horizontal.by == "script" and name not in scaled:
            found = finding(
                spec, CODE, f"no job scales {name!r}, so nothing does", ("workloads", name, "horizontal", "by"),
                f"add a job with `scale: {name}`, or write `by: hpa`",
            )  # fmt: skip
            yield replace(found, severity=Severity.WARNING)
