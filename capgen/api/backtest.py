"""Back-tests: how often the alerts of specs would have fired over a history, and those of another state of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from capgen import api, units
from capgen.api import alert_history, git, measured
from capgen.diagnostics import has_errors, in_order
from capgen.errors import Findings, UsageError
from capgen.yamlio import Source

if TYPE_CHECKING:
    from capgen.blueprint import Fleet
    from capgen.history.matrix import Clock, Matrix
    from capgen.history.prometheus import Server
    from capgen.history.series import Series
    from capgen.simulate.alerts.firings import Firing
    from capgen.simulate.alerts.questions import Question, Watched
    from capgen.simulate.alerts.result import Backtest, Incident, Side
    from capgen.spec.documents import PrometheusEndpoint

DAY, USUAL = 86_400_000, 28
"""Milliseconds; days that are looked at unless it is said."""
MOST_DAYS = 400
WARM_UP = 3_600_000
"""How much earlier than the history alerts are followed, beyond the longest time that one takes to change."""

_NO_PHASE = "when within its interval a rule group is evaluated, where the server has no records of it: at multiples of the interval"
State: TypeAlias = "tuple[Fleet, Sequence[Watched]]"
"""A state of the specs, compiled, and its alerts; the new one comes first."""
Progress = Callable[[int, int], None]
"""Told how many of how many evaluations have been asked for."""


class Over(Struct, frozen=True):
    """Which history: from where and of which time. Times as people write them; a length for `begin` is before `end`."""

    history: Path | None = None
    """A folder of files, instead of a server."""
    prometheus: str = ""
    """The server's address; "" for the environment's."""
    begin: str | None = None
    end: str | None = None
    now: float | None = None
    """The clock's, for the end of a server's history."""


def backtest(
    paths: Sequence[Path],
    environment: str,
    over: Over,
    *,
    base: str | None = None,
    old: Path | None = None,
    settings: Sequence[str] = (),
    incidents: Path | None = None,
    on_progress: Progress = lambda *_: None,
) -> Backtest:
    """The alerts of specs over a history, beside those of a commit of git or of other specs.

    Raises Findings for invalid specs and files, UsageError for bad arguments, TargetError when the server fails.
    """
    if base and old:
        raise UsageError("compare with one other state: --base REF or --old PATH")
    known = read_incidents(incidents)
    after = _compiled(paths, environment, settings)
    before = _at_base(paths, environment, base) if base else None
    if old:
        before = _compiled([old], environment, ())
    return compare(after, before, environment, over, known, on_progress=on_progress)


def compare(
    after: api.Compiled,
    before: api.Compiled | None,
    environment: str,
    over: Over,
    incidents: Sequence[Incident] = (),
    *,
    on_progress: Progress = lambda *_: None,
) -> Backtest:
    """As `backtest`, of specs that are compiled. Raises as it does."""
    from capgen.simulate.alerts.questions import left_out, watched

    fleet, once = _fleet(after, environment), _fleet(before, environment)
    if fleet is None:
        raise UsageError(f"none of these specs is for the environment {environment!r}")
    states = [(one, [alert for service in one.services for alert in watched(service)]) for one in (fleet, once) if one]
    apart = sorted({name for one, _ in states for service in one.services for name in left_out(service)})
    unknown = [f"alerts that read weeks of records, which a new spec has not: {', '.join(apart)}"] if apart else []
    if over.history is not None:
        return _over_files(over, environment, states, incidents, unknown)
    endpoint = after.project.places[environment].prometheus
    return _over_server(over, endpoint, environment, states, incidents, unknown, on_progress)


def read_incidents(path: Path | None) -> tuple[Incident, ...]:
    """The incidents of a file. Raises UsageError or Findings."""
    if path is None:
        return ()
    from capgen.history.incidents_file import read_incidents as read
    from capgen.simulate.alerts.result import Incident

    rows = read(Source(path.as_posix(), measured.read_text(path), path.as_posix()))
    return tuple(Incident(name, round(begin * 1000), round(end * 1000), about) for name, begin, end, about in rows)


def _over_server(
    over: Over,
    endpoint: PrometheusEndpoint | None,
    environment: str,
    states: Sequence[State],
    incidents: Sequence[Incident],
    unknown: Sequence[str],
    on_progress: Progress,
) -> Backtest:
    from capgen.history.series import instant
    from capgen.simulate.alerts.questions import queries
    from capgen.simulate.alerts.result import Backtest

    server = server_of(over.prometheus, endpoint, environment)
    begin, end = span_of(over, None)
    every = [one for _, alerts in states for one in alerts]
    asked = queries(every)
    warm = max((one.hold + one.keep for one in every), default=0) + WARM_UP
    running, notices = alert_history.running(server, begin - warm, end)
    if running and running[0][0] > begin:
        begin = running[0][0]
        told = f"the history begins at {instant(begin / 1000)}: the back-test does too"
        notices = (*notices, alert_history.noted("CG961", told))
    phases = alert_history.phases(server, every, end)
    clocks = {question: alert_history.clock(begin - warm, end, question, phases, running) for question in asked}
    total, done = sum(clock.count for clock in clocks.values()), 0
    found: dict[Question, Matrix] = {}
    for question, text in asked.items():
        progress = partial(_progress, on_progress, done, total)
        found[question] = alert_history.asked(server, text, clocks[question], running, progress)
        done += clocks[question].count
        on_progress(done, total)
        notices = (*notices, *alert_history.said(text, found[question], clocks[question]))
    made = [_side(*state, found, clocks, (begin, end), incidents) for state in states]
    if asked.keys() - phases.keys():
        unknown = (*unknown, _NO_PHASE)
    after, before = made[0], made[1] if len(made) > 1 else None
    where = server.url if over.prometheus else f"the Prometheus of {environment}"
    return Backtest(
        environment, begin, end, where, True, before, after, tuple(unknown), in_order(dict.fromkeys(notices))
    )


def _progress(told: Progress, before: int, total: int, here: int) -> None:
    told(before + here, total)


def _over_files(
    over: Over,
    environment: str,
    states: Sequence[State],
    incidents: Sequence[Incident],
    unknown: Sequence[str],
) -> Backtest:
    from capgen.history.matrix import Clock
    from capgen.simulate.alerts.questions import without_traffic
    from capgen.simulate.alerts.recorded import matrix_of
    from capgen.simulate.alerts.result import Backtest

    series: dict[tuple[str, str], Series] = {}
    for fleet, _ in states:
        for service in fleet.services:
            sources = measured.Sources(None, over.history, False, None, None)
            for signal, one in measured.signals(sources, service).items():
                series[service.name, signal] = one
    if not series:
        raise UsageError(f"{over.history} has no series of these signals: name them <service>/<signal>.csv")
    begin, end = span_of(over, [edge for one in series.values() for edge in (one.times[0], one.times[-1])])
    made = []
    missing = set()
    for fleet, alerts in states:
        levels = without_traffic(alerts)
        known = [one for one in levels if (one.service, one.alert.signal) in series]
        missing |= {f"{one.service}: {one.alert.signal}" for one in levels if one not in known}
        mine: dict[Question, Matrix] = {}
        clocks: dict[Question, Clock] = {}
        named: list[Watched] = []
        for level in known:
            key = (level.service, level.alert.signal)
            question = replace(level.question, expr=".".join(key))
            named.append(replace(level, question=question))
            clocks[question] = Clock.over(begin, end, question.interval)
            mine[question] = matrix_of(series[key], clocks[question])
        made.append(_side(fleet, named, mine, clocks, (begin, end), incidents))
    unknown = [
        *unknown,
        "what each series of a signal did, since a file holds one; absent metrics, dead targets and traffic are not in it",
        *(["levels without a file: " + ", ".join(sorted(missing))] if missing else []),
    ]
    notices = [
        alert_history.noted(n.code, f"{key[1]}: {n.message}")
        for key, one in sorted(series.items())
        for n in one.notices
    ]
    after, before = made[0], made[1] if len(made) > 1 else None
    folder = (over.history or Path()).as_posix()
    return Backtest(environment, begin, end, folder, False, before, after, tuple(unknown), in_order(notices))


def _side(
    fleet: Fleet,
    alerts: Sequence[Watched],
    found: Mapping[Question, Matrix],
    clocks: Mapping[Question, Clock],
    span: tuple[int, int],
    incidents: Sequence[Incident],
) -> Side:
    from capgen.simulate.alerts.firings import firings
    from capgen.simulate.alerts.result import row_of, side
    from capgen.simulate.alerts.states import follow

    fired: list[Firing] = []
    for one in alerts:
        matrix, clock = found[one.question], clocks[one.question]
        fired += firings(one, follow(one, matrix, clock), clock, span[0])
    return side(fleet, list(dict.fromkeys(row_of(one) for one in alerts)), fired, *span, incidents)


def span_of(over: Over, measured_at: Sequence[float] | None) -> tuple[int, int]:
    """The history's begin and end in milliseconds. Raises UsageError."""
    if over.end is not None:
        end = _moment(over.end, "--to")
    elif measured_at is not None:
        end = round(max(measured_at) + 1) * 1000
    elif over.now is not None:
        end = round(over.now * 1000)
    else:
        raise UsageError("a server is asked up to a moment: give --to")
    if over.begin is None:
        begin = end - USUAL * DAY if measured_at is None else round(min(measured_at) * 1000)
    else:
        try:
            begin = end - round(units.parse(over.begin, "seconds") * 1000)
        except units.BadQuantity:
            begin = _moment(over.begin, "--from")
    if not 0 < end - begin <= MOST_DAYS * DAY:
        raise UsageError(f"--from has to be before --to, by at most {MOST_DAYS} days")
    return begin, end


def _moment(text: str, option: str) -> int:
    from capgen.history.timestamps import seconds

    try:
        return round(seconds(text) * 1000)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


def server_of(url: str, endpoint: PrometheusEndpoint | None, environment: str) -> Server:
    """Where to ask; a secret of the environment's Prometheus goes to that address and no other."""
    from capgen.history.login import asking
    from capgen.history.prometheus import Server

    declared = endpoint.url if endpoint else None
    if not url and not declared:
        raise UsageError(f"the environment {environment!r} has no prometheus.url: name one with --prometheus URL")
    refuse_password(url)
    if url and not url.startswith(("http://", "https://")):
        raise UsageError(f"--prometheus {url!r} is no address: write http://… or https://…, and name specs before it")
    own = endpoint is not None and url in ("", declared)
    return Server(url or declared or "", asking(endpoint) if own else {})


def refuse_password(url: str) -> None:
    """Raises UsageError for an address with a user in it: reports name the server, and some are read by everybody."""
    if "@" in url.rpartition("://")[2].partition("/")[0]:
        raise UsageError(
            "--prometheus: leave the user and the password out of the address, since reports name it; "
            "an environment says them as `prometheus: {auth: …}`"
        )


def _compiled(paths: Sequence[Path], environment: str, settings: Sequence[str], under: Path = Path()) -> api.Compiled:
    compiled = api.compile_project(paths, settings=settings, environments=[environment], under=under)
    if has_errors(compiled.diagnostics):
        raise Findings(compiled.diagnostics)
    return compiled


def _at_base(paths: Sequence[Path], environment: str, base: str) -> api.Compiled:
    """The same specs as a commit of git has them. Raises UsageError where it has none that are valid."""
    git.inside(paths)
    with tempfile.TemporaryDirectory(prefix="capgen-backtest-") as scratch:
        git.extract(git.commit_of(base), git.project_parts(paths), Path(scratch))
        present = [path for path in paths if (Path(scratch) / path).exists()]
        if not present:
            raise UsageError(f"{base} has no {', '.join(path.as_posix() for path in paths)}")
        try:
            return _compiled(present, environment, (), Path(scratch))
        except Findings as error:
            raise UsageError(f"the specs at {base} are not valid: {len(error.diagnostics)} findings") from error


def _fleet(compiled: api.Compiled | None, environment: str) -> Fleet | None:
    return next((fleet for fleet in compiled.fleets if fleet.environment == environment), None) if compiled else None
