"""Holds the replay against the controller: every tick's replicas, and the words of its conditions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from harness.oracle import Oracle

from capgen.diagnostics import has_errors
from capgen.simulate import manifest
from capgen.simulate.autoscaler import Autoscaler
from capgen.simulate.pods import Model
from capgen.simulate.replay import ABLE, LIMITED, Replay, replay
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
    theirs = oracle.ask(document, model, demand)
    assert not theirs.errors, theirs.errors
    assert theirs.late == 0
    mine = ours(document, model, demand)
    assert len(mine.replicas) == len(theirs.replicas)
    words = [
        f"tick {tick}: {mine.replicas[tick]} and {theirs.replicas[tick]}; {LIMITED[mine.limited[tick]]!r} and "
        f"{theirs.scaling_limited[tick]!r}; {ABLE[mine.able[tick]]!r} and {theirs.able_to_scale[tick]!r}"
        for tick in range(len(theirs.replicas))
        if mine.replicas[tick] != theirs.replicas[tick]
        or LIMITED[mine.limited[tick]] != theirs.scaling_limited[tick]
        or ABLE[mine.able[tick]] != theirs.able_to_scale[tick]
    ]
    return words[:3], mine
