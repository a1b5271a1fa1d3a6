"""Schedules the jobs: each with its limits as numbers, and with the way each of its signals is measured.

A script reads the signals of its own machine from /proc, and asks the environment's Prometheus for the recorded
series of all others, so that a script and an alert never disagree about a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import get_args

from capgen import naming, promql, units
from capgen.blueprint import Group, Hpa, Signal, Vpa
from capgen.blueprint.jobs import (
    Counters,
    Job,
    JobDelivery,
    Limit,
    Measured,
    Probe,
    Reading,
    Task,
    Watch,
)
from capgen.compile.context import Context
from capgen.compile.reports import report_jobs
from capgen.compile.scaling_jobs import resize, scale
from capgen.compile.sources import Bound
from capgen.spec.documents import PrometheusEndpoint
from capgen.spec.operations import JobSpec, ProbeSpec
from capgen.yamlio import Path

Signals = Mapping[str, tuple[Signal, Bound]]

DEFAULT_TIMEOUT = 50.0
"""A job that runs every minute is done before it starts again."""
LONGEST_CRONJOB_NAME = 52
"""Kubernetes adds eleven characters for each Job, whose name is a label's value."""

_READINGS: Mapping[str, Reading] = {reading: reading for reading in get_args(Reading)}
_FOLDER = re.compile(r"/[A-Za-z0-9._/-]{0,255}")
"""A directory that a crontab can name; another one is said by `jobs.folder`."""
_LOOPBACK = ("localhost:", "127.0.0.1:", "[::1]:")


def job_delivery(context: Context) -> JobDelivery:
    """How the environment runs jobs."""
    environment = context.spec.environment
    run = environment.jobs
    endpoint = environment.prometheus or PrometheusEndpoint()
    root = environment.directory.root if environment.directory else ""
    folder = root if _FOLDER.fullmatch(root) and "folder" not in run.model_fields_set else run.folder
    return JobDelivery(
        environment.deliver.jobs, folder, run.image, run.report_image or "", run.secret, run.time_zone or "",
        (endpoint.url or "").rstrip("/"), tuple(sorted(endpoint.headers.items())),
    )  # fmt: skip


def schedule_jobs(
    context: Context, signals: Signals, groups: Sequence[Group], hpas: Sequence[Hpa], vpas: Sequence[Vpa]
) -> tuple[Job, ...]:
    """The jobs of a service by name, then its reports; none where nothing runs jobs."""
    delivery = job_delivery(context)
    if delivery.form == "none":
        return ()
    reports = report_jobs(context, delivery)
    if delivery.form == "cronjob":
        _check_cluster(context, [*sorted(context.spec.model.jobs), *(job.name for job in reports)])
    jobs = []
    for name, spec in sorted(context.spec.model.jobs.items()):
        task = _task(context, name, spec, delivery, signals, groups, hpas, vpas)
        if task is not None:
            path = ("jobs", name)
            jobs.append(Job(name, spec.schedule, spec.timeout or DEFAULT_TIMEOUT, task, context.origin(path)))
    return (*jobs, *reports)


def _check_cluster(context: Context, names: Sequence[str]) -> None:
    declared = context.spec.model.jobs
    if names and context.spec.environment.kubernetes is None:
        where = context.spec.environment.metadata.name
        context.error(
            "CG367", f"the environment {where!r} delivers CronJobs and names no cluster", ("jobs" if declared else "reports",),
            "add `kubernetes: {namespace: …}` to it, or set `deliver.jobs` to crontab or none", at_key=True,
        )  # fmt: skip
    for name in names:
        if len(called := naming.job(context.spec.name, name)) > LONGEST_CRONJOB_NAME:
            path: Path = ("jobs", name) if name in declared else ("metadata", "name")
            which = "the job's" if name in declared else "the service's"
            context.error(
                "CG366", f"a CronJob cannot be called {called!r}: {len(called)} characters", path,
                f"Kubernetes takes {LONGEST_CRONJOB_NAME}: shorten {which} name by {len(called) - LONGEST_CRONJOB_NAME}",
                at_key=True,
            )  # fmt: skip


def _task(
    context: Context, name: str, spec: JobSpec, delivery: JobDelivery, signals: Signals, groups: Sequence[Group],
    hpas: Sequence[Hpa], vpas: Sequence[Vpa],
) -> Task | None:  # fmt: skip
    path: Path = ("jobs", name)
    if spec.apply and spec.resize is None:
        context.error(
            "CG369", f"the job {name!r} has nothing to apply", (*path, "apply"),
            "only a `resize` job recommends first; remove `apply`", at_key=True,
        )  # fmt: skip
    if spec.watch:
        return _watch(context, path, spec, delivery, signals, groups)
    if spec.probe is not None:
        return _probe(context, spec.probe, signals)
    if spec.scale is not None:
        return scale(context, path, spec.scale, delivery, signals)
    if spec.resize is not None:
        return resize(context, path, spec, delivery, signals, hpas, vpas)
    return None


def _watch(
    context: Context, path: Path, spec: JobSpec, delivery: JobDelivery, signals: Signals, groups: Sequence[Group]
) -> Watch | None:
    measures = []
    for index, name in enumerate(spec.watch):
        if name not in signals:
            continue
        signal, bound = signals[name]
        reading = _reading(context, signal, bound) if delivery.form == "crontab" else None
        if reading is None and not delivery.prometheus:
            context.error(
                "CG361", f"a script cannot measure {name}: {_why(signal, bound, delivery)}", (*path, "watch", index),
                "give the environment a `prometheus: {url: …}` to ask, or leave the signal to the alerts",
                severity=context.of_jobs(),
            )  # fmt: skip
            continue
        query = "" if reading else _query(signal, context, groups)
        floor = not reading and bool(_traffic(signal, groups))
        measures.append(_measured(context, signal, reading, query, floor=floor))
    return Watch(tuple(measures)) if measures else None


def _why(signal: Signal, bound: Bound, delivery: JobDelivery) -> str:
    if delivery.form == "cronjob":
        return "a pod sees no machine's /proc"
    if bound.scrape.exporter == "node":
        return "it is not a reading of this machine"
    return f"{bound.entry.exporter.title} is asked by Prometheus alone"


def _reading(context: Context, signal: Signal, bound: Bound) -> Reading | None:
    """What the script reads itself: the catalogue's own signals of the machine that it runs on."""
    words = context.spec.model.signals.get(signal.id)
    here = bound.scrape.targets and all(target.startswith(_LOOPBACK) for target in bound.scrape.targets)
    if bound.scrape.exporter != "node" or not here or (words is not None and words.expr is not None):
        return None
    return _READINGS.get(signal.id.partition(".")[2])


def _query(signal: Signal, context: Context, groups: Sequence[Group]) -> str:
    """The recorded series as the alerts read it: without what too little traffic makes meaningless."""
    scope = {naming.SERVICE: context.spec.name, naming.SOURCE: signal.source}
    query = f"{signal.record}{{{promql.matchers(scope)}}}"
    if traffic := _traffic(signal, groups):
        keys = ", ".join(sorted((*signal.labels, naming.SERVICE, naming.SOURCE)))
        query += f" and on ({keys}) {traffic}{{{promql.matchers(scope)}}} >= {units.number(signal.min_traffic)}"
    return query


def _traffic(signal: Signal, groups: Sequence[Group]) -> str:
    """The record of the traffic without which the signal means nothing, "" where it always does."""
    records = [record.name for group in groups if group.signal is signal for record in group.records]
    return next((name for name in records if name.endswith(":traffic")), "")


def _measured(
    context: Context, signal: Signal, reading: Reading | None, query: str, *, floor: bool = False
) -> Measured:
    words = context.spec.model.signals.get(signal.id)
    runbook = (words.runbook if words else None) or context.spec.model.metadata.runbook or ""
    capacity = 0.0
    if words is not None and words.capacity is not None and reading == "network":
        capacity = units.parse(words.capacity, "bytes_per_second")
    limits = tuple(
        Limit(level.name, level.severity, level.threshold) for level in signal.levels if level.severity is not None
    )
    return Measured(
        signal.id, signal.title, signal.action, runbook, signal.unit, signal.worse, limits, signal.for_,
        signal.keep_firing_for, signal.hysteresis, query, floor, reading, capacity,
    )  # fmt: skip


def _probe(context: Context, spec: ProbeSpec, signals: Signals) -> Probe:
    counters = _counters(context, spec, signals) if spec.metrics else None
    runbook = context.spec.model.metadata.runbook or ""
    return Probe(spec.url.rstrip("/"), spec.health, spec.metrics or "", spec.slower_than or 0.0, counters, runbook)


def _counters(context: Context, spec: ProbeSpec, signals: Signals) -> Counters | None:
    """The counter of the source whose page this is: the metric of its `errors`, and the label that tells them apart."""
    address = spec.url.partition("://")[2].partition("/")[0]
    for signal, bound in signals.values():
        if signal.id.partition(".")[2] != "errors" or bound.scrape.path != spec.metrics:
            continue
        if address not in bound.scrape.targets:
            continue
        for selector in promql.selectors(promql.parse(signal.expr)):
            known = {matcher.name for matcher in selector.matchers}
            failed = [m for m in selector.matchers if m.op == "=~" and m.name not in bound.scope_regex]
            if selector.name and len(failed) == 1 and "job" in known:
                measured = _measured(context, signal, None, "")
                return Counters(selector.name, failed[0].name, failed[0].value, signal.min_traffic, measured)
    return None
