"""The numbers of the controller's own unit tests, by the names they have there."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pytest

from capgen.simulate.autoscaler import DOWN, UP, Autoscaler, Behavior, Metric, Policy, Rules
from capgen.simulate.limits import RateLimits
from capgen.simulate.pods import SECOND, Model
from capgen.simulate.proposals import MOST_REPLICAS, Tally, band, by_average, by_share, by_utilization, by_value
from capgen.simulate.replay import LIMITED, replay

STILL = band((0.1, 0.1))


class Pod(NamedTuple):
    usage: int
    request: int = 1000
    state: Literal["ready", "unready", "missing", "gone"] = "ready"


def ready(*usages: int, request: int = 1000) -> list[Pod]:
    return [Pod(usage, request) for usage in usages]


def unready(*usages: int, request: int = 1000) -> list[Pod]:
    return [Pod(usage, request, "unready") for usage in usages]


def missing(count: int = 1, request: int = 1000) -> list[Pod]:
    return [Pod(0, request, "missing")] * count


def gone(count: int) -> list[Pod]:
    """Failed or being deleted."""
    return [Pod(0, 1000, "gone")] * count


def tally(pods: list[Pod], target: int) -> Tally:
    of = {state: [pod for pod in pods if pod.state == state] for state in ("ready", "unready", "missing")}
    return Tally(
        len(of["ready"]), sum(pod.usage for pod in of["ready"]), sum(pod.request for pod in of["ready"]),
        len(of["unready"]), sum(pod.request for pod in of["unready"]),
        len(of["missing"]), sum(pod.request for pod in of["missing"]),
        sum(pod.request * max(100, target) // 100 for pod in of["missing"]),
    )  # fmt: skip


TOLERANCE = [Pod(1010, 900), Pod(1030, 1000), Pod(1020, 1100)]
UNDER = [Pod(660, 900), Pod(640, 1000), Pod(650, 1100)]
RESOURCE = {
    "scale up": (3, ready(300, 500, 700), 30, (0.1, 0.1), 5),
    "unready pod scales less": (3, unready(300) + ready(500, 700), 30, (0.1, 0.1), 4),
    "no scale: unready pods ignored": (3, ready(400) + unready(500, 700), 30, (0.1, 0.1), 3),
    "failed pods ignored": (2, ready(500, 700) + gone(2), 30, (0.1, 0.1), 4),
    "pods being deleted are ignored": (2, ready(500, 700) + gone(2), 30, (0.1, 0.1), 4),
    "scale down": (5, ready(100, 300, 500, 250, 250), 50, (0.1, 0.1), 3),
    "exclude unready pods": (5, ready(100, 300, 500) + unready(250, 250), 50, (0.1, 0.1), 2),
    "exclude unscheduled pods": (5, ready(100) + unready(0, 0, 0, 0), 50, (0.1, 0.1), 1),
    "default tolerance": (3, TOLERANCE, 100, (0.1, 0.1), 3),
    "outside 0% tolerance": (3, [Pod(909, 900), Pod(1010, 1000), Pod(1111, 1100)], 100, (0.0, 0.0), 4),
    "outside 8% scale-up": (3, [Pod(1100, 900), Pod(1080, 1000), Pod(1090, 1100)], 100, (0.1, 0.08), 4),
    "within 36% scale-down": (3, UNDER, 100, (0.36, 0.1), 3),
    "outside 34% scale-down": (3, UNDER, 100, (0.34, 0.1), 2),
    "some pods missing, scales down": (4, ready(400, 95) + missing(2), 100, (0.1, 0.1), 3),
    "no change: metric above target": (2, ready(1900) + missing(), 100, (0.1, 0.1), 2),
    "scale up: unready pod metric missing": (3, unready(100) + ready(2000) + missing(), 50, (0.1, 0.1), 4),
    "scale down: target over 100": (
        4, unready(200) + ready(100) + [Pod(100, 2000)] + missing(request=2000), 300, (0.1, 0.1), 2,
    ),
    "rolling update with maxSurge": (2, ready(100, 100) + missing(), 50, (0.1, 0.1), 2),
}  # fmt: skip


@pytest.mark.parametrize("name", RESOURCE)
def test_resource_utilization(name: str) -> None:
    current, pods, target, tolerances, expected = RESOURCE[name]
    assert by_utilization(current, target, tally(pods, target), band(tolerances)) == expected


def test_no_pods_that_count_are_a_failing_metric() -> None:
    assert by_utilization(3, 50, tally(unready(100, 100), 50), STILL) is None
    assert by_average(3, 50, tally(missing(3), 50), STILL) is None
    assert by_utilization(3, 50, tally(ready(100, request=0), 50), STILL) is None


def test_pods_metric() -> None:
    assert by_average(3, 15000, tally(ready(20000, 10000, 30000), 15000), STILL) == 4
    assert by_average(5, 20000, tally(ready(20000, 19000, 21000) + missing(2), 20000), STILL) == 5


def test_object_and_external_value_scale_by_the_ready_pods() -> None:
    assert by_value(3, 10000, 50000, 1, STILL) == 5
    assert by_value(3, 4400, 8600, 1, STILL) == 2
    assert by_value(0, 4400, 8600, 0, STILL) == 2
    assert by_value(3, 1, 2**62, 3, STILL) == MOST_REPLICAS


def test_object_and_external_a_pod() -> None:
    assert by_share(3, 2150, 8600, STILL) == 4
    assert by_share(3, 2900, 8600, STILL) == 3
    assert by_share(4, 5000, 20166, STILL) == 4
    assert by_share(4, 5000, 20208, band((0.01, 0.01))) == 5
    assert by_share(0, 5000, 0, STILL) == 0


def up(*policies: Policy, select: Literal["Max", "Min", "Disabled"] = "Max") -> RateLimits:
    return RateLimits(Behavior(Rules(0, policies, select), DOWN), SECOND)


def down(*policies: Policy, select: Literal["Max", "Min", "Disabled"] = "Max") -> RateLimits:
    return RateLimits(Behavior(UP, Rules(0, policies, select)), SECOND)


NOW = 1000


def events(limits: RateLimits, added: int = 0, removed: int = 0) -> RateLimits:
    if added:
        limits.record(NOW - 1, 0, added)
    if removed:
        limits.record(NOW - 1, removed, 0)
    return limits


def test_scale_up_limits() -> None:
    assert RateLimits(Behavior(), SECOND).most(10, NOW) == 20
    assert up(Policy("Pods", 100, 60), Policy("Percent", 100, 60)).most(10, NOW) == 110
    assert up(Policy("Percent", 1, 60)).most(3, NOW) == 4
    assert events(up(Policy("Pods", 5, 120)), added=15).most(100, NOW) == 100
    assert events(up(Policy("Percent", 200, 120)), added=15).most(100, NOW) == 255
    assert events(up(Policy("Percent", 300, 300)), added=4, removed=2).most(6, NOW) == 16
    assert up(Policy("Pods", 2, 60), Policy("Percent", 50, 60), select="Min").most(1, NOW) == 2
    assert up(Policy("Percent", 700, 60)).most(3, NOW) == 24


def test_scale_down_limits() -> None:
    assert events(down(Policy("Percent", 50, 120)), removed=12).fewest(100, NOW) == 56
    assert events(down(Policy("Percent", 50, 180)), added=2, removed=4).fewest(10, NOW) == 6
    assert events(down(Policy("Percent", 10, 120)), removed=30).fewest(100, NOW) == 100
    assert down(Policy("Pods", 2, 60), Policy("Percent", 50, 60), select="Min").fewest(5, NOW) == 3
    assert down(Policy("Pods", 2, 60), select="Disabled").fewest(5, NOW) == 5


def test_an_event_counts_until_exactly_one_period_later() -> None:
    limits = up(Policy("Pods", 4, 60))
    limits.record(NOW, 1, 5)
    assert limits.most(5, NOW + 59) == 5
    assert limits.most(5, NOW + 60) == 9


def test_a_slot_is_used_again_although_the_other_directions_period_is_longer() -> None:
    limits = RateLimits(Behavior(Rules(0, (Policy("Pods", 10, 60),)), Rules(0, (Policy("Pods", 10, 600),))), SECOND)
    limits.record(NOW, 1, 5)
    assert limits.fewest(20, NOW + 70) == 20 - 4 - 10
    limits.record(NOW + 100, 5, 6)
    assert limits.fewest(20, NOW + 101) == 20 - 1 - 10


def external(hpa: Autoscaler, values: list[float], initial: int, sync: int = 60) -> list[int]:
    """Replicas tick for tick, where the metric asks for as many as the value says."""
    model = Model(initial, 0, {}, sync * SECOND)
    return [int(n) for n in replay(hpa, model, {"want": np.array(values, dtype=float)}).replicas]


def hpa(behavior: Behavior | None = None, *, low: int = 1, high: int = 1000) -> Autoscaler:
    return Autoscaler(low, high, (Metric("External", "want", "AverageValue", 1000),), behavior)


def test_without_behaviour_the_highest_of_five_minutes_counts_both_ends_included() -> None:
    assert external(hpa(), [10, 5, 5, 5, 5, 5, 5, 5], 10) == [10, 10, 10, 10, 10, 10, 5, 5]
    assert external(hpa(Behavior()), [10, 5, 5, 5, 5, 5, 5, 5], 10) == [10, 10, 10, 10, 10, 5, 5, 5]


def test_only_what_is_not_too_old_counts_and_a_failing_metric_recommends_nothing() -> None:
    nothing = float("nan")
    assert external(hpa(), [10, 9, *[nothing] * 6, 5, 4, 3], 10)[-1] == 5


def test_without_behaviour_at_most_twice_as_many_and_four_at_least() -> None:
    assert external(hpa(high=2000), [1000, 1000], 3) == [6, 12]
    assert external(hpa(high=2000), [1000], 1) == [4]


def test_windows_hold_both_ways() -> None:
    everything = (Policy("Percent", 1000, 15),)
    falling = Behavior(Rules(0, everything), Rules(180, everything))
    assert external(hpa(falling), [4, 5, 3], 100)[-1] == 100, "the first tick counts what there is"
    assert external(hpa(falling), [100, 4, 5, 3, 3], 100) == [100, 100, 100, 5, 5]
    rising = Behavior(Rules(300, everything), Rules(0, everything))
    assert external(hpa(rising), [4, 5, 7, 7, 7, 7], 1) == [1, 1, 1, 1, 1, 5]
    both = Behavior(Rules(300, everything), Rules(300, everything))
    assert external(hpa(both), [2, 3, 1], 2) == [2, 2, 2]


NOTHING = float("nan")
FREE = (Policy("Percent", 1000, 15),)


@pytest.mark.parametrize(
    ("up", "down", "current", "recommended", "expected"),
    [
        # A minute apart, the last one now; what the first tick finds is by then exactly as old as the window.
        (0, 180, 100, [NOTHING, 4, 5, 3], 5),
        (300, 0, 1, [NOTHING, NOTHING, NOTHING, 4, 5, 7], 4),
        (300, 300, 2, [NOTHING, NOTHING, 3, NOTHING, NOTHING, 1], 2),
        (300, 300, 2, [NOTHING, NOTHING, 1, NOTHING, NOTHING, 3], 2),
    ],
    ids=["down", "up", "both, falling", "both, rising"],
)
def test_normalize_desired_replicas_with_behaviours(
    up: int, down: int, current: int, recommended: list[float], expected: int
) -> None:
    behavior = Behavior(Rules(up, FREE), Rules(down, FREE))
    assert external(hpa(behavior), recommended, current) == [*[current] * (len(recommended) - 1), expected]


def test_upscale_cap() -> None:
    """Three pods of 100, 200 and 300 of 100 each, a target of 10 %: sixty are wanted, 700 % in a minute allow 24."""
    behavior = Behavior(Rules(0, (Policy("Percent", 700, 60),)), DOWN)
    scaler = Autoscaler(2, 100, (Metric("Resource", "cpu", "Utilization", 10),), behavior)
    done = replay(scaler, Model(3, 0, {"cpu": 100}), {"cpu": np.array([0.6])})
    assert [(e.before, e.after, e.reason) for e in done.events] == [(3, 24, "ScaleUpLimit")]


def test_what_is_outside_min_and_max_goes_there_without_a_look_at_metrics() -> None:
    outside = [float("nan")]
    assert external(hpa(low=3, high=5), outside, 2) == [3]
    assert external(hpa(low=3, high=5), outside, 10) == [5]


def test_scale_down_waits_for_the_first_window() -> None:
    assert external(hpa(), [3, 3, 3, 3, 3, 3, 3], 5) == [5, 5, 5, 5, 5, 5, 3]


def test_nothing_scales_what_somebody_else_scaled_to_nothing() -> None:
    assert external(hpa(low=0), [5, 5], 0) == [0, 0]


def test_it_comes_back_from_nothing_where_it_went_there_itself() -> None:
    quick = Behavior(UP, Rules(0, (Policy("Percent", 100, 15),)))
    assert external(hpa(quick, low=0), [0, 0, 7, 7], 2) == [0, 0, 4, 7]


def test_the_reason_of_a_change_is_what_limits_it() -> None:
    model = Model(2, 0, {}, 15 * SECOND)
    done = replay(hpa(high=9), model, {"want": np.array([50.0, 50, 50, 50])})
    assert [(e.before, e.after, e.reason) for e in done.events] == [
        (2, 4, "ScaleUpLimit"), (4, 8, "ScaleUpLimit"), (8, 9, "TooManyReplicas"),
    ]  # fmt: skip
    assert [LIMITED[code] for code in done.limited] == [
        "ScaleUpLimit",
        "ScaleUpLimit",
        "TooManyReplicas",
        "TooManyReplicas",
    ]
