"""The controller's loop over a whole history: at every tick a proposal, what steadies it, what limits it.

Two ways to take a tick give the same answer. At a change, and while pods are young, each tick is taken by itself. From
there the next tick that changes something is looked up, and those before it are skipped: what they recommended and what
their conditions say is written down in one go, the conditions after the loop is over. Where hardly anything is ever
skipped it is not tried either.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from capgen.simulate.autoscaler import DOWN_WINDOW_SECONDS, Autoscaler
from capgen.simulate.limits import RateLimits
from capgen.simulate.pods import SECOND, Model, Pods
from capgen.simulate.proposals import band, by_average, by_share, by_utilization, by_value
from capgen.simulate.rollout import RollingPods
from capgen.simulate.settled import FAILED, PIECE, Settled, sliding

LIMITED = ("", "DesiredWithinRange", "ScaleUpLimit", "TooManyReplicas", "ScaleDownLimit", "TooFewReplicas")
ABLE = ("SucceededGetScale", "ReadyForNewScale", "ScaleUpStabilized", "ScaleDownStabilized", "SucceededRescale")
_WITHIN, _UP_LIMIT, _TOO_MANY, _DOWN_LIMIT, _TOO_FEW = range(1, 6)
_READ, _READY, _UP_STEADIED, _DOWN_STEADIED, _RESCALED = range(5)
_AS_BEFORE = 255
"""At a tick without a proposal ScalingLimited says what it said before."""
_HIGHEST = 2**31
_AT_ONCE = 64
"""So many stretches are described together: few enough that what is computed of them stays in the processor's cache."""


class Event(Struct, frozen=True, gc=False):
    """A change of the number of replicas: its tick, and the ScalingLimited condition's reason then."""

    tick: int
    before: int
    after: int
    reason: str


class Replay(Struct, frozen=True):
    """What the controller did: after each tick the replicas, and the conditions as places in LIMITED and ABLE."""

    sync: int
    replicas: NDArray[np.int32]
    limited: NDArray[np.uint8]
    able: NDArray[np.uint8]
    events: tuple[Event, ...]
    rolled: tuple[tuple[int, int, int], ...] = ()
    """Tick, pods and ready pods, where the workload is rolled out and they are young."""

    def seconds(self, tick: int) -> float:
        """When a tick is."""
        return (tick + 1) * self.sync / SECOND


def replay(hpa: Autoscaler, model: Model, demand: Mapping[str, NDArray[np.float64]]) -> Replay:
    """The replay over as many ticks as each metric of the demand has values; NaN is a metric that cannot be had.

    A metric of the autoscaler that is not in the demand fails at every tick.
    """
    length = len(next(iter(demand.values()))) if demand else 0
    known = {metric.name: demand.get(metric.name, np.full(length, np.nan)) for metric in hpa.metrics}
    run = _Run(hpa, model, known, length)
    while run.tick < length:
        run.step()
    return run.result()


class _Run:
    """The state of the controller and of the workload between two ticks."""

    def __init__(self, hpa: Autoscaler, model: Model, demand: Mapping[str, NDArray[np.float64]], length: int) -> None:
        self.hpa, self.model, self.length = hpa, model, length
        self.still = band(hpa.tolerances)
        of_cpu = any(metric.of_cpu for metric in hpa.metrics)
        self.pods = RollingPods(model, model.rollouts, of_cpu=of_cpu) if model.rollouts else Pods(model, of_cpu=of_cpu)
        self.of_all = any(not metric.of_pods for metric in hpa.metrics)
        self.tick = 0
        self.events: list[Event] = []
        self.limited, self.able = bytearray(length), bytearray(length)
        self.zeroed = model.asleep and self._sleeps(model.initial)
        behavior = hpa.behavior
        self.rates = RateLimits(behavior, model.sync) if behavior else None
        up, down = (behavior.up.window, behavior.down.window) if behavior else (0, DOWN_WINDOW_SECONDS)
        # Without `behavior` a recommendation counts still when it is exactly as old as the window, with it no more.
        self.inclusive = behavior is None
        self.has_up, self.has_down = up > 0, down > 0 or self.inclusive
        self.up_ticks, self.down_ticks = self._reach(up), self._reach(down)
        self.settled = Settled(hpa, demand, model.requests, self.up_ticks, self.down_ticks)
        # What a metric is asked at every tick is looked up once.
        self.looked = tuple(
            (
                metric,
                self.settled.thousandths[metric.name].tolist(),
                None if not metric.of_pods else by_utilization if metric.target_type == "Utilization" else by_average,
                metric.of_cpu,
            )
            for metric in hpa.metrics
        )
        self.remembers = bool(self.up_ticks or self.down_ticks or self.has_up or self.has_down)
        # What was recommended at each tick, for the window down and for the window up; nothing says nothing.
        self.highs, self.lows = array("q"), array("q")
        self.stretches: list[tuple[int, int, int, int, int]] = []
        """First tick, number of ticks, replicas, and what ScalingLimited says above and below these."""
        # The first tick is none to skip: its history is what there is.
        self.quiet, self.patience = 0, 1

    def _reach(self, seconds: int) -> int:
        """How many ticks before the present one a window holds."""
        span = seconds * SECOND
        return max(0, (span if self.inclusive else span - 1) // self.model.sync)

    def result(self) -> Replay:
        """What was recorded."""
        changes = np.zeros(self.length, np.int32)
        changes[[event.tick for event in self.events]] = [event.after - event.before for event in self.events]
        replicas = np.cumsum(changes, dtype=np.int32) + np.int32(self.model.initial)
        limited, able = (np.frombuffer(codes, np.uint8) for codes in (self.limited, self.able))
        for place in range(0, len(self.stretches), _AT_ONCE):
            self._describe(self.stretches[place : place + _AT_ONCE], limited, able)
        before = np.flatnonzero(limited == _AS_BEFORE)
        if len(before):
            last = np.arange(self.length)
            last[before] = -1
            last = np.maximum.accumulate(last)
            limited[:] = np.where(last >= 0, limited[last], 0)
        rolled = tuple(self.pods.seen) if isinstance(self.pods, RollingPods) else ()
        return Replay(self.model.sync, replicas, limited, able, tuple(self.events), rolled)

    def step(self) -> None:
        """One tick, or those up to the next change and the tick of that."""
        if self.quiet >= self.patience:
            pods = self.pods
            if (
                not pods.young
                and pods.count > 0
                and self.hpa.minimum <= pods.count <= self.hpa.maximum
                and self.tick < pods.rolls_at
            ):
                gained = self._stretch(pods.count)
                # To look for the next change costs more than a tick by itself.
                self.patience = min(self.patience * 2, 64) if gained < 2 else max(self.patience // 2, 1)
                if self.tick >= self.length:
                    return
        self._tick(self.tick)
        self.tick += 1

    def _tick(self, tick: int) -> None:
        pods, hpa = self.pods, self.hpa
        if pods.young or tick >= pods.rolls_at:
            pods.grow_up(tick)
        count = pods.count
        proposal = FAILED
        wanted = count
        able, limited = _READ, _AS_BEFORE
        if count == 0 and not (self.zeroed and (hpa.minimum > 0 or hpa.scales_to_zero)):
            pass  # somebody else scaled it to nothing: scaling is disabled
        elif count > hpa.maximum:
            wanted = hpa.maximum
        elif 0 < count < hpa.minimum:
            wanted = hpa.minimum
        else:
            proposal = self._proposal(count, tick)
            if proposal != FAILED:
                steady, able = self._steadied(count, tick, proposal) if self.remembers else (proposal, _READY)
                wanted, limited = self._bounded(count, tick, steady)
                if count == 0 and wanted < hpa.minimum:
                    wanted = hpa.minimum
        if self.remembers:
            self._remember(count, tick, proposal)
        if wanted == count:
            self.quiet += 1
        else:
            able = _RESCALED
            self._rescale(count, tick, wanted, "" if limited == _AS_BEFORE else LIMITED[limited])
        self.limited[tick], self.able[tick] = limited, able

    def _rescale(self, count: int, tick: int, wanted: int, reason: str) -> None:
        self.events.append(Event(tick, count, wanted, reason))
        if self.rates:
            self.rates.record(tick, count, wanted)
        self.zeroed = self._sleeps(wanted)
        self.pods.resize(tick, wanted)
        self.quiet = 0

    def _sleeps(self, count: int) -> bool:
        """Whether no pods are what this autoscaler wanted."""
        return count == 0 and self.hpa.minimum == 0 and self.hpa.scales_to_zero

    def _remember(self, count: int, tick: int, proposal: int) -> None:
        # The history starts with what there is, as if it had been recommended at the first tick too.
        self.highs.append(proposal if tick else max(proposal, count))
        if self.up_ticks:
            low = _HIGHEST if proposal == FAILED else proposal
            self.lows.append(low if tick else min(low, count))

    def _proposal(self, count: int, tick: int) -> int:
        largest, failed = FAILED, False
        ready = self.pods.ready(tick) if self.of_all else 0
        for metric, totals, compute, of_cpu in self.looked:
            total = totals[tick]
            proposed: int | None = None
            if total == total:
                if compute is None:
                    value = int(total)
                    proposed = (
                        by_value(count, metric.target, value, ready, self.still)
                        if metric.target_type == "Value"
                        else by_share(
                            self.pods.total, metric.target, value, self.still, saturates=metric.kind == "External"
                        )
                    )
                elif count:
                    tally = self.pods.tally(metric, tick, total, of_cpu=of_cpu)
                    proposed = compute(count, metric.target, tally, self.still)
            if proposed is None:
                failed = True
            elif largest == 0 or proposed > largest:
                # The controller takes 0 for "none yet".
                largest = proposed
        return FAILED if failed and largest < count else largest

    def _steadied(self, count: int, tick: int, proposal: int) -> tuple[int, int]:
        """The proposal between what was recommended lately, and what AbleToScale says of it."""
        low = high = proposal
        if self.up_ticks and tick:
            low = min(low, min(self.lows[max(0, tick - self.up_ticks) : tick]))
        if self.down_ticks and tick:
            high = max(high, max(self.highs[max(0, tick - self.down_ticks) : tick]))
        if tick == 0:
            low = min(low, count) if self.has_up else low
            high = max(high, count) if self.has_down else high
        if self.inclusive:
            return high, _READY if high == proposal else _DOWN_STEADIED
        steady = min(max(count, low), high)
        if steady == proposal:
            return steady, _READY
        return steady, _UP_STEADIED if proposal >= count else _DOWN_STEADIED

    def _bounded(self, count: int, tick: int, steady: int) -> tuple[int, int]:
        """The steadied number within the limits, and what ScalingLimited says of it."""
        hpa = self.hpa
        if self.rates is None:
            most = max(2 * count, 4)
            if steady < hpa.minimum:
                return hpa.minimum, _TOO_FEW
            if steady > min(most, hpa.maximum):
                return (most, _UP_LIMIT) if hpa.maximum > most else (hpa.maximum, _TOO_MANY)
        elif steady > count:
            most = self.rates.most(count, tick)
            if steady > min(most, hpa.maximum):
                return (most, _UP_LIMIT) if hpa.maximum > most else (hpa.maximum, _TOO_MANY)
        elif steady < count:
            fewest = self.rates.fewest(count, tick)
            if steady < max(fewest, hpa.minimum):
                return (fewest, _DOWN_LIMIT) if hpa.minimum < fewest else (hpa.minimum, _TOO_FEW)
        return steady, _WITHIN

    def _stretch(self, count: int) -> int:
        """Skips the ticks up to the next change, or to where the limits or what is known ends; says how many."""
        tick, hpa = self.tick, self.hpa
        start = tick // PIECE * PIECE
        end = min(start + PIECE, self.length, self.pods.rolls_at)
        most, fewest = max(2 * count, 4), 0
        if self.rates:
            most, fewest = self.rates.most(count, tick), self.rates.fewest(count, tick)
            end = min(end, self.rates.until(tick) or end)
        above = below = _WITHIN
        course = self.settled.course(count, tick // PIECE)
        if count < min(hpa.maximum, most):
            if self.inclusive and max(self.highs[max(0, tick - self.down_ticks) : tick], default=0) > count:
                return 0  # a limit has kept replicas from what was recommended lately
            earliest = self._held(self.lows, self.up_ticks, count.__ge__)
            end = min(end, start + course.rises.first(tick - start, earliest - start))
        else:
            # What stands still is beyond a limit only where it stands at it.
            above = _UP_LIMIT if hpa.maximum > most else _TOO_MANY
        if count > max(hpa.minimum, fewest):
            earliest = self._held(self.highs, self.down_ticks, count.__le__)
            end = min(end, start + course.falls.first(tick - start, earliest - start))
        else:
            below = _DOWN_LIMIT if self.rates and hpa.minimum < fewest else _TOO_FEW
        gained = end - tick
        if gained > 0:
            proposed = course.proposed[tick - start : end - start]
            if not self.remembers:
                self.highs.frombytes(bytes(8 * (tick - len(self.highs))))
            self.highs.frombytes(proposed.tobytes())
            if self.up_ticks:
                self.lows.frombytes(np.where(proposed == FAILED, _HIGHEST, proposed).tobytes())
            self.stretches.append((tick, gained, count, above, below))
            self.tick = end
        return gained

    def _held(self, past: array[int], window: int, holds: Callable[[int], bool]) -> int:
        """The first tick at which nothing that was recommended up to now keeps replicas from changing."""
        for at in range(self.tick - 1, max(self.tick - window, 0) - 1, -1):
            if holds(past[at]):
                return at + window + 1
        return self.tick

    def _describe(
        self, stretches: Sequence[tuple[int, ...]], limited: NDArray[np.uint8], able: NDArray[np.uint8]
    ) -> None:
        """Writes down what the conditions say while replicas stand still."""
        first, length, *each = np.array(stretches).T
        count, above, below = (np.repeat(values, length) for values in each)
        start, end = int(first[0]), int(first[-1] + length[-1])
        edges = np.zeros(end - start + 1, np.int8)
        edges[first - start] += 1
        edges[first + length - start] -= 1
        skipped = np.cumsum(edges[:-1], dtype=np.int8).view(np.bool_)

        def steadied(past: array[int], window: int, extreme: Any) -> NDArray[np.int64]:
            begin = max(start - window, 0)
            values = np.frombuffer(past, np.int64)[begin:end]
            return sliding(values, window, extreme)[start - begin :][skipped]

        proposed = steadied(self.highs, 0, np.maximum)
        steady = steadied(self.highs, self.down_ticks, np.maximum)
        if not self.inclusive:
            low = steadied(self.lows, self.up_ticks, np.minimum) if self.up_ticks else proposed
            steady = np.minimum(np.maximum(low, count), steady)
        codes = np.where(steady > count, above, np.where(steady < count, below, _WITHIN))
        kept = _DOWN_STEADIED if self.inclusive else np.where(proposed >= count, _UP_STEADIED, _DOWN_STEADIED)
        known = proposed != FAILED
        limited[start:end][skipped] = np.where(known, codes, _AS_BEFORE)
        able[start:end][skipped] = np.where(known, np.where(steady == proposed, _READY, kept), _READ)
