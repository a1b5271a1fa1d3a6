"""What the service costs: measured by OpenCost where that is a source, else as the plan declares it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from capgen import units
from capgen.blueprint import Signal
from capgen.blueprint.dashboards import Panel, Step, Target
from capgen.compile.dashboards.signals import RECORDED, SUMMED, selected
from capgen.spec.operations import CostPlan

HOURS = 730
"""Of a month, as cloud providers count."""
CURRENCIES = frozenset((
    "USD", "GBP", "EUR", "JPY", "RUB", "UAH", "BRL", "DKK", "ISK", "NOK", "SEK", "CZK", "CHF", "PLN", "ZAR", "INR",
    "KRW", "IDR", "PHP", "VND",
))  # fmt: skip
"""Those that Grafana and its linter print with a sign of their own."""


class Money(Struct, frozen=True):
    """What is known of a service's costs. `measured` is the signal of the total an hour."""

    plan: CostPlan | None
    measured: Signal | None

    @property
    def unit(self) -> str:
        """Grafana's unit; OpenCost counts in dollars unless it is told otherwise."""
        code = self.plan.currency if self.plan else "USD"
        return f"currency{code}" if code in CURRENCIES else "short"

    @property
    def suffix(self) -> str:
        """The currency for titles, where the unit cannot say it."""
        return f" ({self.plan.currency})" if self.plan and self.unit == "short" else ""

    @property
    def steps(self) -> tuple[Step, ...]:
        """From the budget."""
        budget = self.plan.budget if self.plan else None
        if budget is None:
            return (Step("green", None),)
        shares = budget.alert_at if isinstance(budget.alert_at, list) else [budget.alert_at] if budget.alert_at else []
        early = [Step("yellow", round(share * budget.monthly, 2)) for share in sorted(shares) if 0 < share < 1]
        return (Step("green", None), *early, Step("red", budget.monthly))


def money_of(plan: CostPlan | None, signals: Sequence[Signal]) -> Money:
    """From the plan, and from the signal that measures the total, if there is one."""
    total = next((s for s in signals if s.section == "cost" and s.id.endswith(".total_cost")), None)
    return Money(plan, total)


def declared(plan: CostPlan) -> float:
    """What the plan's items come to in its first month."""
    compute = plan.compute.instances * plan.compute.each if plan.compute else 0.0
    storage = sum((plan.storage.__pydantic_extra__ or {}).values()) if plan.storage else 0.0
    return float(compute + storage + sum(plan.network.values()) + sum(plan.monitoring.values()))


def cost_panel(service: str, money: Money, ids: Mapping[str, int]) -> Panel | None:
    """Cost a month against the budget; None where nothing says what it costs."""
    if money.measured is not None:
        title, expr = "Cost a month", f"sum({selected(service, money.measured)}) * {HOURS}"
        what = "What the service costs a month at this hour's rate, as OpenCost measures it."
        exempt: tuple[tuple[str, str], ...] = (("target-job-rule", RECORDED), ("target-instance-rule", SUMMED))
    elif money.plan is not None and declared(money.plan) > 0:
        title, expr = "Planned a month", f"vector({units.number(declared(money.plan))})"
        what = "What the items of the spec's cost plan come to a month; nothing measures it."
        exempt = ()
    else:
        return None
    return Panel(
        key="glance/cost", id=ids["glance/cost"], type="stat", title=title + money.suffix,
        description=f"{what}\n\nWhat to do: when it passes the budget, see which part has grown, and what the plan's options save.",
        width=4, height=4, targets=(Target(expr, "a month", instant=True),), unit=money.unit, minimum=0.0, decimals=0,
        steps=money.steps, exempt=exempt,
    )  # fmt: skip
