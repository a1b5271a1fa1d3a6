"""A review: what a change of the specs does, compared with a commit of git."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from capgen import api
from capgen.api import git
from capgen.diagnostics import Diagnostic, Severity, in_order
from capgen.errors import Findings, Refused, TargetError, UsageError
from capgen.review.changes import changes
from capgen.review.document import Review

if TYPE_CHECKING:
    from capgen.api.backtest import Over
    from capgen.api.recorded import Recorded
    from capgen.api.simulate import Circumstances
    from capgen.reconcile.plan import Plan
    from capgen.simulate.alerts.result import Backtest
    from capgen.simulate.result import Comparison

_REPLAYED = "replicas and money"


def review(
    paths: Sequence[Path],
    base: str,
    *,
    environment: str | None = None,
    demand: Path | Recorded | None = None,
    around: Circumstances | None = None,
    over: Over | None = None,
    incidents: Path | None = None,
    live: bool = False,
) -> Review:
    """Compiles the specs as they are here and as they are at `base`, and compares.

    With an environment, autoscalers are replayed over demand (over what a Prometheus recorded those that change), alerts
    are followed over a history (`over`), and with `live` the environment's target is asked what applying would change.
    What cannot be had is said and stops nothing. Raises Findings when the specs here have errors, UsageError for a base or
    paths that git does not know.
    """
    git.inside(paths)
    if environment is None and (demand or over or live):
        raise UsageError("demand, a history and a target are an environment's: name it with --env")
    if incidents and over is None:
        raise UsageError("incidents are held against a history: name one with --prometheus or --history")
    environments = [environment] if environment else []
    commit = git.commit_of(base)
    after = api.build(paths, environments=environments)
    said = api.check_compiled(after.compiled)
    unknown: list[str] = []
    with tempfile.TemporaryDirectory(prefix="capgen-review-") as scratch:
        there = Path(scratch)
        git.extract(commit, git.project_parts(paths), there)
        before, once = _built(paths, environments, there)
        if before is None:
            unknown.append("how it was, since the base has no valid specs at these paths: everything counts as new")
        replays, broken = (
            _replays(paths, environment, demand, around, before, unknown)
            if environment and demand and around and any(_scaled(after))
            else ((), ())
        )
        pages = _pages(after, before, environment, over, incidents, unknown)
    delivery = _delivery(paths, environment, unknown) if environment and live else None
    if over is None:
        unknown.append("pages a week, since no history was named: add --env with --prometheus or --history")
    if not live:
        unknown.append("what the cluster has, since it was not asked: add --env and --live")
    unknown += _untold(after, demand, replays, broken)
    old = api.generated_files(before) if before else {}
    new = api.generated_files(after)
    known = {(finding.code, finding.message) for finding in once}
    return Review(
        base=base,
        changes=changes(before.compiled.fleets if before else (), after.compiled.fleets),
        files=tuple(
            (path, "added" if path not in old else "removed" if path not in new else "changed")
            for path in sorted({*old, *new})
            if old.get(path) != new.get(path)
        ),
        alerts=(_alerts(before), _alerts(after)),
        replays=replays,
        new=in_order(f for f in (*after.compiled.diagnostics, *said) if (f.code, f.message) not in known),
        bounds=tuple(finding for finding in broken if finding.code == "CG927"),
        unknown=tuple(unknown),
        backtest=pages,
        delivery=delivery,
    )


def _scaled(built: api.Built) -> Iterator[object]:
    from capgen.api.cases import scaled_in

    for fleet in built.compiled.fleets:
        yield from scaled_in(fleet)


def _built(
    paths: Sequence[Path], environments: Sequence[str], there: Path
) -> tuple[api.Built | None, tuple[Diagnostic, ...]]:
    present = [path for path in paths if (there / path).exists()]
    if not present:
        return None, ()
    try:
        built = api.build(present, environments=environments, under=there)
    except (Findings, UsageError):
        return None, ()
    return built, (*built.compiled.diagnostics, *api.check_compiled(built.compiled))


def _replays(
    paths: Sequence[Path],
    environment: str,
    demand: Path | Recorded,
    around: Circumstances,
    before: api.Built | None,
    unknown: list[str],
) -> tuple[tuple[Comparison, ...], tuple[Diagnostic, ...]]:
    """The autoscalers before and after; when the server fails, that is one thing more that is not known."""
    from capgen.api.replays import simulate_specs

    recorded = not isinstance(demand, Path)
    try:
        made, said = simulate_specs(paths, environment, demand, around, against=before, changed_only=recorded)
    except TargetError as error:
        unknown.append(f"{_REPLAYED}: {error}")
        return (), ()
    except Findings as error:
        # That a target is a share of nobody knows what is no mistake in any file; the rest is told all the same.
        if any(found.code != "CG926" for found in error.diagnostics if found.severity is Severity.ERROR):
            raise
        return (), error.diagnostics
    if not made and not said:
        unknown.append(f"{_REPLAYED}, since no autoscaler and no size of its pods changes: nothing was replayed")
    return made, said


def _untold(
    after: api.Built, demand: Path | Recorded | None, replays: Sequence[Comparison], said: Sequence[Diagnostic]
) -> Iterator[str]:
    """What replays leave open, of all autoscalers and of some."""
    if not any(_scaled(after)):
        if demand:
            yield f"{_REPLAYED}, since nothing is scaled here any more, or not in a cluster"
    elif demand is None:
        yield f"{_REPLAYED}, since there is no demand to replay: add --env with --demand or --prometheus"
    elif any(one.after.summary.money is None for one in replays):
        yield "money, where the spec has no costs of its nodes and --pod-hour is not given"
    yield from dict.fromkeys(finding.message for finding in said if finding.code != "CG927")


def _pages(
    after: api.Built,
    before: api.Built | None,
    environment: str | None,
    over: Over | None,
    incidents: Path | None,
    unknown: list[str],
) -> Backtest | None:
    """The alerts before and after; when the server fails, that is one thing more that is not known."""
    from capgen.api.backtest import compare, read_incidents

    if over is None or environment is None:
        return None
    try:
        once = before.compiled if before else None
        return compare(after.compiled, once, environment, over, read_incidents(incidents))
    except TargetError as error:
        unknown.append(f"pages a week: {error}")
        return None


def _delivery(paths: Sequence[Path], environment: str, unknown: list[str]) -> Plan | None:
    """What applying would change; without a cluster, or without the right to read it, one thing more is not known."""
    from capgen.api.reconcile import plan_delivery
    from capgen.reconcile.saved import Request

    try:
        made = plan_delivery(Request(tuple(map(str, paths)), (), environment, ""))
        return made.target.rehearse(made.plan)
    except (TargetError, Refused, UsageError) as error:
        unknown.append(f"what applying would change in {environment}: {error}")
        return None


def _alerts(built: api.Built | None) -> int:
    fleets = built.compiled.fleets if built else ()
    return sum(len(group.alerts) for fleet in fleets for service in fleet.services for group in service.groups)
