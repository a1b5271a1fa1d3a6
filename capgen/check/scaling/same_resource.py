"""An HPA on utilisation and a VPA that moves the request chase one another.

Utilisation is use divided by the request. The VPA raises the request, so utilisation falls, so the HPA takes
pods away, so each pod uses more, so the VPA raises again: it ends at the fewest and largest pods.
"""

from __future__ import annotations

from collections.abc import Iterator

from capgen.blueprint import Blueprint, Vpa
from capgen.check.scaling.finding import finding
from capgen.diagnostics import Diagnostic
from capgen.spec.parse import Spec

CODE = "CG402"


def check(spec: Spec, blueprint: Blueprint) -> Iterator[Diagnostic]:
    """For each resource that an HPA sizes by utilisation and a VPA (not `recommend`) by request."""
    for name, workload in spec.model.workloads.items():
        vpa = next((v for v in blueprint.vpas if v.origin.path == f"workloads.{name}.vertical"), None)
        hpa = next((h for h in blueprint.hpas if h.origin.path == f"workloads.{name}.horizontal"), None)
        if vpa is None or hpa is None or vpa.mode == "Off" or workload.vertical is None:
            continue
        for metric in hpa.metrics:
            if metric.target_type == "Utilization" and metric.name in controlled(vpa, metric.container):
                other = "memory" if metric.name == "cpu" else "cpu"
                yield finding(
                    spec, CODE, f"both the HPA and the VPA of {name!r} decide about {metric.name}", ("workloads", name, "vertical", "mode"),
                    f"choose: `mode: recommend`; or `control: [{other}]` for each container; or a target per pod (`{metric.name}: 500m`) instead of a share",
                )  # fmt: skip


def controlled(vpa: Vpa, container: str) -> set[str]:
    """The resources that a VPA changes, in one container or ("") in any."""
    policies = [c for c in vpa.containers if not container or c.container in (container, "*")]
    if not policies:
        return {"cpu", "memory"}  # without a policy a container is controlled whole
    return {resource for c in policies if c.mode != "Off" for resource in (c.controlled or ("cpu", "memory"))}
