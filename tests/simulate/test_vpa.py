"""The recommender's own numbers: what its tests in Kubernetes' autoscaler repository expect, and what its documents say."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from capgen import vpa
from capgen.vpa import Amounts, DecayingHistogram, ExponentialBuckets, MemoryPeaks, Recommendation, Usage

MB, HOUR, DAY = 1 << 20, 3600.0, 86400.0
START = 1_492_536_905.0


@dataclass(frozen=True)
class LinearBuckets:
    size: float
    count: int

    def find(self, value: float) -> int:
        return min(int(value / self.size), self.count - 1)

    def start(self, bucket: int) -> float:
        return bucket * self.size


def test_exponential_buckets() -> None:
    buckets = ExponentialBuckets(500, 40, 1.5)
    assert buckets.count == 6
    assert [round(buckets.start(n), 9) for n in range(6)] == [0, 40, 100, 190, 325, 527.5]
    assert [buckets.find(value) for value in (-1, 0, 39.99, 40, 99.99, 100, 900)] == [0, 0, 0, 1, 1, 2, 5]


def test_the_recommender_has_176_buckets_of_each() -> None:
    assert vpa.CPU_BUCKETS.count == vpa.MEMORY_BUCKETS.count == 176


def test_weights_halve_with_age() -> None:
    histogram = DecayingHistogram(LinearBuckets(1, 10), HOUR)
    for value in range(1, 5):
        histogram.add(value, value, START + (value - 1) * HOUR)
    shares = {0: 2, 2: 2, 3: 3, 10: 3, 11: 4, 34: 4, 35: 5, 100: 5}
    assert {share: histogram.percentile(share / 100) for share in shares} == shares


def test_a_very_old_sample_hardly_counts_even_past_the_limit_of_the_exponent() -> None:
    histogram = DecayingHistogram(LinearBuckets(1, 10), HOUR)
    histogram.add(2, 1000, START)
    histogram.add(1, 1, START + 20 * HOUR)
    assert (histogram.percentile(0.999), histogram.percentile(1.0)) == (2, 3)
    histogram.add(4, 1, START + 500 * HOUR)
    assert histogram.percentile(0.0) == histogram.percentile(1.0) == 5


def test_merged_histograms_say_what_one_of_all_samples_says() -> None:
    one, two, both = (DecayingHistogram(LinearBuckets(1, 10), HOUR) for _ in range(3))
    for histogram, value, at in ((one, 1, 0.0), (two, 5, 150 * HOUR), (one, 2, 1 * HOUR), (two, 7, 151 * HOUR)):
        histogram.add(value, 1, START + at)
        both.add(value, 1, START + at)
    one.merge(two)
    assert [one.percentile(n / 10) for n in range(11)] == [both.percentile(n / 10) for n in range(11)]


def test_confidence_is_the_least_of_time_and_samples() -> None:
    usage = Usage()
    for n in range(9):
        usage.add_cpu(1.0, START + n * 120)
    assert usage.confidence() == pytest.approx(0.00625)
    assert usage.confidence(18 * 60) == 0.5
    assert vpa.widened(3140, 0.00625, 0.1, 2.0) == 907460
    assert vpa.margined(3140, 0.1) == 3454
    assert vpa.widened(3140, 0.5, 0.1, 2.0) == 4521


@pytest.mark.parametrize(
    ("days", "upper", "lower"),
    [(0.5, 3, 0.996), (1, 2, 0.998), (7, 8 / 7, 0.9997), (5 / 1440, 289, 0.6), (1 / 24, 25, 0.95)],
)
def test_bounds_narrow_with_the_days_of_history(days: float, upper: float, lower: float) -> None:
    assert vpa.widened(10**6, days, 1.0, 1.0) / 10**6 == pytest.approx(upper, rel=0.002)
    assert vpa.widened(10**6, days, 0.001, -2.0) / 10**6 == pytest.approx(lower, rel=0.01)


def test_the_margin_is_a_share_on_top() -> None:
    usage = Usage()
    for n in range(1441):
        usage.add_cpu(0.5, START + n * 60)
    said = vpa.recommend(usage)
    end = vpa.CPU_BUCKETS.start(vpa.CPU_BUCKETS.find(0.5) + 1)
    assert 0.5 <= end <= 0.5 * 1.06
    assert said.target.cpu == int(end * 1000) + int(int(end * 1000) * 0.15)
    assert said.upper.cpu == said.target.cpu * 2
    assert said.lower.cpu == int(said.target.cpu * 1.001**-2)


def peaks(*, used: float = 0.0) -> tuple[MemoryPeaks, Usage]:
    usage = Usage()
    memory = MemoryPeaks(usage)
    if used:
        memory.add(used, START)
    return memory, usage


def only(usage: Usage) -> float:
    """The one memory sample that counts."""
    filled = [n for n, weight in enumerate(usage.memory.weights) if weight >= vpa.EPSILON]
    assert len(filled) == 1
    return filled[0]


@pytest.mark.parametrize(
    ("request_mb", "used_mb", "needed_mb"), [(1000, 0, 1200), (1, 0, 101), (2000, 0, 2400), (1000, 3000, 3600)]
)
def test_out_of_memory(request_mb: int, used_mb: int, needed_mb: int) -> None:
    memory, usage = peaks(used=used_mb * MB)
    assert memory.out_of_memory(request_mb * MB, START)
    assert memory.oom == needed_mb * MB
    assert only(usage) == vpa.MEMORY_BUCKETS.find(needed_mb * MB)


def test_a_smaller_out_of_memory_later_adds_nothing_and_an_old_one_is_refused() -> None:
    memory, usage = peaks()
    assert memory.out_of_memory(1000 * MB, START)
    assert memory.out_of_memory(999 * MB, START)
    assert only(usage) == vpa.MEMORY_BUCKETS.find(1200 * MB)
    memory, _ = peaks(used=1000 * MB)
    assert not memory.out_of_memory(1000 * MB, START - 30 * HOUR)


def test_of_a_day_only_the_peak_counts_stamped_with_its_end() -> None:
    memory, usage = peaks(used=5e8)
    memory.add(1e9, START + 60)
    memory.add(2e8, START + 120)
    assert memory.end == START + DAY
    assert only(usage) == vpa.MEMORY_BUCKETS.find(1e9)
    memory.add(2e8, START + DAY)
    assert memory.end == START + 2 * DAY
    assert sum(1 for weight in usage.memory.weights if weight >= vpa.EPSILON) == 2


def test_a_pod_has_a_floor_that_its_containers_share_and_bounds_cap_last() -> None:
    usage = Usage()
    usage.add_cpu(0.001, START)
    assert vpa.recommend(usage).target == Amounts(25, 250 * MB)
    assert vpa.recommend(usage, containers=2).target == Amounts(12, 125 * MB)
    capped = vpa.recommend(usage, least=Amounts(100, 0), most=Amounts(4000, 64 * MB))
    assert capped.target == Amounts(100, 64 * MB)
    assert capped.uncapped == Amounts(25, 250 * MB)
    assert vpa.recommend(usage).upper.cpu == vpa.MOST, "one sample is no history at all"


ADVICE = Recommendation(
    Amounts(1000, 1000 * MB), Amounts(500, 500 * MB), Amounts(2000, 2000 * MB), Amounts(1000, 1000 * MB)
)


@pytest.mark.parametrize(
    ("request_", "age_hours", "wanted"),
    [
        (Amounts(1000, 1000 * MB), 100, False),
        (Amounts(499, 1000 * MB), 0, True),
        (Amounts(500, 1000 * MB), 0, False),
        (Amounts(500, 1000 * MB), 12, True),
        (Amounts(950, 1000 * MB), 100, False),
        (Amounts(950, 900 * MB), 100, True),
        (Amounts(2001, 1000 * MB), 0, True),
    ],
)
def test_who_is_updated(request_: Amounts, age_hours: float, wanted: bool) -> None:
    assert vpa.wants_update(request_, ADVICE, age=age_hours * HOUR) is wanted


def test_a_quick_out_of_memory_is_updated_at_once() -> None:
    near = Amounts(950, 1000 * MB)
    assert vpa.wants_update(near, ADVICE, age=60, since_oom=300, lived_before_oom=60)
    assert not vpa.wants_update(near, ADVICE, age=60, since_oom=700, lived_before_oom=60)
    assert not vpa.wants_update(Amounts(1000, 1000 * MB), ADVICE, age=60, since_oom=300, lived_before_oom=60)
