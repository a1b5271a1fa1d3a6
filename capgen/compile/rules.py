"""Derives the rule groups: for each signal its records and one alert a level, for each source its absence.

Records stand before the alerts that read them in one group, so that both see the same cycle. Every selector
names the service; every alert carries the labels that routing and inhibition need, whatever the series have.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from capgen import naming, promql, units
from capgen.blueprint import Alert, Group, Level, Record, Signal
from capgen.blueprint.origin import Labels
from capgen.compile.context import Context
from capgen.compile.sources import Bound

DOWN_FOR = 180.0
ABSENT_FOR = 600.0
"""Longer than a restart takes, and longer than the look-back that still shows the last sample."""

_PRINTED = {
    "ratio": "{{ $value | humanizePercentage }}",
    "seconds": "{{ $value | humanizeDuration }}",
    "bytes": "{{ $value | humanize1024 }}B",
    "bytes_per_second": "{{ $value | humanize1024 }}B/s",
    "per_second": "{{ $value | humanize }}/s",
    "short": "{{ $value | humanize }}",
    "cores": "{{ $value | humanize }} cores",
}


def derive_groups(
    context: Context, signals: Sequence[tuple[Signal, Bound]], sources: Sequence[Bound], evaluation: float
) -> tuple[Group, ...]:
    """All groups by name: one a signal, and one a source for its targets and metrics."""
    groups = [_signal_group(context, signal, bound, evaluation) for signal, bound in signals]
    for bound in sources:
        watched = [signal for signal, owner in signals if owner is bound]
        groups.append(_source_group(context, bound, watched, evaluation))
    return tuple(sorted((g for g in groups if g.records or g.alerts), key=lambda g: g.name))


def _signal_group(context: Context, signal: Signal, bound: Bound, evaluation: float) -> Group:
    service = context.spec.name
    identity = ((naming.SERVICE, service), (naming.SOURCE, signal.source))
    records = [Record(signal.record, signal.expr, identity)]
    alerting = [level for level in signal.levels if level.severity is not None]
    if signal.traffic and signal.min_traffic > 0 and alerting:
        records.append(Record(_traffic_record(signal), signal.traffic, identity))
    if (room := _headroom(context, signal)) is not None:
        records.append(room)
    alerts = tuple(_level_alert(context, signal, level, evaluation) for level in alerting)
    return Group(
        naming.group(service, signal.id), evaluation, tuple(records), alerts, signal, bound.scrape, signal.origin
    )


def _traffic_record(signal: Signal) -> str:
    return signal.record.rpartition(":")[0] + ":traffic"


def _headroom(context: Context, signal: Signal) -> Record | None:
    """What is left until somebody is called, as a share of that level: one scale for CPU, seconds and queues, so that
    services can be put in order. None where nobody is ever told, or where the level is nothing."""
    level = paging_level(signal)
    if level is None or level.threshold <= 0:
        return None
    service = context.spec.name
    scope = f"{{{naming.SERVICE}={promql.string(service)},{naming.SOURCE}={promql.string(signal.source)}}}"
    share = f"{signal.record}{scope} / {units.number(level.threshold)}"
    expr = f"1 - {share}" if signal.worse == "above" else f"clamp_max({share} - 1, 1)"
    if signal.traffic and signal.min_traffic > 0:
        keys = ", ".join(sorted((*signal.labels, naming.SERVICE, naming.SOURCE)))
        expr = f"{expr} and on ({keys}) {_traffic_record(signal)}{scope} >= {units.number(signal.min_traffic)}"
    labels = {
        naming.SERVICE: service, naming.SOURCE: signal.source, naming.SIGNAL: signal.id, naming.LADDER: signal.ladder,
    }  # fmt: skip
    return Record(naming.HEADROOM, expr, tuple(sorted(labels.items())))


def paging_level(signal: Signal) -> Level | None:
    """The level from which somebody is called; the worst one that is told where none calls."""
    told = [level for level in signal.levels if level.severity is not None]
    return next((level for level in told if level.severity in ("critical", "emergency")), told[-1] if told else None)


def _level_alert(context: Context, signal: Signal, level: Level, evaluation: float) -> Alert:
    service = context.spec.name
    name = naming.level_alert(service, signal.id, level.name)
    scope = f"{{{naming.SERVICE}={promql.string(service)},{naming.SOURCE}={promql.string(signal.source)}}}"
    value = signal.record + scope
    comparison = ">=" if signal.worse == "above" else "<="
    expr = f"{value} {comparison} {units.number(level.threshold)}"
    guarded = bool(signal.traffic) and signal.min_traffic > 0
    keys = ", ".join(sorted((*signal.labels, naming.SERVICE, naming.SOURCE))) if guarded or signal.hysteresis else ""
    if signal.hysteresis:
        back = release(level.threshold, signal)
        firing = (
            f'ALERTS{{alertname={promql.string(name)},alertstate="firing",{naming.SERVICE}={promql.string(service)}}}'
        )
        expr = f"{expr} or ({value} {comparison} {units.number(back)} and on ({keys}) {firing})"
    if guarded:
        expr = f"({expr})" if signal.hysteresis else expr
        expr = f"{expr} and on ({keys}) {_traffic_record(signal)}{scope} >= {units.number(signal.min_traffic)}"
    labels = alert_labels(
        context,
        {
            naming.KIND: "level",
            naming.SIGNAL: signal.id,
            naming.LEVEL: level.name,
            naming.SEVERITY: str(level.severity),
        },
    )
    wait = max(signal.for_, 2 * evaluation) if signal.for_ else 0.0
    return Alert(
        name,
        expr,
        wait,
        signal.keep_firing_for,
        labels,
        _level_annotations(context, signal, level),
        "level",
        signal.id,
        level.name,
    )


def release(threshold: float, signal: Signal) -> float:
    """Where a firing alert lets go. Decimal, so that 95% less 5% is 0.9 and not 0.8999999999999999."""
    distance = Decimal(repr(signal.hysteresis))
    return float(Decimal(repr(threshold)) + (-distance if signal.worse == "above" else distance))


def _level_annotations(context: Context, signal: Signal, level: Level) -> Labels:
    who = context.spec.model.metadata.title or context.spec.name
    entity = ", ".join(f"{label} {{{{ $labels.{label} }}}}" for label in signal.labels)
    subject = f"{literal(signal.title)}, {entity}" if entity else literal(signal.title)
    threshold = units.human(level.threshold, signal.unit)
    side = "at or above" if signal.worse == "above" else "at or below"
    words = context.spec.model.signals.get(signal.id)
    runbook = (words.runbook if words else None) or context.spec.model.metadata.runbook or ""
    texts = (
        ("action", literal(signal.action)),
        ("description", literal(signal.description)),
        ("runbook_url", literal(runbook)),
        ("summary", f"{literal(who)}: {subject}: {_PRINTED[signal.unit]} ({level.name.replace('_', ' ')} {side} {threshold})"),
    )  # fmt: skip
    return tuple([pair for pair in texts if pair[1]])


def literal(text: str) -> str:
    """Text of a spec for an annotation: Prometheus shall print its braces, not run them."""
    return text.replace("{{", '{{ "{{" }}') if "{{" in text else text


def _source_group(context: Context, bound: Bound, signals: Sequence[Signal], evaluation: float) -> Group:
    service = context.spec.name
    alerts = [] if bound.scrape.existing else [_down_alert(context, bound, evaluation)]
    # Only what an alert depends on: a missing curve on a dashboard wakes nobody.
    read = {metric for signal in signals if any(level.severity for level in signal.levels) for metric in signal.metrics}
    required = sorted(metric for metric in read if _is_required(bound, metric))
    alerts += [_absent_alert(context, bound, metric, evaluation) for metric in required]
    return Group(
        naming.group(service, bound.name), evaluation, (), tuple(alerts), None, bound.scrape, bound.scrape.origin
    )


def _is_required(bound: Bound, metric: str) -> bool:
    """Whether the metric's absence means that something broke; of many, absence is normal."""
    known = bound.metric(metric)
    return known is not None and known.required


def _down_alert(context: Context, bound: Bound, evaluation: float) -> Alert:
    job = promql.matchers({"job": bound.scrape.job})
    expr = f"max by (job) (up{{{job}}}) == 0 or absent(up{{{job}}})"
    who = literal(context.spec.model.metadata.title or context.spec.name)
    annotations = {
        "summary": f"{who}: no target of {bound.name} ({bound.entry.exporter.title}) answers",
        "description": f"Nothing is measured by the job {bound.scrape.job}, so none of its alerts can fire.",
        "action": "Look at the job under Status > Targets in Prometheus: is the exporter running and reachable?",
        "runbook_url": literal(context.spec.model.metadata.runbook or ""),
    }
    labels = alert_labels(context, {naming.KIND: "down", naming.SOURCE: bound.name, naming.SEVERITY: "critical"})
    texts = tuple(sorted((key, text) for key, text in annotations.items() if text))
    name = naming.down_alert(context.spec.name, bound.name)
    return Alert(
        name, expr, max(DOWN_FOR, 2 * bound.scrape.interval, 2 * evaluation), 0.0, labels, texts, "down", bound.name, ""
    )


def _absent_alert(context: Context, bound: Bound, metric: str, evaluation: float) -> Alert:
    who = literal(context.spec.model.metadata.title or context.spec.name)
    known = bound.metric(metric)
    annotations = {
        "summary": f"{who}: {bound.name} no longer gives {metric}",
        "description": f"Alerts on this metric cannot fire. It is missing when: {literal(known.absent) if known else ''}.",
        "action": "Compare the exporter's /metrics page, its version and its flags with what the spec declares.",
        "runbook_url": literal(context.spec.model.metadata.runbook or ""),
    }
    expr = f"absent({metric}{{{bound.matchers(metric, equality_only=True)}}})"
    labels = alert_labels(
        context, {naming.KIND: "absent", naming.SOURCE: bound.name, naming.METRIC: metric, naming.SEVERITY: "warning"}
    )
    texts = tuple(sorted((key, text) for key, text in annotations.items() if text))
    name = naming.absent_alert(context.spec.name, bound.name)
    return Alert(
        name,
        expr,
        max(ABSENT_FOR, 2 * bound.scrape.interval, 2 * evaluation),
        0.0,
        labels,
        texts,
        "absent",
        bound.name,
        metric,
    )


def alert_labels(context: Context, own: dict[str, str]) -> Labels:
    """The labels of an alert: the service's, its own, and whose it is."""
    metadata = context.spec.model.metadata
    # Prometheus expands templates in the labels of alerts as well.
    labels = {
        **{name: literal(value) for name, value in metadata.labels.items()},
        **own,
        naming.SERVICE: context.spec.name,
    }
    if metadata.owner:
        labels[naming.TEAM] = metadata.owner
    return tuple(sorted(labels.items()))
