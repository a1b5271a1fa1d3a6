"""A VPA whose upper bound lies below what the HPA wants each pod to use: the target is never reached in peace."""

from __future__ import annotations

from collections.abc import Iterator

from capgen import units
from capgen.blueprint import Blueprint
from capgen.check.scaling.finding import finding
from capgen.check.scaling.same_resource import controlled
from capgen.diagnostics import Diagnostic
from capgen.spec.parse import Spec

CODE = "CG406"
_UNITS = {"cpu": "cores", "memory": "bytes"}


def check(spec: Spec, blueprint: Blueprint) -> Iterator[Diagnostic]:
    """For targets per pod (`cpu: 1500m`) with a VPA that changes that resource."""
    vpas = {vpa.workload: vpa for vpa in blueprint.vpas if vpa.mode != "Off"}
    for hpa in blueprint.hpas:
        vpa = vpas.get(hpa.workload)
        if vpa is None:
            continue
        name = hpa.origin.path.removeprefix("workloads.").removesuffix(".horizontal")
        for metric in hpa.metrics:
            if (
                metric.type not in ("Resource", "ContainerResource")
                or metric.target_type != "AverageValue"
                or metric.name not in controlled(vpa, metric.container)
            ):
                continue
            bounds = [
                dict(c.max_allowed).get(metric.name)
                for c in vpa.containers
                if not metric.container or c.container in (metric.container, "*")
            ]
            if not bounds or None in bounds:
                continue
            unit = _UNITS[metric.name]
            most = sum(units.parse(bound, unit) for bound in bounds if bound)
            if units.parse(metric.target, unit) > most:
                key = f"{metric.name}/{metric.container}" if metric.container else metric.name
                yield finding(
                    spec, CODE, f"{key}: each pod shall use {metric.target}, and the VPA allows it {units.human(most, unit)}", ("workloads", name, "horizontal", "targets", key),
                    "raise the VPA's `max`, or lower the target",
                )  # fmt: skip
