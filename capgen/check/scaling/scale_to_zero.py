"""No pod has no CPU use: an HPA that looks at pods alone can go to zero and never come back."""

from __future__ import annotations

from collections.abc import Iterator

from capgen.blueprint import Blueprint
from capgen.check.scaling.finding import finding
from capgen.diagnostics import Diagnostic
from capgen.spec.parse import Spec

CODE = "CG405"


def check(spec: Spec, blueprint: Blueprint) -> Iterator[Diagnostic]:
    """An HPA with `min: 0` needs an object or external metric, in Kubernetes as in reason."""
    for hpa in blueprint.hpas:
        if hpa.min_replicas == 0 and not any(m.type in ("Object", "External") for m in hpa.metrics):
            name = hpa.origin.path.removeprefix("workloads.").removesuffix(".horizontal")
            path = ("workloads", name, "horizontal", "replicas", "min")
            yield finding(
                spec,
                CODE,
                "nothing would ever scale it up from zero",
                path,
                "write `min: 1`, or add a target that is measured without pods, like a signal",
            )
