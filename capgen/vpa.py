"""The recommendation of Kubernetes' Vertical Pod Autoscaler, from samples of what containers used.

Whoever advises requests has to know what the autoscaler in the cluster would say of the same history, so this is its
recommender (1.7.3) as arithmetic: histograms whose weights halve with age, one memory peak a day, percentiles with a
margin, bounds that are wide while little is known. Times are seconds since 1970, CPU is in cores, memory in bytes;
inside, amounts are whole millicores and bytes, truncated where the recommender truncates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct, field

DAY = 86400.0
SAMPLE_WEIGHT = 0.1
EPSILON = 0.001 * SAMPLE_WEIGHT
"""A bucket that weighs less is empty."""
SAFETY_MARGIN = 0.15
TARGET, LOWER, UPPER = 0.9, 0.5, 0.95
"""The percentiles of the target and of its bounds."""
LEAST_OF_A_POD: Mapping[str, float] = {"cpu": 25, "memory": 250 * 2**20}
"""What a pod is recommended at least (millicores, bytes); its containers share it."""
OOM_RATIO, OOM_STEP = 1.2, 100 * 2**20
"""A container that ran out of memory needs this many times what it had, and at least this much more."""
MOST = 10**14
_YEAR_ONE = 62_135_596_800
"""Seconds from Go's zero time to 1970: reference times are rounded counting from there."""
_DECAY_LIMIT = 100
"""After how many half-lives weights are scaled down, before they overflow."""


class Buckets(Protocol):
    """How values are put into buckets."""

    @property
    def count(self) -> int:
        """How many there are."""

    def find(self, value: float) -> int:
        """The bucket of a value; what lies outside falls into the first or the last."""

    def start(self, bucket: int) -> float:
        """Where a bucket begins."""


class ExponentialBuckets(Struct, frozen=True):
    """Each bucket is `ratio` times as wide as the one before it."""

    most: float
    first: float
    ratio: float

    @property
    def count(self) -> int:
        """As many as reach the largest value."""
        return math.ceil(self._logarithm(self.most * (self.ratio - 1) / self.first + 1)) + 1

    def find(self, value: float) -> int:
        """The bucket whose range holds the value."""
        if value < self.first:
            return 0
        return min(int(self._logarithm(value * (self.ratio - 1) / self.first + 1)), self.count - 1)

    def start(self, bucket: int) -> float:
        """The sum of the widths before it."""
        return self.first * (self.ratio**bucket - 1) / (self.ratio - 1) if bucket else 0.0

    def _logarithm(self, value: float) -> float:
        return math.log(value) / math.log(self.ratio)


CPU_BUCKETS = ExponentialBuckets(1000.0, 0.01, 1.05)
MEMORY_BUCKETS = ExponentialBuckets(1e12, 1e7, 1.05)


class DecayingHistogram(Struct):
    """Weights by bucket; a sample weighs twice as much as one that is a half-life older."""

    buckets: Buckets
    half_life: float = DAY
    weights: list[float] = field(default_factory=list)
    total: float = 0.0
    reference: float | None = None

    def __post_init__(self) -> None:
        self.weights = self.weights or [0.0] * self.buckets.count

    def add(self, value: float, weight: float, at: float) -> None:
        """A sample."""
        weight *= self._growth(at)
        self.weights[self.buckets.find(value)] += weight
        self.total += weight

    def subtract(self, value: float, weight: float, at: float) -> None:
        """Takes back a sample."""
        weight, bucket = weight * self._growth(at), self.buckets.find(value)
        self.weights[bucket] = _less(self.weights[bucket], weight)
        self.total = _less(self.total, weight)

    def percentile(self, share: float) -> float:
        """The end of the bucket in which the share is reached, so never too low; 0 when there are no samples."""
        filled = [number for number, weight in enumerate(self.weights) if weight >= EPSILON]
        if not filled:
            return 0.0
        reached, threshold, bucket = 0.0, share * self.total, filled[0]
        while bucket < filled[-1]:
            reached += self.weights[bucket]
            if reached >= threshold:
                break
            bucket += 1
        return self.buckets.start(min(bucket + 1, self.buckets.count - 1))

    def merge(self, other: DecayingHistogram) -> None:
        """Adds all samples of another histogram with the same buckets and half-life."""
        if other.reference is None:
            return
        if self.reference is None or self.reference < other.reference:
            self._shift(other.reference)
        factor = 2.0 ** round((other.reference - (self.reference or 0.0)) / self.half_life)
        for bucket, weight in enumerate(other.weights):
            self.weights[bucket] += weight * factor
        self.total += other.total * factor

    def _growth(self, at: float) -> float:
        if self.reference is None or at > self.reference + _DECAY_LIMIT * self.half_life:
            self._shift(at)
        return float(2.0 ** ((at - (self.reference or 0.0)) / self.half_life))

    def _shift(self, at: float) -> None:
        new = math.floor((at + _YEAR_ONE) / self.half_life + 0.5) * self.half_life - _YEAR_ONE
        if self.reference is not None:
            factor = 2.0 ** math.floor((self.reference - new) / self.half_life + 0.5)
            self.weights = [weight * factor for weight in self.weights]
            self.total *= factor
        self.reference = new


def _less(value: float, taken: float) -> float:
    rest = value - taken
    return rest if rest >= EPSILON else 0.0


class Usage(Struct):
    """What the containers of one name used, over all pods of a workload."""

    cpu: DecayingHistogram = field(default_factory=lambda: DecayingHistogram(CPU_BUCKETS))
    memory: DecayingHistogram = field(default_factory=lambda: DecayingHistogram(MEMORY_BUCKETS))
    first: float | None = None
    last: float = 0.0
    samples: int = 0

    def add_cpu(self, cores: float, at: float) -> None:
        """A CPU sample; they are taken once a minute."""
        self.cpu.add(int(cores * 1000) / 1000, SAMPLE_WEIGHT, at)
        self.last = at if self.first is None else max(self.last, at)
        self.first = at if self.first is None else min(self.first, at)
        self.samples += 1

    def confidence(self, interval: float = DAY) -> float:
        """How much history there is, in days; no more than its samples stand for."""
        span = 0.0 if self.first is None else self.last - self.first
        return min(span / interval, self.samples / (interval / 60))


class MemoryPeaks(Struct):
    """The memory of one container of one pod: of each interval only the peak counts, stamped with its end."""

    usage: Usage
    interval: float = DAY
    end: float | None = None
    peak: int = 0
    oom: int = 0
    latest: float = -math.inf

    def add(self, size: float, at: float) -> None:
        """A sample of what is in use; one that is older than the last is left out."""
        if at >= self.latest:
            self._add(int(size), at, oom=False)

    def out_of_memory(self, request: float, at: float) -> bool:
        """The container was killed for want of memory; False for an event that is too old to count."""
        if self.end is not None and at < self.end - self.interval:
            return False
        used = max(int(request), self.peak)
        self._add(max(used + OOM_STEP, int(used * OOM_RATIO)), at, oom=True)
        return True

    def _add(self, size: int, at: float, *, oom: bool) -> None:
        self.latest = at
        if self.end is None:
            self.end = at
        if at < self.end:
            highest = max(self.peak, self.oom)
            if size <= highest:
                return
            if highest:
                self.usage.memory.subtract(highest, 1.0, self.end)
        else:
            self.end += ((at - self.end) // self.interval + 1) * self.interval
            self.peak = self.oom = 0
        self.usage.memory.add(size, 1.0, self.end)
        if oom:
            self.oom = size
        else:
            self.peak = size


class Amounts(Struct, frozen=True):
    """Whole millicores and bytes."""

    cpu: int
    memory: int


class Recommendation(Struct, frozen=True):
    """What a container should request; outside the bounds its pod is replaced. `uncapped` is before min and max."""

    target: Amounts
    lower: Amounts
    upper: Amounts
    uncapped: Amounts


def recommend(
    usage: Usage,
    *,
    containers: int = 1,
    least: Amounts | None = None,
    most: Amounts | None = None,
    interval: float = DAY,
) -> Recommendation:
    """The recommendation for a container of a pod that has so many; `least` and `most` are the policy's bounds."""
    confidence = usage.confidence(interval)

    def amounts(percentile: float, multiplier: float = 0.0, exponent: float = 1.0) -> Amounts:
        cpu = margined(int(usage.cpu.percentile(percentile) * 1000))
        memory = margined(int(usage.memory.percentile(percentile)))
        if multiplier:
            cpu, memory = (widened(amount, confidence, multiplier, exponent) for amount in (cpu, memory))
        return Amounts(*(max(x, int(LEAST_OF_A_POD[r] / containers)) for r, x in (("cpu", cpu), ("memory", memory))))

    target = amounts(TARGET)
    return Recommendation(
        target=_capped(target, least, most),
        lower=_capped(amounts(LOWER, 0.001, -2.0), least, most),
        upper=_capped(amounts(UPPER, 1.0), least, most),
        uncapped=target,
    )


def margined(amount: int, share: float = SAFETY_MARGIN) -> int:
    """So much and a share of it on top."""
    return amount + int(amount * share)


def widened(amount: int, confidence: float, multiplier: float, exponent: float) -> int:
    """A bound, moved away from the target while little is known: `amount * (1 + multiplier / confidence) ** exponent`."""
    if amount == 0:
        return 0
    if confidence <= 0:
        return MOST if exponent > 0 else 0
    return int(min(amount * (1 + multiplier / confidence) ** exponent, MOST))


def _capped(amounts: Amounts, least: Amounts | None, most: Amounts | None) -> Amounts:
    cpu, memory = amounts.cpu, amounts.memory
    if least:
        cpu, memory = max(cpu, least.cpu), max(memory, least.memory)
    if most:
        cpu, memory = min(cpu, most.cpu), min(memory, most.memory)
    return Amounts(cpu, memory)


MIN_AGE = 12 * 3600.0
MIN_CHANGE = 0.1
QUICK_OOM = 600.0


def wants_update(
    request: Amounts,
    advice: Recommendation,
    *,
    age: float,
    since_oom: float | None = None,
    lived_before_oom: float | None = None,
) -> bool:
    """Whether the updater replaces (or resizes) a pod of one container that has run for `age` seconds."""
    pairs = ((request.cpu, advice.target.cpu), (request.memory, advice.target.memory))
    change = sum(abs(max(have, 1) - want) / max(have, 1) for have, want in pairs)
    if any(
        not low <= have <= high
        for have, low, high in (
            (request.cpu, advice.lower.cpu, advice.upper.cpu),
            (request.memory, advice.lower.memory, advice.upper.memory),
        )
    ):
        return True
    if since_oom is not None and lived_before_oom is not None and max(since_oom, lived_before_oom) < QUICK_OOM:
        return change > 0
    return age >= MIN_AGE and change >= MIN_CHANGE
