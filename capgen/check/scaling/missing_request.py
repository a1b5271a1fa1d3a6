"""Utilisation is a share of the request: without one, the HPA fails and scales nothing."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.blueprint import Blueprint
from capgen.check.scaling.finding import finding
from capgen.diagnostics import Diagnostic
from capgen.spec.parse import Spec

CODE = "CG409"


def check(spec: Spec, blueprint: Blueprint) -> Iterator[Diagnostic]:
    """For workloads whose containers the spec declares: each needs a request for what the HPA measures."""
    for hpa in blueprint.hpas:
        name = hpa.origin.path.removeprefix("workloads.").removesuffix(".horizontal")
        containers = spec.model.workloads[name].containers
        for metric in hpa.metrics:
            if metric.target_type != "Utilization":
                continue
            for container, declared in sorted(containers.items()):
                if metric.container not in ("", container):
                    continue
                if declared.requests is None or getattr(declared.requests, metric.name) is None:
                    yield finding(
                        spec, CODE, f"the container {container!r} requests no {metric.name}, so its utilisation is undefined", ("workloads", name, "containers", container),
                        f"declare `requests: {{{metric.name}: …}}` as its manifest does, or aim at an amount for each pod",
                    )  # fmt: skip
