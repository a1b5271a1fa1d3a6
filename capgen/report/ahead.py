"""A capacity plan as a document. What a part has no data for, it says, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, field

from capgen import units
from capgen.planning.advice import percent
from capgen.planning.crossing import Reached
from capgen.planning.findings import day
from capgen.planning.forecast import Forecast
from capgen.planning.plan import Outlook, ServicePlan
from capgen.report.document import Block, Chart, Document, Line, Paragraph, Section, Table
from capgen.report.forecast import backtest_in_words
from capgen.report.sizes import replicas, sizes

if TYPE_CHECKING:
    from capgen.history.series import Floats

_POINTS = 900
_NAMED = 8
"""Services that a title names."""


class Part(Struct, frozen=True):
    """The plan of one service: what is shown of it, which is less than it is made from."""

    service: str
    title: str
    environment: str
    now: float | None
    sections: tuple[Section, ...]
    severities: tuple[str, ...]
    """Of its findings."""


class Head(Struct):
    """What stands above the plans of an environment, and is only known after the last of them."""

    names: list[str] = field(default_factory=list)
    count: int = 0
    environment: str = ""
    latest: float | None = None
    contents: list[str] = field(default_factory=list)
    severities: set[str] = field(default_factory=set)

    @property
    def title(self) -> str:
        """With the names of the services, while they are few."""
        names = ", ".join(self.names) if self.count == len(self.names) else f"{self.count} services"
        return f"Capacity plan: {names}"

    @property
    def about(self) -> str:
        """Of which environment it is, and from when on."""
        since = "counted from today, since there is no history" if self.latest is None else f"from {day(self.latest)}"
        return f"Environment {self.environment}; {since}."


def part(plan: ServicePlan) -> Part:
    """What is shown of a plan."""
    made = tuple(Section(name, blocks) for name, blocks in sections(plan))
    severities = tuple(finding.severity for finding in plan.found)
    return Part(plan.service, plan.title, plan.environment, plan.now, made, severities)


def together(parts: Iterable[Part], head: Head) -> Iterator[Section]:
    """The sections of all services, one service at a time; what is above them is put into `head`."""
    parts = iter(parts)
    first = list(islice(parts, 2))
    several = len(first) > 1
    for one in chain(first, parts):
        head.count += 1
        head.names += [one.service] if len(head.names) < _NAMED else []
        head.environment = one.environment
        head.latest = max((at for at in (head.latest, one.now) if at is not None), default=None)
        head.severities.update(one.severities)
        for section in one.sections:
            title = f"{one.title}: {section.title}" if several else section.title
            head.contents.append(title)
            yield Section(title, section.blocks)


def document(plans: Iterable[ServicePlan]) -> Document:
    """The plans of all services of an environment."""
    head = Head()
    made = tuple(together(map(part, plans), head))
    return Document(head.title, head.about, made)


def sections(plan: ServicePlan) -> tuple[tuple[str, tuple[Block, ...]], ...]:
    """The parts of a plan, each under its name."""
    return (
        ("Findings", _findings(plan)),
        ("When levels are reached", signals(plan.outlooks)),
        ("Compute", _compute(plan)),
        ("Right-sizing", sizes(plan.sizes)),
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
    rows: list[tuple[str, ...]] = []
    never: dict[str, list[str]] = {}
    for outlook in outlooks:
        for level in outlook.levels:
            when = level.reached
            amount = units.human(when.threshold, outlook.signal.unit)
            if not when.already and when.early is None:
                never.setdefault(outlook.signal.id, []).append(f"{level.name} ({amount})")
                continue
            dates = (
                ("reached in the last week", "", "")
                if when.already
                else (day(when.early), day(when.expected), day(when.late))
            )
            rows.append((outlook.signal.id, f"{level.name} ({amount})", *dates, act_by(when, level.lead)))
    if rows:
        headings: tuple[str, ...] = ("signal", "level", "early (10%)", "expected (50%)", "late (90%)", "act by")
        if not any(row[-1] for row in rows):
            headings, rows = headings[:-1], [row[:-1] for row in rows]
        blocks.append(Table("Dates at which each level is reached", headings, tuple(rows), frozenset({2, 3, 4, 5})))
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


def act_by(when: Reached, lead: float | None) -> str:
    """The expected date less the declared lead time; "" where none is declared, or nothing is reached."""
    if lead is None or when.expected is None:
        return ""
    return "now" if when.already else day(when.expected - lead)


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
            str(month.nodes)
            if month.between == (month.nodes, month.nodes)
            else f"{month.nodes} ({month.between[0]} to {month.between[1]})",
            month.binding if month.nodes > declared.count else "",
            *(percent(float(share)) for _, share in month.filled),
        )
        for month in plan.nodes
    )
    headings = ("month", "CPU", "memory", "nodes", "because of", "CPU then", "memory then")
    blocks: list[Block] = [Paragraph(head)]
    blocks += [Paragraph(f"Not counted as growth, since there is no forecast of it: {what}.") for what in plan.ungrown]
    if plan.scaled:
        names = ", ".join(one.workload for one in plan.scaled)
        blocks.append(
            Paragraph(f"What pods ask for grows by replay of the HPA of {names}, in place of the declared growth.")
        )
        blocks.append(replicas(plan.scaled, [_month(plan, month.month) for month in plan.nodes]))
    return (*blocks, Table("Nodes by month", headings, rows, frozenset({1, 2, 3, 5, 6})))


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
            if when is not None and (acting := act_by(when, outlook.lead)):
                measured += f"; act by {acting}"
            holds = _size(planned.capacity) if planned.capacity is not None else "unknown"
            full.append((planned.name, percent(float(planned.growth)), holds, after, measured))
        headings = ("volume", "growth a month", "holds", "full, by growth", "full, measured (10/50/90%)")
        blocks.append(Table("When volumes are full", headings, tuple(full), frozenset({1, 2})))
    kept = tuple(
        (v.volume.name, units.duration(float(one.retention)), _size(one.size), _size(one.saved),
         "not within the plan" if one.full_after is None else f"after {units.number(float(one.full_after))} months")
        for v in plan.volumes if v.plan is not None for one in v.plan.kept
    )  # fmt: skip
    if kept:
        headings = ("volume", "kept for", "holds then", "less", "full")
        blocks.append(Table("With a shorter retention, at the end of the plan", headings, kept, frozenset({1, 2, 3})))
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
        (_month(plan, month.month), *(f"{amount:,}" for _, amount in month.parts), f"{month.total:,}",
         *((f"{month.low:,}", f"{month.high:,}") if costs.uncertain else ()))
        for month in costs.months
    )  # fmt: skip
    headings = ("month", *names, "total", *(("10%", "90%") if costs.uncertain else ()))
    source = f"Prices: {declared.source}" if declared.source else "The spec does not say where the prices are from"
    source += f", as of {declared.as_of}." if declared.as_of else "."
    low, high = costs.between
    between = f", and with 80 % between {low:,} and {high:,}" if costs.uncertain else ""
    blocks: list[Block] = [
        Paragraph(
            f"{source} The coming {len(costs.months) - 1} months cost {costs.total:,} {costs.currency}{between}."
        ),
        Table(f"Costs by month, {costs.currency}", headings, rows, frozenset(range(1, len(headings)))),
    ]
    blocks += [Paragraph(f"Without a price, and not in these numbers: {what}.") for what in costs.unpriced]
    blocks += [Paragraph(f"Without growth in these numbers, since there is no forecast of it: {what}.") for what in costs.unforecast]  # fmt: skip
    if costs.alerts:

        def when(month: int | None) -> str:
            return "not within the plan" if month is None else _month(plan, month)

        told = tuple(
            (percent(float(alert.share)), f"{alert.amount:,}", when(alert.month), *((when(alert.early),) if costs.uncertain else ()))
            for alert in costs.alerts
        )  # fmt: skip
        headings = ("share", "amount", "month", *(("early (10%)",) if costs.uncertain else ()))
        blocks.append(Table("Shares of the budget, and the first month that reaches them", headings, told, frozenset({1})))  # fmt: skip
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
