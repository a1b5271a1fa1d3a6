"""The pods of a replay: how many are ready, and how each metric sees those that are still young.

A pod is Running and not ready from the tick that made it, ready `ready_after` later, and its CPU counts once a whole
metric window was measured of it being ready, or once its first five minutes are over. The newest pods go first, so the
young ones are a stack on top of the others.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from capgen.simulate.autoscaler import CPU_INITIALISATION_SECONDS, SYNC_SECONDS, Metric
from capgen.simulate.proposals import Tally, cut, wrapped

SECOND = 10**9


class Model(Struct, frozen=True):
    """What stands around the autoscaler. Times are nanoseconds, requests thousandths of cores and bytes."""

    initial: int
    ready_after: int
    requests: Mapping[str, int] = field(default_factory=dict)
    sync: int = SYNC_SECONDS * SECOND
    window: int = 30 * SECOND
    sample_after: int = 0
    """How long a new pod runs before there is a sample of it."""

    def ticks(self, age: int) -> int:
        """After how many ticks a pod is at least so old."""
        return -(-age // self.sync)

    @property
    def counted_after(self) -> int:
        """How old a pod is when its CPU counts."""
        windowed = min(self.ready_after + self.window, CPU_INITIALISATION_SECONDS * SECOND)
        return max(self.ready_after, windowed)


class Pods:
    """The pods by age. The first ones have been ready for an hour."""

    def __init__(self, model: Model, *, of_cpu: bool) -> None:
        self.mature = self.count = model.initial
        self.young: list[list[int]] = []
        """The tick that made them and how many, oldest first."""
        self.requests = model.requests
        self.ready_ticks = model.ticks(model.ready_after)
        self.sample_ticks = model.ticks(model.sample_after)
        self.cpu_ticks = model.ticks(model.counted_after)
        self.mature_ticks = max(self.ready_ticks, self.sample_ticks, self.cpu_ticks if of_cpu else 0)

    def grow_up(self, tick: int) -> None:
        """Those that are old enough by now are told apart no more."""
        while self.young and tick - self.young[0][0] >= self.mature_ticks:
            self.mature += self.young.pop(0)[1]

    def resize(self, tick: int, count: int) -> None:
        """New ones are made, or the newest go."""
        if count > self.count:
            self.young.append([tick, count - self.count])
        surplus = self.count - count
        self.count = count
        while surplus > 0:
            if not self.young:
                self.mature -= surplus
                return
            newest = self.young[-1]
            gone = min(surplus, newest[1])
            newest[1] -= gone
            surplus -= gone
            if not newest[1]:
                self.young.pop()

    def ready(self, tick: int) -> int:
        """How many are ready."""
        return self.mature + sum(count for born, count in self.young if tick - born >= self.ready_ticks)

    def tally(self, metric: Metric, tick: int, thousandths: float, *, of_cpu: bool) -> Tally:
        """How a metric of pods sees them, when all of them together use so much."""
        counted, usage_of, unready, missing = self.mature, self.mature, 0, 0
        ready = self.mature
        ready_ticks, sample_ticks, cpu_ticks = self.ready_ticks, self.sample_ticks, self.cpu_ticks
        for born, count in self.young:
            age = tick - born
            is_ready = age >= ready_ticks
            if is_ready:
                ready += count
            if age < sample_ticks:
                missing += count
            elif of_cpu and age < cpu_ticks:
                unready += count
            else:
                counted += count
                usage_of += count if is_ready else 0
        share = int(thousandths / float(ready)) if ready else 0
        request = self.requests.get(metric.name, 0)
        if not (missing or unready):
            return Tally(counted, share * usage_of, request * counted)
        fallback = missing * cut(wrapped(request * max(100, metric.target), 64), 100) if missing else 0
        return Tally(
            counted, share * usage_of, request * counted, unready, request * unready,
            missing, request * missing, fallback,
        )  # fmt: skip
