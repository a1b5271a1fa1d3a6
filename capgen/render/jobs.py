"""Jobs as scripts: the same script for a host's cron and for a pod, with every number of the spec in it.

What the two differ in is where state and secrets are: files on a host, a ConfigMap and variables in a pod.
"""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from capgen import naming, units
from capgen.artifact import Artifact
from capgen.blueprint import Blueprint, Fleet
from capgen.blueprint.jobs import (
    Bounds,
    Counters,
    CronEntry,
    Job,
    Limit,
    Measured,
    Object,
    Probe,
    Report,
    Resize,
    Scale,
    ScaleTarget,
    Task,
    Watch,
)
from capgen.render.messages import messages, told
from capgen.render.templates import LINE_ENDS, Templates
from capgen.schedules import sentence

_COUNTED = ("cpu", "disk_io", "network", "swap_activity")
_GAUGES = ("memory", "swap", "file_descriptors")


def job_scripts(blueprint: Blueprint, templates: Templates) -> list[Artifact]:
    """The scripts that cron runs."""
    return [
        Artifact(
            f"{blueprint.name}/jobs/{job.name}.sh", script(blueprint, job, templates), "job", blueprint.name,
            kubernetes=False,
        )
        for job in blueprint.jobs
        if not isinstance(job.task, Report) or told(blueprint, job)
    ]  # fmt: skip


def crontab(fleet: Fleet, templates: Templates) -> list[Artifact]:
    """One crontab for everything that runs in an environment, since a user has one."""
    if not fleet.crontab:
        return []
    text = templates.render(
        "jobs/crontab.sh.j2",
        environment=fleet.environment,
        folder=fleet.delivery.jobs.folder,
        time_zone=fleet.delivery.jobs.time_zone,
        reports=any(entry.report for entry in fleet.crontab),
        entries=[_script_entry(entry) for entry in fleet.crontab if not entry.report] + _report_entries(fleet),
    )
    return [Artifact("crontab", text, "crontab", "", kubernetes=False)]


def script(blueprint: Blueprint, job: Job, templates: Templates) -> str:
    """The whole script of a job."""
    match job.task:
        case Watch():
            name, view = "jobs/watch.sh.j2", _watch(job.task)
        case Probe():
            name, view = "jobs/probe.sh.j2", _probe(job.task)
        case Scale():
            name, view = "jobs/scale.sh.j2", _scale(job.task)
        case Resize():
            name, view = "jobs/resize.sh.j2", _resize(job.task)
        case Report():
            name, view = "jobs/report.sh.j2", _report(blueprint, job.task)
    return templates.render(name, **_common(blueprint, job), **view)


def _report(blueprint: Blueprint, task: Report) -> dict[str, Any]:
    in_cluster = blueprint.delivery.jobs.form == "cronjob"
    return {
        "period": task.period,
        "environment": blueprint.environment,
        "whole": Markup("log of the job" if in_cluster else "page that the crontab keeps"),  # noqa: S704 (one of two)
    }


def _common(blueprint: Blueprint, job: Job) -> dict[str, Any]:
    in_cluster = blueprint.delivery.jobs.form == "cronjob"
    programs = _programs(job.task, in_cluster)
    named = naming.job(blueprint.name, job.name)
    return {
        "spec": blueprint.spec,
        "about": _comment(f"{blueprint.title}: {about(job)}"),
        "service": blueprint.name,
        "name": job.name,
        "title": blueprint.title,
        "in_cluster": in_cluster,
        "programs": programs,
        "prometheus": blueprint.delivery.jobs.prometheus,
        "headers": [f"{name}: {value}" for name, value in blueprint.delivery.jobs.headers],
        "state_object": f"{named}-state",
        "namespace": blueprint.delivery.namespace,
        "manager": named,
        "host_readings": isinstance(job.task, Watch) and any(m.reading for m in job.task.measures),
        **messages(blueprint, job, in_cluster=in_cluster),
    }


def _programs(task: Task, in_cluster: bool) -> list[str]:
    """What a script needs beside the shell's own company."""
    if isinstance(task, Report):
        return ["curl", "capgen", *([] if in_cluster else ["flock"])]
    kubectl = in_cluster or isinstance(task, (Scale, Resize))
    return ["curl", *(["kubectl"] if kubectl else []), *([] if in_cluster else ["flock"])]


def _comment(text: str) -> Markup:
    """Text in a comment, where only the end of a line means anything."""
    return Markup(LINE_ENDS.sub(" ", text))  # noqa: S704


def about(job: Job) -> str:
    """What a job does, as one says it."""
    match job.task:
        case Watch(measures):
            return f"watches {', '.join(m.signal for m in measures)}"
        case Probe(url):
            return f"asks {url}"
        case Scale(workload):
            return f"scales the {workload.kind} {workload.name}"
        case Resize(workload, apply):
            return f"{'sets' if apply else 'recommends'} the requests of the {workload.kind} {workload.name}"
        case Report(period):
            return f"makes the {period} report"


def _row(signal: str, limit: Limit, unit: str, worse: str, waits: tuple[float, float], back: float) -> list[str]:
    begins = units.number(limit.threshold)
    shown = units.human(limit.threshold, unit)
    return [
        signal, limit.level, limit.severity, begins, shown, worse, units.number(waits[0]), units.number(waits[1]),
        units.number(back),
    ]  # fmt: skip


def _rows(measured: Measured) -> list[list[str]]:
    waits = (measured.for_, measured.keep_firing_for)
    return [
        _row(measured.signal, limit, measured.unit, measured.worse, waits, measured.hysteresis)
        for limit in measured.limits
    ]


def _text(measured: Measured) -> dict[str, str]:
    return {
        "signal": measured.signal, "title": measured.title, "action": measured.action, "runbook": measured.runbook,
        "unit": measured.unit,
    }  # fmt: skip


def _watch(task: Watch) -> dict[str, Any]:
    readings = sorted({m.reading for m in task.measures if m.reading})
    return {
        "limits": [row for m in task.measures for row in _rows(m)],
        "texts": [_text(m) for m in task.measures],
        "readings": readings,
        "counted": " ".join(r for r in _COUNTED if r in readings),
        "gauges": any(r in readings for r in _GAUGES),
        "measures": [
            {"reading": m.reading, "signal": m.signal, "capacity": units.number(m.capacity)}
            for m in task.measures
            if m.reading
        ],
        "queries": [
            {"signal": m.signal, "query": m.query, "silence": "normal" if m.floor else "unknown"}
            for m in task.measures
            if m.query
        ],
    }


def _own(signal: str, title: str, unit: str, action: str, runbook: str = "") -> dict[str, str]:
    return {"signal": signal, "title": title, "action": action, "runbook": runbook, "unit": unit}


_SICK = "See whether it runs, what its log says, and what it waits for."
_SLOW = "See what it waits for: its database, another service, or CPU."
_BLIND = "See whether its exporter runs: nobody is told of levels that nothing measures."


def _probe(task: Probe) -> dict[str, Any]:
    page = task.url + task.health
    limits = [["health.failing", "down", "critical", "1", "the first answer but 2xx", "above", "0", "0", "0"]]
    texts = [_own("health.failing", f"Health of {page}", "well", _SICK, task.runbook)]
    if task.slower_than:
        limits.append(_row("health.seconds", Limit("slow", "warning", task.slower_than), "seconds", "above", (0, 0), 0))
    texts.append(_own("health.seconds", f"Response time of {page}", "seconds", _SLOW, task.runbook))
    if task.metrics:
        limits.append(
            ["metrics.missing", "missing", "warning", "1", "the first answer but 2xx", "above", "0", "0", "0"]
        )
        texts.append(_own("metrics.missing", f"Metrics at {task.url}{task.metrics}", "well", _BLIND, task.runbook))
    if task.counters:
        limits += _rows(task.counters.errors)
        texts.append(_text(task.counters.errors))
    return {
        "limits": limits,
        "texts": texts,
        "url": task.url,
        "health": task.health,
        "metrics": task.metrics,
        "counters": _counters(task.counters) if task.counters else None,
    }


def _counters(counters: Counters) -> dict[str, str]:
    return {
        "metric": counters.metric,
        "label": counters.label,
        "pattern": f"^({counters.pattern})$",
        "min_traffic": units.number(counters.min_traffic),
        "signal": counters.errors.signal,
    }


def resource(workload: Object) -> str:
    """A workload as kubectl takes it: `deployments.v1.apps/apm-service`."""
    return f"{'.'.join(part for part in (workload.plural, workload.version, workload.group) if part)}/{workload.name}"


def _scale(task: Scale) -> dict[str, Any]:
    short = "The workload needs more replicas than the spec allows: raise `replicas.max`, or take load away."
    return {
        "limits": [["scaling.short", "at_maximum", "warning", "1", "one replica too few", "above", "0", "0", "0"]],
        "texts": [_own("scaling.short", f"Replicas missing beyond the maximum of {task.most}", "short", short)],
        "object": resource(task.workload),
        "reference": f"{task.workload.kind}/{task.workload.name}",
        "workload_namespace": task.workload.namespace,
        "fewest": task.fewest,
        "most": task.most,
        "targets": [_target(target) for target in task.targets],
        "queries": [target for target in task.targets if target.query],
        "resources": [target for target in task.targets if not target.query],
        "usage": any(not target.query for target in task.targets),
        "up": _step(task.up.pods, task.up.percent, task.up.wait, forbidden=task.up.forbidden),
        "down": _step(task.down.pods, task.down.percent, task.down.wait, forbidden=task.down.forbidden),
    }


def _step(pods: int, percent: int, wait: float, *, forbidden: bool) -> dict[str, Any]:
    return {"pods": pods, "percent": percent, "wait": round(wait), "forbidden": forbidden}


def _target(target: ScaleTarget) -> dict[str, Any]:
    return {
        "name": target.name,
        "title": target.title,
        "target": units.number(target.target),
        "query": target.query,
        "each": target.of == "each",
        "share": "share" if target.of == "request" else "amount",
        "container": target.container or "-",
    }


def _resize(task: Resize) -> dict[str, Any]:
    queries = (("cpu", task.query_cpu), ("memory", task.query_memory))
    return {
        "limits": [],
        "texts": [],
        "object": resource(task.workload),
        "workload_namespace": task.workload.namespace,
        "apply": task.apply,
        "bounds": [_bounds(b) for b in task.bounds],
        "aim_cpu": units.number(task.aim_cpu),
        "aim_memory": units.number(task.aim_memory),
        "queries": [{"resource": name, "query": query} for name, query in queries if query],
        "resources": [],
        "usage": not any(query for _, query in queries),
    }


def _bounds(bounds: Bounds) -> list[str]:
    amounts = [units.number(amount) for amount in (*bounds.cpu, *bounds.memory)]
    return [
        bounds.container, "yes" if bounds.left_alone else "no", *amounts, "yes" if bounds.limits_follow else "no",
    ]  # fmt: skip


def _script_entry(entry: CronEntry) -> dict[str, Any]:
    named = f"{entry.service}/jobs/{entry.job}.sh"
    command = f'timeout -k 5 {entry.timeout} "$CAPGEN_HOME/{named}" 2>&1 | logger -t capgen-{entry.service}-{entry.job}'
    return _entry(entry.service, entry.job, entry.schedule, command)


def _report_entries(fleet: Fleet) -> list[dict[str, Any]]:
    """A report is of all services that want it at the same time."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for entry in fleet.crontab:
        if entry.report:
            wanted.setdefault((entry.report, entry.schedule), []).append(entry.service)
    found = []
    asked = " --prometheus" if fleet.delivery.jobs.prometheus else r' --now "$(date +\%F)"'
    for (period, schedule), services in wanted.items():
        call = f"timeout -k 5 600 capgen report {period} --env {fleet.environment}{asked} --format html"
        # Cron takes a bare % for the end of the command.
        kept = rf'>"$CAPGEN_REPORTS/.{period}" && mv "$CAPGEN_REPORTS/.{period}" "$CAPGEN_REPORTS/{period}-$(date +\%F).html"'
        command = f'(cd "$CAPGEN_PROJECT" && mkdir -p "$CAPGEN_REPORTS" && {call} {kept}) 2>&1 | logger -t capgen-report-{period}'
        found.append(_entry(", ".join(services), f"page of the {period} report", schedule, command))
    return found


def _entry(service: str, job: str, schedule: str, command: str) -> dict[str, Any]:
    # A schedule has passed the language's pattern, names are DNS labels: nothing here can be more than its line.
    return {
        "service": Markup(service),  # noqa: S704
        "job": Markup(job),  # noqa: S704
        "sentence": Markup(sentence(schedule)),  # noqa: S704
        "schedule": Markup(schedule),  # noqa: S704
        "command": Markup(command),  # noqa: S704
    }
