"""The controller's loop over a whole history: at every tick a proposal, what steadies it, what limits it.

Two ways to take a tick give the same answer. Around a change each tick is taken by itself, while pods are young and
limits move. Once replicas have stood still for a while, thousands of ticks are taken at once as vectors, up to the one
that changes something. How long "a while" is adapts to how much the last such stretch gained.
"""

from __future__ import annotations

from collections.abc import Mapping

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
_HIGHEST = 2**31
_PATIENCE = 4
_SHORTEST = 256


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
        self.settled = Settled(hpa, demand, model.requests)
        self.still = band(hpa.tolerances)
        of_cpu = any(metric.of_cpu for metric in hpa.metrics)
        self.pods = RollingPods(model, model.rollouts, of_cpu=of_cpu) if model.rollouts else Pods(model, of_cpu=of_cpu)
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
        self.of_all = any(not metric.of_pods for metric in hpa.metrics)
        self.tick = 0
        self.events: list[Event] = []
        self.limited, self.able = bytearray(length), bytearray(length)
        self.condition = 0
        self.zeroed = False
        behavior = hpa.behavior
        self.rates = RateLimits(behavior, model.sync) if behavior else None
        up, down = (behavior.up.window, behavior.down.window) if behavior else (0, DOWN_WINDOW_SECONDS)
        # Without `behavior` a recommendation counts still when it is exactly as old as the window, with it no more.
        self.inclusive = behavior is None
        self.has_up, self.has_down = up > 0, down > 0 or self.inclusive
        self.up_ticks, self.down_ticks = self._reach(up), self._reach(down)
        self.remembers = bool(self.up_ticks or self.down_ticks or self.has_up or self.has_down)
        # What was recommended at each tick, for the window down and for the window up; nothing says nothing.
        self.highs: list[int] = []
        self.lows: list[int] = []
        self.quiet, self.patience, self.stretch = 0, _PATIENCE, _SHORTEST

    def _reach(self, seconds: int) -> int:
        """How many ticks before the present one a window holds."""
        span = seconds * SECOND
        return max(0, (span if self.inclusive else span - 1) // self.model.sync)

    def result(self) -> Replay:
        """What was recorded."""
        changes = np.zeros(self.length, np.int32)
        for event in self.events:
            changes[event.tick] = event.after - event.before
        replicas = np.cumsum(changes, dtype=np.int32) + np.int32(self.model.initial)
        limited, able = (np.frombuffer(bytes(codes), np.uint8) for codes in (self.limited, self.able))
        rolled = tuple(self.pods.seen) if isinstance(self.pods, RollingPods) else ()
        return Replay(self.model.sync, replicas, limited, able, tuple(self.events), rolled)

    def step(self) -> None:
        """One tick, or a stretch of them up to the next change."""
        count = self.pods.count
        if (
            self.quiet >= self.patience
            and not self.pods.young
            and self.tick < self.pods.rolls_at
            and self._at_home(count)
        ):
            before = self.tick
            self._stretch(count)
            gained = self.tick - before
            # A short stretch costs as much as a dozen ticks by themselves.
            self.patience = min(self.patience * 2, 64) if gained < 24 else max(self.patience // 2, _PATIENCE)
            self.stretch = min(self.stretch * 4, PIECE) if gained >= self.stretch else _SHORTEST
            if self.tick >= self.length:
                return
        self._tick(self.tick)
        self.tick += 1

    def _at_home(self, count: int) -> bool:
        return count > 0 and self.hpa.minimum <= count <= self.hpa.maximum

    def _tick(self, tick: int) -> None:
        pods, hpa = self.pods, self.hpa
        if pods.young or tick >= pods.rolls_at:
            pods.grow_up(tick)
        count = pods.count
        proposal = FAILED
        wanted = count
        able = _READ
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
                wanted, self.condition = self._bounded(count, tick, steady)
                if count == 0 and wanted < hpa.minimum:
                    wanted = hpa.minimum
        if self.remembers:
            self._remember(count, tick, proposal)
        if wanted == count:
            self.quiet += 1
        else:
            able = _RESCALED
            self._rescale(count, tick, wanted)
        self.limited[tick], self.able[tick] = self.condition, able

    def _rescale(self, count: int, tick: int, wanted: int) -> None:
        self.events.append(Event(tick, count, wanted, LIMITED[self.condition]))
        if self.rates:
            self.rates.record(tick, count, wanted)
        self.zeroed = wanted == 0 and self.hpa.minimum == 0 and self.hpa.scales_to_zero
        self.pods.resize(tick, wanted)
        self.quiet = 0

    def _remember(self, count: int, tick: int, proposal: int) -> None:
        high, low = (proposal, proposal) if proposal != FAILED else (FAILED, _HIGHEST)
        if tick == 0:
            # The history starts with what there is, as if it had been recommended at the first tick too.
            high, low = max(high, count), min(low, count)
        self.highs.append(high)
        self.lows.append(low)

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

    def _stretch(self, count: int) -> None:
        """The ticks up to the next change, the end of what limits now, or the end of the stretch."""
        tick = self.tick
        piece = tick // PIECE
        end = min(tick + self.stretch, (piece + 1) * PIECE, self.length, self.pods.rolls_at)
        hpa = self.hpa
        most, fewest = max(2 * count, 4), 0
        if self.rates:
            most, fewest = self.rates.most(count, tick), self.rates.fewest(count, tick)
            end = min(end, self.rates.until(tick) or end)
        offset = piece * PIECE
        proposed = self.settled.vector(count, piece)[tick - offset : end - offset]
        known = proposed != FAILED
        all_known = bool(known.all())
        low = high = proposed
        if self.up_ticks:
            lows = proposed if all_known else np.where(known, proposed, _HIGHEST)
            past = self.lows[max(0, tick - self.up_ticks) : tick]
            low = sliding(np.concatenate([past, lows]), self.up_ticks, np.minimum)[len(past) :]
        if self.down_ticks:
            past = self.highs[max(0, tick - self.down_ticks) : tick]
            high = sliding(np.concatenate([past, proposed]), self.down_ticks, np.maximum)[len(past) :]
        steady = high if self.inclusive else np.minimum(np.maximum(low, count), high)
        if self.rates is None:
            wanted = np.minimum(np.maximum(steady, hpa.minimum), min(hpa.maximum, most))
        else:
            upwards = np.minimum(steady, min(hpa.maximum, most))
            wanted = np.where(steady > count, upwards, np.maximum(steady, max(hpa.minimum, fewest)))
        changes = wanted != count if all_known else (wanted != count) & known
        first = int(changes.argmax())
        length = first if changes[first] else len(proposed)
        self._record(count, proposed[:length], steady[:length], known[:length], most, fewest)
        self.tick += length

    def _record(
        self, count: int, proposed: NDArray[np.int64], steady: NDArray[np.int64], known: NDArray[np.bool_],
        most: int, fewest: int,
    ) -> None:  # fmt: skip
        """Writes down a stretch in which replicas stood still."""
        hpa, span = self.hpa, slice(self.tick, self.tick + len(proposed))
        all_known = bool(known.all())
        if self.remembers:
            numbers = proposed.tolist()
            self.highs += numbers
            self.lows += numbers if all_known else np.where(known, proposed, _HIGHEST).tolist()
        codes = np.full(len(proposed), _WITHIN, np.uint8)
        # What stands still is beyond a limit only where it stands at it.
        if count == min(hpa.maximum, most):
            codes[steady > count] = _UP_LIMIT if hpa.maximum > most else _TOO_MANY
        if count == max(hpa.minimum, fewest):
            codes[steady < count] = _DOWN_LIMIT if self.rates and hpa.minimum < fewest else _TOO_FEW
        able = np.full(len(proposed), _READY, np.uint8)
        unsteady = steady != proposed
        able[unsteady] = _DOWN_STEADIED
        if not self.inclusive:
            able[unsteady & (proposed >= count)] = _UP_STEADIED
        if not all_known:
            able[~known] = _READ
            last = np.maximum.accumulate(np.where(known, np.arange(len(codes)), -1))
            codes = np.where(last >= 0, codes[last], self.condition).astype(np.uint8)
        self.limited[span], self.able[span] = codes.tobytes(), able.tobytes()
        if len(codes):
            self.condition = int(codes[-1])
