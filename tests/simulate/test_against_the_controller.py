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
from simulate.comparison import differences, differences_while_rolled_out
from simulate.random_scenarios import demands, manifests, models, rolled
from simulate.scenarios import BEHAVIOURS, demand, external, hpa, of_object, pods, resource, rules

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


@settings(
    max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=list(HealthCheck), derandomize=EXAMPLES == 150
)
@given(manifest=manifests(), model=rolled(models()), series=demands())
def test_random_rollouts(oracle: Oracle, manifest: Any, model: Model, series: Any) -> None:
    found, _ = differences_while_rolled_out(oracle, manifest, model, series)
    assert found == []


EXTREME: tuple[tuple[Any, ...], ...] = (
    ("memory", resource("memory", average="1m")),
    ("a share in 32 bits", resource("memory", 1)),
    ("the largest target", resource("memory", 2**31 - 1)),
    ("external value", external("q", "Value", "1m")),
    ("external share", external("q", "AverageValue", "1m")),
    ("object share", of_object("q", "AverageValue", "1m")),
    ("object value", of_object("q", "Value", "9e15")),
    ("pods", pods("q", "1m")),
    ("pods, large", pods("q", "9223372036854775m")),
)


@pytest.mark.parametrize("metric", [metric for _, metric in EXTREME], ids=[name for name, _ in EXTREME])
@pytest.mark.parametrize("request_", [1, 512 * MEBI], ids=["a thousandth of a byte", "512Mi"])
def test_amounts_at_the_end_of_what_32_and_64_bits_hold(oracle: Oracle, metric: Any, request_: int) -> None:
    most = 2.0**63 // 10**5
    values = [0.001, most, 1.0, 0.0, most / 2, 2.0**53, 1e-3, 123456789.123, most, most, 2.0**40, 1.0]
    model = Model(3, 20 * SECOND, {"cpu": 500, "memory": request_})
    series = {"memory": values, "q": values, "cpu": values}
    for behavior in (None, {"scaleUp": rules(0, ("Percent", 2**31 - 1, 15), ("Pods", 2**31 - 1, 15))}):
        # Few pods: the controller's lister holds an object for each.
        document = hpa([metric], behavior, high=400)
        found, _ = differences(oracle, document, model, series)
        assert found == []
