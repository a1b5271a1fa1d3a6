"""Nodes, volumes and costs, by tables that were worked out by hand; dates of levels on series whose date is known."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from msgspec.structs import replace
from planning.shapes import HOUR, START, WEEK, series, weekly

from capgen.blueprint.origin import Origin
from capgen.blueprint.planning import CostItem, CostPart, Costs, Growth, Nodes, Resource, SavingOption, Volume
from capgen.planning.compute import nodes_by_month
from capgen.planning.cost import forecast_costs
from capgen.planning.crossing import reached
from capgen.planning.forecast import forecast
from capgen.planning.roadmap import due_at
from capgen.planning.storage import plan_volume

HERE = Origin("planning")
GIB = Decimal(1 << 30)
RUNBOOK = Nodes(
    count=3,
    resources=(
        Resource("cpu", Decimal(4), Decimal("0.6"), Growth(Decimal("0.1"), None)),
        Resource("memory", 16 * GIB, Decimal("0.7"), Growth(Decimal("0.08"), None)),
    ),
    keep_below=Decimal("0.8"),
    months=12,
    spare=0,
    reserved=Decimal(0),
    origin=HERE,
)
BY_HAND = """
month cpu memory nodes
0     60  70     3
1     70  78     3
2     80  86     4
3     90  94     4
4     100 102    4
5     110 110    5
6     120 118    5
7     130 126    5
8     140 134    6
9     150 142    6
10    160 150    6
11    170 158    7
12    180 166    7
"""
"""3 nodes × use / 80 %, rounded up: in month 2 CPU needs 3 × 0.80 / 0.80 = 3.0 and memory 3 × 0.86 / 0.80 = 3.2."""


def test_the_runbooks_nodes_as_worked_out_by_hand() -> None:
    found = [
        [month.month, *(int(share * 100) for _, share in month.used), month.nodes] for month in nodes_by_month(RUNBOOK)
    ]
    assert found == [[int(cell) for cell in row.split()] for row in BY_HAND.strip().splitlines()[1:]]


def test_the_binding_resource_is_named_and_nothing_is_fuller_than_allowed() -> None:
    months = nodes_by_month(RUNBOOK)
    assert (months[2].binding, months[6].binding) == ("memory", "cpu")
    assert max(share for month in months for _, share in month.filled) <= Decimal("0.8")


def test_spare_nodes_and_what_the_system_keeps() -> None:
    plan = replace(RUNBOOK, spare=1, reserved=Decimal("0.1"))
    # Today: 3 × 0.7 / (0.8 × 0.9) = 2.9, so 3, and one to lose.
    assert nodes_by_month(plan)[0].nodes == 4
    assert nodes_by_month(plan)[2].nodes == 5
    compounding = replace(
        RUNBOOK, resources=(Resource("cpu", Decimal(4), Decimal("0.8"), Growth(None, Decimal("0.5"))),)
    )
    # 3 × 0.8 × 1.5² / 0.8 = 6.75.
    assert nodes_by_month(compounding)[2].nodes == 7


@pytest.mark.parametrize(
    ("name", "size", "growth", "capacity", "twelfth", "full"),
    [
        # 200 × 1.15¹² = 1070.05; ln(1024/200)/ln 1.15 = 11.685.
        ("database", 200, "0.15", 1024, "1070.0500", "11.6"),
        # 40 × 1.1¹² = 125.537; ln(200/40)/ln 1.1 = 16.9, beyond twelve months.
        ("logs", 40, "0.10", 200, "125.5371", None),
        # 300 × 1.2¹² = 2674.83; ln(2048/300)/ln 1.2 = 10.535.
        ("backups", 300, "0.20", 2048, "2674.8301", "10.5"),
    ],
)
def test_the_runbooks_volumes(name: str, size: int, growth: str, capacity: int, twelfth: str, full: str | None) -> None:
    volume = Volume(name, size * GIB, Decimal(growth), capacity * GIB, None, "", HERE)
    plan = plan_volume(volume, Decimal(growth), 12)
    assert round(plan.sizes[12] / GIB, 4) == Decimal(twelfth)
    assert plan.full_after == (None if full is None else Decimal(full))


def test_a_volume_is_made_larger_in_its_steps_before_it_is_full() -> None:
    volume = Volume("database", 200 * GIB, Decimal("0.15"), 300 * GIB, 250 * GIB, "", HERE)
    plan = plan_volume(volume, Decimal("0.15"), 12)
    steps = {resize.month: resize.capacity / GIB for resize in plan.resizes}
    # 304 in month 3, 624 … the first month over 550 is the eighth (611.8), over 800 the tenth (809.1), 1050 the twelfth.
    assert steps == {3: 550, 8: 800, 10: 1050, 12: 1300}


def template(**more: object) -> Costs:
    """The runbook's: 450 + 175 + 125 + 150."""
    storage = tuple(
        CostItem(name, Decimal(amount)) for name, amount in (("backups", 50), ("database", 100), ("logs", 25))
    )
    network = (CostItem("bandwidth", Decimal(75)), CostItem("load_balancer", Decimal(50)))
    monitoring = (CostItem("alerting", Decimal(50)), CostItem("tools", Decimal(100)))
    parts = (
        CostPart(
            "compute", (CostItem("3 instances", Decimal(450)),), Decimal("0.15"), Decimal(300), "2 instances", (3, 6, 9)
        ),
        CostPart("storage", storage, Decimal("0.2"), None, "1000Gi", (2, 4, 6, 8, 10)),
        CostPart("network", network, Decimal(0), None, "", ()),
        CostPart("monitoring", monitoring, Decimal(0), None, "", ()),
    )
    fields = {
        "currency": "USD", "months": 12, "parts": parts, "budget": Decimal(2000), "alert_at": (Decimal("0.8"),),
        "options": (SavingOption("reserved", Decimal("0.2"), "compute", ""),), "source": "", "as_of": "", "origin": HERE,
    }  # fmt: skip
    return Costs(**{**fields, **more})  # type: ignore[arg-type]


def test_the_runbooks_costs_to_the_cent() -> None:
    made = forecast_costs(template())
    months = {month.month: dict(month.parts) | {"total": month.total} for month in made.months}
    assert months[0] == {"compute": 450, "storage": 175, "network": 125, "monitoring": 150, "total": 900}
    # 450 × 1.15 = 517.50; 175 × 1.2 = 210.
    assert months[1]["total"] == Decimal("1002.50")
    # 450 × 1.3225 = 595.125, half up.
    assert months[2]["compute"] == Decimal("595.13")
    # 450 × 1.520875 = 684.39375, and two instances at 150.
    assert months[3]["compute"] == Decimal("984.39")
    assert months[3]["storage"] == Decimal("302.40")
    # 450 × 1.15¹² + 900 and 175 × 1.2¹².
    assert months[12]["compute"] == Decimal("3307.61")
    assert months[12]["storage"] == Decimal("1560.32")
    assert all(month["total"] == month["compute"] + month["storage"] + 275 for month in months.values())


def test_budget_options_and_what_has_no_price() -> None:
    made = forecast_costs(template())
    assert [(alert.share, alert.month) for alert in made.alerts] == [(Decimal("0.8"), 4), (Decimal(1), 6)]
    compute = sum(dict(month.parts)["compute"] for month in made.months[1:])
    assert made.savings[0].total == pytest.approx(compute / 5, abs=Decimal("0.06"))
    assert made.unpriced == ("storage: 1000Gi in month 2, 4, 6, 8, 10",)
    assert [alert.month for alert in forecast_costs(template(budget=Decimal(99999))).alerts] == [None, None]


def test_a_level_is_dated_by_the_drift_over_whole_weeks() -> None:
    """Growth of 4 % of the first level a week, from 100: the mean reaches 200 in week 25, its peaks long before."""
    values = weekly(13, seed=31, swing=0.1, spread=0.03, trend=0.04)
    made = forecast(series(values), 20 * WEEK * HOUR)
    truth = weekly(33, seed=31, swing=0.1, spread=0.0, trend=0.04)
    crossed = START + HOUR * int(np.flatnonzero(truth >= 200)[0])
    when = reached(made, 200.0, "above")
    assert when.expected is not None
    assert when.early is not None
    assert not when.already
    assert abs(when.expected - crossed) < 0.12 * (crossed - made.times[0])
    assert when.early <= when.expected
    assert when.late is None or when.late >= when.expected
    assert reached(made, 2000.0, "above").early is None
    assert reached(made, float(values[-50:].max()) - 1, "above").already


def test_a_volume_that_fills_is_dated_by_its_last_whole_week() -> None:
    filled = 1000.0 + np.cumsum(weekly(13, seed=33) / 100)
    made = forecast(series(filled), 8 * WEEK * HOUR)
    a_week = float(filled[-1] - filled[-1 - WEEK])
    when = reached(made, float(filled[-1]) + 3 * a_week, "above")
    assert when.expected == pytest.approx(made.times[0] + 3 * WEEK * HOUR, abs=12 * HOUR)
    assert when.early is not None
    assert when.late is not None
    assert when.early < when.expected < when.late
    assert made.times[0] < when.early


def test_when_quarters_end() -> None:
    assert due_at("2027-Q4", None) == due_at("2027-Q4", START) == 1830297600
    # 5 January 2026: the first quarter is this year's.
    assert due_at("Q1", START) == 1775001600
    assert due_at("Q1", None) is None
