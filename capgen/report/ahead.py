"""A capacity plan as a document, and as JSON. What a part has no data for, it says, with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from capgen import units
from capgen.history.series import instant
from capgen.planning.advice import percent
from capgen.planning.crossing import Reached
from capgen.planning.findings import day
from capgen.planning.forecast import Forecast
from capgen.planning.plan import MONTHS, Outlook, ServicePlan
from capgen.report.document import Block, Chart, Document, Line, Paragraph, Section, Table
from capgen.report.forecast import backtest_in_words, plain_backtest, plain_notice, rounded
from capgen.report.machine import plain as plain_finding
from capgen.report.visible import encodable

if TYPE_CHECKING:
    from capgen.history.series import Floats

SCHEMA_VERSION = 1
_POINTS = 900


def document(plans: Sequence[ServicePlan]) -> Document:
    """The plans of all services of an environment."""
    environment = plans[0].environment if plans else ""
    moments = [plan.now for plan in plans if plan.now is not None]
    since = f"from {instant(max(moments))[:10]}" if moments else "counted from today, since there is no history"
    names = ", ".join(plan.service for plan in plans)
    parts = [section for plan in plans for section in _sections(plan, several=len(plans) > 1)]
    return Document(f"Capacity plan: {names}", f"Environment {environment}; {since}.", tuple(parts))


def _sections(plan: ServicePlan, *, several: bool) -> list[Section]:
    head = f"{plan.title}: " if several else ""
    return [Section(head + name, blocks) for name, blocks in sections(plan)]


def sections(plan: ServicePlan) -> tuple[tuple[str, tuple[Block, ...]], ...]:
    """The parts of a plan, each under its name."""
    return (
        ("Findings", _findings(plan)),
        ("When levels are reached", signals(plan.outlooks)),
        ("Compute", _compute(plan)),
        ("Storage", _storage(plan)),
        ("Costs", _costs(plan)),
        ("Recommendations", advice(plan)),
        ("Roadmap", _roadmap(plan)),
    )


def _findings(plan: ServicePlan) -> tuple[Block, ...]:
    if not plan.found:
        return (Paragraph("No declared limit is passed within the horizon."),)
    rows = tuple((f"{d.code} {d.severity}", d.message, str(d.span) if d.span else "") for d in plan.found)
    return (Table("What is passed within the horizon", ("code", "what", "where"), rows),)


def signals(outlooks: Sequence[Outlook]) -> tuple[Block, ...]:
    """The dates of all levels, then a chart a signal; and what has no history."""
    blocks: list[Block] = []
    rows = []
    never: dict[str, list[str]] = {}
    for outlook in outlooks:
        for level in outlook.levels:
            when = level.reached
            if not when.already and when.early is None:
                never.setdefault(outlook.signal.id, []).append(level.name)
                continue
            amount = units.human(when.threshold, outlook.signal.unit)
            dates = (
                ("reached in the last week", "", "")
                if when.already
                else (day(when.early), day(when.expected), day(when.late))
            )
            rows.append((outlook.signal.id, f"{level.name} ({amount})", *dates))
    if rows:
        headings = ("signal", "level", "early (10%)", "expected (50%)", "late (90%)")
        blocks.append(Table("Dates at which each level is reached", headings, tuple(rows), frozenset({2, 3, 4})))
    if never:
        names = "; ".join(f"{signal} {', '.join(levels)}" for signal, levels in never.items())
        blocks.append(Paragraph(f"Not within the horizon, not even at its early end (10%): {names}."))
    blocks += [chart(outlook, outlook.made) for outlook in outlooks if outlook.made is not None]
    missing = [outlook for outlook in outlooks if outlook.made is None]
    if missing and len(missing) == len(outlooks):
        blocks.append(
            Paragraph("There is no history of any signal, so nothing is forecast: give --history or --prometheus.")
        )
    elif missing:
        told = "; ".join(f"{outlook.signal.id} ({outlook.reason})" for outlook in missing)
        blocks.append(Paragraph(f"Not forecast: {told}."))
    if not outlooks:
        blocks.append(Paragraph("The spec has no signals, so there is nothing to forecast."))
    return tuple(blocks)


def chart(outlook: Outlook, made: Forecast) -> Chart:
    """History and forecast of a signal, with its levels."""
    history = made.history
    # No more of the past than twice what is ahead (four weeks at least), and both in the same steps: a mean of nine
    # hours beside one of four would look as if the peaks were to come.
    recent = min(len(history.values), max(2 * len(made.p50), round(28 * 86400 / history.step)))
    first = len(history.values) - recent
    past = history.start + history.step * (first + np.arange(recent, dtype=np.float64))
    times = made.times
    size = max(1, -(-(recent + len(times)) // _POINTS))
    lines = (
        Line("95% interval", "band95", _thin(times, made.lo95, size), _thin(times, made.hi95, size)),
        Line("80% interval", "band80", _thin(times, made.lo80, size), _thin(times, made.hi80, size)),
        Line("measured", "past", _thin(past, history.values[first:], size)),
        Line("expected", "expected", _thin(times, made.p50, size)),
    )
    levels = tuple((level.name, level.reached.threshold, level.severity) for level in outlook.levels)
    told = backtest_in_words(made.backtest)
    if made.notices:
        told += ". " + "; ".join(f"{notice.code} {notice.message}" for notice in made.notices[:6])
    return Chart(f"{outlook.signal.title} ({outlook.signal.id})", outlook.signal.unit, lines, levels, told + ".")


def _thin(times: Floats, values: Floats, size: int) -> tuple[tuple[float, float], ...]:
    """A point for so many values: their mean. Gaps stay gaps."""
    found = []
    for begin in range(0, len(values), size):
        part = values[begin : begin + size]
        known = part[~np.isnan(part)]
        if len(known):
            found.append((float(times[begin]), float(f"{known.mean():.6g}")))
    return tuple(found)


def _compute(plan: ServicePlan) -> tuple[Block, ...]:
    declared = plan.declared.nodes if plan.declared else None
    if declared is None:
        return (Paragraph("The spec has no planning.compute, so no nodes are planned."),)
    cpu, memory = declared.resources
    spare = f", {declared.spare} of them spare" if declared.spare else ""
    kept = f", of which the system keeps {percent(float(declared.reserved))}" if declared.reserved else ""
    head = (
        f"{declared.count} nodes of {units.number(float(cpu.node))} cores and {units.human(float(memory.node), 'bytes')}"
        f"{kept}; at most {percent(float(declared.keep_below))} may be in use{spare}. Use is a share of today's nodes."
    )
    rows = tuple(
        (
            _month(plan, month.month),
            *(percent(float(share)) for _, share in month.used),
            str(month.nodes),
            month.binding if month.nodes > declared.count else "",
            *(percent(float(share)) for _, share in month.filled),
        )
        for month in plan.nodes
    )
    headings = ("month", "CPU", "memory", "nodes", "because of", "CPU then", "memory then")
    return (Paragraph(head), Table("Nodes by month", headings, rows, frozenset({1, 2, 3, 5, 6})))


def _storage(plan: ServicePlan) -> tuple[Block, ...]:
    if not plan.volumes:
        return (Paragraph("The spec has no planning.storage, so no volumes are planned."),)
    blocks: list[Block] = []
    known = [outlook.plan for outlook in plan.volumes if outlook.plan is not None]
    if known:
        rows = tuple(
            (_month(plan, month), *(_size(volume.sizes[month]) for volume in known))
            for month in range(len(known[0].sizes))
        )
        headings = ("month", *(volume.name for volume in known))
        blocks.append(Table("Stored by month", headings, rows, frozenset(range(1, len(headings)))))
        full = []
        for outlook in plan.volumes:
            if (planned := outlook.plan) is None:
                continue
            declared = "size unknown" if planned.capacity is None else f"not within {len(planned.sizes) - 1} months"
            after = (
                declared if planned.full_after is None else f"after {units.number(float(planned.full_after))} months"
            )
            when = outlook.measured
            measured = "no history" if when is None else ("already" if when.already else f"{day(when.early)} / {day(when.expected)} / {day(when.late)}")  # fmt: skip
            holds = _size(planned.capacity) if planned.capacity is not None else "unknown"
            full.append((planned.name, percent(float(planned.growth)), holds, after, measured))
        headings = ("volume", "growth a month", "holds", "full, by growth", "full, measured (10/50/90%)")
        blocks.append(Table("When volumes are full", headings, tuple(full), frozenset({1, 2})))
    blocks += [Paragraph(f"{v.volume.name} is not planned: {v.reason}.") for v in plan.volumes if v.plan is None]
    return tuple(blocks)


def _size(size: Decimal) -> str:
    gib = size / (1 << 30)
    return f"{gib / 1024:.2f} TiB" if gib >= 1024 else f"{gib:.1f} GiB"


def _costs(plan: ServicePlan) -> tuple[Block, ...]:
    costs = plan.costs
    declared = plan.declared.costs if plan.declared else None
    if costs is None or declared is None:
        return (Paragraph("The spec has no planning.cost, so no costs are planned."),)
    names = [part.name for part in declared.parts]
    rows = tuple(
        (_month(plan, month.month), *(f"{amount:,}" for _, amount in month.parts), f"{month.total:,}")
        for month in costs.months
    )
    headings = ("month", *names, "total")
    source = f"Prices: {declared.source}" if declared.source else "The spec does not say where the prices are from"
    source += f", as of {declared.as_of}." if declared.as_of else "."
    blocks: list[Block] = [
        Paragraph(f"{source} The coming {len(costs.months) - 1} months cost {costs.total:,} {costs.currency}."),
        Table(f"Costs by month, {costs.currency}", headings, rows, frozenset(range(1, len(headings)))),
    ]
    blocks += [Paragraph(f"Without a price, and not in these numbers: {what}.") for what in costs.unpriced]
    if costs.alerts:
        told = tuple(
            (percent(float(alert.share)), f"{alert.amount:,}", _month(plan, alert.month) if alert.month is not None else "not within the plan")
            for alert in costs.alerts
        )  # fmt: skip
        blocks.append(Table("Shares of the budget, and the first month that reaches them", ("share", "amount", "month"), told, frozenset({1})))  # fmt: skip
    else:
        blocks.append(Paragraph("The spec declares no budget."))
    return tuple(blocks)


def advice(plan: ServicePlan) -> tuple[Block, ...]:
    """What to do, with rule, basis and counterfactual."""
    if not plan.advice:
        return (Paragraph("Nothing that is declared or measured asks for a change."),)
    rows = tuple((one.what, one.rule, one.basis, one.otherwise) for one in plan.advice)
    return (Table("What to do", ("what", "rule", "from", "otherwise"), rows),)


def _roadmap(plan: ServicePlan) -> tuple[Block, ...]:
    if not plan.roadmap:
        return (Paragraph("The spec has no roadmap."),)
    rows = tuple(
        (item.entry.quarter, item.entry.theme, item.entry.title, item.entry.owner, item.entry.status,
         item.entry.moves + (" (too late)" if item.late else ""))
        for item in plan.roadmap
    )  # fmt: skip
    return (Table("The roadmap", ("quarter", "theme", "item", "owner", "status", "moves"), rows),)


def _month(plan: ServicePlan, month: int) -> str:
    if plan.now is None:
        return "today" if month == 0 else f"month {month}"
    at = datetime.fromtimestamp(plan.now, UTC)
    count = at.year * 12 + at.month - 1 + month
    return f"{count // 12}-{count % 12 + 1:02d}"


def as_json(pieces: Iterable[str]) -> Iterator[str]:
    """`{"schema_version", "services": [...]}`, piece by piece; money and sizes are strings with every digit, shares are
    numbers."""
    yield f'{{\n  "schema_version": {SCHEMA_VERSION},\n  "services": ['
    between = "\n    "
    for piece in pieces:
        yield between + piece
        between = ",\n    "
    yield "]\n}\n" if between == "\n    " else "\n  ]\n}\n"


def piece(plan: ServicePlan) -> tuple[str, tuple[str, ...]]:
    """A plan as JSON, indented to stand in `as_json`, and the severities of its findings."""
    text = encodable(json.dumps(plain(plan), indent=2, ensure_ascii=False, allow_nan=False))
    return text.replace("\n", "\n    "), tuple(finding.severity for finding in plan.found)


def plain(plan: ServicePlan) -> dict[str, object]:
    """A plan as plain data."""
    months = len(plan.volumes[0].plan.sizes) - 1 if plan.volumes and plan.volumes[0].plan else MONTHS
    costs = plan.costs
    return {
        "service": plan.service,
        "environment": plan.environment,
        "now": None if plan.now is None else instant(plan.now),
        "horizon_seconds": plan.horizon,
        "months": months,
        "signals": [_plain_outlook(outlook) for outlook in plan.outlooks],
        "compute": [
            {
                "month": month.month,
                "used": {name: rounded(float(share)) for name, share in month.used},
                "needed": dict(month.needed),
                "binding": month.binding,
                "nodes": month.nodes,
                "filled": {name: rounded(float(share)) for name, share in month.filled},
            }
            for month in plan.nodes
        ],
        "storage": [
            {
                "volume": outlook.volume.name,
                "growth": None if outlook.plan is None else rounded(float(outlook.plan.growth)),
                "bytes": [] if outlook.plan is None else [str(round(size)) for size in outlook.plan.sizes],
                "full_after_months": None if outlook.plan is None or outlook.plan.full_after is None else rounded(float(outlook.plan.full_after)),
                "full_measured": None if outlook.measured is None else _plain_dates(outlook.measured),
                "resizes": [] if outlook.plan is None else [{"month": r.month, "bytes": str(round(r.capacity))} for r in outlook.plan.resizes],
                "reason": outlook.reason or None,
            }
            for outlook in plan.volumes
        ],
        "cost": None
        if costs is None
        else {
            "currency": costs.currency,
            "months": [
                {"month": month.month, **{name: str(amount) for name, amount in month.parts}, "total": str(month.total)}
                for month in costs.months
            ],
            "total": str(costs.total),
            "budget": None if costs.budget is None else str(costs.budget),
            "alerts": [{"share": rounded(float(a.share)), "amount": str(a.amount), "month": a.month} for a in costs.alerts],
            "savings": [{"option": s.name, "of": s.of, "total": str(s.total), "assumes": s.assumes} for s in costs.savings],
            "unpriced": list(costs.unpriced),
        },
        "recommendations": [
            {"what": one.what, "rule": one.rule, "basis": one.basis, "otherwise": one.otherwise} for one in plan.advice
        ],
        "roadmap": [
            {
                "quarter": item.entry.quarter, "theme": item.entry.theme, "title": item.entry.title,
                "owner": item.entry.owner or None, "status": item.entry.status, "moves": item.entry.moves or None,
                "due": None if item.due is None else instant(item.due), "late": item.late,
            }
            for item in plan.roadmap
        ],
        "findings": [plain_finding(finding) for finding in plan.found],
    }  # fmt: skip


def _plain_outlook(outlook: Outlook) -> dict[str, object]:
    made = outlook.made
    peaks = outlook.peaks
    return {
        "signal": outlook.signal.id,
        "unit": outlook.signal.unit,
        "reason": outlook.reason or None,
        "levels": [
            {"level": level.name, "severity": level.severity, "threshold": rounded(level.reached.threshold), **_plain_dates(level.reached)}
            for level in outlook.levels
        ],
        "peak": None
        if peaks is None
        else dict(zip(("last_four_weeks", "p10", "p50", "p90"), (rounded(peak) for peak in peaks), strict=True)),
        "backtest": None if made is None else plain_backtest(made.backtest),
        "warnings": [] if made is None else [plain_notice(notice) for notice in made.notices],
    }  # fmt: skip


def _plain_dates(when: Reached) -> dict[str, object]:
    dates = {"p10": when.early, "p50": when.expected, "p90": when.late}
    return {"already": when.already, **{name: None if at is None else instant(at) for name, at in dates.items()}}
