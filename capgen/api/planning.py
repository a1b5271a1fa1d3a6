"""The library's verbs that look ahead: they read files and servers, and hand series to the pure rooms."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from capgen import api, units
from capgen.diagnostics import Diagnostic, Span, has_errors
from capgen.errors import Findings, UsageError
from capgen.yamlio import Source

if TYPE_CHECKING:
    from capgen.api import Compiled
    from capgen.blueprint import Blueprint
    from capgen.history.series import Series
    from capgen.planning.calendar import Event
    from capgen.planning.forecast import Forecast
    from capgen.planning.period import Kind, Review
    from capgen.planning.plan import ServicePlan

MOST_BYTES = 256 << 20
"""A year of samples every five seconds has less."""
HISTORY_STEP = 3600.0
"""The step at which a Prometheus is asked: an hour is fine enough for months."""
REPLICA_STEP, REPLICA_HISTORY = 300.0, 184 * 86400.0
"""Replicas change within minutes; a quarter and the one before it are half a year."""
HISTORY_SUFFIXES = (".csv", ".parquet")


def duration(text: str, option: str) -> float:
    """A positive duration from the command line, in seconds. Raises UsageError."""
    try:
        value = units.parse(text, "seconds")
    except units.BadQuantity as error:
        raise UsageError(f"{option}: {error}") from error
    if value <= 0:
        raise UsageError(f"{option}: nothing can be seen in no time; write {units.UNITS['seconds'].examples}")
    return value


def read_history(path: Path, column: str | None = None) -> Series:
    """A series from a CSV or Parquet file; `-` is standard input. Raises UsageError or Findings."""
    from capgen.history.csv_file import read_series

    if path.suffix.lower() in (".parquet", ".pq"):
        from capgen.history.parquet_file import read_parquet

        return read_parquet(path, column)
    return read_series(path.as_posix(), _text(path), column)


def read_events(path: Path | None) -> tuple[Event, ...]:
    """The calendar of known events. Raises UsageError or Findings."""
    if path is None:
        return ()
    from capgen.history.calendar_file import read_calendar
    from capgen.planning.calendar import Event

    rows = read_calendar(Source(path.as_posix(), _text(path), path.as_posix()))
    return tuple(Event(*row) for row in rows)


def forecast(
    path: Path,
    *,
    horizon: str = "7d",
    step: str | None = None,
    calendar: Path | None = None,
    column: str | None = None,
    limit: float | None = None,
) -> Forecast:
    """The forecast of a file's series. Raises UsageError, or Findings for a file that cannot be read or is too short."""
    from capgen.planning.forecast import TooLittle
    from capgen.planning.forecast import forecast as made
    from capgen.planning.grid import Uneven

    ahead = duration(horizon, "--horizon")
    size = None if step is None else duration(step, "--step")
    events = read_events(calendar)
    series = read_history(path, column)
    try:
        return made(series, ahead, step=size, events=events, limit=limit)
    except (TooLittle, Uneven) as error:
        raise Findings([_about(path, str(error))]) from error


def _about(path: Path, message: str) -> Diagnostic:
    hint = "give it more history, or another --step"
    return Diagnostic("CG905", f"no forecast can be made: {message}", Span(path.as_posix(), 1, 1, 1, 2), hint)


def _text(path: Path) -> str:
    if path.as_posix() == "-":
        return sys.stdin.read(MOST_BYTES)
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    if path.stat().st_size > MOST_BYTES:
        raise UsageError(f"{path} is larger than {MOST_BYTES >> 20} MiB: resample it, or read it from Prometheus")
    return path.read_bytes().decode("utf-8", errors="surrogateescape")


def plan(
    paths: Sequence[Path],
    environment: str,
    *,
    settings: Sequence[str] = (),
    history: Path | None = None,
    prometheus: bool = False,
    now: float | None = None,
    cache: Path | None = None,
) -> tuple[ServicePlan, ...]:
    """The capacity plan of every service of an environment.

    `history` is a folder of CSV or Parquet files: `<service>/<signal>.csv`, or `<signal>.csv` for all. `prometheus` asks
    the environment's; then `now` has to be given. Raises Findings for invalid specs and files, TargetError when the
    server fails.
    """
    from capgen.planning.plan import plan_service

    compiled = _compiled(paths, environment, settings)
    plans = []
    for service in (service for fleet in compiled.fleets for service in fleet.services):
        measured = _measured(compiled, service, history, prometheus=prometheus, now=now, cache=cache)
        plans.append(plan_service(service, measured, now))
    return tuple(plans)


def report(
    kind: Kind,
    paths: Sequence[Path],
    environment: str,
    *,
    settings: Sequence[str] = (),
    history: Path | None = None,
    prometheus: bool = False,
    now: float | None = None,
    cache: Path | None = None,
) -> tuple[Review, ...]:
    """What the last period was like, for every service of an environment. Sources and exceptions as for `plan`.

    Replicas are read from `<service>/<hpa>.replicas.csv`, or from kube-state-metrics by the Prometheus.
    """
    from capgen.planning.period import period_of, review

    compiled = _compiled(paths, environment, settings)
    services = [service for fleet in compiled.fleets for service in fleet.services]
    found = []
    for service in services:
        measured = _measured(compiled, service, history, prometheus=prometheus, now=now, cache=cache)
        replicas = _read_named(history, service, {hpa.name: f"{hpa.name}.replicas" for hpa in service.hpas})
        if prometheus and now is not None:
            replicas = {**ask_replicas(compiled, service, now=now, cache=cache), **replicas}
        found.append((service, measured, replicas))
    ends = [float(series.times[-1]) for _, measured, _ in found for series in measured.values() if len(series.times)]
    # Whole days that have ended: a sample at 23:00 ends its day.
    until = now if now is not None else max(ends, default=None)
    if until is None:
        raise UsageError("a report is about a period: give --history, --prometheus or --now")
    period = period_of(kind, until if now is not None else until + HISTORY_STEP)
    return tuple(review(service, measured, replicas, period) for service, measured, replicas in found)


def _compiled(paths: Sequence[Path], environment: str, settings: Sequence[str]) -> Compiled:
    compiled = api.compile_project(paths, settings=settings, environments=[environment])
    if has_errors(compiled.diagnostics):
        raise Findings(compiled.diagnostics)
    return compiled


def _measured(
    compiled: Compiled, service: Blueprint, history: Path | None, *, prometheus: bool, now: float | None, cache: Path | None
) -> dict[str, Series]:  # fmt: skip
    """From files and from the server; a file counts more."""
    files = _read_named(history, service, {signal.id: signal.id for signal in service.signals})
    return {**ask_prometheus(compiled, service, now=now, cache=cache), **files} if prometheus else files


def _read_named(folder: Path | None, service: Blueprint, names: Mapping[str, str]) -> dict[str, Series]:
    """The series that a folder holds, by what they are about. Raises UsageError when there is no such folder."""
    if folder is None:
        return {}
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}: it holds <service>/<signal>.csv, or <signal>.csv")
    found = {}
    for about, name in names.items():
        candidates = (
            place / f"{name}{suffix}" for place in (folder / service.name, folder) for suffix in HISTORY_SUFFIXES
        )
        path = next((path for path in candidates if path.is_file()), None)
        if path is not None:
            found[about] = read_history(path)
    return found


def ask_prometheus(
    compiled: Compiled, service: Blueprint, *, now: float | None, cache: Path | None = None
) -> dict[str, Series]:
    """The history of a service's signals from its environment's Prometheus, the worst series of each.

    Raises UsageError where the environment names none, TargetError when it does not answer.
    """
    length = service.planning.history if service.planning else 90 * 86400.0
    queries = {s.id: f"{'max' if s.worse == 'above' else 'min'}({s.expr})" for s in service.signals}
    return _asked(compiled, service, queries, now=now, length=length, step=HISTORY_STEP, cache=cache)


def ask_replicas(
    compiled: Compiled, service: Blueprint, *, now: float, cache: Path | None = None
) -> dict[str, Series]:  # fmt: skip
    """The replicas of a service's HPAs over the last half year, from kube-state-metrics, by the HPA's name."""
    metric = "kube_horizontalpodautoscaler_status_current_replicas"
    queries = {
        hpa.name: f'max({metric}{{namespace="{hpa.workload.namespace}",horizontalpodautoscaler="{hpa.name}"}})'
        for hpa in service.hpas
    }
    return _asked(compiled, service, queries, now=now, length=REPLICA_HISTORY, step=REPLICA_STEP, cache=cache)


def _asked(
    compiled: Compiled,
    service: Blueprint,
    queries: Mapping[str, str],
    *,
    now: float | None,
    length: float,
    step: float,
    cache: Path | None,
) -> dict[str, Series]:
    from capgen.history.cache import Cache
    from capgen.history.login import headers
    from capgen.history.prometheus import Server, query_range

    environments = {document.name: model for document, model in compiled.project.environments}
    declared = environments.get(service.environment)
    endpoint = declared.prometheus if declared is not None else None
    if endpoint is None or endpoint.url is None:
        raise UsageError(f"the environment {service.environment!r} has no prometheus.url to ask")
    if now is None:
        raise UsageError("a Prometheus is asked up to a moment: give --now")
    server = Server(endpoint.url, headers(endpoint.auth))
    remembered = Cache(cache, now) if cache is not None else None
    found = {}
    for name, query in queries.items():
        series = query_range(server, query, now - length, now, step, name=name, cache=remembered)
        if len(series.times):
            found[name] = series
    return found
