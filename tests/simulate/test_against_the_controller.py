"""The replay and Kubernetes' own controller say the same, tick for tick: replicas, and the words of the conditions."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.binaries import component
from harness.oracle import Oracle
from hypothesis import HealthCheck, given, settings
from simulate.comparison import differences
from simulate.random_scenarios import demands, manifests, models
from simulate.scenarios import BEHAVIOURS, demand

from capgen.simulate.pods import SECOND, Model

MEBI = 2**20 * 1000
MODELS = (
    Model(2, 20 * SECOND, {"cpu": 500, "memory": 512 * MEBI}),
    Model(5, 90 * SECOND, {"cpu": 400, "memory": 400 * MEBI}, window=45 * SECOND, sample_after=40 * SECOND),
)
REAL = Path(__file__).parents[3] / "shared" / "data"
EXAMPLES = int(os.environ.get("CAPGEN_EXAMPLES", "150"))


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle(component("oracle") / "oracle") as running:
        yield running


@pytest.mark.parametrize("model", MODELS, ids=["quick start", "slow start, no sample at first"])
@pytest.mark.parametrize("name", BEHAVIOURS)
def test_three_quarters_of_a_day_of_every_behaviour(oracle: Oracle, name: str, model: Model) -> None:
    found, replayed = differences(oracle, BEHAVIOURS[name], model, demand(7, 4320))
    assert found == []
    assert replayed.events, "nothing was scaled, so nothing was compared"


def real(name: str, ticks: int) -> list[float]:
    """A real series, each value holding as long as it did, scaled to a mean of 1."""
    with (REAL / name).open(encoding="utf-8") as file:
        values = [float(row["value"]) for row in csv.DictReader(file)]
    each = 20 if "5min" in name else 120
    mean = sum(values) / len(values)
    return [values[tick // each % len(values)] / mean for tick in range(ticks)]


@pytest.mark.parametrize(
    "name",
    ["nab_nyc_taxi_30min.csv", "nab_elb_request_count_5min.csv", "nab_ec2_cpu_5f5533_5min.csv",
     "azure2019_vm_assigned_mem_5min.csv", "google2019_cell_mem_5min.csv"],
)  # fmt: skip
def test_real_series(oracle: Oracle, name: str) -> None:
    if not REAL.is_dir():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the folder of real series is not beside the project")
    ticks = 1440
    shape = real(name, ticks)
    series: dict[str, Any] = {
        metric: [value * factor for value in shape]
        for metric, factor in (("cpu", 3.3), ("memory", 3e9), ("rps", 420.0), ("queue", 310.0), ("night", 40.0))
    }
    for behaviour, manifest in BEHAVIOURS.items():
        found, _ = differences(oracle, manifest, MODELS[0], {**series, "absent": [None] * ticks})
        assert found == [], behaviour


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=EXAMPLES == 150)
@given(manifest=manifests(), model=models(), series=demands())
def test_random_scenarios(oracle: Oracle, manifest: Any, model: Model, series: Any) -> None:
    found, _ = differences(oracle, manifest, model, series)
    assert found == []
