"""The library's verbs that look ahead: they read files and servers, and hand series to the pure rooms."""

from __future__ import annotations

import sys
from collections.abc import Sequence
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
    from capgen.planning.plan import ServicePlan

MOST_BYTES = 256 << 20
"""A year of samples every five seconds has less."""
HISTORY_STEP = 3600.0
"""The step at which a Prometheus is asked: an hour is fine enough for months."""
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

    compiled = api.compile_project(paths, settings=settings, environments=[environment])
    if has_errors(compiled.diagnostics):
        raise Findings(compiled.diagnostics)
    plans = []
    for service in (service for fleet in compiled.fleets for service in fleet.services):
        measured = read_folder(history, service) if history is not None else {}
        if prometheus:
            measured = {**ask_prometheus(compiled, service, now=now, cache=cache), **measured}
        plans.append(plan_service(service, measured, now))
    return tuple(plans)


def read_folder(folder: Path, service: Blueprint) -> dict[str, Series]:
    """The series of a service's signals that a folder holds. Raises UsageError when there is no such folder."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}: it holds <service>/<signal>.csv, or <signal>.csv")
    found = {}
    for signal in service.signals:
        candidates = (
            place / f"{signal.id}{suffix}" for place in (folder / service.name, folder) for suffix in HISTORY_SUFFIXES
        )
        path = next((path for path in candidates if path.is_file()), None)
        if path is not None:
            found[signal.id] = read_history(path)
    return found


def ask_prometheus(
    compiled: Compiled, service: Blueprint, *, now: float | None, cache: Path | None = None
) -> dict[str, Series]:
    """The history of a service's signals from its environment's Prometheus, the worst series of each.

    Raises UsageError where the environment names none, TargetError when it does not answer.
    """
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
    length = service.planning.history if service.planning else 90 * 86400.0
    found = {}
    for signal in service.signals:
        worst = "max" if signal.worse == "above" else "min"
        query = f"{worst}({signal.expr})"
        series = query_range(server, query, now - length, now, HISTORY_STEP, name=signal.id, cache=remembered)
        if len(series.times):
            found[signal.id] = series
    return found
