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
_AMOUNTS = {"cpu": "500m", "memory": "1Gi"}


def check(spec: Spec, blueprint: Blueprint) -> Iterator[Diagnostic]:
    """For workloads with a resource that an HPA sizes by utilisation and a VPA (not `recommend`) by request."""
    for name, workload in spec.model.workloads.items():
        vpa = next((v for v in blueprint.vpas if v.origin.path == f"workloads.{name}.vertical"), None)
        hpa = next((h for h in blueprint.hpas if h.origin.path == f"workloads.{name}.horizontal"), None)
        if vpa is None or hpa is None or vpa.mode == "Off" or workload.vertical is None:
            continue
        shared = sorted(
            {m.name for m in hpa.metrics if m.target_type == "Utilization" and m.name in controlled(vpa, m.container)}
        )
        if shared:
            left = "".join(
                f"`control: [{other}]` for each container; or " for other in ("cpu", "memory") if other not in shared
            )
            amounts = " and ".join(f"`{resource}: {_AMOUNTS[resource]}`" for resource in shared)
            yield finding(
                spec, CODE, f"both the HPA and the VPA of {name!r} decide about {' and '.join(shared)}", ("workloads", name, "vertical", "mode"),
                f"choose: `mode: recommend`; or {left}a target per pod ({amounts}) instead of a share",
            )  # fmt: skip


def controlled(vpa: Vpa, container: str) -> set[str]:
    """The resources that a VPA changes, in one container or ("") in any."""
    policies = [c for c in vpa.containers if not container or c.container in (container, "*")]
    if not policies:
        return {"cpu", "memory"}  # without a policy a container is controlled whole
    return {resource for c in policies if c.mode != "Off" for resource in (c.controlled or ("cpu", "memory"))}
