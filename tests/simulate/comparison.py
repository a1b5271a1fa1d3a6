"""Holds the replay against the controller: every tick's replicas, and the words of its conditions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
from harness.oracle import Answer, Oracle

from capgen.diagnostics import has_errors
from capgen.simulate import manifest
from capgen.simulate.autoscaler import Autoscaler
from capgen.simulate.pods import SECOND, Model
from capgen.simulate.replay import ABLE, LIMITED, Replay, replay
from capgen.simulate.rollout import RollingPods
from capgen.yamlio import Source


def autoscaler(document: Mapping[str, Any]) -> Autoscaler:
    hpa, found = manifest.read(Source("hpa.yaml", json.dumps(document)))
    assert hpa is not None and not has_errors(found), found
    return hpa


def ours(document: Mapping[str, Any], model: Model, demand: Mapping[str, Sequence[float | None]]) -> Replay:
    series = {name: np.array(values, dtype=float) for name, values in demand.items()}
    return replay(autoscaler(document), model, series)


def differences(
    oracle: Oracle, document: Mapping[str, Any], model: Model, demand: Mapping[str, Sequence[float | None]]
) -> tuple[list[str], Replay]:
    """The first ticks at which the two disagree, in words; none when they never do."""
    mine = ours(document, model, demand)
    return _compared(mine, oracle.ask(document, model, demand)), mine


def _compared(mine: Replay, theirs: Answer) -> list[str]:
    assert not theirs.errors, theirs.errors
    assert theirs.late == 0
    assert len(mine.replicas) == len(theirs.replicas)
    words = [
        f"tick {tick}: {mine.replicas[tick]} and {theirs.replicas[tick]}; {LIMITED[mine.limited[tick]]!r} and "
        f"{theirs.scaling_limited[tick]!r}; {ABLE[mine.able[tick]]!r} and {theirs.able_to_scale[tick]!r}"
        for tick in range(len(theirs.replicas))
        if mine.replicas[tick] != theirs.replicas[tick]
        or LIMITED[mine.limited[tick]] != theirs.scaling_limited[tick]
        or ABLE[mine.able[tick]] != theirs.able_to_scale[tick]
    ]
    return words[:3]


class _Recording(RollingPods):
    """Writes down which pods each look of the controller finds."""

    found: ClassVar[dict[int, list[dict[str, int]]]] = {}

    def grow_up(self, tick: int) -> None:
        super().grow_up(tick)
        after = self.model.ready_after
        self.found[tick] = [
            {"started": born, "ready": born + after, "count": count} for pods in self.sets for born, count in pods
        ]


def differences_while_rolled_out(
    oracle: Oracle, document: Mapping[str, Any], model: Model, demand: Mapping[str, Sequence[float | None]]
) -> tuple[list[str], Replay]:
    """As `differences`, where the controller is given the pods that the replay's rollouts make."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("capgen.simulate.replay.RollingPods", _Recording)
        patch.setattr(_Recording, "found", {})
        mine = ours(document, model, demand)
        found = _Recording.found
    before = [model.initial, *(int(count) for count in mine.replicas)]
    # Where nobody looked at them one by one, all have been ready for long.
    old = -3600 * SECOND
    pods = [
        found.get(tick, [{"started": old, "ready": old, "count": before[tick]}]) for tick in range(len(mine.replicas))
    ]
    return _compared(mine, oracle.ask(document, model, demand, pods)), mine
