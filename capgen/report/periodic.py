"""The daily, weekly, monthly and quarterly report as a document: no placeholder, and what has no data says why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from capgen import units
from capgen.history.series import instant
from capgen.planning.advice import percent
from capgen.planning.period import Review, Scaling, SignalPeriod, Use, new_and_gone
from capgen.report import ahead, planned
from capgen.report.document import Block, Document, Paragraph, Section, Table
from capgen.report.forecast import rounded
from capgen.report.visible import encodable

_TITLES = {
    "daily": "Daily capacity summary",
    "weekly": "Weekly capacity report",
    "monthly": "Monthly capacity review",
    "quarterly": "Quarterly capacity plan",
}
_FAR = ("monthly", "quarterly")
"""Kinds that look at costs and roadmap, too."""


Last = Mapping[str, Mapping[str, str]]
"""By service, what the last report recommended."""


def document(reviews: Sequence[Review], last: Last | None = None) -> Document:
    """The reports of all services of an environment, for one period."""
    if not reviews:
        return Document("Capacity report", "No service has a report in this environment.")
    period = reviews[0].period
    names = ", ".join(review.plan.service for review in reviews)
    about = f"Environment {reviews[0].plan.environment}; {instant(period.begin)[:10]} up to {instant(period.end)[:10]}."
    sections = [section for review in reviews for section in _sections(review, last, several=len(reviews) > 1)]
    return Document(f"{_TITLES[period.kind]}: {names}", about, tuple(sections))


def _sections(review: Review, last: Last | None, *, several: bool) -> list[Section]:
    head = f"{review.plan.title}: " if several else ""
    parts = [
        ("Summary", _summary(review, last)),
        ("Use against levels", _use(review)),
        ("Degradations", _degradations(review)),
        ("Scaling", _scaling(review)),
        ("Cost efficiency", _efficiency(review)),
        ("Headroom and forecast", ahead.signals(review.plan.outlooks)),
        ("Recommendations", _advice(review, last)),
    ]
    if review.period.kind in _FAR:
        plan = ahead.sections(review.plan)
        parts += [(name, blocks) for name, blocks in plan if name in ("Compute", "Storage", "Costs", "Roadmap")]
    return [Section(head + name, blocks) for name, blocks in parts]


def _summary(review: Review, last: Last | None) -> tuple[Block, ...]:
    plan = review.plan
    measured = [one for one in review.signals if one.now is not None]
    close = [(room[1], one.signal.id, _level(one, room[0])) for one in measured if (room := one.headroom) is not None]
    facts = [("signals measured", f"{len(measured)} of {len(review.signals)}")]
    if close:
        gap, signal, level = min(close)
        where = f"{percent(gap)} below" if gap >= 0 else f"{percent(-gap)} beyond"
        facts.append(("least headroom", f"{signal}: its peak is {where} {level}"))
    if measured:
        worse = [one.signal.id for one in review.signals if one.degraded]
        facts.append(("worse than before", ", ".join(worse) or "none"))
    if any(not one.reason for one in review.scaling):
        events = sum(one.ups + one.downs for one in review.scaling)
        facts.append(("changes of replicas", str(events)))
    soon = [
        (level.reached.expected, outlook.signal.id, level.name)
        for outlook in plan.outlooks
        for level in outlook.levels
        if level.reached.expected is not None and not level.reached.already
    ]
    if any(outlook.made is not None for outlook in plan.outlooks):
        at = min(soon, default=None)
        next_ = (
            f"none within {units.duration(plan.horizon)}" if at is None else f"{at[1]} {at[2]}, {instant(at[0])[:10]}"
        )
        facts.append(("next level expected", next_))
    if plan.costs is not None and review.period.kind in _FAR:
        months = plan.costs.months
        facts.append(
            (
                "costs a month",
                f"{months[0].total:,} {plan.costs.currency}; {months[-1].total:,} in {len(months) - 1} months",
            )
        )
    errors = sum(finding.severity == "error" for finding in plan.found)
    facts.append(("declared limits passed within the horizon", str(errors)))
    new, _ = new_and_gone(review, _said(review, last))
    facts.append(("recommendations", f"{len(plan.advice)}, of them {len(new)} new"))
    return (Table("In short", ("what", "this period"), tuple(facts)),)


def _said(review: Review, last: Last | None) -> Mapping[str, str] | None:
    return None if last is None else last.get(review.plan.service, {})


def _use(review: Review) -> tuple[Block, ...]:
    measured = [(one, one.now) for one in review.signals if one.now is not None]
    if not measured:
        return (Paragraph("No signal has history in this period: give --history or --prometheus."),)
    rows = tuple(_use_row(one, now) for one, now in measured)
    headings = ("signal", "typical", "peak (95%)", "worst", "peak's change", "time beyond levels", "measured")
    table = Table("Each signal in the period", headings, rows, frozenset({1, 2, 3, 4, 6}))
    missing = [one.signal.id for one in review.signals if one.now is None]
    note = (Paragraph(f"Without history in this period: {', '.join(missing)}."),) if missing else ()
    return (table, *note)


def _use_row(one: SignalPeriod, now: Use) -> tuple[str, ...]:
    unit = one.signal.unit
    change = "new" if one.change is None else _signed(one.change)
    told = {level.name for level in one.signal.levels if level.severity is not None}
    beyond = ", ".join(f"{_level(one, name)} {percent(share)}" for name, share in now.beyond if name in told)
    amounts = (shown(value, unit) for value in (now.typical, now.peak, now.worst))
    return (one.signal.id, *amounts, change, beyond or "no level tells anybody", percent(now.measured))


def _signed(change: float) -> str:
    """A change as a share, with its sign where there is anything left after rounding."""
    size = percent(abs(change))
    return size if size == percent(0.0) else f"{'+' if change > 0 else '−'}{size}"


def _level(one: SignalPeriod, name: str) -> str:
    """A level with the number at which it begins: `critical (80%)`."""
    (begins,) = (level.threshold for level in one.signal.levels if level.name == name)
    return f"{name} ({units.human(begins, one.signal.unit)})"


def shown(value: float, unit: str) -> str:
    """A measured amount, to three digits, as the spec would write it."""
    rough = float(f"{value:.3g}")
    if unit == "bytes":
        for suffix, size in (("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20)):
            if abs(value) >= size:
                return f"{value / size:.3g}{suffix}"
        return f"{rough:.0f}B"
    return units.human(rough, unit)


def _degradations(review: Review) -> tuple[Block, ...]:
    rows: tuple[tuple[str, ...], ...] = tuple(
        (one.signal.id, _level(one, name), percent(before), percent(now), one.signal.action)
        for one in review.signals
        for name, before, now in one.degraded
    )
    if rows:
        headings: tuple[str, ...] = ("signal", "level", "time before", "time now", "what to do")
        if not any(row[-1] for row in rows):
            headings, rows = headings[:-1], tuple(row[:-1] for row in rows)
        return (Table("More time beyond a level than before", headings, rows, frozenset({2, 3})),)
    compared = sum(one.now is not None and one.before is not None for one in review.signals)
    if not compared:
        return (Paragraph("No signal has history in both periods, so nothing can be compared."),)
    return (
        Paragraph(f"None of {compared} compared signals spent more time beyond a level than in the period before."),
    )


def _scaling(review: Review) -> tuple[Block, ...]:
    if not review.scaling:
        return (Paragraph("No autoscaler is generated for this service."),)
    blocks: list[Block] = []
    rows = tuple(
        (one.hpa.name, str(one.ups), str(one.downs), str(one.fewest), f"{one.mean:.1f}", str(one.most), percent(one.at_max))
        for one in review.scaling
        if not one.reason
    )  # fmt: skip
    if rows:
        headings = ("autoscaler", "up", "down", "fewest", "mean", "most", "time at max")
        blocks.append(Table("Changes of replicas", headings, rows, frozenset(range(1, 7))))
    blocks += [_effects(one) for one in review.scaling if not one.reason]
    blocks += [Paragraph(f"{one.hpa.name}: {one.reason}.") for one in review.scaling if one.reason]
    return tuple(blocks)


def _effects(one: Scaling) -> Block:
    if not one.ups:
        return Paragraph(f"{one.hpa.name} added no replicas, so there is no effect to show.")
    if not one.effects:
        return Paragraph(
            f"What the {one.ups} times did that {one.hpa.name} added replicas is unknown: no use, latency or errors were "
            "measured around them."
        )
    rows = tuple(
        (
            effect.signal.id,
            shown(effect.before, effect.signal.unit),
            shown(effect.after, effect.signal.unit),
            _signed(effect.after / effect.before - 1) if effect.before else "from nothing",
            str(effect.events),
        )
        for effect in one.effects
    )
    headings = ("signal", "before", "after", "change", "times")
    return Table(
        f"Around the moments that {one.hpa.name} added replicas (medians)", headings, rows, frozenset({1, 2, 3, 4})
    )


def _efficiency(review: Review) -> tuple[Block, ...]:
    costs = review.plan.costs
    if costs is None:
        return (Paragraph("The spec has no planning.cost, so there is nothing to set against what was served."),)
    if not review.served:
        return (
            Paragraph("No signal of served load has history in this period, so costs have nothing to be divided by."),
        )
    month = 365.25 / 12 * 86400
    today = costs.months[0].total
    rows = tuple(
        (name, f"{units.number(float(f'{rate:.3g}'))}/s", f"{float(today) / (rate * month) * 1e6:.2f} {costs.currency}")
        for name, rate in review.served
        if rate > 0
    )
    headings = ("signal", "mean", "a million cost")
    told = f"Today's {today} {costs.currency} a month, held against what was served in this period."
    return (Paragraph(told), Table("What a million of each costs", headings, rows, frozenset({1, 2})))


def _advice(review: Review, last: Last | None) -> tuple[Block, ...]:
    new, gone = new_and_gone(review, _said(review, last))
    since = "the last period" if last is None else "the last report"
    told = f"New since {since}: {'; '.join(new) or 'nothing'}. No more: {'; '.join(gone) or 'nothing'}."
    return (*ahead.advice(review.plan), Paragraph(told))


def recommended(text: str) -> Last:
    """What a report's JSON recommended, by service. Raises ValueError for text that is no such report."""
    try:
        services = json.loads(text)["services"]
        return {
            one["service"]: {str(said["about"]): str(said["what"]) for said in one["plan"]["recommendations"]}
            for one in services
        }
    except (KeyError, TypeError) as error:
        raise ValueError("it is not what `capgen report --format json` prints") from error


def as_json(reviews: Sequence[Review], last: Last | None = None) -> str:
    """`{"schema_version", "period", "services"}`; each service has its plan, as `capgen plan` prints it."""
    period = reviews[0].period if reviews else None
    data = {
        "schema_version": 1,
        "period": None
        if period is None
        else {"kind": period.kind, "from": instant(period.begin), "to": instant(period.end)},
        "services": [_plain(review, last) for review in reviews],
    }
    return encodable(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def _plain(review: Review, last: Last | None) -> dict[str, object]:
    new, gone = new_and_gone(review, _said(review, last))
    return {
        "service": review.plan.service,
        "signals": [
            {
                "signal": one.signal.id,
                "unit": one.signal.unit,
                "now": None if one.now is None else _plain_use(one.now),
                "before": None if one.before is None else _plain_use(one.before),
                "degraded": [name for name, _, _ in one.degraded],
                "headroom": None if one.headroom is None else {"level": one.headroom[0], "share": rounded(one.headroom[1])},
            }
            for one in review.signals
        ],
        "scaling": [
            {
                "autoscaler": one.hpa.name, "reason": one.reason or None, "ups": one.ups, "downs": one.downs,
                "fewest": one.fewest, "mean": rounded(one.mean), "most": one.most, "at_max": rounded(one.at_max),
                "effects": [
                    {"signal": e.signal.id, "events": e.events, "before": rounded(e.before), "after": rounded(e.after)}
                    for e in one.effects
                ],
            }
            for one in review.scaling
        ],
        "recommendations_new": list(new),
        "recommendations_gone": list(gone),
        "plan": planned.plain(review.plan),
    }  # fmt: skip


def _plain_use(use: Use) -> dict[str, object]:
    return {
        "typical": rounded(use.typical),
        "peak": rounded(use.peak),
        "worst": rounded(use.worst),
        "beyond": {name: rounded(share) for name, share in use.beyond},
        "measured": rounded(use.measured),
    }
