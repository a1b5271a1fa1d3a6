"""The library's verbs that look ahead: they read files and servers, and hand series to the pure rooms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from capgen import api, units
from capgen.api import measured
from capgen.api.measured import Sources, read_history, read_text
from capgen.diagnostics import Diagnostic, Span, has_errors, suggest
from capgen.errors import Findings, UsageError
from capgen.yamlio import Source

if TYPE_CHECKING:
    from capgen.api import Compiled
    from capgen.api.pieces import Ground
    from capgen.blueprint import Blueprint
    from capgen.planning.calendar import Event
    from capgen.planning.forecast import Forecast
    from capgen.planning.period import Kind, Review
    from capgen.planning.plan import ServicePlan

Shape = TypeVar("Shape")


def duration(text: str, option: str) -> float:
    """A positive duration from the command line, in seconds. Raises UsageError."""
    try:
        value = units.parse(text, "seconds")
    except units.BadQuantity as error:
        raise UsageError(f"{option}: {error}") from error
    if value <= 0:
        raise UsageError(f"{option}: nothing can be seen in no time; write {units.UNITS['seconds'].examples}")
    return value


def read_events(path: Path | None) -> tuple[Event, ...]:
    """The calendar of known events. Raises UsageError or Findings."""
    if path is None:
        return ()
    from capgen.history.calendar_file import read_calendar
    from capgen.planning.calendar import Event

    rows = read_calendar(Source(path.as_posix(), read_text(path), path.as_posix()))
    return tuple(Event(*row) for row in rows)


def forecast(
    path: Path,
    *,
    horizon: str = "7d",
    step: str | None = None,
    calendar: Path | None = None,
    column: str | None = None,
    limit: float | None = None,
    thorough: bool = False,
) -> Forecast:
    """The forecast of a file's series; `thorough` lets statsforecast's MSTL take part, which takes seconds.

    Raises UsageError, or Findings for a file that cannot be read or is too short.
    """
    from capgen.planning.forecast import TooLittle
    from capgen.planning.forecast import forecast as made
    from capgen.planning.grid import Uneven

    ahead = duration(horizon, "--horizon")
    size = None if step is None else duration(step, "--step")
    events = read_events(calendar)
    series = read_history(path, column)
    also = None
    if thorough:
        from capgen.planning import mstl

        also = (mstl.NAME, mstl.mstl)
    try:
        return made(series, ahead, step=size, events=events, limit=limit, also=also)
    except (TooLittle, Uneven) as error:
        raise Findings([_about(path, str(error))]) from error


def _about(path: Path, message: str) -> Diagnostic:
    hint = "give it more history, or another --step"
    return Diagnostic("CG905", f"no forecast can be made: {message}", Span(path.as_posix(), 1, 1, 1, 2), hint)


def plan(
    paths: Sequence[Path],
    environment: str,
    *,
    settings: Sequence[str] = (),
    history: Path | None = None,
    prometheus: bool = False,
    now: float | None = None,
    cache: Path | None = None,
    engine: str | None = None,
) -> tuple[ServicePlan, ...]:
    """The capacity plan of every service of an environment, all of them; see `plans`."""
    return tuple(
        plans(
            paths, environment, _whole, settings=settings, history=history, prometheus=prometheus, now=now, cache=cache,
            engine=engine,
        )
    )  # fmt: skip


def _whole(made: ServicePlan) -> ServicePlan:
    return made


def plans(
    paths: Sequence[Path],
    environment: str,
    shape: Callable[[ServicePlan], Shape],
    *,
    settings: Sequence[str] = (),
    history: Path | None = None,
    prometheus: bool = False,
    now: float | None = None,
    cache: Path | None = None,
    engine: str | None = None,
) -> Iterator[Shape]:
    """What `shape` makes of each service's plan, in the order of the services, one at a time.

    A plan holds its series; a fleet's plans together would fill the memory, so `shape` is called where the plan is made,
    which may be another machine: it has to be a module's own function.

    `history` is a folder of CSV or Parquet files: `<service>/<signal>.csv`, or `<signal>.csv` for all. `prometheus` asks
    the environment's; then `now` has to be given. `engine` is `dask=tcp://HOST:PORT` for a cluster whose workers read the
    history themselves, and compile the
    specs, of which only what they claim stays here. Raises Findings for invalid specs and files, TargetError when a server fails.
    """
    if engine is not None:
        from capgen.api import pieces
        from capgen.api.engine import run

        if (found := pieces.divided(paths, environment, settings, engine)) is not None:
            # Workers are started in folders of their own.
            folder = None if history is None else history.absolute()
            sources = Sources(found.endpoint, folder, prometheus, now, cache)
            yield from run(partial(_plan_piece, shape, sources, found.ground), found.services, engine)
            return
    compiled = _compiled(paths, environment, settings, keep=_to_plan_with)
    sources = _sources(compiled, environment, history, prometheus=prometheus, now=now, cache=cache)
    for service in (service for fleet in compiled.fleets for service in fleet.services):
        yield _plan_one(shape, sources, service)


def _to_plan_with(service: Blueprint) -> Blueprint:
    """The service without what is only rendered, most of it: it waits in memory for its turn."""
    from msgspec.structs import replace

    groups = tuple(replace(group, records=(), alerts=()) for group in service.groups if group.ahead is not None)
    return replace(service, groups=groups, scrapes=(), vpas=(), jobs=(), receivers=(), dashboards=())


def _plan_piece(shape: Callable[[ServicePlan], Shape], sources: Sources, ground: Ground, source: Source) -> Shape:
    from capgen.api import pieces

    return _plan_one(shape, sources, pieces.compiled(ground, source))


def _plan_one(shape: Callable[[ServicePlan], Shape], sources: Sources, service: Blueprint) -> Shape:
    from capgen.planning.plan import plan_service

    return shape(
        plan_service(service, measured.signals(sources, service), sources.now, measured.usage(sources, service))
    )


def report(
    kind: Kind,
    paths: Sequence[Path],
    environment: str,
    *,
    settings: Sequence[str] = (),
    services: Sequence[str] = (),
    history: Path | None = None,
    prometheus: bool = False,
    now: float | None = None,
    cache: Path | None = None,
) -> tuple[Review, ...]:
    """What the last period was like, for every service of an environment or for those that are named. Sources and
    exceptions as for `plan`.

    Replicas are read from `<service>/<hpa>.replicas.csv`, or from kube-state-metrics by the Prometheus.
    """
    from capgen.planning.period import LONGEST, period_of, review

    compiled = _compiled(paths, environment, settings)
    chosen = _chosen(compiled, services)
    sources = _sources(compiled, environment, history, prometheus=prometheus, now=now, cache=cache)
    found = [
        (
            service,
            measured.signals(sources, service, at_least=LONGEST[kind]),
            measured.replicas(sources, service),
            measured.usage(sources, service),
        )
        for service in chosen
    ]
    ends = [float(series.times[-1]) for _, histories, *_ in found for series in histories.values() if len(series.times)]
    # Whole days that have ended: a sample at 23:00 ends its day.
    until = now if now is not None else max((end + measured.HISTORY_STEP for end in ends), default=None)
    if until is None:
        raise UsageError("a report is about a period: give --history, --prometheus or --now")
    period = period_of(kind, until)
    return tuple(review(service, histories, replicas, period, usage) for service, histories, replicas, usage in found)


def _compiled(
    paths: Sequence[Path],
    environment: str,
    settings: Sequence[str],
    keep: Callable[[Blueprint], Blueprint] | None = None,
) -> Compiled:
    compiled = api.compile_project(paths, settings=settings, environments=[environment], keep=keep)
    if has_errors(compiled.diagnostics):
        raise Findings(compiled.diagnostics)
    return compiled


def _chosen(compiled: Compiled, names: Sequence[str]) -> list[Blueprint]:
    known = {service.name: service for fleet in compiled.fleets for service in fleet.services}
    for name in names:
        if name not in known:
            raise UsageError(f"--service: the environment has no {name}; {suggest(name, known, what='services')}")
    return [service for name, service in known.items() if not names or name in names]


def _sources(
    compiled: Compiled, environment: str, history: Path | None, *, prometheus: bool, now: float | None, cache: Path | None
) -> Sources:  # fmt: skip
    return Sources(compiled.project.places[environment].prometheus, history, prometheus, now, cache)
