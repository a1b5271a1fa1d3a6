"""Kubernetes' own HPA controller, in virtual time: the program of `tests/oracle/`, asked one scenario after another."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from capgen.simulate.pods import Model


@dataclass(frozen=True)
class Answer:
    """What the controller did: after each tick the replicas and the reasons of its conditions."""

    errors: Sequence[str]
    replicas: Sequence[int]
    able_to_scale: Sequence[str]
    scaling_active: Sequence[str]
    scaling_limited: Sequence[str]
    late: int
    """The ticks at which the controller did not run exactly once."""


class Oracle:
    """The running program."""

    def __init__(self, program: Path) -> None:
        self.process = subprocess.Popen(
            [program, "-test.timeout", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Oracle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.communicate(timeout=60)

    def ask(
        self,
        manifest: Mapping[str, Any],
        model: Model,
        demand: Mapping[str, Sequence[float | None]],
        pods: Sequence[Sequence[Mapping[str, int]]] | None = None,
    ) -> Answer:
        """Runs the controller over the demand, which has a value a tick for each metric, None for none.

        `pods` are what runs at each tick, where that is not just as many as replicas.
        """
        scenario = {
            "hpa": manifest, "sync": model.sync, "ticks": max(map(len, demand.values()), default=0),
            "initial": model.initial, "ready_after": model.ready_after, "sample_after": model.sample_after,
            "window": model.window, "requests": dict(model.requests),
            "demand": {name: list(values) for name, values in demand.items()}, "pods": pods,
        }  # fmt: skip
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps(scenario) + "\n")
        stdin.flush()
        line = stdout.readline()
        assert line.startswith("{"), f"the oracle stopped: {line}"
        answer = {name: value or [] for name, value in json.loads(line).items() if name != "late"}
        return Answer(**answer, late=json.loads(line)["late"])
