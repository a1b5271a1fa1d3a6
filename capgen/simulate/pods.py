"""The pods of a replay: how many are ready, and how each metric sees those that are still young.

A pod is Running and not ready from the tick that made it, ready `ready_after` later, and its CPU counts once a whole
metric window was measured of it being ready, or once its first five minutes are over. The newest pods go first, so the
young ones are a stack on top of the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count as count_up
from math import ceil
from typing import NamedTuple

from msgspec import Struct, field

from capgen.simulate.autoscaler import CPU_INITIALISATION_SECONDS, SYNC_SECONDS, Metric
from capgen.simulate.proposals import Tally, cut, wrapped

SECOND = 10**9


class Share(NamedTuple):
    """A number of pods, or percent of them."""

    amount: int
    of_hundred: bool = False

    def of(self, replicas: int) -> float:
        """How many that is."""
        return replicas * self.amount / 100 if self.of_hundred else self.amount

    def __str__(self) -> str:
        return f"{self.amount}%" if self.of_hundred else str(self.amount)


class Rollouts(Struct, frozen=True):
    """When the workload is rolled out, in nanoseconds from the start, and by how much more and less at once."""

    at: tuple[int, ...] = ()
    every: int = 0
    """From one to the next, the first after as long; 0 for those at `at` alone."""
    surge: Share = Share(25, of_hundred=True)
    unavailable: Share = Share(25, of_hundred=True)

    def fence(self, replicas: int) -> tuple[int, int]:
        """The most pods beyond the replicas, and the most that may be missing; never both none."""
        surge, unavailable = ceil(self.surge.of(replicas)), int(min(self.unavailable.of(replicas), replicas))
        return surge, unavailable if surge or unavailable else 1

    def instants(self) -> Iterator[int]:
        """When each begins, in order, without an end where there is a period."""
        own = sorted(set(self.at))
        if not self.every:
            yield from own
            return
        for periods in count_up(1):
            instant = periods * self.every
            yield from (at for at in own if instant - self.every < at < instant or (periods == 1 and at == 0))
            yield instant


class Model(Struct, frozen=True):
    """What stands around the autoscaler. Times are nanoseconds, requests thousandths of cores and bytes."""

    initial: int
    ready_after: int
    requests: Mapping[str, int] = field(default_factory=dict)
    sync: int = SYNC_SECONDS * SECOND
    window: int = 30 * SECOND
    sample_after: int = 0
    """How long a new pod runs before there is a sample of it."""
    rollouts: Rollouts | None = None
    """None where the workload is never rolled out."""
    asleep: bool = False
    """Whether it was the autoscaler that scaled it to nothing, where it starts without pods; it leaves alone what somebody
    else did."""

    def ticks(self, age: int) -> int:
        """After how many ticks a pod is at least so old."""
        return -(-age // self.sync)

    @property
    def counted_after(self) -> int:
        """How old a pod is when its CPU counts."""
        windowed = min(self.ready_after + self.window, CPU_INITIALISATION_SECONDS * SECOND)
        return max(self.ready_after, windowed)


class Pods:
    """The pods by age, of a workload that is never rolled out. The first ones have been ready for an hour."""

    rolls_at = 2**62
    """The tick of the next rollout."""

    def __init__(self, model: Model, *, of_cpu: bool) -> None:
        self.mature = self.count = model.initial
        self.young: list[list[int]] = []
        """The tick that made them and how many, oldest first."""
        self.requests = model.requests
        self.ready_ticks = model.ticks(model.ready_after)
        self.sample_ticks = model.ticks(model.sample_after)
        self.cpu_ticks = model.ticks(model.counted_after)
        self.mature_ticks = max(self.ready_ticks, self.sample_ticks, self.cpu_ticks if of_cpu else 0)

    @property
    def total(self) -> int:
        """All that run."""
        return self.count

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
        request = self.requests.get(metric.name, 0)
        return share_out(request, metric.target, thousandths, ready, (counted, usage_of, unready, missing))


def share_out(request: int, target: int, thousandths: float, ready: int, pods: tuple[int, int, int, int]) -> Tally:
    """What a metric sees when the ready ones share so much. `pods` are those counted, those of them that use something,
    the unready ones and those without a sample."""
    counted, using, unready, missing = pods
    share = int(thousandths / float(ready)) if ready else 0
    if not (missing or unready):
        return Tally(counted, share * using, request * counted)
    fallback = missing * cut(wrapped(request * max(100, target), 64), 100) if missing else 0
    return Tally(
        counted, share * using, request * counted, unready, request * unready, missing, request * missing, fallback
    )
