"""The pods of a rollout are those that Kubernetes' own Deployment controller makes, step for step, also when it is scaled."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

import numpy as np
import pytest
from harness.controlplane import ControlPlane
from msgspec.structs import replace

from capgen.simulate.autoscaler import Autoscaler, Metric
from capgen.simulate.pods import SECOND, Model, Rollouts, Share
from capgen.simulate.replay import replay
from capgen.simulate.result import summarise
from capgen.simulate.rollout import RollingPods

Sizes = list[tuple[int, int]]
"""Pods and ready pods of each generation that has any, the oldest first."""
ROLL, READY = "roll", "ready"


class Deployed:
    """A Deployment whose pods turn ready when they are told to: there is no kubelet."""

    def __init__(self, plane: ControlPlane, namespace: str, replicas: int, surge: object, unavailable: object) -> None:
        self.plane, self.namespace, self.revision = plane, namespace, 0
        labels = {"app": "web"}
        plane.apply_as("test", {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": namespace},
            "spec": {
                "replicas": replicas, "selector": {"matchLabels": labels},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:0"}]}},
            },
        })  # fmt: skip

    def step(self, what: object) -> None:
        if what == READY:
            self.turn_ready()
            return
        self.revision += what == ROLL
        image = {"spec": {"containers": [{"name": "web", "image": f"web:{self.revision}"}]}}
        spec = {"template": image} if what == ROLL else {"replicas": what}
        self.patch("deployment", ["web"], {"spec": spec}, "--type=strategic")

    def turn_ready(self) -> None:
        waiting = [pod["metadata"]["name"] for pod in self.pods() if not _is_ready(pod)]
        if waiting:
            # One of an old generation may be taken away meanwhile, as others turn ready.
            ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
            self.patch("pod", waiting, ready, "--subresource=status", check=False)

    def patch(self, kind: str, names: Sequence[str], patch: object, *flags: str, check: bool = True) -> None:
        self.plane.kubectl("patch", kind, *names, "-n", self.namespace, *flags, "-p", json.dumps(patch), check=check)

    def pods(self) -> list[Any]:
        found = json.loads(self.plane.kubectl("get", "pods", "-n", self.namespace, "-o", "json"))["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def sizes(self) -> Sizes:
        by_image: dict[str, list[bool]] = {}
        for pod in self.pods():
            by_image.setdefault(pod["spec"]["containers"][0]["image"], []).append(_is_ready(pod))
        return [(len(each), sum(each)) for _, each in sorted(by_image.items())]

    def becomes(self, expected: Sizes) -> None:
        deadline = time.monotonic() + 20
        while (found := self.sizes()) != expected:
            assert time.monotonic() < deadline, f"{found} and not {expected}"
            time.sleep(0.05)


def _is_ready(pod: Any) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))


def steps(model: Model, wanted: Sequence[object]) -> Iterator[Sizes]:
    """The replay's own pods after each step: a pod is ready three ticks after its start, what else happens takes one."""
    ticks, at, tick = [], [], 0
    for one in wanted:
        tick += 3 if one == READY else 1
        ticks.append(tick)
        at += [(tick + 1) * model.sync] if one == ROLL else []
    assert model.rollouts is not None
    pods = RollingPods(model, replace(model.rollouts, at=tuple(at)), of_cpu=False)
    tick = 0
    for one, until in zip(wanted, ticks, strict=True):
        while tick < until:
            tick += 1
            pods.grow_up(tick)
        if isinstance(one, int):
            pods.resize(tick, one)
        ready_since = pods.now - model.ready_after
        yield [
            (sum(count for _, count in each), sum(count for born, count in each if born <= ready_since))
            for each in pods.sets
            if each
        ]


QUARTER = Share(25, of_hundred=True)
STORIES: tuple[tuple[int, Share, Share, tuple[object, ...]], ...] = (
    (8, QUARTER, QUARTER, (ROLL, READY, 11, READY)),
    (10, Share(3), Share(2), (ROLL, READY, 4, ROLL, 9, READY, READY)),
    (4, Share(0), Share(1), (ROLL, READY, 6, READY)),
)


@pytest.mark.usefixtures("controllers")
@pytest.mark.parametrize(("replicas", "surge", "unavailable", "wanted"), STORIES)
def test_step_for_step_as_the_deployment_controller(
    control_plane: ControlPlane,
    namespace: str,
    replicas: int,
    surge: Share,
    unavailable: Share,
    wanted: Sequence[object],
) -> None:
    said = [f"{share.amount}%" if share.of_hundred else share.amount for share in (surge, unavailable)]
    deployed = Deployed(control_plane, namespace, replicas, *said)
    deployed.becomes([(replicas, 0)])
    deployed.turn_ready()
    deployed.becomes([(replicas, replicas)])
    model = Model(replicas, 15 * SECOND, sync=5 * SECOND, rollouts=Rollouts((), 0, surge, unavailable))
    for one, expected in zip(wanted, steps(model, wanted), strict=True):
        deployed.step(one)
        deployed.becomes(expected)


def test_a_rollout_by_hand() -> None:
    cpu = (Metric("Resource", "cpu", "Utilization", 60),)
    model = Model(8, 20 * SECOND, {"cpu": 500}, rollouts=Rollouts((100 * SECOND,)))
    demand = {"cpu": np.full(20, 2.4)}
    done = replay(Autoscaler(2, 20, cpu), model, demand)
    # At 100 s two new ones and two old ones less, whose places two more take; at 120 s those four are ready, and the
    # four that are left of the old ones but two go; at 140 s the last four are ready. Ticks are at 105, 120, 135, 150 s.
    assert done.rolled[:4] == ((6, 10, 6), (7, 10, 6), (8, 10, 6), (9, 8, 8))
    assert done.events == ()
    summary = summarise(Autoscaler(2, 20, cpu), model, demand, done, limits={"cpu": 350}, pod_hour=Decimal(36))
    assert summary.pod_hours == pytest.approx((20 * 8 + 3 * 2) * 15 / 3600)
    assert summary.money == Decimal("24.90")
    assert summary.above_target == {"Resource cpu": 45}
    assert summary.above_limit == {"cpu": 45}
    assert (summary.least, summary.most) == (8, 8), "replicas are what the autoscaler wants"


def test_the_period_begins_after_itself_and_single_ones_come_between() -> None:
    some = islice(Rollouts((0, 450, 300), every=300).instants(), 5)
    assert list(some) == [0, 300, 450, 600, 900]
    assert list(Rollouts((9, 3)).instants()) == [3, 9]


def test_an_autoscaler_that_is_scaled_by_a_share_sees_the_surge() -> None:
    """`status.replicas` counts both generations, and a metric within its tolerance proposes just that many."""
    queue = (Metric("External", "queue", "AverageValue", 10_000),)
    model = Model(4, 600 * SECOND, {}, rollouts=Rollouts((30 * SECOND,), surge=Share(1), unavailable=Share(0)))
    done = replay(Autoscaler(2, 20, queue), model, {"queue": np.full(10, 45.0)})
    assert [(event.before, event.after) for event in done.events] == [(4, 5)]
