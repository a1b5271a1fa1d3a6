"""Prometheus' own rule engine, in virtual time: the program of `components/rule-engine`, asked one scenario after another."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from capgen.history.matrix import Clock, Labels, Matrix, parsed

Samples = Sequence[tuple[float, float | None]]
"""Milliseconds since 1970 and a value, None where the series was marked stale."""


@dataclass(frozen=True)
class Answer:
    """What the rules wrote, as times and values by labels (with `__name__`), and the results of the queries."""

    errors: Sequence[str]
    written: Mapping[Labels, tuple[tuple[int, ...], tuple[float, ...]]]
    matrices: Sequence[Matrix]


class RuleEngine:
    """The running program."""

    def __init__(self, program: Path) -> None:
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> RuleEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.communicate(timeout=60)

    def ask(
        self,
        series: Mapping[Labels, Samples],
        clock: Clock,
        *,
        rules: str = "",
        queries: Sequence[str] = (),
        folder: Path | None = None,
    ) -> Answer:
        """Evaluates the rules at each tick, and the queries over the same time; `folder` keeps the storage."""
        scenario = {
            "folder": str(folder or ""),
            "series": [{"labels": dict(labels), "samples": list(samples)} for labels, samples in series.items()],
            "rules": rules, "queries": list(queries),
            "start": clock.start, "step": clock.step, "count": clock.count,
        }  # fmt: skip
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps(scenario) + "\n")
        stdin.flush()
        line = stdout.readline()
        assert line.startswith("{"), f"the rule engine stopped: {line}"
        return _answer(json.loads(line), clock)


def _answer(document: Mapping[str, Any], clock: Clock) -> Answer:
    written = {
        tuple(sorted(one["labels"].items())): (tuple(one["times"] or ()), tuple(map(float, one["values"] or ())))
        for one in document["written"] or ()
    }
    matrices = [Matrix(parsed("", {"status": "success", "data": data}, clock)) for data in document["matrices"] or ()]
    return Answer(document["errors"] or (), written, matrices)
