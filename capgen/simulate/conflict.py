"""An HPA that divides by the request beside a VPA that moves it: how the two drive one another, step by step.

The HPA's utilisation is use divided by the request. A VPA raises the request, utilisation falls, replicas go, each pod
that is left uses more, and the VPA raises again: until there are as few pods as are allowed and each is large. Or the
other way round. Here both run over the same demand: the HPA's replay between two looks of the updater, the
recommender's arithmetic on what one pod used meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from capgen.simulate.autoscaler import Autoscaler
from capgen.simulate.pods import SECOND, Model
from capgen.simulate.replay import replay
from capgen.vpa import Amounts, MemoryPeaks, Usage, recommend, wants_update

MINUTE = 60
FEWEST = 2
"""Pods that there have to be before the updater touches one."""


class Step(Struct, frozen=True):
    """One stretch between two looks of the updater: the request at its start, replicas and use over it."""

    seconds: float
    cpu: int
    memory: int
    mean_replicas: float
    cpu_of_a_pod: float
    memory_of_a_pod: float
    updated: bool
    """Whether the updater changed the request at the end."""


def unfold(
    hpa: Autoscaler,
    model: Model,
    demand: Mapping[str, NDArray[np.float64]],
    *,
    every: int = 3600,
    least: Amounts | None = None,
    most: Amounts | None = None,
    controlled: tuple[str, ...] = ("cpu", "memory"),
) -> tuple[Step, ...]:
    """Both at work, the updater looking every `every` seconds (a whole number of ticks).

    The windows of the HPA start anew with each stretch, and a request changes for all pods at once, as in place.
    """
    ticks = max(every * SECOND // model.sync, 1)
    length = len(next(iter(demand.values()))) if demand else 0
    usage = Usage()
    peaks = MemoryPeaks(usage)
    requests, initial, age = dict(model.requests), model.initial, 0.0
    steps: list[Step] = []
    for start in range(0, length, ticks):
        piece = {name: values[start : start + ticks] for name, values in demand.items()}
        done = replay(hpa, replace(model, requests=requests, initial=initial, asleep=start > 0), piece)
        pods = np.maximum(done.replicas, 1)
        each: dict[str, NDArray[np.float64]] = {n: piece[n] / pods for n in ("cpu", "memory") if n in piece}
        _sample(usage, peaks, each, start, model.sync)
        age += every
        advice = recommend(usage, least=least, most=most)
        now = Amounts(requests.get("cpu", 0), requests.get("memory", 0) // 1000)
        # What the VPA does not control, or knows nothing of, is no reason to act.
        judged = Amounts(
            now.cpu if "cpu" in each and "cpu" in controlled else advice.target.cpu,
            now.memory if "memory" in each and "memory" in controlled else advice.target.memory,
        )
        initial = int(done.replicas[-1]) if len(done.replicas) else initial
        updated = initial >= FEWEST and wants_update(judged, advice, age=age)
        steps.append(
            Step(
                start * model.sync / SECOND, now.cpu, now.memory, float(pods.mean()),
                _mean(each.get("cpu")), _mean(each.get("memory")), updated,
            )
        )  # fmt: skip
        if updated:
            age = 0.0
            if "cpu" in controlled and "cpu" in each:
                requests["cpu"] = advice.target.cpu
            if "memory" in controlled and "memory" in each:
                requests["memory"] = advice.target.memory * 1000
    return tuple(steps)


def _mean(values: NDArray[np.float64] | None) -> float:
    known = values[~np.isnan(values)] if values is not None else np.zeros(0)
    return float(known.mean()) if len(known) else 0.0


def _sample(usage: Usage, peaks: MemoryPeaks, each: Mapping[str, NDArray[np.float64]], start: int, sync: int) -> None:
    """What one pod used, once a minute, as the recommender takes it."""
    stride = max(MINUTE * SECOND // sync, 1)
    for name, values in each.items():
        for offset in range(0, len(values), stride):
            value, at = float(values[offset]), (start + offset + 1) * sync / SECOND
            if value == value and name == "cpu":
                usage.add_cpu(value, at)
            elif value == value:
                peaks.add(value, at)
