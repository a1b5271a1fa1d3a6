"""What has to be asked of a history, so that every alert of a service can be followed over it.

The records that a new spec brings have no history. An alert reads its record in the same cycle, at the same instant, and
a record that gives nothing is marked stale there; so the record's own expression stands in its place without changing
what the alert sees. A signal is asked once for all of its levels, only for what reaches the mildest of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from capgen import naming, units
from capgen.blueprint import Alert, Blueprint, Group, Signal
from capgen.compile.rules import release
from capgen.history.matrix import Labels

FOLLOWED = ("level", "absent", "down")
"""Kinds of alerts that look no further back than a window. Others read weeks of records, which a new spec has not."""
_BRACES = '{{ "{{" }}'


class Question(Struct, frozen=True):
    """A query without its threshold. Two sides of a change that measure alike ask alike."""

    expr: str
    above: bool | None
    """Whether what is asked for is at or above the threshold; None where there is no threshold."""
    condition: str
    """What else has to hold, as PromQL: `and on (…) … >= …`, or ""."""
    interval: int
    """Milliseconds between evaluations."""


class Watched(Struct, frozen=True):
    """An alert as it is followed. Times in milliseconds."""

    service: str
    alert: Alert
    question: Question
    record: str
    """The record that it reads, "" if it reads none; the group writes it at its evaluations, where it is in place."""
    own: Labels
    """Labels that every one of its alerts has, whatever the series have."""
    threshold: float
    release: float
    """Where a firing alert lets go; the threshold without hysteresis."""
    hold: int
    keep: int


def watched(service: Blueprint) -> tuple[Watched, ...]:
    """Every alert of a service that can be followed, in the order of its rule groups."""
    return tuple(one for group in service.groups for one in _of_group(service, group))


def left_out(service: Blueprint) -> tuple[str, ...]:
    """The names of its alerts that cannot be followed."""
    names = {alert.name for group in service.groups for alert in group.alerts if alert.kind not in FOLLOWED}
    return tuple(sorted(names))


def _of_group(service: Blueprint, group: Group) -> Iterator[Watched]:
    interval = round(group.interval * 1000)
    for alert in group.alerts:
        own = {name: text.replace(_BRACES, "{{") for name, text in alert.labels}
        hold, keep = round(alert.for_ * 1000), round(alert.keep_firing_for * 1000)
        if group.signal is not None and alert.kind == "level":
            signal = group.signal
            level = next(level for level in signal.levels if level.name == alert.level)
            back = release(level.threshold, signal) if signal.hysteresis else level.threshold
            identity = {naming.SERVICE: service.name, naming.SOURCE: signal.source}
            question = Question(signal.expr, signal.worse == "above", _condition(signal), interval)
            labels = _labels({**identity, **own, "alertname": alert.name})
            yield Watched(service.name, alert, question, signal.record, labels, level.threshold, back, hold, keep)
        elif alert.kind in FOLLOWED:
            labels = _labels({**own, "alertname": alert.name})
            question = Question(alert.expr, None, "", interval)
            yield Watched(service.name, alert, question, "", labels, 0.0, 0.0, hold, keep)


def _condition(signal: Signal) -> str:
    if not (signal.traffic and signal.min_traffic > 0):
        return ""
    return f" and on ({', '.join(signal.labels)}) ({signal.traffic}) >= {units.number(signal.min_traffic)}"


def _labels(labels: dict[str, str]) -> Labels:
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def queries(alerts: Iterable[Watched]) -> dict[Question, str]:
    """The PromQL of each question, for the mildest threshold that any of the alerts lets go at."""
    mildest: dict[Question, float] = {}
    for one in alerts:
        known = mildest.get(one.question)
        choose = min if one.question.above else max
        mildest[one.question] = one.release if known is None else choose(known, one.release)
    return {question: _query(question, threshold) for question, threshold in mildest.items()}


def _query(question: Question, threshold: float) -> str:
    if question.above is None:
        return question.expr
    comparison = ">=" if question.above else "<="
    return f"(({question.expr}) {comparison} {units.number(threshold)}){question.condition}"


def without_traffic(alerts: Sequence[Watched]) -> tuple[Watched, ...]:
    """The alerts that a signal's own series is enough for, as if there were always traffic."""
    return tuple(
        replace(one, question=replace(one.question, condition="")) for one in alerts if one.alert.kind == "level"
    )
