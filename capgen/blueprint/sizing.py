"""What a spec says of the size of its workloads' pods: what right-sizing starts from."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from capgen.blueprint.origin import Origin


class SizedContainer(Struct, frozen=True):
    """A container: cores and bytes that it asks for and may use; None where the spec does not say."""

    name: str
    requests: tuple[Decimal | None, Decimal | None]
    limits: tuple[Decimal | None, Decimal | None]


class SizedWorkload(Struct, frozen=True):
    """A workload whose containers the spec names."""

    name: str
    """As the spec calls it."""
    namespace: str
    pods: str
    """A regular expression for the names of its pods."""
    replicas: int | None
    """Fixed, where nothing scales it."""
    containers: tuple[SizedContainer, ...]
    hpa: str
    """The HPA that scales it; "" for none."""
    ready_after: float
    """Seconds until a pod is ready."""
    origin: Origin
