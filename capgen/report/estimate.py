"""Estimates as a table for a terminal or a pull request, and as JSON: who costs how much, beside the budgets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from msgspec import to_builtins

from capgen.blueprint.cost import Cost
from capgen.compile.cost import Estimate, ServiceCost
from capgen.spec.sections import BudgetSpec

_FIELDS = ("rules", "series", "samples_per_second")
_HEADS = ("rules", "series", "samples/s")

Row = tuple[str, ...]


def render(found: Sequence[Estimate], form: str, *, detailed: bool) -> str:
    """All environments, one below the other."""
    if form == "json":
        return _json(found)
    tables = [(f"{one.environment}: {_sum(one)}", list(_rows(one, detailed=detailed))) for one in found]
    return "\n".join((_markdown if form == "markdown" else _text)(title, rows) for title, rows in tables)


def exceeded(found: Sequence[Estimate]) -> bool:
    """Whether anything costs more than its budget."""
    parts: list[Estimate | ServiceCost] = [*found, *(service for one in found for service in one.services)]
    return any(_over(part.cost, part.budget, field) for part in parts for field in _FIELDS)


def _sum(one: Estimate) -> str:
    said = [f"{len(one.services)} {'service' if len(one.services) == 1 else 'services'}"]
    for field, words in zip(_FIELDS, ("rules", "series recorded", "samples read a second"), strict=True):
        said.append(f"{_amount(one.cost, one.budget, field)} {words}")
    return ", ".join(said)


def _rows(one: Estimate, *, detailed: bool) -> Iterator[Row]:
    for service in sorted(one.services, key=lambda s: (-s.cost.samples_per_second, s.service)):
        yield (service.service, *(_amount(service.cost, service.budget, field) for field in _FIELDS))
        groups = sorted(service.groups, key=lambda g: (-g.cost.samples_per_second, g.subject)) if detailed else ()
        for group in groups:
            yield (f"  {group.subject}", *(_amount(group.cost, None, field) for field in _FIELDS))


def _amount(cost: Cost, budget: BudgetSpec | None, field: str) -> str:
    limit = getattr(budget, field, None)
    shown = f"{getattr(cost, field):,.0f}"
    if limit is None:
        return shown
    return f"{shown} of {limit:,.0f}{' (over)' if _over(cost, budget, field) else ''}"


def _over(cost: Cost, budget: BudgetSpec | None, field: str) -> bool:
    limit = getattr(budget, field, None)
    return limit is not None and getattr(cost, field) > limit


def _text(title: str, rows: Sequence[Row]) -> str:
    table = [("service", *_HEADS), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = [
        "  "
        + row[0].ljust(widths[0])
        + "".join(f"  {cell.rjust(widths[n])}" for n, cell in enumerate(row[1:], start=1))
        for row in table
    ]
    return "\n".join((title, *lines)) + "\n"


def _markdown(title: str, rows: Sequence[Row]) -> str:
    head = ("| service | " + " | ".join(_HEADS) + " |", "| --- | ---: | ---: | ---: |")
    body = [f"| {'– ' if row[0].startswith(' ') else ''}{row[0].strip()} | {' | '.join(row[1:])} |" for row in rows]
    return "\n".join((f"**{title}**", "", *head, *body)) + "\n"


def _json(found: Sequence[Estimate]) -> str:
    environments = [
        {
            "environment": one.environment,
            **to_builtins(one.cost),
            "budget": _limits(one.budget),
            "services": [
                {
                    "service": service.service,
                    **to_builtins(service.cost),
                    "budget": _limits(service.budget),
                    "groups": [{"subject": group.subject, **to_builtins(group.cost)} for group in service.groups],
                }
                for service in one.services
            ],
        }
        for one in found
    ]
    return json.dumps({"schema_version": 1, "environments": environments}, indent=2) + "\n"


def _limits(budget: BudgetSpec | None) -> dict[str, float] | None:
    return None if budget is None else budget.model_dump(exclude_none=True)
