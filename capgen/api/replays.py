"""Replays of the autoscalers that specs declare: beside those of before, ahead over a forecast, and in search of a setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from capgen import units
from capgen.api.reading import source_of
from capgen.api.simulate import Circumstances, check_declared, read_demand, replayed, search
from capgen.diagnostics import Diagnostic, Severity, has_errors, in_order
from capgen.errors import Findings, UsageError

if TYPE_CHECKING:
    from capgen.artifact import Artifact
    from capgen.blueprint import Blueprint, Fleet, Hpa
    from capgen.simulate.advice import Advice
    from capgen.simulate.autoscaler import Autoscaler
    from capgen.simulate.demand import Demand
    from capgen.simulate.result import Comparison, Simulation
    from capgen.spec.parse import Spec
    from capgen.spec.sections import WorkloadSpec

AHEAD_STEP = 3600.0
"""Seconds of a step of forecast demand, unless the demand's own are longer: an hour at its mean."""
PATHS = ("P10", "P50", "P90")
_EACH = "give a folder with the demand of each as <service>/<workload>.csv"


class Case(Struct, frozen=True):
    """One autoscaler of a spec, ready to be replayed: what stands around it is the spec's where the caller said nothing."""

    service: str
    workload: str
    spec: Spec
    hpa: Hpa
    path: str
    """Its file below the environment's folder."""
    autoscaler: Autoscaler
    demand: Path
    """The file that its demand is in."""
    known: Demand
    around: Circumstances
    price: str


def simulate_specs(
    paths: Sequence[Path],
    environment: str,
    demand: Path,
    around: Circumstances,
    *,
    settings: Sequence[str] = (),
    against: Path | None = None,
    ahead: float | None = None,
) -> tuple[tuple[Comparison, ...], tuple[Diagnostic, ...]]:
    """The replay of every autoscaler that specs declare for an environment, beside the one that `against` holds now,
    and a finding for each declared bound that is not kept. `ahead` seconds of forecast demand are replayed too.

    Raises Findings for invalid specs or demand, UsageError for bad arguments.
    """
    compared: list[Comparison] = []
    problems: list[Diagnostic] = []
    for case in _cases(paths, environment, demand, around, settings, problems):
        one = _compared(case, against and against / environment, ahead)
        compared.append(one)
        problems += [*one.after.diagnostics, *_broken_bounds(case.spec, case.hpa, one.after)]
    return tuple(compared), in_order(problems)


def advise_specs(
    paths: Sequence[Path],
    environment: str,
    demand: Path,
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
    for case in _cases(paths, environment, demand, around, settings, said):
        wanted = {**_bounds(case.spec, case.hpa)[1], **(declared or {})}
        try:
            check_declared(wanted)
        except UsageError as error:
            where = f"workloads.{case.workload}.horizontal.simulate"
            raise UsageError(f"{case.service}: {case.workload}: {error}, or declare it under {where}") from error
        advice, more = search(case.autoscaler, case.known, case.demand, case.around, wanted, on_replay)
        found.append((case, advice))
        said += more
    return tuple(found), in_order(said)


def _cases(
    paths: Sequence[Path],
    environment: str,
    demand: Path,
    around: Circumstances,
    settings: Sequence[str],
    said: list[Diagnostic],
) -> Iterator[Case]:
    """Every autoscaler with its demand: that of one file, or of a folder's `<service>/<workload>.csv`."""
    from capgen import api

    sync, _ = around.nanoseconds()["sync"], around.rollouts()
    built = api.build(paths, settings=settings, environments=[environment])
    files = {artifact.path: artifact for _, artifacts in built.artifacts for artifact in artifacts}
    specs = {spec.name: spec for spec in built.compiled.specs}
    scaled = [(service, hpa) for fleet in built.compiled.fleets for service, hpa in scaled_in(fleet)]
    if not scaled:
        raise UsageError(f"none of these specs has an autoscaler for a cluster in {environment!r}")
    folder = demand.is_dir()
    shared = None if folder else _demand(demand, sync)
    if shared is not None and len(scaled) > 1:
        said.append(Diagnostic("CG964", f"the one demand of {demand} is replayed for each of {len(scaled)} autoscalers", None, _EACH, Severity.WARNING))  # fmt: skip
    nothing = True
    for service, hpa in scaled:
        name, workload = _workload_of(specs[service.name], hpa)
        own = demand / service.name / f"{name}.csv" if folder else demand
        if folder and not own.is_file():
            told = f"{service.name}: {name} is not replayed, since there is no {own.as_posix()}"
            said.append(Diagnostic("CG963", told, None, _EACH, Severity.WARNING))
            continue
        nothing = False
        known = _demand(own, sync) if shared is None else shared
        yield _case(specs[service.name], service, hpa, (name, workload), files, (own, known), around)
    if nothing:
        raise UsageError(f"{demand} has the demand of none of these autoscalers: name it <service>/<workload>.csv")


def scaled_in(fleet: Fleet) -> Iterator[tuple[Blueprint, Hpa]]:
    """The autoscalers of an environment that a cluster has, each with its service."""
    for service in fleet.services:
        yield from ((service, hpa) for hpa in service.hpas if service.delivery.kubernetes)


def _demand(path: Path, sync: int) -> Demand:
    known, found = read_demand(path, sync)
    if known is None or has_errors(found):
        raise Findings(in_order(found))
    return known


def _workload_of(spec: Spec, hpa: Hpa) -> tuple[str, WorkloadSpec]:
    return next(
        (name, workload) for name, workload in spec.model.workloads.items() if _hpa_name(name, workload) == hpa.name
    )


def _case(
    spec: Spec,
    service: Blueprint,
    hpa: Hpa,
    named: tuple[str, WorkloadSpec],
    files: Mapping[str, Artifact],
    needed: tuple[Path, Demand],
    around: Circumstances,
) -> Case:
    from capgen.check.scaling.finding import finding
    from capgen.simulate import manifest
    from capgen.simulate.prices import price_of
    from capgen.yamlio import Source

    name, workload = named
    demand, known = needed
    around = _of_workload(around, workload, hpa)
    try:
        around.rollouts()
    except UsageError as error:
        where = ("workloads", name, "horizontal", "simulate", "rollout")
        raise Findings(
            (finding(spec, "CG965", f"{name}: {error}", where, "raise max_surge or max_unavailable"),)
        ) from error
    price = None if around.pod_hour is not None else price_of(service.planning, around.requests)
    if price is not None:
        around = replace(around, pod_hour=price.pod_hour)
    columns = {metric.name: metric.signal for metric in hpa.metrics if metric.signal}
    known = replace(known, columns=_renamed(known.columns, columns))
    path = next(
        path for path, artifact in files.items() if path.startswith(f"{service.name}/") and _is_of(artifact, hpa)
    )
    autoscaler, found = manifest.read(Source(path, files[path].text))
    if autoscaler is None:
        raise Findings(found)
    return Case(service.name, name, spec, hpa, path, autoscaler, demand, known, around, price.words if price else "")


def _compared(case: Case, against: Path | None, ahead: float | None) -> Comparison:
    from capgen.simulate import manifest
    from capgen.simulate.result import Comparison

    before = None
    if against is not None and (against / case.path).is_file():
        old, problems = manifest.read(source_of((against / case.path).as_posix(), against / case.path))
        if old is None:
            raise Findings(problems)
        before = replayed(old, case.known, case.demand, case.around) if old != case.autoscaler else None
    after = replayed(case.autoscaler, case.known, case.demand, case.around)
    coming = () if ahead is None else tuple(_ahead(case, after, ahead))
    return Comparison(case.service, case.workload, after, before, case.price, coming)


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


def _hpa_name(key: str, workload: WorkloadSpec) -> str:
    from capgen import naming

    return (workload.horizontal.name if workload.horizontal else None) or naming.hpa(key)


def _is_of(artifact: Artifact, hpa: Hpa) -> bool:
    return artifact.kind == "HorizontalPodAutoscaler" and artifact.path.endswith(
        f"/hpa-{hpa.name.removesuffix('-hpa')}.yaml"
    )


def _renamed(columns: Mapping[str, Any], signals: Mapping[str, str]) -> dict[str, Any]:
    """The columns with those of signals called as the autoscaler calls their metrics."""
    by_signal = {signal: name for name, signal in signals.items()}
    return {by_signal.get(name, name): values for name, values in columns.items()}


def _of_workload(around: Circumstances, workload: WorkloadSpec, hpa: Hpa) -> Circumstances:
    """What the spec says of its pods, where the command line says nothing."""
    chosen = {metric.container for metric in hpa.metrics if metric.container}
    containers = [spec for name, spec in workload.containers.items() if not chosen or name in chosen]
    amounts: dict[str, dict[str, int]] = {"requests": {}, "limits": {}}
    for kind, total in amounts.items():
        for resource in ("cpu", "memory"):
            each = [getattr(getattr(container, kind), resource, None) for container in containers]
            given = [amount for amount in each if amount is not None]
            if given and len(given) == len(each):
                total[resource] = round(sum(given) * 1000)
    declared = workload.horizontal.simulate if workload.horizontal else None
    starts = declared.ready_after if declared else None
    rollout = declared.rollout if declared else None
    every = around.rollout_every
    if rollout is not None and not around.rollout_at:
        every = every or f"{units.number(rollout.every)}s"
    # A StatefulSet replaces one pod after another.
    surge, unavailable = ("0", "1") if workload.kind == "StatefulSet" else (None, None)
    if rollout is not None:
        surge = surge if rollout.max_surge is None else str(rollout.max_surge)
        unavailable = unavailable if rollout.max_unavailable is None else str(rollout.max_unavailable)
    return replace(
        around,
        requests={**amounts["requests"], **around.requests},
        limits={**amounts["limits"], **around.limits},
        ready_after=around.ready_after or (None if starts is None else f"{units.number(starts)}s"),
        rollout_every=every,
        max_surge=around.max_surge or surge,
        max_unavailable=around.max_unavailable or unavailable,
    )


def _bounds(spec: Spec, hpa: Hpa) -> tuple[str, dict[str, str]]:
    """The workload's name, and the bounds that it declares for replays."""
    for name, workload in spec.model.workloads.items():
        if _hpa_name(name, workload) == hpa.name:
            declared = workload.horizontal.simulate if workload.horizontal else None
            words = declared.model_dump() if declared else {}
            return name, {key: text for key, text in words.items() if isinstance(text, str)}
    return "", {}


def _broken_bounds(spec: Spec, hpa: Hpa, done: Simulation) -> Iterator[Diagnostic]:
    from capgen.check.scaling.finding import finding
    from capgen.simulate.bounds import broken

    name, declared = _bounds(spec, hpa)
    hint = "change replicas, targets or scaling until the replay keeps it; --advise searches for such a setting"
    for key, message in broken(declared, done.summary):
        path = ("workloads", name, "horizontal", "simulate", key)
        yield finding(spec, "CG927", f"{name}: {message}", path, hint)
