"""What each workload's containers ask for, and who scales it: what the plan's right-sizing is measured against."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from capgen import naming
from capgen.blueprint.sizing import SizedContainer, SizedWorkload
from capgen.compile.context import Context
from capgen.compile.planning import exact
from capgen.compile.sources import pods_of
from capgen.spec.sections import Resources

READY_AFTER = 30.0


def sized_workloads(context: Context) -> Iterator[SizedWorkload]:
    """By name, those whose containers are declared."""
    for name, spec in sorted(context.spec.model.workloads.items()):
        if not spec.containers:
            continue
        horizontal = spec.horizontal
        replay = horizontal.simulate if horizontal else None
        yield SizedWorkload(
            name=name,
            namespace=spec.namespace,
            pods=pods_of(spec, name),
            replicas=spec.replicas,
            containers=tuple(
                SizedContainer(container, _pair(one.requests), _pair(one.limits))
                for container, one in sorted(spec.containers.items())
            ),
            hpa=(horizontal.name or naming.hpa(name)) if horizontal is not None and horizontal.by == "hpa" else "",
            ready_after=(replay.ready_after if replay else None) or READY_AFTER,
            origin=context.origin(("workloads", name, "containers")),
        )


def _pair(resources: Resources | None) -> tuple[Decimal | None, Decimal | None]:
    return (exact(resources.cpu), exact(resources.memory)) if resources else (None, None)
