"""What the service costs, month by month, to the cent (or the currency's smallest coin).

A part grows by compounding on what it costs today, at its declared rate or with a signal's forecast: then there are
three amounts, from the same 10th, 50th and 90th percentile as every other number of the plan. Steps are added at their
price from their month on and do not grow (they are a purchase, not a trend). Each part is rounded to the cent, half up,
and a total is the sum of what is shown. What has no price is named, and never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from msgspec import Struct
from msgspec.structs import replace

from capgen import units
from capgen.blueprint.planning import CostPart, Costs, SavingOption
from capgen.planning.compute import NodeMonth
from capgen.planning.rates import Rate

_MINOR = {
    **dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""Decimal places of currencies that have other than two, by ISO 4217."""


class CostMonth(Struct, frozen=True):
    """One month: each part, and all of them; `low` and `high` are the 10th and 90th percentile of the total."""

    month: int
    parts: tuple[tuple[str, Decimal], ...]
    total: Decimal
    low: Decimal
    high: Decimal


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
    early: int | None
    """As `month`, of the 90th percentile: one in ten is there before."""


class CostForecast(Struct, frozen=True):
    """The costs of the coming months; the first month is today."""

    currency: str
    months: tuple[CostMonth, ...]
    savings: tuple[Saving, ...]
    budget: Decimal | None
    alerts: tuple[BudgetAlert, ...]
    unpriced: tuple[str, ...]
    """What the plan adds without a price, in words."""
    unforecast: tuple[str, ...]
    """Parts that are to grow with a signal of which there is no forecast, in words."""

    @property
    def total(self) -> Decimal:
        """Of the coming months, without today's."""
        return sum((month.total for month in self.months[1:]), Decimal(0))

    @property
    def between(self) -> tuple[Decimal, Decimal]:
        """The 10th and 90th percentile of the total, where all months go the same way."""
        low, high = ([getattr(month, end) for month in self.months[1:]] for end in ("low", "high"))
        return sum(low, Decimal(0)), sum(high, Decimal(0))

    @property
    def uncertain(self) -> bool:
        """Whether a forecast went into it."""
        return any(month.low != month.high for month in self.months)


def cents(amount: Decimal, currency: str) -> Decimal:
    """Rounded to the currency's smallest coin (a cent, a whole yen), half up, as bills are."""
    return amount.quantize(Decimal(1).scaleb(-_MINOR.get(currency, 2)), ROUND_HALF_UP)


def forecast_costs(costs: Costs, rates: Mapping[str, Rate] | None = None) -> CostForecast:
    """The months, the savings and the budget. `rates` are by signal."""
    known = rates or {}
    months = tuple(_month(costs, month, known) for month in range(costs.months + 1))
    alerts: tuple[BudgetAlert, ...] = ()
    if costs.budget is not None:
        shares = costs.alert_at if Decimal(1) in costs.alert_at else (*costs.alert_at, Decimal(1))
        alerts = tuple(_alert(share, costs.budget, months, costs.currency) for share in sorted(shares))
    return CostForecast(
        currency=costs.currency,
        months=months,
        savings=tuple(_saving(option, costs, known) for option in costs.options),
        budget=costs.budget,
        alerts=alerts,
        unpriced=tuple(
            f"{part.name}: {part.step_words} in month {', '.join(map(str, part.step_months))}"
            for part in costs.parts
            if part.step_months and part.step is None
        ),
        unforecast=tuple(
            f"{part.name} is to grow with {part.signal}"
            for part in costs.parts
            if part.signal and part.signal not in known
        ),
    )  # fmt: skip


def with_right_size(
    made: CostForecast, costs: Costs, before: tuple[NodeMonth, ...], after: tuple[NodeMonth, ...]
) -> CostForecast:
    """The costs, with what right-sizing saves as an option: the nodes of the compute plan that are no longer needed.

    `before` and `after` are that plan, with requests as they are and as they are advised. Nothing is added where nobody
    says what an instance costs, or where no node less is needed.
    """
    each = next((part.each for part in costs.parts if part.each is not None), None)
    fewer = [now.nodes - then.nodes for now, then in zip(before, after, strict=True)][1 : costs.months + 1]
    if each is None or not any(count > 0 for count in fewer):
        return made
    counts = sorted(set(fewer))
    words = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    assumes = (
        f"with requests as advised the compute plan needs {words} nodes fewer, each at {cents(each, costs.currency)} a month; they are "
        "taken away once the scheduler has emptied them"
    )
    saving = Saving(
        "right_size",
        "compute",
        cents(each * sum(fewer), costs.currency),
        cents(each * fewer[0], costs.currency),
        assumes,
    )
    return replace(made, savings=(*made.savings, saving))


def part_after(part: CostPart, month: int, growth: Decimal) -> Decimal:
    """What a part costs after some months, not rounded."""
    today = sum((item.amount for item in part.items), Decimal(0))
    return today * (1 + growth) ** month + _steps(part, month)


def _steps(part: CostPart, month: int) -> Decimal:
    return sum(1 for at in part.step_months if at <= month) * (part.step or Decimal(0))


def _growth(part: CostPart, rates: Mapping[str, Rate]) -> Rate:
    return rates.get(part.signal) or Rate(part.growth, part.growth, part.growth)


def _month(costs: Costs, month: int, rates: Mapping[str, Rate]) -> CostMonth:
    low, expected, high = (
        tuple(
            (part.name, cents(part_after(part, month, getattr(_growth(part, rates), end)), costs.currency))
            for part in costs.parts
        )
        for end in ("low", "expected", "high")
    )
    totals = (sum((amount for _, amount in amounts), Decimal(0)) for amounts in (expected, low, high))
    return CostMonth(month, expected, *totals)


def _saving(option: SavingOption, costs: Costs, rates: Mapping[str, Rate]) -> Saving:
    part = next(part for part in costs.parts if part.name == option.of)
    whole = sum((item.amount for item in part.items), Decimal(0))
    share = next((item.amount / whole for item in part.items if item.name == option.item and whole), Decimal(1))
    growth = _growth(part, rates).expected
    amounts = []
    for month in range(1, costs.months + 1):
        # An item has no steps of its own: what is added is bought for the part.
        due = whole * share * (1 + growth) ** month + (Decimal(0) if option.item else _steps(part, month))
        if option.term is None:
            amounts.append(cents(cents(due, costs.currency) * option.covers * option.saves, costs.currency))
        elif month <= option.term:
            # A commitment is for what there is today: it saves nothing on growth, and is paid when less is used.
            committed = whole * share * option.covers
            amounts.append(cents(min(due, committed) - committed * (1 - option.saves), costs.currency))
        else:
            amounts.append(Decimal(0))
    return Saving(option.name, option.of, sum(amounts, Decimal(0)), amounts[0], _assumes(option))


def _assumes(option: SavingOption) -> str:
    of = f"{option.item.replace('_', ' ')} in {option.of}" if option.item else option.of
    covered = "all" if option.covers == 1 else _percent(option.covers)
    if option.retention is not None:
        before, after = (units.duration(float(kept)) for kept in option.retention)
        words = f"{of} costs in proportion to how long it is kept: {after} instead of {before}, {_percent(option.saves)} less"
    elif option.term is not None:
        words = (
            f"{_percent(option.saves)} less for {covered} of what {of} costs today, committed to for {option.term} months "
            "and paid even when it is not used; growth above it is at the full price"
        )
    else:
        words = f"{_percent(option.saves)} less for {covered} of {of}, from month 1"
    return f"{words}; {option.note}" if option.note else words


def _percent(share: Decimal) -> str:
    return f"{round(share * 100, 2):f}".rstrip("0").rstrip(".") + "%"


def _alert(share: Decimal, budget: Decimal, months: tuple[CostMonth, ...], currency: str) -> BudgetAlert:
    amount = cents(budget * share, currency)

    def first(end: str) -> int | None:
        # At the declared share already, as people expect of "alert at 80 %"; the whole budget may be spent.
        totals = ((month.month, getattr(month, end)) for month in months)
        return next((month for month, total in totals if (total > amount if share == 1 else total >= amount)), None)

    return BudgetAlert(share, amount, first("total"), first("high"))
