"""Right-sizing by numbers that were worked out by hand, and by the controller's own algorithm where an HPA divides by them."""

from __future__ import annotations

from decimal import Decimal
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from compile.service import service
from numpy.typing import NDArray
from planning.shapes import HOUR, START, WEEK, series, weekly

from capgen import api
from capgen.blueprint import Blueprint
from capgen.history.series import Series
from capgen.planning.plan import plan_service
from capgen.planning.sizing import WorkloadSize, size_workloads
from capgen.simulate import manifest
from capgen.simulate.declared import autoscaler
from capgen.vpa import MemoryPeaks, Usage, recommend
from capgen.yamlio import Source

SPECS = Path(__file__).parents[2] / "specs"
GIB = float(1 << 30)
FIXED = """
workloads:
  web:
    kind: Deployment
    namespace: shop
    replicas: 4
    containers: {app: {requests: {cpu: "2", memory: 4Gi}, limits: {memory: 4Gi}}}
"""
SCALED = FIXED.replace("replicas: 4", "horizontal: {replicas: {min: 2, max: 100}, targets: {cpu: 50%}}")
PLANNED = """
planning:
  forecast: {horizon: 90d}
  compute:
    nodes: 20
    node: {cpu: 8, memory: 64Gi}
    used: {cpu: 75%, memory: 40%}
    growth: {cpu: {points: 1}, memory: {points: 1}}
    keep_below: 80%
    months: 3
"""


def sized(text: str, usage: dict[str, Series]) -> WorkloadSize:
    (one,) = size_workloads(service(text), usage, {})
    return one


def hourly(values: NDArray[np.float64]) -> Series:
    return series(values, step=HOUR)


def test_requests_by_percentile_and_by_the_vpa() -> None:
    """CPU 0.01 … 2 cores in 200 hours: P95 is 1.9005 cores, P99 1.9801. Memory: 1 GiB at most, and 15 % is 1177.6 MiB."""
    cpu = hourly(np.arange(1, 201) / 100)
    memory = hourly(np.linspace(0.5, 1.0, 200) * GIB)
    one = sized(FIXED, {"web.app.cpu": cpu, "web.app.memory": memory})
    of_cpu, of_memory = one.sizes
    assert (of_cpu.samples, of_cpu.used) == (200, Decimal("1.9005"))
    assert (of_cpu.percentile, of_cpu.higher) == (Decimal("1.91"), Decimal("1.99"))
    assert of_memory.percentile == 1184 << 20, "1177.6 MiB, in steps of 16"
    assert not of_cpu.off, "two cores are within a tenth of it"
    assert of_memory.off
    used = Usage()
    peaks = MemoryPeaks(used)
    for at, cores, size in zip(cpu.times[8:], cpu.values[8:], memory.values[8:], strict=True):  # the last eight days
        used.add_cpu(float(cores), float(at))
        peaks.add(float(size), float(at))
    target = recommend(used).target
    assert (of_cpu.vpa, of_memory.vpa) == (Decimal(target.cpu) / 1000, Decimal(target.memory))


@pytest.mark.parametrize(
    ("values", "reason", "at_limit"),
    [
        (np.ones(99) * GIB, "only 99 samples, and 100 are needed", False),
        (np.full(200, np.nan), "no history", False),
        (np.full(200, 3.9 * GIB), "", True),
    ],
)
def test_too_little_or_censored_history_changes_nothing(
    values: NDArray[np.float64], reason: str, at_limit: bool
) -> None:
    size = sized(FIXED, {"web.app.memory": hourly(values)}).sizes[1]
    assert (size.reason, size.censored, size.off) == (reason, at_limit, False)


def test_an_hpas_request_and_target_move_together() -> None:
    """50 % of two cores are one core a pod: 20 cores are 20 pods. The busiest pod needs 1.25 cores: 80 % of that is one
    core again, so 20 pods stay; the request alone would hold pods at 0.625 cores, and 32 are needed."""
    usage = {"web.app.cpu": hourly(np.full(15 * 24, 1.249)), "web.app.cpu.total": hourly(np.full(15 * 24, 20.0))}
    joint = sized(SCALED, usage).joint
    assert joint is not None
    assert (joint.request, joint.target) == (2, 50)
    assert (joint.advised_request, joint.advised_target) == (Decimal("1.25"), 80)
    assert [round(s.mean, 2) for s in (joint.today, joint.together)] == [20, 20]
    # 20 / 0.625 is 32, and the tolerance of a tenth stops the rise from 2 pods at the first that is within it.
    assert 29 <= joint.alone.mean <= 32
    assert joint.saved == (Decimal(2) - Decimal("1.25")) * 20


def test_a_target_is_never_so_high_that_pods_are_full() -> None:
    usage = {"web.app.cpu": hourly(np.full(15 * 24, 0.6)), "web.app.cpu.total": hourly(np.full(15 * 24, 20.0))}
    joint = sized(SCALED, usage).joint
    assert joint is not None
    # One core a pod at 90 % is a request of 1.11…, rounded up to 1.12.
    assert (joint.advised_request, joint.advised_target) == (Decimal("1.12"), 89)


@pytest.mark.parametrize(
    ("usage", "reason"),
    [
        ({"web.app.cpu": hourly(np.ones(200))}, "no history of what all pods use together (web.app.cpu.total)"),
        ({}, "app: no history"),
    ],
)
def test_why_there_is_no_joint_advice(usage: dict[str, Series], reason: str) -> None:
    one = sized(SCALED, usage)
    assert (one.joint, one.unjoint) == (None, reason)


def test_a_replay_of_the_plan_is_one_of_the_manifest() -> None:
    """What is built is read back as what the plan replays, for every HPA of the examples."""
    built = api.build([SPECS])
    texts = {
        a.path: a.text for _, artifacts in built.artifacts for a in artifacts if a.kind == "HorizontalPodAutoscaler"
    }
    hpas = [
        hpa for fleet in built.compiled.fleets for one in fleet.services if one.delivery.kubernetes for hpa in one.hpas
    ]
    assert len(hpas) == len(texts) >= 3
    read = {}
    for path, text in texts.items():
        found, _ = manifest.read(Source(path, text))
        assert found is not None
        read[found.name] = found
    assert {hpa.name: autoscaler(hpa) for hpa in hpas} == read


def test_nodes_come_from_the_replay_of_the_hpa() -> None:
    """Pods of two cores are held at one: a peak of 40 cores is some 40 pods. 75 % of 160 cores are used today; what the
    pods of a month ask for more than those of today is added to that, whatever growth was declared."""
    load = weekly(13, seed=7, swing=0.3, spread=0.0, trend=0.05)
    load *= 40 / load[-WEEK:].max()
    total = hourly(load)
    plan = plan_service(_planned(), {}, None, {"web.app.cpu": hourly(load / 40), "web.app.cpu.total": total})
    (scaled,) = plan.scaled
    pods = [middle for _, middle, _ in scaled.replicas]
    # 40 cores at one core a pod, and the tolerance.
    assert 36 <= pods[0] <= 41
    assert scaled.rate.low <= scaled.rate.expected <= scaled.rate.high
    assert pods == sorted(pods) and pods[3] > pods[0]
    for month, count in zip(plan.nodes, pods, strict=True):
        cpu = dict(month.used)["cpu"]
        assert cpu == Decimal("0.75") + Decimal(count - pods[0]) * 2 / 160
        # By hand: what is used of 20 nodes of 8 cores, at most 80 % of each.
        assert month.needed[0] == ("cpu", ceil(cpu * 20 / Decimal("0.8")))
        assert month.between[0] <= month.nodes <= month.between[1]
    assert plan.advice and "by replay of its HPA" in next(a.basis for a in plan.advice if "nodes by month" in a.what)


def _planned() -> Blueprint:
    return service(SCALED + PLANNED)


def test_without_a_history_the_declared_growth_counts() -> None:
    plan = plan_service(_planned(), {})
    assert plan.scaled == ()
    assert [dict(month.used)["cpu"] for month in plan.nodes] == [Decimal(f"0.7{n}") for n in (5, 6, 7, 8)]


def test_a_signal_says_how_use_grows() -> None:
    text = SCALED + PLANNED.replace("memory: {points: 1}}", "memory: {signal: host.memory}}")
    history = {"host.memory": Series("m", START + HOUR * np.arange(13 * WEEK), weekly(13, seed=3, trend=0.02))}
    grown = plan_service(service(text), history)
    use = [dict(month.used)["memory"] for month in grown.nodes]
    # 2 % of the first week a week is some 7 % a month of the last.
    assert 1.04 < float(use[1] / use[0]) < 1.10
    assert use[2] / use[1] == use[1] / use[0]
    assert plan_service(service(text), {}).ungrown == ("memory is to grow with host.memory",)
