"""How a signal reaches an autoscaler: through a metrics adapter for the whole cluster, or through KEDA."""

from __future__ import annotations

from msgspec import Struct


class ServedMetric(Struct, frozen=True):
    """A record that prometheus-adapter serves as an external metric."""

    name: str
    record: str


class KedaTriggers(Struct, frozen=True):
    """What makes an HPA one that KEDA owns: it asks Prometheus itself."""

    server: str
    """Prometheus' address."""
    headers: str
    """What a question to it carries, as KEDA writes it: `Name=value`, with commas between them."""
    queries: tuple[str, ...]
    """For each of the HPA's metrics the query that gives its value; "" for what the kubelet measures."""
