"""A page a service, for people: where each signal gets worse and what to do then, who scales, runs and is told what.

Alerts link to it, so every signal and every source has an anchor of its own name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from capgen import markdown, naming, units
from capgen.artifact import Artifact
from capgen.blueprint import Ahead, Alert, Blueprint, ContainerBounds, Group, Hpa, HpaMetric, Scrape, Signal, Vpa
from capgen.blueprint.jobs import Scale
from capgen.render.jobs import about
from capgen.render.templates import Templates, prose
from capgen.schedules import sentence

_SAFE = "/:?#@!&'*+,;=%~"
_OWNERS = {"Off": "nobody: the VPA only recommends", "Initial": "the VPA, when a pod starts", "Recreate": "the VPA, by a restart", "InPlaceOrRecreate": "the VPA, in place"}  # fmt: skip
_PATHS = {"webhook": "webhook", "slack": "Slack", "pagerduty": "PagerDuty", "email": "mail"}


def service_page(blueprint: Blueprint, files: Sequence[Artifact], templates: Templates) -> Artifact:
    """The page of a service; `files` are the others that it gives."""
    alerts: dict[tuple[str, str], list[Alert]] = {}
    for group in blueprint.groups:
        for alert in group.alerts:
            alerts.setdefault((alert.kind, alert.signal), []).append(alert)
    ahead: dict[str, list[str]] = {}
    for group in blueprint.groups:
        if group.ahead is not None:
            ahead.setdefault(group.ahead.signal.id, []).append(_ahead(group))
    shown = [signal for signal in blueprint.signals if signal.levels or signal.id in ahead]
    text = templates.render(
        "pages/service.md.j2",
        spec=blueprint.spec,
        title=blueprint.title,
        name=_code(blueprint.name),
        environment=_code(blueprint.environment),
        owner=blueprint.owner,
        links=list(_links(blueprint)),
        signals=[_signal(s, alerts.get(("level", s.id), ()), ahead.get(s.id, ())) for s in shown],
        recorded=[
            {"title": s.title, "about": s.description, "record": _code(s.record)}
            for s in blueprint.signals
            if s not in shown
        ],
        sources=[_source(scrape, alerts) for scrape in blueprint.scrapes],
        workloads=list(_workloads(blueprint)),
        jobs=[{"name": _code(j.name), "runs": sentence(j.schedule), "does": about(j)} for j in blueprint.jobs],
        receivers=[
            {"name": _code(r.name), "kind": _PATHS[r.kind], "severities": ", ".join(r.severities) or "all"}
            for r in blueprint.receivers
        ],
        files=[_link(name, name) for name in sorted({_shown_as(file) for file in files} - {""})],
    )
    return Artifact(naming.page(blueprint.name), text, "page", blueprint.name, kubernetes=False)


def _shown_as(file: Artifact) -> str:
    """How a page lists a file: a job's objects as their folder, and what only tools read not at all."""
    name = file.path.partition("/")[2]
    folder, _, inside = name.rpartition("/")
    return "" if name.startswith(".") else f"{folder}/" if inside and folder.startswith("jobs/") else name


def _links(blueprint: Blueprint) -> Iterator[Markup]:
    if blueprint.runbook:
        yield _away("Runbook", blueprint.runbook)
    for dashboard in blueprint.dashboards if blueprint.delivery.grafana.url else ():
        yield _away("Dashboard", f"{blueprint.delivery.grafana.url}/d/{dashboard.uid}")


def _ahead(group: Group) -> str:
    """What is told before the fact, and by which alert."""
    if isinstance(ahead := group.ahead, Ahead):
        limit = units.human(ahead.full, ahead.signal.unit)
        of = {"capacity": "its capacity", "level": "the level that calls"}.get(ahead.of, f"the size of {ahead.of}")
        return (
            f"{group.alerts[0].name} fires when {limit} ({of}) is less than {units.duration(ahead.lead)} away, by the drift "
            "between the last two whole weeks."
        )
    amounts = ahead.amounts if ahead else ()
    told = [f"{alert.name} at {units.number(amount)}" for alert, (_, amount) in zip(group.alerts, amounts, strict=True)]
    return f"What a month costs at the last week's rate is compared with the budget: {', '.join(told)}."


class _Level(NamedTuple):
    level: str
    begins: str
    severity: str
    alert: Markup | str


class _Signal(NamedTuple):
    """A signal as the template reads it; what has nothing to say is empty."""

    anchor: Markup
    link: Markup
    title: str
    description: str
    levels: str
    wait: str
    rows: list[_Level]
    action: str
    record: Markup
    labels: str
    sentences: list[str]
    links: list[Markup]


def _signal(signal: Signal, alerts: Sequence[Alert], ahead: Sequence[str]) -> _Signal:
    side, sign = ("at or above", "≥") if signal.worse == "above" else ("at or below", "≤")
    by_level = {alert.level: alert for alert in alerts}
    begins = {level.name: units.human(level.threshold, signal.unit) for level in signal.levels}
    rows = [
        _Level(
            level=_words(level.name),
            begins=f"{side} {begins[level.name]}",
            severity=level.severity or "tells nobody",
            alert=_code(by_level[level.name].name) if level.name in by_level else "",
        )
        for level in signal.levels
    ]
    annotations = dict(alerts[0].annotations) if alerts else {}
    runbook = annotations.get("runbook_url", "").replace('{{ "{{" }}', "{{")  # as Prometheus prints it
    shown = {
        "Dashboard": annotations.get("dashboard_url", ""),
        "Runbook": "" if runbook == annotations.get("page_url") else runbook,
    }
    return _Signal(
        anchor=Markup(signal.id),  # noqa: S704 (a checked name)
        link=_link(signal.title, f"#{signal.id}"),
        title=signal.title,
        description=signal.description,
        levels=", ".join(f"{_words(name)} {sign} {value}" for name, value in begins.items()),
        wait=units.duration(signal.for_) if alerts else "",
        rows=rows,
        action=signal.action,
        record=_code(signal.record),
        labels=", ".join(signal.labels),
        sentences=[*(_sentences(signal) if alerts else ()), *ahead],
        links=[_away(name, url) for name, url in shown.items() if url],
    )


def _sentences(signal: Signal) -> Iterator[str]:
    if signal.hysteresis:
        yield f"An alert lets go {units.human(signal.hysteresis, signal.unit)} before its level."
    if signal.keep_firing_for:
        yield f"An alert goes on for {units.duration(signal.keep_firing_for)} after its cause is gone."
    if signal.traffic and signal.min_traffic:
        yield f"Below {units.human(signal.min_traffic, 'per_second')} of traffic no level counts."


def _source(scrape: Scrape, alerts: dict[tuple[str, str], list[Alert]]) -> dict[str, Any]:
    names = {alert.name: None for kind in ("down", "absent") for alert in alerts.get((kind, scrape.source), ())}
    return {
        "anchor": Markup(scrape.source),  # noqa: S704 (a checked name)
        "name": _code(scrape.source),
        "exporter": scrape.exporter,
        "job": _code(scrape.job) if not scrape.existing else _listed([_code(scrape.job), "scraped by somebody else"]),
        "interval": units.duration(scrape.interval),
        "alerts": _listed([_code(name) for name in names]),
    }


def _workloads(blueprint: Blueprint) -> Iterator[dict[str, Any]]:
    for hpa in blueprint.hpas:
        holds = "; ".join(_holds(metric) for metric in hpa.metrics)
        yield _row(hpa, "replicas", "the HPA", f"{hpa.min_replicas} and {hpa.max_replicas}", holds)
    for job in blueprint.jobs:
        if isinstance(job.task, Scale):
            task = job.task
            holds = "; ".join(f"{target.name} at {units.human(target.target, target.unit)}" for target in task.targets)
            named = f"{task.workload.kind} {task.workload.namespace}/{task.workload.name}"
            yield {
                "workload": named, "dimension": "replicas", "owner": f"the script {job.name}",
                "bounds": f"{task.fewest} and {task.most}", "holds": holds,
            }  # fmt: skip
    for vpa in blueprint.vpas:
        bounds = "; ".join(filter(None, (_bounds(container) for container in vpa.containers)))
        yield _row(vpa, "requests", _OWNERS[vpa.mode], bounds, "")


def _row(item: Hpa | Vpa, dimension: str, owner: str, bounds: str, holds: str) -> dict[str, Any]:
    workload = item.workload
    named = f"{workload.kind} {workload.namespace}/{workload.name}"
    return {"workload": named, "dimension": dimension, "owner": owner, "bounds": bounds, "holds": holds}


def _holds(metric: HpaMetric) -> str:
    what = f"{metric.name} of {metric.container}" if metric.container else metric.signal or metric.name
    if metric.target_type == "Utilization":
        return f"{what} at {metric.target}% of what is requested"
    return f"{what} at {metric.target}" + (" for each pod" if metric.target_type == "AverageValue" else "")


def _bounds(container: ContainerBounds) -> str:
    least = " and ".join(f"{amount} of {resource}" for resource, amount in container.min_allowed)
    most = " and ".join(f"{amount} of {resource}" for resource, amount in container.max_allowed)
    parts = [f"at least {least}" if least else "", f"at most {most}" if most else ""]
    said = ", ".join(part for part in parts if part)
    return f"{container.container}: {said}" if said else ""


def _words(level: str) -> str:
    return level.replace("_", " ")


def _code(text: str) -> Markup:
    """A name as code. Names are checked and have no backtick."""
    return Markup(f"`{markdown.one_line(text).replace('`', chr(39)).replace('|', ' ')}`")  # noqa: S704


def _listed(texts: Sequence[str]) -> Markup:
    return Markup(", ".join(texts))  # noqa: S704 (code, and words of this file)


@lru_cache(maxsize=512)  # services have the same signals and kinds of files
def _link(text: str, address: str) -> Markup:
    """A link to another file, or a place on the page."""
    return Markup(f"[{prose(text)}]({quote(address, safe=_SAFE)})")  # noqa: S704 (escaped)


def _away(text: str, address: str) -> Markup:
    """A link to elsewhere; a runbook that is no web address is shown as it is, since other schemes could run something."""
    if address.startswith(("http://", "https://")):
        return _link(text, address)
    return Markup(f"{prose(text)}: {prose(address)}")  # noqa: S704 (escaped)
