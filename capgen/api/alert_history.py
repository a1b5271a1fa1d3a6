"""What a server is asked for a back-test of alerts: when it ran, when it evaluates, and what each rule would have seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from capgen import naming, promql
from capgen.diagnostics import Diagnostic, Severity
from capgen.history.matrix import Clock, Matrix, query_matrix
from capgen.history.prometheus import Server
from capgen.history.series import instant
from capgen.simulate.alerts.firings import united, without
from capgen.simulate.alerts.questions import Question, Watched

_PRESENT = 60_000
"""Milliseconds between two looks at whether the server ran; a sample counts for five minutes."""


def asked(
    server: Server, text: str, clock: Clock, running: Sequence[tuple[int, int]], on_done: Callable[[int], None]
) -> Matrix:
    """The rows of a question at each tick; the ticks are marked at which the server did not run."""
    answered = 0

    def piece(count: int) -> None:
        nonlocal answered
        answered += count
        on_done(answered)

    matrix = query_matrix(server, text, clock, on_piece=piece)
    return replace(matrix, stopped=_stopped(clock, running))


def _stopped(clock: Clock, running: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """The ticks at which the server did not run."""

    if not running or not clock.count:
        return ()
    idle = without((clock.at(0), clock.at(clock.count)), running)
    return tuple(
        tick
        for begin, end in idle
        for tick in range(-(-(begin - clock.start) // clock.step), -(-(end - clock.start) // clock.step))
    )


def running(server: Server, begin: int, end: int) -> tuple[tuple[tuple[int, int], ...], tuple[Diagnostic, ...]]:
    """When the server scraped anything, in order; () where it has no series that tells."""

    clock = Clock.over(begin, end, _PRESENT)
    matrix = query_matrix(server, "count(up)", clock)
    ticks = [tick for ticks, _ in matrix.rows.values() for tick in ticks.tolist()]
    if not ticks:
        told = "the server has no series `up` in this time, so when it did not run is not known"
        return (), (noted("CG961", told),)
    return united((clock.at(tick), clock.at(tick) + _PRESENT) for tick in ticks), ()


def phases(server: Server, alerts: Iterable[Watched], end: int) -> dict[Question, int]:
    """How far after a multiple of its interval each group is evaluated, from the records that it wrote last."""

    found: dict[Question, int] = {}
    for one in alerts:
        if not one.record or one.question in found:
            continue
        known = dict(one.own)
        scope = promql.matchers({naming.SERVICE: one.service, naming.SOURCE: known.get(naming.SOURCE, "")})
        # Of the last week, since a record of something rare is not always there.
        query = f"max(max_over_time(timestamp({one.record}{{{scope}}})[1w:5m]))"
        matrix = query_matrix(server, query, Clock(end, 1000, 1))
        for _, values in matrix.rows.values():
            found[one.question] = round(float(values[-1]) * 1000) % one.question.interval
    return found


def clock(
    begin: int, end: int, question: Question, phases: Mapping[Question, int], running: Sequence[tuple[int, int]]
) -> Clock:
    """The instants at which a question's group is evaluated, from when the server first ran."""
    first = max(begin, running[0][0]) if running else begin
    return Clock.over(first, end, question.interval, phases.get(question, 0))


def said(text: str, matrix: Matrix, clock: Clock) -> tuple[Diagnostic, ...]:
    """What there is to say of an answer: parts of it that are partial, and evaluations that fail."""
    found = [noted(notice.code, notice.message) for notice in matrix.notices]
    if matrix.failed:
        first = instant(clock.at(matrix.failed[0]) / 1000)
        times = "once" if len(matrix.failed) == 1 else f"{len(matrix.failed)} times"
        found.append(noted("CG962", f"the rule would have failed {times}, first at {first}: {text}"))
    return tuple(found)


def noted(code: str, message: str) -> Diagnostic:
    """Something about the history that a reader has to know."""
    return Diagnostic(code, message, None, "", Severity.WARNING)
