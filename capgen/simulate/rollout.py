"""The pods of a workload that is rolled out now and then: what a Deployment's controller makes and takes away meanwhile.

A rollout matters to an autoscaler. Surge pods are measured like all others and are not ready at first, fewer ready pods
share the demand, and `status.replicas` counts both generations. Kubernetes' steps are taken here: new pods as far as the
surge allows, old ones as new ones turn ready and as far as may be unavailable, both in proportion when the autoscaler
changes replicas meanwhile. Pods that go are gone at once, and a ready pod is an available one (`minReadySeconds` 0).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import floor

from capgen.simulate.autoscaler import Metric
from capgen.simulate.pods import SECOND, Model, Rollouts, share_out
from capgen.simulate.proposals import Tally

Group = list[int]
"""When its pods started, in nanoseconds, and how many they are."""
_HOUR = 3600 * SECOND


class RollingPods:
    """The pods by generation, the oldest first, and by age within each; the last generation is the one that is wanted."""

    def __init__(self, model: Model, rollouts: Rollouts, *, of_cpu: bool) -> None:
        self.model, self.rollouts = model, rollouts
        self.count = model.initial
        self.sets: list[list[Group]] = [[[-_HOUR, model.initial]] if model.initial else []]
        self.mature_age = max(model.ready_after, model.sample_after, model.counted_after if of_cpu else 0)
        self.starts = rollouts.instants()
        self.next = next(self.starts, None)
        self.now = 0
        self.seen: list[tuple[int, int, int]] = []
        """Tick, pods and ready pods, wherever they are not simply as many as replicas."""

    @property
    def rolls_at(self) -> int:
        """The tick at which the next rollout has begun; far away when there is none."""
        return 2**62 if self.next is None else max(self.model.ticks(self.next) - 1, 0)

    @property
    def young(self) -> bool:
        """Whether pods differ by more than their number."""
        return len(self.sets) > 1 or any(self.now - born < self.mature_age for born, _ in self.sets[0])

    @property
    def total(self) -> int:
        """All that run: what `status.replicas` says."""
        return sum(map(_size, self.sets))

    def grow_up(self, tick: int) -> None:
        """Everything that happens up to a tick, and at it before the controller looks."""
        until = (tick + 1) * self.model.sync
        while True:
            starts = [self.next] if self.next is not None else []
            coming = [at for at in (*starts, *self._turning()) if at <= until]
            if not coming:
                break
            self.now = max(self.now, min(coming))
            if self.next is not None and self.next <= self.now:
                self.next = next(self.starts, None)
                if self.count:
                    self.sets.append([])
            self._follow()
        self.now = until
        if len(self.sets) == 1:
            grown = [group for group in self.sets[0] if until - group[0] >= self.mature_age]
            if len(grown) > 1:
                self.sets[0][: len(grown)] = [[grown[-1][0], sum(count for _, count in grown)]]
        if self.young:
            self.seen.append((tick, self.total, self.ready(tick)))

    def _turning(self) -> Iterator[int]:
        """When those turn ready that are not, in a rollout: nothing waits for them otherwise."""
        if len(self.sets) > 1:
            for born, _ in self._groups():
                if born + self.model.ready_after > self.now:
                    yield born + self.model.ready_after

    def resize(self, tick: int, count: int) -> None:
        """The autoscaler wants another number."""
        self.now = (tick + 1) * self.model.sync
        before, self.count = self.count, count
        active = [pods for pods in self.sets if pods]
        if len(active) > 1:
            self._in_proportion(before + self.rollouts.fence(before)[0])
        elif active:
            self._set(active[0], count)
        self._follow()

    def ready(self, tick: int) -> int:
        """How many are ready."""
        return sum(map(self._ready, self.sets))

    def tally(self, metric: Metric, tick: int, thousandths: float, *, of_cpu: bool) -> Tally:
        """How a metric of pods sees them, when all of them together use so much."""
        model = self.model
        counted = using = unready = missing = 0
        for born, count in self._groups():
            age = self.now - born
            if age < model.sample_after:
                missing += count
            elif of_cpu and age < model.counted_after:
                unready += count
            else:
                counted += count
                using += count if age >= model.ready_after else 0
        return share_out(model.requests.get(metric.name, 0), metric.target, thousandths, self.ready(tick), (counted, using, unready, missing))  # fmt: skip

    # What the Deployment's controller does

    def _follow(self) -> None:
        """Its steps, until it waits for something."""
        surge, unavailable = self.rollouts.fence(self.count)
        while True:
            self.sets = [*filter(None, self.sets[:-1]), self.sets[-1]]
            if len(self.sets) == 1:
                self._set(self.sets[0], self.count)
                return
            new, total = self.sets[-1], self.total
            missing = self.count - _size(new)
            if missing < 0:
                self._set(new, self.count)
            elif missing and total < self.count + surge:
                self._set(new, _size(new) + min(missing, self.count + surge - total))
            elif not self._fewer_old(self.count - unavailable):
                return

    def _fewer_old(self, available: int) -> bool:
        """Takes old ones away, those that are not ready first; whether there were any to take."""
        new, olds = self.sets[-1], self.sets[:-1]
        room = self.total - available - (_size(new) - self._ready(new))
        if room <= 0:
            return False
        taken = self._take(olds, room, lambda old: _size(old) - self._ready(old))
        spare = sum(map(self._ready, self.sets)) - available
        return taken + self._take(olds, spare, _size) > 0

    def _take(self, olds: list[list[Group]], most: int, of: Callable[[list[Group]], int]) -> int:
        taken = 0
        for old in olds:
            gone = max(min(most - taken, of(old)), 0)
            self._set(old, _size(old) - gone)
            taken += gone
        return taken

    def _in_proportion(self, before: int) -> None:
        """Shares a change out over the generations by their size, up to what the surge allows; it allowed `before`."""
        allowed = self.count + self.rollouts.fence(self.count)[0] if self.count else 0
        change, done = allowed - self.total, 0
        ordered = sorted(self.sets[::-1] if change > 0 else self.sets, key=_size, reverse=True)
        sizes = [_size(pods) for pods in ordered]
        for place, size in enumerate(sizes):
            part = floor(size * allowed / before + 0.5) - size
            part = min(part, change - done) if change > 0 else max(part, change - done)
            sizes[place], done = size + part, done + part
        sizes[0] = max(sizes[0] + change - done, 0)
        for pods, size in zip(ordered, sizes, strict=True):
            self._set(pods, size)

    # Generations and their pods

    def _set(self, pods: list[Group], count: int) -> None:
        """Makes new ones, or takes the newest away."""
        size = _size(pods)
        if count > size:
            pods.append([self.now, count - size])
        while count < size:
            gone = min(size - count, pods[-1][1])
            pods[-1][1] -= gone
            size -= gone
            if not pods[-1][1]:
                pods.pop()

    def _groups(self) -> Iterator[Group]:
        for pods in self.sets:
            yield from pods

    def _ready(self, pods: list[Group]) -> int:
        return sum(count for born, count in pods if self.now - born >= self.model.ready_after)


def _size(pods: list[Group]) -> int:
    return sum(count for _, count in pods)
