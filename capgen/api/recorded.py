"""Demand as a Prometheus has recorded it, so that a change is replayed over a service's own history without a file.

What the pods of a workload used is read as a plan reads it, from the kubelet's container metrics; a signal that an
autoscaler looks at is the sum that it sees. What is not there is said and left out: no number is made up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from capgen import units
from capgen.api import measured
from capgen.diagnostics import Diagnostic, Severity
from capgen.errors import UsageError

if TYPE_CHECKING:
    from capgen.api.backtest import Over
    from capgen.api.cases import Scaled
    from capgen.history.prometheus import Server
    from capgen.history.series import Series
    from capgen.simulate.demand import Demand, Values
    from capgen.spec.documents import PrometheusEndpoint

STEP, LONGEST_STEP = 60.0, 86400.0
"""Seconds between two rows: as often as kubelets are usually scraped at the least."""
_BY_HAND = "have it scraped, or give the demand as <service>/<workload>.csv with --demand FOLDER"
_RAN = {"Deployment": "deployment", "StatefulSet": "statefulset", "ReplicaSet": "replicaset"}
"""The kinds whose number of pods kube-state-metrics knows, as its metrics call them."""
_NO_RAN = "kube-state-metrics has nothing of how many pods ran, so whether demand was cut off at a limit or at the maximum is not known"


class Recorded(Struct, frozen=True):
    """Which Prometheus is asked for demand, over which time, and how finely (seconds)."""

    over: Over
    step: float = STEP
    cache: Path | None = None


class Asking(Struct, frozen=True):
    """A server, and the time that it is asked about: seconds since 1970, and from one row to the next."""

    server: Server
    begin: float
    end: float
    step: float
    cache: Path | None
    settled: float
    """The caller's clock: answers about the hour before it are not remembered."""


class Reading(Struct, frozen=True):
    """What was had for an autoscaler: demand by the names of its metrics, and in words what was not had."""

    known: Demand | None
    unread: Mapping[str, str]
    """By metric, why there is no demand of it."""
    said: tuple[Diagnostic, ...] = ()
    words: str = ""
    """Where the demand is from, for people."""


def asking(recorded: Recorded, endpoint: PrometheusEndpoint | None, environment: str, sync: int) -> Asking:
    """The server and the time that the options name. `sync` is the controller's period, nanoseconds. Raises UsageError."""
    from capgen.api.backtest import server_of, span_of
    from capgen.simulate.demand import MOST_TICKS, SECOND

    over, step = recorded.over, recorded.step
    server = server_of(over.prometheus, endpoint, environment)
    begin, end = (at / 1000 for at in span_of(over, None))
    if step != int(step) or not 1 <= step <= min(LONGEST_STEP, end - begin):
        raise UsageError("--step: write whole seconds, at most a day and no more than the history has, like 30s or 5m")
    if (end - begin) * SECOND / sync > MOST_TICKS:
        raise UsageError(f"these are more than {MOST_TICKS:,} ticks: choose a longer --sync or a later --from")
    return Asking(server, begin, end, step, recorded.cache, end if over.now is None else min(over.now, end))


def read(asked: Asking, one: Scaled) -> Reading:
    """The demand of what an autoscaler looks at, and of what the one before it looked at.

    Raises TargetError when the server fails; a query that it refuses is one metric less.
    """
    from capgen.simulate.censored import COLUMN

    queries, unread = _queries(one, max(measured.CPU_WINDOW, asked.step))
    found: dict[str, Series] = {}
    for metric, (query, absent) in queries.items():
        answer = _answer(asked, metric, query)
        reason = answer if isinstance(answer, str) else _why_not(answer, absent)
        if isinstance(answer, str) or reason:
            unread[metric] = reason
        else:
            found[metric] = answer
    if not found:
        return Reading(None, unread)
    demand, begin = _joined(found, asked.step)
    said = list(_incomplete(one, asked, demand, begin))
    ran = _answer(asked, COLUMN, _ran(one))
    if isinstance(ran, str) or not len(ran.times):
        said.append(noted(one, "CG967", ran if isinstance(ran, str) else _NO_RAN))
    else:
        found[COLUMN] = ran
        pods = _column(ran, begin, asked.step, len(demand.times))
        demand = replace(demand, columns={**demand.columns, COLUMN: pods})
    said += [noted(one, notice.code, f"{name}: {notice.message}") for name, s in found.items() for notice in s.notices]
    end = begin + float(demand.times[-1]) / 10**9
    return Reading(demand, unread, tuple(said), _words(one, found, begin, end, asked.step))


def noted(one: Scaled, code: str, message: str) -> Diagnostic:
    """Something about the demand of an autoscaler that a reader of its replay has to know."""
    return Diagnostic(code, f"{one.service}: {one.workload}: {message}", None, _BY_HAND, Severity.WARNING)


def _queries(one: Scaled, window: float) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """By metric the query for its total and what to say where that gives nothing; and the metrics that have no query."""
    queries: dict[str, tuple[str, str]] = {}
    unread: dict[str, str] = {}
    signals = signals_of(one)
    where = f"{one.hpa.workload.namespace}/{one.hpa.workload.name}"
    for metric in (*one.autoscaler.metrics, *(one.before.autoscaler.metrics if one.before else ())):
        if metric.kind in ("Resource", "ContainerResource") and metric.name in measured.RESOURCES:
            absent = f"no container metrics (kubelet's cAdvisor) of the pods of {where}"
            query = measured.used(metric.name, _scope(one, metric.name), window if metric.name == "cpu" else 0)
            queries[metric.name] = f"sum({query})", absent
        elif metric.name in signals:
            signal, expr = signals[metric.name]
            queries[metric.name] = f"sum({expr})", f"the signal {signal} has no samples"
        else:
            unread[metric.name] = f"nothing says which series the {metric} is"
    return queries, unread


def _scope(one: Scaled, resource: str) -> str:
    looks = any(metric.name == resource for metric in one.autoscaler.metrics)
    chosen = (one if looks or one.before is None else one.before).containers[resource]
    of = f'container=~"{"|".join(chosen)}"' if chosen else 'container!~"|POD"'
    return f'namespace="{one.hpa.workload.namespace}",pod=~"{one.pods}",{of}'


def signals_of(one: Scaled) -> dict[str, tuple[str, str]]:
    """The signals that an autoscaler looks at, or that the one before it looked at, by the name that it has for each: as
    the spec calls it, and its expression."""
    found: dict[str, tuple[str, str]] = {}
    for side in (one.before, one):
        if side is not None:
            expressions = {signal.id: signal.expr for signal in side.blueprint.signals}
            found |= {
                metric.name: (metric.signal, expressions[metric.signal]) for metric in side.hpa.metrics if metric.signal
            }
    return found


def _ran(one: Scaled) -> str:
    """How many pods ran: as the autoscaler saw it, or where it was not there yet as the workload says."""
    workload = one.hpa.workload
    query = measured.pods_that_ran(one.hpa)
    if kind := _RAN.get(workload.kind):
        own = f'kube_{kind}_status_replicas{{namespace="{workload.namespace}",{kind}="{workload.name}"}}'
        query += f" or max({own})"
    return query


def _answer(asked: Asking, name: str, query: str) -> Series | str:
    """What the server has, or why it cannot say. Raises TargetError when it fails as a whole."""
    from capgen.history.cache import Cache
    from capgen.history.prometheus import Refused, query_range

    cache = None if asked.cache is None else Cache(asked.cache, asked.settled)
    try:
        return query_range(asked.server, query, asked.begin, asked.end, asked.step, name=name, cache=cache)
    except Refused as error:
        return str(error)


def _why_not(series: Series, absent: str) -> str:
    from capgen.history.series import instant
    from capgen.simulate.demand import MOST

    if not len(series.times):
        return absent
    wrong = (series.values < 0) | (series.values > MOST)
    if not wrong.any():
        return ""
    place = int(wrong.argmax())
    return f"it is {series.values[place]:g} at {instant(float(series.times[place]))}, which is no demand"


def _joined(found: Mapping[str, Series], step: float) -> tuple[Demand, float]:
    """One row a step from the first sample of any to the last, NaN where one has none; and the instant of the first row."""
    import numpy as np

    from capgen.simulate.demand import SECOND, Demand

    begin = min(float(series.times[0]) for series in found.values())
    end = max(float(series.times[-1]) for series in found.values())
    count = round((end - begin) / step) + 1
    times = np.arange(count, dtype=np.int64) * round(step * SECOND)
    return Demand(times, {name: _column(series, begin, step, count) for name, series in found.items()}), begin


def _column(series: Series, begin: float, step: float, count: int) -> Values:
    import numpy as np

    column = np.full(count, np.nan)
    rows = np.rint((series.times - begin) / step).astype(np.int64)
    there = (rows >= 0) & (rows < count)
    column[rows[there]] = series.values[there]
    return column


def _incomplete(one: Scaled, asked: Asking, demand: Demand, begin: float) -> Iterator[Diagnostic]:
    import numpy as np

    from capgen.history.series import instant
    from capgen.simulate.demand import SECOND

    end = begin + float(demand.times[-1]) / SECOND
    if begin - asked.begin > 2 * asked.step or asked.end - end > 2 * asked.step:
        yield noted(
            one, "CG967", f"demand is recorded from {instant(begin)} to {instant(end)} only: the replay covers that"
        )
    signals = signals_of(one)
    for name, values in demand.columns.items():
        called, _ = signals.get(name, (name, ""))
        gaps = np.flatnonzero(np.isnan(values))
        if len(gaps):
            first, long = instant(begin + int(gaps[0]) * asked.step), units.duration(len(gaps) * asked.step)
            yield noted(
                one,
                "CG967",
                f"{called} has no samples for {long}, first at {first}: it fails there, so replicas do not fall",
            )


def _words(one: Scaled, found: Mapping[str, Series], begin: float, end: float, step: float) -> str:
    """Where the demand is from, and what a row of it is."""
    from capgen.history.series import instant

    rows = f"a row each {units.duration(step)} that holds until the next: what is shorter is not in it"
    told = [f"demand as Prometheus recorded it from {instant(begin)} to {instant(end)}, {rows}"]
    if "cpu" in found:
        told.append(f"cpu is the mean of the {units.duration(max(measured.CPU_WINDOW, step))} before a row")
    recorded = sorted(signal for name, (signal, _) in signals_of(one).items() if name in found)
    if recorded:
        told.append(f"{' and '.join(recorded)} as it was with the pods that ran then")
    return "; ".join(told)
