"""Costs with a forecast, options and retentions, each to the cent as it was worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest
from compile.service import compiled
from msgspec.structs import replace
from planning.test_plans import GIB, HERE, template

from capgen.blueprint.planning import SavingOption, Volume
from capgen.planning.advice import advise
from capgen.planning.compute import NodeMonth
from capgen.planning.cost import forecast_costs, with_right_size
from capgen.planning.period import new_and_gone
from capgen.planning.rates import Rate
from capgen.planning.storage import plan_volume

D = Decimal


def test_three_amounts_from_one_forecast() -> None:
    """Compute 450 grows with requests: -1, 4 or 10 % a month. Storage 175 × 1.2 and 275 that stay are certain."""
    costs = template(months=2)
    compute = replace(costs.parts[0], signal="app.throughput", growth=D(0), step_months=())
    costs = replace(costs, parts=(compute, *costs.parts[1:]))
    made = forecast_costs(costs, {"app.throughput": Rate(D("-0.01"), D("0.04"), D("0.1"))})
    first, second = made.months[1:]
    # 445.50, 468.00, 495.00; 210.00; 275.00.
    assert (first.low, first.total, first.high) == (D("930.50"), D("953.00"), D("980.00"))
    # 441.045 half up, 486.72, 544.50; 252.00.
    assert (second.low, second.total, second.high) == (D("968.05"), D("1013.72"), D("1071.50"))
    assert made.between == (D("1898.55"), D("2051.50"))
    budget = forecast_costs(replace(costs, budget=D(1050)), {"app.throughput": Rate(D("-0.01"), D("0.04"), D("0.1"))})
    assert [(alert.month, alert.early) for alert in budget.alerts if alert.share == 1] == [(None, 2)]
    assert forecast_costs(costs).unforecast == ("compute is to grow with app.throughput",)


@pytest.mark.parametrize(
    ("option", "total", "assumes"),
    [
        # Compute is 517.50, 595.13, 984.39 (with two instances from month 3) by the template.
        (SavingOption("spot", D("0.6"), "compute", "", covers=D("0.25")), "314.56", "60% less for 25% of compute, from month 1"),
        # 450 × 50 % × 30 % for two of the three months: what is added is not committed to.
        (SavingOption("reserved", D("0.3"), "compute", "", covers=D("0.5"), term=2), "135.00", "30% less for 50% of what compute costs today, committed to for 2 months and paid even when it is not used; growth above it is at the full price"),
        # Logs are 25 of storage's 175: 30.00, 36.00, 43.20, of which two thirds go.
        (SavingOption("logs", 1 - D(30) / D(90), "storage", "", item="logs", retention=(D(90 * 86400), D(30 * 86400))), "72.80", "logs in storage costs in proportion to how long it is kept: 30d instead of 90d, 66.67% less"),
    ],
)  # fmt: skip
def test_what_an_option_saves_and_assumes(option: SavingOption, total: str, assumes: str) -> None:
    (saving,) = forecast_costs(template(months=3, options=(option,))).savings
    assert (saving.total, saving.assumes) == (D(total), assumes)


def test_a_commitment_is_paid_when_less_is_used() -> None:
    option = SavingOption("reserved", D("0.2"), "compute", "", term=12)
    costs = template(months=1, options=(option,))
    shrinking = replace(costs, parts=(replace(costs.parts[0], growth=D("-0.5")), *costs.parts[1:]))
    # 225 would be paid, and 360 is committed to.
    assert forecast_costs(shrinking).savings[0].total == D("-135.00")


def test_right_sizing_saves_the_nodes_that_are_not_needed() -> None:
    costs = template(months=2)
    costs = replace(costs, parts=(replace(costs.parts[0], each=D(150)), *costs.parts[1:]))

    def nodes(*counts: int) -> tuple[NodeMonth, ...]:
        return tuple(NodeMonth(n, (), (), "cpu", count, (), (count, count)) for n, count in enumerate(counts))

    saving = with_right_size(forecast_costs(costs), costs, nodes(9, 9, 11), nodes(8, 8, 8)).savings[-1]
    assert (saving.name, saving.total, saving.first_month) == ("right_size", D("600.00"), D("150.00"))
    unchanged = with_right_size(forecast_costs(costs), costs, nodes(9, 9, 9), nodes(9, 9, 9))
    assert "right_size" not in [one.name for one in unchanged.savings]


def test_a_shorter_retention_holds_in_proportion() -> None:
    """100 GiB kept for 90 days; 20 % a month for six months are 298.60 GiB. A third is 99.53, and fits on 200."""
    day = D(86400)
    volume = Volume("logs", 100 * GIB, D("0.2"), 200 * GIB, None, "", HERE, 90 * day, (60 * day, 30 * day))
    plan = plan_volume(volume, D("0.2"), 6)
    assert [(kept.retention / day, round(kept.size / GIB, 2), round(kept.saved / GIB, 2)) for kept in plan.kept] == [
        (60, D("199.07"), D("99.53")), (30, D("99.53"), D("199.07")),
    ]  # fmt: skip
    # ln(200/100)/ln 1.2 = 3.80; of two thirds ln 3/ln 1.2 = 6.03, beyond the plan.
    assert (plan.full_after, [kept.full_after for kept in plan.kept]) == (D("3.8"), [None, None])


COST = "planning: {cost: {currency: USD, months: 3, compute: {instances: 1, each: 1}, storage: {logs: 1}, %s}}\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("options: {a: {of: compute}}", "CG933"),
        ("options: {a: {of: storage, saves: 5%, retention: {from: 90d, to: 30d}}}", "CG933"),
        ("options: {a: {of: storage, retention: {from: 30d, to: 30d}}}", "CG933"),
        ("options: {a: {of: storage, saves: 5%, item: lgos}}", "CG327"),
        ("options: {a: {of: compute, saves: 5%, covers: 150%}}", "CG205"),
        ("budget: {monthly: 5, alert_at: 0%}", "CG205"),
    ],
)
def test_options_that_say_too_little_or_too_much(words: str, code: str) -> None:
    assert [one.code for one in compiled(COST % words)[1]] == [code]


@pytest.mark.parametrize(
    ("planning", "code"),
    [
        ("storage: {logs: {size: 1Gi, growth: 1%, keep: [30d]}}", "CG931"),
        ("storage: {logs: {size: 1Gi, growth: 1%, retention: 7d, keep: [30d]}}", "CG931"),
        ("cost: {currency: USD, months: 3, compute: {instances: 1, each: 1, growth: 5%, signal: host.cpu}}", "CG932"),
        ('cost: {currency: USD, months: 3, as_of: "2026-02-30", compute: {instances: 1, each: 1}}', "CG959"),
        ("cost: {currency: USD, months: 3, compute: {instances: 1, each: 1, signal: host.nothing}}", "CG306"),
    ],
)
def test_growth_and_retention_that_say_too_little_or_too_much(planning: str, code: str) -> None:
    assert [one.code for one in compiled(f"planning: {{{planning}}}\n")[1]] == [code]


def test_a_recommendation_is_the_same_one_when_only_its_numbers_moved() -> None:
    def advised(*options: SavingOption) -> SimpleNamespace:
        costs = forecast_costs(template(options=options))
        return SimpleNamespace(advice=advise(None, (), (), costs))

    spot, reserved = SavingOption("spot", D("0.6"), "compute", ""), SavingOption("reserved", D("0.2"), "compute", "")
    dearer = replace(spot, saves=D("0.5"))
    reviewed = SimpleNamespace(plan=advised(dearer, reserved), earlier=advised(spot))
    new, gone = new_and_gone(reviewed)  # type: ignore[arg-type]
    assert [what.partition(":")[0] for what in new] == ["reserved"]
    assert gone == []


def test_amounts_have_the_places_of_their_currency() -> None:
    """450 × 1.15² is 595.125: a cent of a dollar, no part of a yen, a fils of a dinar."""
    totals = {
        currency: str(dict(forecast_costs(template(currency=currency)).months[2].parts)["compute"])
        for currency in ("USD", "JPY", "KWD")
    }
    assert totals == {"USD": "595.13", "JPY": "595", "KWD": "595.125"}
