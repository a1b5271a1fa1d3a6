"""Random autoscalers, workloads and demand: everything the API takes, at short lengths."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace
from simulate.scenarios import external, hpa, of_object, pods, resource

from capgen.simulate.pods import SECOND, Model, Rollouts, Share

MEBI = 2**20 * 1000
TICKS = st.integers(20, 160)


def _rules() -> st.SearchStrategy[Any]:
    policy = st.fixed_dictionaries(
        {
            "type": st.sampled_from(["Pods", "Percent"]),
            "value": st.one_of(st.integers(1, 300), st.sampled_from([1, 100, 2**31 - 1])),
            "periodSeconds": st.one_of(st.integers(1, 1800), st.sampled_from([15, 30, 45, 60, 300])),
        }
    )
    return st.fixed_dictionaries(
        {},
        optional={
            "stabilizationWindowSeconds": st.one_of(st.integers(0, 3600), st.sampled_from([0, 1, 15, 16, 30, 60, 300])),
            "selectPolicy": st.sampled_from(["Max", "Min", "Min", "Disabled"]),
            "policies": st.lists(policy, min_size=1, max_size=3),
            "tolerance": st.sampled_from(["0", "0.01", "0.05", "0.1", "150m", "0.2", "0.35", "333333u", "1", "2.5"]),
        },
    )


_PERCENT = st.integers(1, 250)
_METRIC = st.one_of(
    st.builds(resource, st.just("cpu"), _PERCENT),
    st.builds(resource, st.just("cpu"), _PERCENT),
    st.builds(lambda n: resource("cpu", average=f"{n}m"), st.integers(1, 3000)),
    st.builds(resource, st.just("memory"), _PERCENT),
    st.builds(lambda n: resource("memory", average=f"{n}Mi"), st.integers(1, 2000)),
    st.builds(lambda n: resource("cpu", n, container="app"), _PERCENT),
    st.builds(lambda n: pods("rps", f"{n}m"), st.integers(1, 200_000)),
    st.builds(
        lambda make, name, kind, n: make(name, kind, f"{n}m"),
        st.sampled_from([external, of_object]),
        st.sampled_from(["queue", "rps", "absent"]),
        st.sampled_from(["Value", "AverageValue"]),
        st.integers(1, 2_000_000),
    ),
)


@st.composite
def manifests(draw: st.DrawFn) -> Any:
    metrics = draw(st.lists(_METRIC, min_size=1, max_size=3))
    behaviors = st.fixed_dictionaries({}, optional={"scaleUp": _rules(), "scaleDown": _rules()})
    behavior = draw(st.one_of(st.none(), behaviors, behaviors))
    to_zero = any(metric["type"] in ("External", "Object") for metric in metrics)
    low = draw(st.integers(0 if to_zero else 1, 12))
    high = draw(st.one_of(st.integers(max(low, 1), 40), st.just(2000)))
    return hpa(metrics, behavior, low=low, high=high)


@st.composite
def models(draw: st.DrawFn) -> Model:
    sync = draw(st.sampled_from([15, 15, 15, 10, 7, 30, 1])) * SECOND
    seconds = st.one_of(st.integers(0, 120), st.sampled_from([0, 15, 20, 30, 45, 290, 300, 310, 600]))
    requests = {"cpu": draw(st.integers(1, 4000)), "memory": draw(st.integers(1, 2000)) * MEBI}
    if draw(st.integers(0, 9)) == 0:
        del requests[draw(st.sampled_from(sorted(requests)))]
    return Model(
        initial=draw(st.integers(0, 15)),
        ready_after=draw(seconds) * SECOND + draw(st.sampled_from([0, 0, 0, SECOND // 2, 1])),
        requests=requests,
        sync=sync,
        window=draw(seconds) * SECOND,
        sample_after=draw(st.one_of(st.just(0), seconds)) * SECOND,
    )


@st.composite
def rolled(draw: st.DrawFn, models: st.SearchStrategy[Model]) -> Model:
    """The same, rolled out at a few instants or again and again."""
    shares = st.one_of(st.builds(Share, st.integers(1, 5)), st.builds(Share, st.integers(1, 100), st.just(value=True)))
    surge = draw(st.one_of(shares, st.just(Share(0))))
    unavailable = draw(shares if surge.amount == 0 else st.one_of(shares, st.just(Share(0))))
    instant = st.one_of(st.integers(0, 2400), st.sampled_from([0, 15, 300])).map(lambda seconds: seconds * SECOND)
    at = tuple(draw(st.lists(instant, min_size=1, max_size=3)))
    every = draw(st.one_of(st.just(0), st.integers(60, 900))) * SECOND
    return replace(draw(models), rollouts=Rollouts(at, every, surge, unavailable))


@st.composite
def demands(draw: st.DrawFn) -> dict[str, list[float | None]]:
    ticks = draw(TICKS)
    found: dict[str, list[float | None]] = {"absent": [None] * ticks}
    for name, most in (("cpu", 30.0), ("memory", 2e10), ("rps", 2000.0), ("queue", 5000.0)):
        values: list[float | None] = []
        while len(values) < ticks:
            length = draw(st.integers(1, 25))
            kind = draw(st.integers(0, 9))
            level = draw(st.floats(0, most, allow_subnormal=False)) * draw(st.sampled_from([0.02, 0.2, 1.0]))
            step = draw(st.floats(-0.1, 0.1))
            values += [
                None if kind == 0 else 0.0 if kind == 1 else max(0.0, level * (1 + step * n)) for n in range(length)
            ]
        found[name] = values[:ticks]
    return found
