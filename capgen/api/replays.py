"""Replays of the autoscalers that specs declare: beside those of before, ahead over a forecast, and in search of a setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from capgen.api.cases import Case, cases, workload_of
from capgen.api.recorded import Recorded, noted
from capgen.api.simulate import Circumstances, check_declared, replayed, search
from capgen.diagnostics import Diagnostic, Severity, in_order
from capgen.errors import Findings, UsageError

if TYPE_CHECKING:
    from capgen.api.project import Built
    from capgen.simulate.advice import Advice
    from capgen.simulate.result import Comparison, Simulation

AHEAD_STEP = 3600.0
"""Seconds of a step of forecast demand, unless the demand's own are longer: an hour at its mean."""
PATHS = ("P10", "P50", "P90")


def simulate_specs(
    paths: Sequence[Path],
    environment: str,
    demand: Path | Recorded,
    around: Circumstances,
    *,
    settings: Sequence[str] = (),
    against: Path | Built | None = None,
    ahead: float | None = None,
    changed_only: bool = False,
) -> tuple[tuple[Comparison, ...], tuple[Diagnostic, ...]]:
    """The replay of every autoscaler that specs declare for an environment, beside the one that `against` (a folder, or
    another state of the specs) holds now, and a finding for each declared bound that is not kept. `ahead` seconds of
    forecast demand are replayed too; `changed_only` leaves out what is as before, which may leave nothing.

    Raises Findings for invalid specs or demand, UsageError for bad arguments, TargetError when a Prometheus fails.
    """
    compared: list[Comparison] = []
    problems: list[Diagnostic] = []
    for case in cases(
        paths, environment, demand, around, problems, settings=settings, against=against, changed_only=changed_only
    ):
        try:
            one = _compared(case, ahead)
        except Findings as error:
            if isinstance(demand, Path):
                problems += _not_replayed(case, error)
                continue
            reasons = "; ".join(dict.fromkeys(d.message for d in error.diagnostics if d.severity is Severity.ERROR))
            problems.append(noted(case, "CG966", f"not replayed: {reasons}"))
            continue
        compared.append(one)
        problems += [*_said(one), *_broken_bounds(case, one.after)]
    if not compared and not changed_only:
        raise _nothing(problems)
    return tuple(compared), in_order(problems)


def advise_specs(
    paths: Sequence[Path],
    environment: str,
    demand: Path | Recorded,
    around: Circumstances,
    *,
    settings: Sequence[str] = (),
    declared: Mapping[str, str] | None = None,
    on_replay: Callable[[int], None] = lambda _: None,
) -> tuple[tuple[tuple[Case, Advice], ...], tuple[Diagnostic, ...]]:
    """For every autoscaler that specs declare the cheapest setting that keeps the bounds: the spec's, and `declared`
    over them. Raises as `simulate_specs`, and UsageError where nothing is declared."""
    found: list[tuple[Case, Advice]] = []
    said: list[Diagnostic] = []
    for case in cases(paths, environment, demand, around, said, settings=settings):
        wanted = {**_bounds(case), **(declared or {})}
        try:
            check_declared(wanted)
        except UsageError as error:
            where = f"workloads.{case.workload}.horizontal.simulate"
            raise UsageError(f"{case.service}: {case.workload}: {error}, or declare it under {where}") from error
        try:
            advice, more = search(case.autoscaler, case.known, case.demand, case.around, wanted, on_replay)
        except Findings as error:
            said += _not_replayed(case, error)
            continue
        found.append((case, advice))
        said += _named(case, more)
    if not found:
        raise _nothing(said)
    return tuple(found), in_order(said)


def _not_replayed(case: Case, error: Findings) -> Iterator[Diagnostic]:
    """What keeps one workload from being replayed, and none of the others: no metric of its autoscaler can be had."""
    from capgen.check.scaling.finding import finding

    where = ("workloads", case.workload, "horizontal", "targets")
    hint = f"declare workloads.{case.workload}.containers.<name>.requests, or give --request to `capgen simulate`"
    for one in error.diagnostics:
        if one.span is not None:
            yield one
        else:
            yield finding(
                case.spec, one.code, f"{case.service}: {case.workload} is not replayed: {one.message}", where, hint
            )


def _nothing(said: Sequence[Diagnostic]) -> Findings:
    """What was only said, where it leaves nothing at all to replay."""
    return Findings(in_order(replace(one, severity=Severity.ERROR) for one in said))


def _compared(case: Case, ahead: float | None) -> Comparison:
    from capgen.simulate.result import Comparison

    was = case.before
    before = None
    if was is not None and case.changes:
        before = replayed(was.autoscaler, case.known, case.demand, was.around)
    after = replayed(case.autoscaler, case.known, case.demand, case.around)
    coming = () if ahead is None else tuple(_ahead(case, after, ahead))
    price = case.price
    if was is not None and was.price != price:
        price = f"{price or 'what a pod costs is not known'}; before: {was.price or 'not known'}"
    return Comparison(case.service, case.workload, after, before, price, coming, demand=case.words, alone=was is None)


def _said(one: Comparison) -> Iterator[Diagnostic]:
    """What there is to say of both sides. Demand was cut off, if it was, under the autoscaler of before."""
    sides = (one.before or one.after, one.after)
    cut = [found for found in sides[0].diagnostics if found.code == "CG928"]
    yield from _named(one, (*cut, *(found for found in sides[1].diagnostics if found.code != "CG928")))


def _named(one: Case | Comparison, said: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    """With the workload that it is about, where no place says so."""
    for found in dict.fromkeys(said):
        named = f"{one.service}: {one.workload}: {found.message}"
        yield found if found.span is not None else replace(found, message=named)


def _ahead(case: Case, after: Simulation, seconds: float) -> Iterator[tuple[str, Simulation]]:
    """The replay over forecast demand: all metrics together at their 10th, 50th and 90th percentile."""
    import numpy as np

    from capgen.history.series import Series
    from capgen.planning.crossing import paths
    from capgen.planning.forecast import TooLittle, forecast
    from capgen.planning.grid import Uneven
    from capgen.simulate.demand import SECOND, Demand

    names = sorted({metric.name for metric in case.autoscaler.metrics} & set(case.known.columns))
    times = case.known.times / SECOND
    step = max(AHEAD_STEP, float(np.median(np.diff(times))) if len(times) > 1 else 0.0)
    columns: dict[str, tuple[Any, ...]] = {}
    for name in names:
        # A row holds until the next, so an hour's mean is that of what held in it.
        every = np.arange(times[0], times[-1] + step, step / 60)
        held = case.known.columns[name][np.searchsorted(times, every, side="right") - 1]
        try:
            made = forecast(Series(name, every, held), seconds, step=step)
        except (TooLittle, Uneven) as error:
            raise UsageError(f"--ahead: the demand of {name} cannot be forecast: {error}") from error
        columns[name] = paths(made)
    around = replace(case.around, initial=int(after.replay.replicas[-1]) if len(after.replay.replicas) else None)
    for place, path in enumerate(PATHS):
        values = {name: np.maximum(found[place], 0.0) for name, found in columns.items()}
        length = min(map(len, values.values()))
        instants = (np.arange(length) * round(step) * SECOND).astype(np.int64)
        coming = Demand(instants, {name: column[:length] for name, column in values.items()})
        yield path, replayed(case.autoscaler, coming, case.demand, around)


def _bounds(case: Case) -> dict[str, str]:
    """The bounds that a workload declares for replays."""
    _, workload = workload_of(case.spec, case.hpa)
    declared = workload.horizontal.simulate if workload.horizontal else None
    words = declared.model_dump() if declared else {}
    return {key: text for key, text in words.items() if isinstance(text, str)}


def _broken_bounds(case: Case, done: Simulation) -> Iterator[Diagnostic]:
    from capgen.check.scaling.finding import finding
    from capgen.simulate.bounds import broken

    hint = "change replicas, targets or scaling until the replay keeps it; --advise searches for such a setting"
    for key, message in broken(_bounds(case), done.summary):
        path = ("workloads", case.workload, "horizontal", "simulate", key)
        yield finding(case.spec, "CG927", f"{case.workload}: {message}", path, hint)
