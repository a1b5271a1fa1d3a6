"""Scrape jobs as sources: written by capgen where the language can say all of a job, else read where they are.

A job with a password, a filter or a discovery of its own goes on as it is, and its series are read (`existing: true`):
what scrapes is never lost, and nothing that might be secret is ever copied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from capgen import units
from capgen.intake.autoscalers import word
from capgen.intake.found import (
    CONFIGURATION,
    POD_MONITOR,
    SCRAPE_CONFIG,
    SERVICE_MONITOR,
    Found,
    Remark,
    View,
)

_JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,99}", re.ASCII)
_TARGET = re.compile(r"[A-Za-z0-9_.\[\]:-]{1,253}:[0-9]{1,5}", re.ASCII)
_PREFIX = "capgen-"
_STAYS = "the language has no word for it: the job stays as it is, and its series are read"


class Scraped(Struct, frozen=True):
    """One scrape job. `spec` is its source without the exporter; `hints` and `ports` tell which one that is."""

    view: View
    name: str
    job: str
    spec: dict[str, Any]
    hints: tuple[str, ...]
    ports: frozenset[int]
    remarks: tuple[Remark, ...]

    @property
    def existing(self) -> bool:
        """Whether the job stays as it is."""
        return bool(self.spec.get("existing"))


def scraped(view: View, services: Sequence[Found], default: str = "") -> Iterator[Scraped]:
    """The jobs of an object or a file. `default` is the interval of jobs that say none."""
    match view.found.kind:
        case "ServiceMonitor":
            for number, endpoint in enumerate(view.at("spec", "endpoints").items()):
                yield _service_endpoint(view, endpoint, services, number)
        case "PodMonitor":
            for number, endpoint in enumerate(view.at("spec", "podMetricsEndpoints").items()):
                yield _pod_endpoint(view, endpoint, number)
        case "ScrapeConfig":
            yield _scrape_config(view)
        case "prometheus.yml":
            default = view.at("global", "scrape_interval").text(default)
            for job in view.at("scrape_configs").items():
                yield _job(view, job, default)


def _service_endpoint(view: View, endpoint: View, services: Sequence[Found], number: int) -> Scraped:
    spec = view.at("spec")
    remarks = [v.remark(_STAYS) for v in spec.others("endpoints", "selector", "namespaceSelector", "jobLabel")]
    remarks += [v.remark(_STAYS) for v in spec.at("selector").others("matchLabels")]
    known = ("port", "scheme", "path", "interval", "scrapeTimeout", "relabelings")
    remarks += [v.remark(_STAYS) for v in endpoint.others(*known)]
    homes = [item.text() for item in spec.at("namespaceSelector", "matchNames").items()]
    if spec.at("namespaceSelector", "any").data() is True or len(homes) > 1:
        remarks.append(spec.at("namespaceSelector").remark(f"it looks into several namespaces; {_STAYS}"))
    namespace = homes[0] if homes else view.found.namespace
    wanted = spec.at("selector", "matchLabels").texts()
    if not wanted:
        remarks.append(spec.at("selector").remark(f"it takes every Service; {_STAYS}"))
    job, labels, left = _relabelled(endpoint.at("relabelings"))
    remarks += left
    names = {s.name for s in services if s.namespace == namespace and wanted.items() <= s.labels.items()}
    if not job and (key := spec.at("jobLabel").text()):
        job = wanted.get(key, "")
    if not job and len(names) == 1:
        job = next(iter(names))
    notes = []
    if not job:
        job = view.found.name
        said = "nothing here says the `job` label, which is the Service's name"
        notes.append(spec.at("jobLabel").remark(f"{said}; `job: {job}` is a guess: see that it is right"))
    source: dict[str, Any] = {"service": {"namespace": namespace, "labels": wanted, "port": endpoint.at("port").text()}}
    return _scraped(view, endpoint, job, source, labels, remarks, notes, (*wanted.values(), view.found.name), number)


def _pod_endpoint(view: View, endpoint: View, number: int) -> Scraped:
    job, _, _ = _relabelled(endpoint.at("relabelings"))
    stays = view.at("spec", "selector").remark(
        "the language scrapes Services and hosts, not pods: the job stays as it is, and its series are read"
    )
    home = f"{view.found.namespace}/{view.found.name}"
    return _scraped(view, endpoint, job or home, {}, {}, [stays], [], (view.found.name,), number)


def _scrape_config(view: View) -> Scraped:
    spec = view.at("spec")
    known = ("jobName", "scheme", "metricsPath", "scrapeInterval", "scrapeTimeout", "staticConfigs", "relabelings")
    remarks = [v.remark(_STAYS) for v in spec.others(*known)]
    relabelled, labels, left = _relabelled(spec.at("relabelings"))
    targets, more, wrong = _static(spec.at("staticConfigs"))
    job = relabelled or spec.at("jobName").text() or f"scrapeConfig/{view.found.namespace}/{view.found.name}"
    return _scraped(
        view, spec, job, {"targets": targets}, {**more, **labels}, [*remarks, *left, *wrong], [], (view.found.name,), 0,
        path="metricsPath", interval="scrapeInterval",
    )  # fmt: skip


def _job(view: View, job: View, default: str) -> Scraped:
    known = ("job_name", "scheme", "metrics_path", "scrape_interval", "scrape_timeout", "static_configs")
    remarks = [v.remark(_STAYS) for v in job.others(*known)]
    targets, labels, wrong = _static(job.at("static_configs"))
    name = job.at("job_name").text()
    return _scraped(
        view, job, name, {"targets": targets}, labels, [*remarks, *wrong], [], (), 0,
        path="metrics_path", interval="scrape_interval", timeout="scrape_timeout", default=default,
    )  # fmt: skip


def _static(configs: View) -> tuple[list[str], dict[str, str], list[Remark]]:
    targets, remarks = [], []
    labels: list[dict[str, str]] = []
    for config in configs.items():
        labels.append(config.at("labels").texts())
        for target in config.at("targets").items():
            if _TARGET.fullmatch(target.text()):
                targets.append(target.text())
            else:
                remarks.append(target.remark(f"it is no host:port; {_STAYS}"))
    if any(one != labels[0] for one in labels):
        remarks.append(configs.remark(f"its groups of targets have different labels; {_STAYS}"))
    if not targets and not remarks:
        remarks.append(configs.remark(f"it names no targets; {_STAYS}"))
    return targets, labels[0] if labels else {}, remarks


def _relabelled(rules: View) -> tuple[str, dict[str, str], list[Remark]]:
    """The job and the labels that rules set to fixed values, and the rules that do something else."""
    labels: dict[str, str] = {}
    left: list[Remark] = []
    for rule in rules.items():
        target, action = rule.at("targetLabel").text(), rule.at("action").text("replace").lower()
        fixed = target and rule.at("replacement") and not rule.at("sourceLabels") and not rule.at("regex")
        value = rule.at("replacement").text()
        if fixed and action == "replace" and "$" not in value.replace("$$", ""):
            labels[target] = value.replace("$$", "$")
        elif not (action == "keep" and _is_of_service(rule)):
            left.append(rule.remark(_STAYS))
    return labels.pop("job", ""), labels, left


def _is_of_service(rule: View) -> bool:
    """What only says again which Service and port are meant."""
    sources = [item.text() for item in rule.at("sourceLabels").items()]
    return len(sources) == 1 and sources[0].startswith(
        ("__meta_kubernetes_service_label_", "__meta_kubernetes_endpoint")
    )


def _scraped(
    view: View,
    place: View,
    job: str,
    source: dict[str, Any],
    labels: dict[str, str],
    stays: list[Remark],
    notes: list[Remark],
    hints: Sequence[str],
    number: int,
    *,
    path: str = "path",
    interval: str = "interval",
    timeout: str = "scrapeTimeout",
    default: str = "",
) -> Scraped:
    if not _JOB.fullmatch(job):
        stays = [*stays, place.remark(f"the language has no job called {job!r}; {_STAYS}")]
    every = place.at(interval).text(default)
    spec: dict[str, Any] = {"job": job}
    if stays:
        spec["existing"] = True
    else:
        spec |= source
        if (page := place.at(path).text("/metrics")) != "/metrics":
            spec["path"] = page
        if (scheme := place.at("scheme").text("http").lower()) != "http":
            spec["scheme"] = scheme
        if labels:
            spec["labels"] = labels
    if every:
        spec["interval"] = every
    elif not stays:
        notes = [*notes, place.at(interval).remark("nothing says it: the environment's is taken, and not the server's")]
    given = place.at(timeout).text()
    if given and not stays and given != _default_timeout(every):
        spec["timeout"] = given
    ports = frozenset(int(t.rpartition(":")[2]) for t in source.get("targets", ()))
    port = source.get("service", {}).get("port", "")
    words = tuple(hint for hint in (*hints, job, port, spec.get("path", "")) if hint)
    return Scraped(
        view if place is view else place, _name(view.found, job, number), job, spec, words, ports, (*stays, *notes)
    )


def _default_timeout(every: str) -> str:
    try:
        return units.duration(min(10.0, units.parse(every or "15s", "seconds") * 0.8))
    except units.BadQuantity:
        return ""


def _name(found: Found, job: str, number: int) -> str:
    own = f"{_PREFIX}{found.service}-"
    if found.service and found.name.startswith(own):
        return word(found.name.removeprefix(own))
    short = job.rpartition("/")[2] if found.kind != CONFIGURATION else job
    return word(f"{short}_{number}" if number else short)


SCRAPES = (SERVICE_MONITOR, POD_MONITOR, SCRAPE_CONFIG, CONFIGURATION)
