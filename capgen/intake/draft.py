"""From what was found to a draft: the spec, the exporters that no catalogue has, and what was left behind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from capgen import naming, promql, units
from capgen.catalog.load import Catalog
from capgen.catalog.model import Exporter, Ladder
from capgen.check.rulefile import rules_of
from capgen.check.syntax import CODE as SYNTAX
from capgen.diagnostics import Diagnostic
from capgen.intake import autoscalers
from capgen.intake.autoscalers import Cannot, Workloads, word
from capgen.intake.exporters import all_exporters, recognised
from capgen.intake.found import CONFIGURATION, HPA, RULES, SERVICE, VPA, WORKLOADS, Found, Remark, view
from capgen.intake.lost import lost
from capgen.intake.rules import Signals, Source, Written, jobs_of, read_alerts
from capgen.intake.scrapes import SCRAPES, Scraped, scraped
from capgen.intake.written import Service, read_service

_PART = re.compile(r"(.+)_(bucket|sum|count)")


class Draft(Struct):
    """A spec as data, and what is to be told about it. `exporters` are catalogue files to lie beside it."""

    spec: dict[str, Any]
    exporters: dict[str, dict[str, Any]] = {}
    remarks: list[Remark] = []
    found: tuple[Found, ...] = ()
    autoscalers: dict[tuple[str, str], Found] = {}
    """(horizontal or vertical, the workload's key) -> what it was drafted from."""
    scrapes: dict[str, Scraped] = {}
    """By the source's name."""
    unseen: dict[str, dict[str, Any]] = {}
    """Sources that rules read, and that something scrapes which was not found."""
    signals: Signals = field(default_factory=Signals)
    earlier: frozenset[str] = frozenset()
    """Sources whose jobs capgen wrote earlier."""
    own_rules: tuple[Written, ...] = ()
    """The rules that capgen wrote earlier."""


def draft(
    name: str, found: Sequence[Found], catalog: Catalog, *, more: bool = False
) -> tuple[Draft, tuple[Diagnostic, ...]]:
    """The draft of a service from what is its own and from what is nobody's. Findings are about unreadable values.

    `more`: signals that no alert was found for keep the catalogue's levels, and page people anew.
    """
    wrong: list[Diagnostic] = []
    mine = tuple(f for f in found if f.service in ("", name))
    made = Draft({}, found=tuple(f for f in mine if f.kind not in (*WORKLOADS, SERVICE)))
    others = Counter(f.service for f in found if f.service not in ("", name))
    made.remarks += [Remark(f"service {s}", "", f"{n} object{'s' if n > 1 else ''} of it left alone: import {s} by its name")
                     for s, n in sorted(others.items())]  # fmt: skip
    exporters = all_exporters(catalog)
    workloads = Workloads()
    rules = _rules(mine, made.remarks, wrong)
    ours = [w for w in rules if w.rule.group.name.startswith(f"{naming.PREFIX}/")]
    own = tuple(w for w in ours if w.rule.group.name.startswith(f"{naming.PREFIX}/{name}/"))
    foreign = tuple(w for w in rules if w not in ours)
    for one in mine:  # their keys come first: what rules say of a workload refers to them
        _targets(one, workloads)
    service = read_service(own, exporters, catalog.ladders, workloads)
    sources = _sources(made, name, mine, service, foreign, exporters, wrong)
    signals = read_alerts([w for w in foreign if w.rule.alert], sources, catalog.ladders)
    made.signals, made.own_rules, made.earlier = signals, own, frozenset(service.scraped)
    made.remarks += [w.remark(why) for w, why in service.unread]
    made.remarks += [w.remark("the language writes no recording rules of others: it stays where it is")
                     for w in foreign if not w.rule.alert]  # fmt: skip
    drafted = {**service.signals, **signals.specs}
    if own:
        quiet = "levels that tell nobody leave no trace in rules: the catalogue's stand in their place"
        made.remarks.append(Remark(f"service {name}", "signals.*.levels", quiet))
        _remove_silent(service, drafted, exporters)
    if not more:
        _keep_quiet(made, service, drafted, sources, catalog.ladders)
    metadata = {"name": name, **service.metadata}
    _shared_labels(made, metadata)
    made.remarks += (*signals.remarks, *lost([(w, drafted.get(id_) or {}) for w, id_, _ in signals.alerts]))
    _scalers(made, mine, workloads, drafted, service, name, exporters, wrong)
    _requests(mine, workloads, wrong)
    made.spec = {"apiVersion": "capgen/v1", "kind": "Capacity", "metadata": metadata}
    if specs := _source_specs(made, service):
        made.spec["sources"] = specs
    if drafted:
        made.spec["signals"] = {key: drafted[key] for key in sorted(drafted)}
    used = {s.get("workload") for s in made.spec.get("sources", {}).values()}
    kept = {k: w for k, w in workloads.specs.items() if w.keys() & {"horizontal", "vertical"} or k in used}
    if kept:
        made.spec["workloads"] = kept
    if service.planning:
        made.spec["planning"] = service.planning
    _own_exporters(made, foreign)
    return made, tuple(wrong)


def _rules(found: Sequence[Found], remarks: list[Remark], wrong: list[Diagnostic]) -> tuple[Written, ...]:
    rules = []
    for one in found:
        if one.kind == RULES and one.live and one.node.at(("spec", "groups")) is None:
            continue  # a server takes rules without groups, and they say nothing
        if one.kind == RULES or (one.kind == CONFIGURATION and one.node.at(("groups",)) is not None):
            file = rules_of(one.node)
            errors = [d for d in file.found if d.severity == "error"]
            # A Prometheus may know functions that are not known here: such a rule stays where it is.
            remarks += [
                Remark(str(one), "expr", d.message, None if one.live else d.span) for d in errors if d.code == SYNTAX
            ]
            wrong += [d for d in errors if d.code != SYNTAX]
            rules += [Written(one, rule) for rule in file.rules]
    return tuple(rules)


def _targets(found: Found, workloads: Workloads) -> None:
    if found.kind not in (HPA, VPA):
        return
    reference = view(found, []).at("spec", "scaleTargetRef" if found.kind == HPA else "targetRef")
    kind, name, version = (reference.at(key).text() for key in ("kind", "name", "apiVersion"))
    if kind and re.fullmatch(naming.DNS_LABEL, name):
        # An autoscaler of capgen's is called after the workload's key, which need not be the object's name.
        workloads.of(found.namespace, kind, name, version)


def _sources(
    made: Draft,
    name: str,
    found: Sequence[Found],
    service: Service,
    rules: Sequence[Written],
    exporters: Mapping[str, Exporter],
    wrong: list[Diagnostic],
) -> tuple[Source, ...]:
    """The drafted sources, each with its scrape job where one was found."""
    services = [f for f in found if f.kind == SERVICE]
    metrics: dict[str, set[str]] = {}
    for written in rules:
        for job in jobs_of(written.rule):
            metrics.setdefault(job, set()).update(s.name for s in promql.selectors(written.rule.expr))
    for one in found:
        if one.kind not in SCRAPES:
            continue
        for scrape in scraped(view(one, wrong), services):
            called = scrape.name if one.service == name else _known_by_job(service, scrape.job)
            known = service.sources.get(called, {}).get("exporter", "")
            exporter = known or recognised(exporters, metrics.get(scrape.job, ()), scrape.hints, scrape.ports)
            _add(made, replace(scrape, name=called) if known else scrape, exporter, metrics.get(scrape.job, set()))
    known_jobs = {job.job for job in made.scrapes.values()}
    for job_name in sorted(metrics.keys() - known_jobs):
        # Scraped by something that was not exported: read where it is.
        owner = recognised(exporters, metrics[job_name], (), ())
        spec = {"job": job_name, "existing": True}
        place = next(w for w in rules if job_name in jobs_of(w.rule))
        made.remarks.append(
            place.remark(f"what scrapes the job {job_name!r} was not found: its series are read as they are")
        )
        if owner and exporters[owner].jobs:
            made.unseen[_free(made, owner)] = {"exporter": owner}
            continue
        key = _free(made, word(job_name.rpartition("/")[2]))
        made.unseen[key] = {"exporter": owner or key, **spec}
        if not owner:
            made.exporters[key] = {}
    sources = []
    for key, said in _source_specs(made, service).items():
        exporter = said["exporter"]
        model = exporters.get(exporter) or Exporter.model_validate(
            {"exporter": exporter, "title": exporter, "metrics": {}}
        )
        jobs = frozenset({said.get("job", f"{name}-{key}"), *model.jobs.values(), *said.get("jobs", {}).values()})
        sources.append(Source(key, model, jobs, exporter in made.exporters))
    return tuple(sources)


def _known_by_job(service: Service, job: str) -> str:
    """The source that scraped a job by the rules of capgen's own, "" where they say nothing of it."""
    return next((n for n, s in sorted(service.sources.items()) if s.get("job") == job and n in service.scraped), "")


def _free(made: Draft, name: str) -> str:
    taken = made.scrapes.keys() | made.unseen.keys()
    return next(n for n in (name, *(f"{name}_{i}" for i in range(2, 1000))) if n not in taken)


def _add(made: Draft, job: Scraped, exporter: str, metrics: set[str]) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,99}", job.job):
        made.remarks += job.remarks
        return
    key = _free(made, job.name)
    if not exporter:
        exporter = key
        made.exporters[key] = {}
        told = "no exporter of the catalogue is recognised"
        reads = f"; rules read {', '.join(sorted(metrics))}" if metrics else ""
        made.remarks.append(job.view.remark(f"{told}{reads}: `catalog/{key}.yaml` is drafted for it"))
    made.scrapes[key] = Scraped(
        job.view, key, job.job, {"exporter": exporter, **job.spec}, job.hints, job.ports, job.remarks
    )
    made.remarks += job.remarks


def _source_specs(made: Draft, service: Service) -> dict[str, dict[str, Any]]:
    """Every source: how it is scraped, and what its rules say of it."""
    specs: dict[str, dict[str, Any]] = {key: dict(job.spec) for key, job in made.scrapes.items()}
    specs |= {key: dict(spec) for key, spec in made.unseen.items()}
    for key, said in service.sources.items():
        if "exporter" not in said and key not in specs:
            continue
        spec = specs.setdefault(key, {"exporter": said.get("exporter")})
        for word_, value in said.items():
            spec.setdefault(word_, value)
        spec["exporter"] = said.get("exporter", spec["exporter"])
        if key not in made.scrapes and "workload" not in spec and "jobs" not in spec and "job" in spec:
            spec["existing"] = True
    return {key: specs[key] for key in sorted(specs)}


def _remove_silent(service: Service, drafted: dict[str, Any], exporters: Mapping[str, Exporter]) -> None:
    """A signal of the catalogue that has no rules was removed by the spec."""
    for name, source in service.sources.items():
        exporter = exporters.get(source.get("exporter", ""))
        if exporter is None:
            continue
        for signal, definition in exporter.signals.items():
            if definition.default and f"{name}.{signal}" not in service.seen:
                drafted[f"{name}.{signal}"] = None


def _keep_quiet(
    made: Draft,
    service: Service,
    drafted: dict[str, Any],
    sources: Sequence[Source],
    ladders: Mapping[str, Ladder],
) -> None:
    """A draft pages nobody whom nothing pages today: signals without alerts are recorded and shown, and no more."""
    for source in sources:
        if source.name in service.sources:
            continue
        silent = [
            f"{source.name}.{name}" for name, definition in source.exporter.signals.items()
            if definition.default and f"{source.name}.{name}" not in drafted
            and any(v is not None and ladders[definition.ladder].levels[k] != "none" for k, v in definition.levels.items())
        ]  # fmt: skip
        drafted |= {id_: {"levels": None} for id_ in silent}
        if silent:
            why = f"{len(silent)} signals that no alert was found for tell nobody: without `levels: null` they take the catalogue's levels"
            made.remarks.append(Remark(f"source {source.name}", "signals", why))


_OWN = frozenset(("severity", "alertname"))


def _shared_labels(made: Draft, metadata: dict[str, Any]) -> None:
    """Labels that all alerts have become the service's; others are told, since routes may look at them."""
    labels = [dict(w.rule.labels) for w, _, _ in made.signals.alerts]
    if not labels:
        return
    shared = {k: v for k, v in labels[0].items() if all(one.get(k) == v for one in labels) and "{{" not in v}
    for key in ("team", "owner"):
        most = Counter(one[key] for one in labels if key in one).most_common(1)
        if most and "owner" not in metadata and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,62}", most[0][0]):
            metadata["owner"] = most[0][0]
            shared.pop(key, None)
    fit = {
        k: v
        for k, v in sorted(shared.items())
        if k not in naming.RESERVED_LABELS and re.fullmatch(naming.LABEL_NAME, k)
    }
    if fit:
        metadata["labels"] = {**fit, **metadata.get("labels", {})}
    kept = {**fit, "team": metadata.get("owner"), "owner": metadata.get("owner")}
    for written, _, _ in made.signals.alerts:
        lost = sorted(k for k, v in written.rule.labels.items() if k not in _OWN and kept.get(k) != v)
        if lost:
            made.remarks.append(written.remark(f"the label{'s' if lost[1:] else ''} {', '.join(lost)} would be lost: "
                                               "see that routes do not look at it"))  # fmt: skip


def _scalers(
    made: Draft,
    found: Sequence[Found],
    workloads: Workloads,
    drafted: Mapping[str, Any],
    service: Service,
    name: str,
    exporters: Mapping[str, Exporter],
    wrong: list[Diagnostic],
) -> None:
    specs = _source_specs(made, service)

    def served(metric: str, labels: Mapping[str, str], value: Decimal, which: str) -> tuple[str, Any] | None:
        source = labels.get(naming.SOURCE, "")
        if labels.get(naming.SERVICE) != name or set(labels) != {naming.SERVICE, naming.SOURCE} or source not in specs:
            return None
        exporter = exporters.get(specs[source].get("exporter", ""))
        for signal, definition in exporter.signals.items() if exporter else ():
            if exporter and naming.external_metric(exporter.exporter, signal) == metric:
                shown = units.human(float(value), definition.unit)
                return f"{source}.{signal}", shown if which == "average" else {"value": shown}
        for id_, spec in drafted.items():
            unit = (spec or {}).get("unit", "")
            if unit and naming.external_metric("own", f"{id_}_{unit}") == metric:
                shown = units.human(float(value), unit)
                return id_, shown if which == "average" else {"value": shown}
        return None

    for one in found:
        if one.kind not in (HPA, VPA):
            continue
        section = "horizontal" if one.kind == HPA else "vertical"
        before = len(wrong)
        try:
            if one.kind == HPA:
                key, spec = autoscalers.horizontal(view(one, wrong), workloads, served)
            else:
                key, spec, renamed = autoscalers.vertical(view(one, wrong), workloads)
                made.remarks += renamed
        except Cannot as cannot:
            if len(wrong) == before:
                made.remarks.append(cannot.remark)
            continue
        if section in workloads.specs[key]:
            made.remarks.append(Remark(str(one), "", f"another one is drafted for the same workload {key!r}"))
            continue
        workloads.specs[key][section] = spec
        made.autoscalers[section, key] = one


def _requests(found: Sequence[Found], workloads: Workloads, wrong: list[Diagnostic]) -> None:
    for one in found:
        key = workloads.by_target.get((one.namespace, one.kind, one.name)) if one.kind in WORKLOADS else None
        if key is not None and (asked := autoscalers.containers(view(one, wrong))):
            spec = workloads.specs[key]
            scalers: dict[str, Any] = {k: spec.pop(k) for k in ("horizontal", "vertical") if k in spec}
            spec |= {"containers": asked, **scalers}


def _own_exporters(made: Draft, rules: Sequence[Written]) -> None:
    """The exporters that the catalogue has not: the metrics that rules read, with what their names tell."""
    for name in sorted(made.exporters):
        jobs = {s.get("job") for s in made.spec["sources"].values() if s.get("exporter") == name}
        metrics: dict[str, dict[str, str]] = {}
        for written in rules:
            if not jobs & jobs_of(written.rule):
                continue
            for selector in promql.selectors(written.rule.expr):
                part = _PART.fullmatch(selector.name)
                known = part[1] if part and part[2] == "bucket" else selector.name
                kind = "histogram" if known != selector.name else "counter" if known.endswith("_total") else "untyped"
                if known and known != "up" and ":" not in known:
                    metrics[known] = {"type": kind, "absent": "nobody said yet"}
        made.exporters[name] = {
            "exporter": name, "title": name.replace("_", " "),
            "about": "Drafted by capgen import: say what it is, and what it means when a metric is missing.",
            "metrics": {key: metrics[key] for key in sorted(metrics)},
        }  # fmt: skip


def dropped(made: Draft, path: Sequence[str | int], why: str) -> bool:
    """Takes what stands at a path out of the draft, and tells why. False when it is no part that can go."""
    match path:
        case ("signals", str(id_), *_) if id_ in made.spec.get("signals", {}):
            del made.spec["signals"][id_]
            lost = [w for w, i, _ in made.signals.alerts if i == id_]
            made.signals.alerts = [a for a in made.signals.alerts if a[1] != id_]
            made.remarks = [r for r in made.remarks if r not in [x for x in made.signals.remarks if any(
                x.object == str(w.found) and x.field == w.shown for w in lost)]]  # fmt: skip
            made.remarks += [w.remark(f"as the signal {id_}: {why}") for w in lost] or [
                Remark(f"signal {id_}", "", why)
            ]
        case ("workloads", str(key), str(section), *_) if section in made.spec["workloads"].get(key, {}):
            if section not in ("horizontal", "vertical"):
                return False
            del made.spec["workloads"][key][section]
            found = made.autoscalers.pop((section, key), None)
            made.remarks.append(Remark(str(found or f"workload {key}"), ".spec", why))
        case ("sources", str(key), *_) if key in made.spec.get("sources", {}):
            del made.spec["sources"][key]
            job = made.scrapes.pop(key, None)
            made.remarks.append(job.view.remark(why) if job else Remark(f"source {key}", "", why))
        case _:
            return False
    for section in ("signals", "workloads", "sources"):
        if not made.spec.get(section, True):
            del made.spec[section]
    return True
