"""Alerts that come before the fact: a signal that is full within its declared lead time, a month that costs too much.

Both look at whole weeks. What repeats every week says nothing about when something is full, so a line through the last
hours cries out every morning; what one week has more than the week before does not. Two weeks are what a Prometheus
with its default retention still has. They are read by the hour and evaluated every five minutes: that is all they need.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from capgen import naming, promql, units
from capgen.blueprint import Ahead, Alert, Group, Record, Signal, Spending
from capgen.blueprint.origin import Labels
from capgen.compile.context import Context
from capgen.compile.rules import alert_labels, literal, paging_level
from capgen.compile.sources import Bound
from capgen.diagnostics import suggest
from capgen.yamlio import Path

INTERVAL = 300.0
WEEK = 7 * 86400
WHOLE = 303
"""Of the 336 hours of two weeks: with fewer, one week may lack days that the other has."""
FOR, KEEP = 6 * 3600.0, 86400.0
"""The windows move by an hour's share of a week at a time: what does not last for hours is noise."""
HOURS = 730
"""Of a month, as cloud providers count."""

Signals = Mapping[str, tuple[Signal, Bound]]


def ahead_groups(context: Context, signals: Signals) -> Iterator[Group]:
    """A group for each declared lead time, and one for the budget where OpenCost measures what is spent."""
    planning = context.spec.model.planning
    if planning is None:
        return
    seen: set[str] = set()
    for path, name, lead, full, of in _declared(context, signals):
        signal, bound = signals[name]
        if name in seen:
            message = f"{name} has a lead time already"
            context.error("CG930", message, path, "keep the one that is to be told first", at_key=True)
            continue
        seen.add(name)
        yield _group(context, _ahead(signal, full, lead, of), bound, path)
    if (budget := _budget(context, signals)) is not None:
        yield budget


def _ahead(signal: Signal, full: float, lead: float, of: str) -> Ahead:
    proportional = of in ("capacity", "level") and signal.ladder != "utilisation"
    return Ahead(signal, full, lead, of, "above" if of != "level" else signal.worse, proportional)


def _declared(context: Context, signals: Signals) -> Iterator[tuple[Path, str, float, float, str]]:
    """Where it is declared, the signal, the lead time, what is full, and what that is called."""
    planning = context.spec.model.planning
    for name, lead in sorted(planning.lead_time.items()) if planning else ():
        path: Path = ("planning", "lead_time", name)
        if name not in signals:
            if not context.explained(name):
                hint = suggest(name, signals, what="signals")
                context.error("CG306", f"this spec has no signal {name!r}", path, hint, at_key=True)
            continue
        if _possible(context, path, lead) and (limit := _limit(context, signals[name][0], path)) is not None:
            yield path, name, lead, *limit
    for name, volume in sorted(planning.storage.items()) if planning else ():
        path = ("planning", "storage", name, "lead_time")
        if volume.lead_time is None or not _possible(context, path, volume.lead_time):
            continue
        if volume.signal is None:
            message = f"nothing measures {name}, so nobody can be told before it is full"
            context.error("CG929", message, path, "write `signal:` with the signal that measures it", at_key=True)
        elif volume.signal in signals:
            ratio = signals[volume.signal][0].unit == "ratio"
            full = 1.0 if ratio else float(volume.volume or 0.0)
            if full > 0:
                yield path, volume.signal, volume.lead_time, full, name
            else:
                message = f"nothing says what fits on {name}, so nobody can be told before it is full"
                context.error("CG929", message, path, "write `volume:` with its size", at_key=True)


def _possible(context: Context, path: Path, lead: float) -> bool:
    if lead > 0:
        return True
    context.error("CG205", "lead time: no time is no lead", path, "write a duration like 14d")
    return False


def _limit(context: Context, signal: Signal, path: Path) -> tuple[float, str] | None:
    planning = context.spec.model.planning
    declared = planning.capacity.get(signal.id) if planning else None
    if declared is not None:
        try:
            return units.parse(declared, signal.unit), "capacity"
        except units.BadQuantity:
            return None  # `references` says so
    level = paging_level(signal)
    if level is not None and level.threshold > 0:
        return level.threshold, "level"
    message = f"nothing says when {signal.id} is full: it has neither a capacity nor a level that is told"
    context.error("CG929", message, path, "declare it under `planning.capacity`, or give the signal a level", at_key=True)  # fmt: skip
    return None


def _group(context: Context, ahead: Ahead, bound: Bound, path: Path) -> Group:
    signal, service = ahead.signal, context.spec.name
    name = naming.ahead_alert(service, signal.id)
    identity = {naming.SERVICE: service, naming.SOURCE: signal.source, naming.SIGNAL: signal.id}
    record = Record(naming.FULL_IN, _full_in(ahead, service), tuple(sorted(identity.items())))
    scope = promql.matchers(identity)
    alert = Alert(
        name=name,
        expr=f"{naming.FULL_IN}{{{scope}}} <= {units.number(ahead.lead)}",
        for_=FOR,
        keep_firing_for=KEEP,
        labels=alert_labels(
            context, {naming.KIND: "ahead", naming.SIGNAL: signal.id, naming.SEVERITY: "warning"}
        ),
        annotations=_texts(context, ahead),
        kind="ahead",
        signal=signal.id,
        level="",
    )  # fmt: skip
    return Group(
        naming.group(service, f"{signal.id}/ahead"), INTERVAL, (record,), (alert,), None, bound.scrape,
        context.origin(path), ahead,
    )  # fmt: skip


def _full_in(ahead: Ahead, service: str) -> str:
    """Seconds until the week's peak is at the limit: the distance, by what one week has more than the one before.

    The peak is the 95th percentile of the week's hours, which a single odd hour does not move. What fills up drifts as its
    peaks do. Load grows in proportion, and its means say by how much more steadily than its peaks.
    """
    scope = promql.matchers({naming.SERVICE: service, naming.SOURCE: ahead.signal.source})
    series = f"{ahead.signal.record}{{{scope}}}"
    above = ahead.worse == "above"
    quantile = f"quantile_over_time({'0.95' if above else '0.05'}, {series}[1w:1h]"
    peak = f"({quantile}) > 0)"
    height = f"avg_over_time({series}[1w:1h]" if ahead.proportional else quantile
    now, before = f"({height}) > 0)", f"({height} offset 1w) > 0)"
    full = units.number(ahead.full)
    room = f"({full} / {peak} - 1)" if above else f"(1 - {full} / {peak})"
    drift = f"(1 - {before} / {now} > 0)" if above else f"({before} / {now} - 1 > 0)"
    return (
        f"clamp_min({room} / {drift} * {WEEK}, 0) and count_over_time({series}[2w:1h]) >= {WHOLE}"
    )  # fmt: skip


def _texts(context: Context, ahead: Ahead) -> Labels:
    signal, metadata = ahead.signal, context.spec.model.metadata
    entity = "".join(f", {label} {{{{ $labels.{label} }}}}" for label in signal.labels)
    limit = units.human(ahead.full, signal.unit)
    what = {"capacity": "its capacity", "level": "the level that calls"}.get(ahead.of, f"the size of {ahead.of}")
    lead = units.duration(ahead.lead)
    texts = {
        "summary": f"{literal(metadata.title or context.spec.name)}: {literal(signal.title)}{entity}: {limit} ({what}) in "
        "{{ $value | humanizeDuration }}, as the last two weeks went",
        "description": f"{literal(signal.description)} The busiest hours of the last week, moved on by what that week had "
        f"{'more' if ahead.worse == 'above' else 'less'} than the week before, are there in less than {lead}: the lead time "
        "that the spec declares.",
        "action": f"Ask `capgen plan` for the range of dates, and begin now with what takes {lead}.",
        "runbook_url": literal(metadata.runbook or ""),
    }  # fmt: skip
    return tuple(sorted((key, text) for key, text in texts.items() if text))


# --- what a month costs ---------------------------------------------------------------------------------------


def _budget(context: Context, signals: Signals) -> Group | None:
    planning = context.spec.model.planning
    cost = planning.cost if planning else None
    found = next(
        (one for one in signals.values() if one[0].section == "cost" and one[0].id.endswith(".total_cost")), None
    )
    if cost is None or cost.budget is None or found is None or cost.budget.monthly <= 0:
        return None
    signal, bound = found
    service = context.spec.name
    identity = ((naming.SERVICE, service), (naming.SOURCE, signal.source))
    scope = promql.matchers(dict(identity))
    expr = f"sum(avg_over_time({signal.record}{{{scope}}}[1w:1h])) * {HOURS}"
    given = cost.budget.alert_at
    shares = sorted({1.0, *(given if isinstance(given, list) else [given] if given is not None else [])})
    amounts = tuple((share, round(share * cost.budget.monthly, 2)) for share in shares if share > 0)
    path: Path = ("planning", "cost", "budget")
    alerts = tuple(_budget_alert(context, signal, share, amount, cost.currency) for share, amount in amounts)
    spending = Spending(signal, tuple((units.human(share, "ratio"), amount) for share, amount in amounts))
    return Group(
        naming.group(service, f"{signal.id}/budget"), INTERVAL, (Record(naming.MONTHLY_COST, expr, identity),), alerts,
        None, bound.scrape, context.origin(path), spending,
    )  # fmt: skip


def _budget_alert(context: Context, signal: Signal, share: float, amount: float, currency: str) -> Alert:
    service, metadata = context.spec.name, context.spec.model.metadata
    part = units.human(share, "ratio")
    scope = promql.matchers({naming.SERVICE: service, naming.SOURCE: signal.source})
    of = "the budget" if share == 1 else f"{part} of the budget"
    texts = {
        "summary": f"{literal(metadata.title or service)}: a month like the last week costs "
        f'{{{{ printf "%.2f" $value }}}} {currency}, and {of} is {units.number(amount)} {currency}',
        "description": f"What OpenCost measured over the last week, for the {HOURS} hours of a month. OpenCost has to be set "
        f"to {currency}; what it does not measure (traffic, load balancers, licences) is not in it.",
        "action": "See in `capgen plan` which part grows, and what each option of the plan saves.",
        "runbook_url": literal(metadata.runbook or ""),
    }
    own = {
        naming.KIND: "budget", naming.SIGNAL: signal.id, naming.SEVERITY: "warning", naming.LEVEL: part,
    }  # fmt: skip
    return Alert(
        name=naming.budget_alert(service, share),
        expr=f"{naming.MONTHLY_COST}{{{scope}}} >= {units.number(amount)}",
        for_=FOR,
        keep_firing_for=KEEP,
        labels=alert_labels(context, own),
        annotations=tuple(sorted((key, text) for key, text in texts.items() if text)),
        kind="budget",
        signal=signal.id,
        level=part,
    )
