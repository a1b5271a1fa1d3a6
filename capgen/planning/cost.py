"""What the service costs, month by month, to the cent.

A part grows by compounding on what it costs today; steps are added at their price from their month on and do not grow
(they are a purchase, not a trend). Each part is rounded to the cent, half up, and the total is the sum of what is
shown. What has no price is named, and never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from msgspec import Struct

from capgen.blueprint.planning import CostPart, Costs

CENT = Decimal("0.01")


class CostMonth(Struct, frozen=True):
    """One month: each part, and all of them."""

    month: int
    parts: tuple[tuple[str, Decimal], ...]
    total: Decimal


class Saving(Struct, frozen=True):
    """What an option saves over the whole time, and what that assumes."""

    name: str
    of: str
    total: Decimal
    first_month: Decimal
    assumes: str


class BudgetAlert(Struct, frozen=True):
    """The first month that costs more than a share of the budget; None when none does."""

    share: Decimal
    amount: Decimal
    month: int | None


class CostForecast(Struct, frozen=True):
    """The costs of the coming months; the first month is today."""

    currency: str
    months: tuple[CostMonth, ...]
    savings: tuple[Saving, ...]
    budget: Decimal | None
    alerts: tuple[BudgetAlert, ...]
    unpriced: tuple[str, ...]
    """What the plan adds without a price, in words."""

    @property
    def total(self) -> Decimal:
        """Of the coming months, without today's."""
        return sum((month.total for month in self.months[1:]), Decimal(0))


def cents(amount: Decimal) -> Decimal:
    """Rounded to the cent, half up, as bills are."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def forecast_costs(costs: Costs) -> CostForecast:
    """The months, the savings and the budget."""
    months = tuple(_month(costs.parts, month) for month in range(costs.months + 1))
    alerts: tuple[BudgetAlert, ...] = ()
    if costs.budget is not None:
        shares = costs.alert_at if Decimal(1) in costs.alert_at else (*costs.alert_at, Decimal(1))
        alerts = tuple(_alert(share, costs.budget, months) for share in shares)
    return CostForecast(
        currency=costs.currency,
        months=months,
        savings=tuple(
            _saving(option.name, option.of, option.saves, option.note, months) for option in costs.options
        ),
        budget=costs.budget,
        alerts=alerts,
        unpriced=tuple(
            f"{part.name}: {part.step_words} in month {', '.join(map(str, part.step_months))}"
            for part in costs.parts
            if part.step_months and part.step is None
        ),
    )  # fmt: skip


def part_after(part: CostPart, month: int) -> Decimal:
    """What a part costs after some months, not rounded."""
    today = sum((item.amount for item in part.items), Decimal(0))
    steps = sum(1 for at in part.step_months if at <= month)
    return today * (1 + part.growth) ** month + steps * (part.step or Decimal(0))


def _month(parts: Sequence[CostPart], month: int) -> CostMonth:
    amounts = tuple((part.name, cents(part_after(part, month))) for part in parts)
    return CostMonth(month, amounts, sum((amount for _, amount in amounts), Decimal(0)))


def _saving(name: str, of: str, saves: Decimal, note: str, months: tuple[CostMonth, ...]) -> Saving:
    amounts = [cents(dict(month.parts)[of] * saves) for month in months[1:]]
    assumes = f"{saves * 100:f}".rstrip("0").rstrip(".") + f"% less for all of {of}, from month 1"
    return Saving(name, of, sum(amounts, Decimal(0)), amounts[0], f"{assumes}; {note}" if note else assumes)


def _alert(share: Decimal, budget: Decimal, months: tuple[CostMonth, ...]) -> BudgetAlert:
    amount = cents(budget * share)
    # At the declared share already, as people expect of "alert at 80 %"; the whole budget may be spent.
    over = (month.month for month in months if (month.total > amount if share == 1 else month.total >= amount))
    return BudgetAlert(share, amount, next(over, None))
