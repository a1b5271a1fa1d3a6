"""An HPA as the controller sees it: defaults filled in, quantities as whole thousandths.

`behavior` that is absent and `behavior: {}` are different algorithms: without it the controller takes an older path,
with its own rate limit and its own window, so `behavior` is None there and never a set of defaults.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal["Resource", "ContainerResource", "Pods", "Object", "External"]
Target = Literal["Utilization", "AverageValue", "Value"]

TOLERANCE = 0.1
SYNC_SECONDS = 15
DOWN_WINDOW_SECONDS = 300
CPU_INITIALISATION_SECONDS = 300
"""How long after its start a pod's CPU may be that of starting up."""


class Metric(Struct, frozen=True):
    """What is held at which amount. `target` is percent for Utilization, thousandths for the others."""

    kind: Kind
    name: str
    target_type: Target
    target: int
    container: str = ""

    @property
    def of_pods(self) -> bool:
        """Whether each pod has a sample, and not the whole of them one number."""
        return self.kind in ("Resource", "ContainerResource", "Pods")

    @property
    def of_cpu(self) -> bool:
        """Whether pods that start up are left out, which the controller does for CPU alone."""
        return self.kind in ("Resource", "ContainerResource") and self.name == "cpu"

    def __str__(self) -> str:
        where = f"/{self.container}" if self.container else ""
        return f"{self.kind} {self.name}{where}"


class Policy(Struct, frozen=True):
    """At most `value` pods, or percent of them, in `period` seconds."""

    type: Literal["Pods", "Percent"]
    value: int
    period: int


class Rules(Struct, frozen=True):
    """One direction: seconds of stabilisation, how fast, and how far off the target is left alone."""

    window: int
    policies: tuple[Policy, ...]
    select: Literal["Max", "Min", "Disabled"] = "Max"
    tolerance: float = TOLERANCE


UP = Rules(0, (Policy("Pods", 4, 15), Policy("Percent", 100, 15)))
DOWN = Rules(DOWN_WINDOW_SECONDS, (Policy("Percent", 100, 15),))
"""What the API server and the controller fill in where `behavior` leaves a direction out."""
DEFAULT_METRIC = Metric("Resource", "cpu", "Utilization", 80)


class Behavior(Struct, frozen=True):
    """Both directions, complete."""

    up: Rules = UP
    down: Rules = DOWN


class Autoscaler(Struct, frozen=True):
    """How few, how many, by what, how fast."""

    minimum: int
    maximum: int
    metrics: tuple[Metric, ...] = (DEFAULT_METRIC,)
    behavior: Behavior | None = None
    name: str = ""

    @property
    def scales_to_zero(self) -> bool:
        """Whether one of its metrics goes on without any pods."""
        return any(metric.kind in ("Object", "External") for metric in self.metrics)

    @property
    def tolerances(self) -> tuple[float, float]:
        """How far below and above the target is left alone."""
        if self.behavior is None:
            return TOLERANCE, TOLERANCE
        return self.behavior.down.tolerance, self.behavior.up.tolerance
