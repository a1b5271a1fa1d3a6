"""The autoscalers that specs declare, each with its demand and what stands around it, ready to be replayed.

Demand is a file's, or what a Prometheus recorded; what cannot be had of it is said, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from capgen import units
from capgen.api import measured, recorded
from capgen.api.reading import source_of
from capgen.api.recorded import Asking, Recorded, noted
from capgen.api.simulate import Circumstances, read_demand
from capgen.diagnostics import Diagnostic, Severity, has_errors, in_order
from capgen.errors import Findings, TargetError, UsageError
from capgen.yamlio import Source

if TYPE_CHECKING:
    from capgen.api.project import Built
    from capgen.blueprint import Blueprint, Fleet, Hpa
    from capgen.simulate.autoscaler import Autoscaler
    from capgen.simulate.demand import Demand
    from capgen.spec.parse import Spec
    from capgen.spec.sections import WorkloadSpec

_EACH = "give a folder with the demand of each as <service>/<workload>.csv"


class Scaled(Struct, frozen=True):
    """One autoscaler of a spec: what stands around it is the spec's where the caller said nothing."""

    service: str
    workload: str
    spec: Spec
    blueprint: Blueprint
    hpa: Hpa
    autoscaler: Autoscaler
    around: Circumstances
    pods: str
    """A regular expression for the names of its pods."""
    containers: Mapping[str, tuple[str, ...]]
    """By resource, the containers whose use counts; () for all of a pod."""
    price: str
    before: Scaled | None
    """The one that was there before, with what stood around it then; with that of now, where only a manifest is left."""

    @property
    def changes(self) -> bool:
        """Whether a replay could differ from one of before."""
        was = self.before
        return was is None or (was.autoscaler, was.around) != (self.autoscaler, self.around)


class Case(Scaled, frozen=True):
    """With its demand."""

    demand: Path | None
    """The file that it is in; None for what a Prometheus recorded."""
    known: Demand
    words: str = ""
    """Where it is from, where that is not a file that the caller named."""


def cases(
    paths: Sequence[Path],
    environment: str,
    demand: Path | Recorded,
    around: Circumstances,
    said: list[Diagnostic],
    *,
    settings: Sequence[str] = (),
    against: Path | Built | None = None,
    changed_only: bool = False,
) -> Iterator[Case]:
    """Every autoscaler with its demand, beside the one that a folder or another state of the specs has now; with
    `changed_only` those that a change is about, which may be none.

    Raises Findings for invalid specs and demand, UsageError for bad arguments, TargetError when a server fails.
    """
    from capgen import api

    sync, _ = around.nanoseconds()["sync"], around.rollouts()
    built = api.build(paths, settings=settings, environments=[environment])
    then: dict[tuple[str, str], Scaled] = {}
    if against is not None and not isinstance(against, Path):
        then = {(one.service, one.hpa.name): one for one in _scaled(against, around)}
    folder = against / environment if isinstance(against, Path) else None
    found = [
        _beside(one, then.get((one.service, one.hpa.name)) if folder is None else _in_folder(one, folder))
        for one in _scaled(built, around)
    ]
    if not found:
        raise UsageError(f"none of these specs has an autoscaler for a cluster in {environment!r}")
    if changed_only:
        found = [one for one in found if one.changes]
    if isinstance(demand, Path):
        yield from _from_files(found, demand, sync, said)
    elif found:
        endpoint = built.compiled.project.places[environment].prometheus
        yield from _from_prometheus(found, recorded.asking(demand, endpoint, environment, sync), said)


def scaled_in(fleet: Fleet) -> Iterator[tuple[Blueprint, Hpa]]:
    """The autoscalers of an environment that a cluster has, each with its service."""
    for service in fleet.services:
        yield from ((service, hpa) for hpa in service.hpas if service.delivery.kubernetes)


def _from_files(found: Sequence[Scaled], demand: Path, sync: int, said: list[Diagnostic]) -> Iterator[Case]:
    """The demand of one file, or of a folder's `<service>/<workload>.csv`."""
    folder = demand.is_dir()
    shared = None if folder else _demand(demand, sync)
    if shared is not None and len(found) > 1:
        said.append(Diagnostic("CG964", f"the one demand of {demand} is replayed for each of {len(found)} autoscalers", None, _EACH, Severity.WARNING))  # fmt: skip
    nothing = True
    for one in found:
        own = demand / one.service / f"{one.workload}.csv" if folder else demand
        if folder and not own.is_file():
            told = f"{one.service}: {one.workload} is not replayed, since there is no {own.as_posix()}"
            said.append(Diagnostic("CG963", told, None, _EACH, Severity.WARNING))
            continue
        nothing = False
        known = _demand(own, sync) if shared is None else shared
        named = {signal: name for name, (signal, _) in recorded.signals_of(one).items()}
        columns = {named.get(name, name): values for name, values in known.columns.items()}
        yield Case(**_parts(one), demand=own, known=replace(known, columns=columns))
    if nothing:
        raise UsageError(f"{demand} has the demand of none of these autoscalers: name it <service>/<workload>.csv")


def _from_prometheus(found: Sequence[Scaled], asked: Asking, said: list[Diagnostic]) -> Iterator[Case]:
    """What a server has of each. One that never answered is worse than one that fails at a question."""
    answered = False
    for one in found:
        try:
            had = recorded.read(asked, one)
        except TargetError as error:
            if not answered:
                raise
            said.append(noted(one, "CG966", f"not replayed: {error}"))
            continue
        answered = True
        after = _seen(one.autoscaler, had.unread)
        if had.known is None or after is None:
            said.append(noted(one, "CG966", f"not replayed: {_reasons(one.autoscaler, had.unread)}"))
            continue
        said += had.said
        if without := _without(one.autoscaler, had.unread):
            said.append(noted(one, "CG966", f"replayed {without}"))
        parts = {**_parts(one), "autoscaler": after, "before": _before(one, had.unread, said)}
        yield Case(**parts, demand=None, known=had.known, words=had.words)


def _before(one: Scaled, unread: Mapping[str, str], said: list[Diagnostic]) -> Scaled | None:
    """The autoscaler of before by what can be had of it; None where that is nothing."""
    was = one.before
    if was is None:
        return None
    now = {metric.name for metric in one.autoscaler.metrics}
    others = {
        metric.name: f"{metric.name} was that of other containers"
        for metric in was.autoscaler.metrics
        if metric.name in now and was.containers.get(metric.name) != one.containers.get(metric.name)
    }
    unread = {**others, **unread}
    seen = _seen(was.autoscaler, unread)
    without = _without(was.autoscaler, unread)
    if seen is None:
        reasons = _reasons(was.autoscaler, unread)
        said.append(noted(one, "CG966", f"not replayed as it was before: {reasons}"))
    elif without and without != _without(one.autoscaler, unread):
        said.append(noted(one, "CG966", f"replayed as it was before {without}"))
    return None if seen is None else replace(was, autoscaler=seen)


def _without(hpa: Autoscaler, unread: Mapping[str, str]) -> str:
    """What a replay leaves out and why; "" for nothing."""
    reasons = _reasons(hpa, unread)
    return f"with the fewest replicas that there would have been, since not by all: {reasons}" if reasons else ""


def _seen(hpa: Autoscaler, unread: Mapping[str, str]) -> Autoscaler | None:
    """An autoscaler by the metrics that there is demand of. One that fails would keep replicas from falling ever."""
    metrics = tuple(metric for metric in hpa.metrics if metric.name not in unread)
    return replace(hpa, metrics=metrics) if metrics else None


def _reasons(hpa: Autoscaler, unread: Mapping[str, str]) -> str:
    names = dict.fromkeys(metric.name for metric in hpa.metrics if metric.name in unread)
    return "; ".join(f"{name}: {unread[name]}" for name in names)


def _parts(one: Scaled) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Scaled.__struct_fields__}


def _demand(path: Path, sync: int) -> Demand:
    known, found = read_demand(path, sync)
    if known is None or has_errors(found):
        raise Findings(in_order(found))
    return known


def _texts(built: Built) -> dict[str, str]:
    """The manifests of autoscalers by their path below the environment's folder."""
    return {
        artifact.path: artifact.text
        for _, artifacts in built.artifacts
        for artifact in artifacts
        if artifact.kind == "HorizontalPodAutoscaler"
    }


def _scaled(built: Built, given: Circumstances) -> Iterator[Scaled]:
    """The autoscalers of a state of the specs, without what was before and what a pod costs."""
    from capgen.compile.sources import pods_of
    from capgen.simulate import declared

    files, specs = _texts(built), {spec.name: spec for spec in built.compiled.specs}
    for fleet in built.compiled.fleets:
        for service, hpa in scaled_in(fleet):
            name, workload = workload_of(specs[service.name], hpa)
            path = _path(service, hpa)
            # KEDA makes the autoscaler itself, so there is no manifest of it.
            autoscaler = _read(Source(path, files[path])) if path in files else declared.autoscaler(hpa)
            yield Scaled(
                service=service.name,
                workload=name,
                spec=specs[service.name],
                blueprint=service,
                hpa=hpa,
                autoscaler=autoscaler,
                around=_of_workload(given, workload, hpa),
                pods=pods_of(workload, name),
                containers={resource: _containers(workload, hpa, resource) for resource in measured.RESOURCES},
                price="",
                before=None,
            )


def _in_folder(one: Scaled, folder: Path) -> Scaled | None:
    """The autoscaler as it was built into an environment's folder."""
    file = folder / _path(one.blueprint, one.hpa)
    return replace(one, autoscaler=_read(source_of(file.as_posix(), file))) if file.is_file() else None


def _beside(one: Scaled, was: Scaled | None) -> Scaled:
    """An autoscaler beside the one of before, both with what a pod costs. Raises Findings for rollouts that never end."""
    from capgen.check.scaling.finding import finding

    try:
        one.around.rollouts()
    except UsageError as error:
        where = ("workloads", one.workload, "horizontal", "simulate", "rollout")
        said = f"{one.workload}: {error}"
        hint = "raise max_surge or max_unavailable"
        raise Findings((finding(one.spec, "CG965", said, where, hint),)) from error
    if was is not None:
        # Pods had requests also before the spec named them.
        requests = {**one.around.requests, **was.around.requests}
        was = _priced(replace(was, around=replace(was.around, requests=requests)))
    return replace(_priced(one), before=was)


def _priced(one: Scaled) -> Scaled:
    from capgen.simulate.prices import price_of

    around = one.around
    price = None if around.pod_hour is not None else price_of(one.blueprint.planning, around.requests)
    if price is None:
        return one
    return replace(one, around=replace(around, pod_hour=price.pod_hour), price=price.words)


def _path(service: Blueprint, hpa: Hpa) -> str:
    return f"{service.name}/hpa-{hpa.name.removesuffix('-hpa')}.yaml"


def _read(source: Source) -> Autoscaler:
    from capgen.simulate import manifest

    autoscaler, found = manifest.read(source)
    if autoscaler is None:
        raise Findings(found)
    return autoscaler


def workload_of(spec: Spec, hpa: Hpa) -> tuple[str, WorkloadSpec]:
    """What an autoscaler of a spec scales, by its name there."""
    from capgen import naming

    return next(
        (name, workload)
        for name, workload in spec.model.workloads.items()
        if workload.horizontal is not None and (workload.horizontal.name or naming.hpa(name)) == hpa.name
    )


def _containers(workload: WorkloadSpec, hpa: Hpa, resource: str) -> tuple[str, ...]:
    """The containers whose use of a resource an autoscaler looks at, of those that the spec names; () for all of a pod."""
    looks = {metric.container for metric in hpa.metrics if metric.name == resource and not metric.signal}
    return tuple(sorted(looks)) if looks and "" not in looks else tuple(sorted(workload.containers))


def _of_workload(around: Circumstances, workload: WorkloadSpec, hpa: Hpa) -> Circumstances:
    """What the spec says of its pods, where the command line says nothing."""
    amounts: dict[str, dict[str, int]] = {"requests": {}, "limits": {}}
    for kind, total in amounts.items():
        for resource in measured.RESOURCES:
            chosen = _containers(workload, hpa, resource)
            containers = [spec for name, spec in workload.containers.items() if name in chosen]
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
