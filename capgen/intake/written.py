"""The rules that capgen itself wrote, read back into what they were compiled from.

Names, labels and expressions of generated rules are a function of the spec, so they lead back to it: which exporter a
record's name says, the params that make the catalogue's expression the one that stands there, the levels by the
alerts' labels. What leaves no trace in a rule (levels that tell nobody) is the catalogue's again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from capgen import naming, promql, units
from capgen.catalog.model import Exporter, Ladder, SignalDef
from capgen.check.rulefile import Rule
from capgen.compile.sources import POD_NAMES
from capgen.intake import algebra
from capgen.intake.autoscalers import Workloads
from capgen.intake.comparison import scoped
from capgen.intake.ladders import Step, ladder_of, levels
from capgen.intake.rules import Written, is_job, params_of, times
from capgen.promql import Binary, Matcher, Number, Selector

_VALUE = re.compile(r": \{\{ \$value")
_ENTITY = re.compile(r", [A-Za-z_][A-Za-z0-9_]* \{\{ \$labels\.")


class Service(Struct):
    """What the rules of one service say of its spec."""

    metadata: dict[str, Any] = {}
    sources: dict[str, dict[str, Any]] = {}
    """Exporter, job and scope of each; how it is scraped is in other objects."""
    signals: dict[str, dict[str, Any] | None] = {}
    seen: set[str] = set()
    """All signals that have rules, also those of which the spec says nothing."""
    scraped: set[str] = set()
    """Sources that capgen has scraped itself."""
    planning: dict[str, dict[str, Any]] = {}
    unread: list[tuple[Written, str]] = []


def read_service(
    rules: Sequence[Written],
    exporters: Mapping[str, Exporter],
    ladders: Mapping[str, Ladder],
    workloads: Workloads,
) -> Service:
    """A service's spec, as far as its rules tell."""
    service = Service()
    alerts = [w for w in rules if w.rule.alert]
    who = _who([w.rule for w in alerts])
    _metadata(service, [w.rule for w in alerts], who)
    by_group: dict[tuple[str, str], list[Written]] = {}
    for written in rules:
        by_group.setdefault((written.found.name, written.rule.group.name), []).append(written)
    signals = [
        group for (_, name), group in by_group.items()
        if any(not w.rule.alert for w in group) and name.count("/") == 2
    ]  # fmt: skip
    scopes: dict[str, list[tuple[str, frozenset[Matcher]]]] = {}
    for group in signals:
        _read_exporter(service, group, exporters)
    for group in signals:
        _read_signal(service, group, exporters, ladders, scopes, who)
    for group in by_group.values():
        _read_lead_time(service, group, exporters)
    for written in alerts:
        source = written.rule.labels.get(naming.SOURCE, "")
        if not written.rule.labels.get(naming.SIGNAL) and source:
            service.sources.setdefault(source, {})
            if written.rule.labels.get(naming.KIND) == "down":
                service.scraped.add(source)
            scopes.setdefault(source, []).extend(
                (s.name, frozenset(s.matchers)) for s in promql.selectors(written.rule.expr)
            )
    for source, found in scopes.items():
        _scope(service, source, found, exporters, workloads)
    return service


def _who(alerts: Sequence[Rule]) -> str:
    """What the service is called in the summaries of its alerts."""
    summaries = sorted({rule.annotations.get("summary", "") for rule in alerts} - {""})
    if not summaries:
        return ""
    first, last = summaries[0], summaries[-1]  # of sorted texts, these two have the least in common
    same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    cut = first.rfind(": ", 0, same) if len(summaries) > 1 else -1
    return first[:cut] if cut > 0 else first.partition(": ")[0]


def _metadata(service: Service, alerts: Sequence[Rule], who: str) -> None:
    if not alerts:
        return
    labels = [dict(rule.labels) for rule in alerts]
    name = labels[0].get(naming.SERVICE, "")
    if who and plain(who) != name:
        service.metadata["title"] = plain(who)
    if team := labels[0].get(naming.TEAM):
        service.metadata["owner"] = team
    links = Counter(rule.annotations["runbook_url"] for rule in alerts if rule.annotations.get("runbook_url"))
    if links:
        service.metadata["runbook"] = plain(links.most_common(1)[0][0])
    shared = {k: plain(v) for k, v in labels[0].items() if all(one.get(k) == v for one in labels)}
    if more := {k: v for k, v in sorted(shared.items()) if k not in naming.RESERVED_LABELS}:
        service.metadata["labels"] = more


def plain(text: str) -> str:
    """Text as a spec says it: what Prometheus prints of it."""
    return text.replace('{{ "{{" }}', "{{")


def _main(group: Sequence[Written]) -> Written | None:
    """The record of the signal itself, and neither of its traffic nor of its headroom."""
    return next(
        (
            w for w in group
            if not w.rule.alert and w.rule.name != naming.HEADROOM and not w.rule.name.endswith(":traffic")
        ),
        None,
    )  # fmt: skip


def _named(record: str, exporter: Exporter) -> Iterator[tuple[str, SignalDef]]:
    for name, definition in exporter.signals.items():
        if naming.record(exporter.exporter, name, definition.record) == record:
            yield name, definition


def _read_lead_time(service: Service, group: Sequence[Written], exporters: Mapping[str, Exporter]) -> None:
    """How long before a signal is full somebody is told, and what full is. Which volume that is, no rule says."""
    record = next((w.rule for w in group if w.rule.name == naming.FULL_IN), None)
    alert = next((w.rule for w in group if w.rule.labels.get(naming.KIND) == "ahead"), None)
    if record is None or alert is None:
        return
    id_ = record.labels.get(naming.SIGNAL, "")
    source, _, name = id_.partition(".")
    exporter = exporters.get(service.sources.get(source, {}).get("exporter", ""))
    definition = exporter.signals.get(name) if exporter else None
    unit = definition.unit if definition else str((service.signals.get(id_) or {}).get("unit", "short"))
    full = next((full for node in promql.walk(record.expr) if (full := _over(node)) is not None), None)
    lead = next((amount for _, amount in _comparisons(alert, naming.FULL_IN)), None)
    if full is None or lead is None:
        return
    service.planning.setdefault("capacity", {})[id_] = units.human(full, unit)
    service.planning.setdefault("lead_time", {})[id_] = units.duration(lead)


def _over(node: promql.Expr) -> float | None:
    match node:
        case Binary(op="/", left=Number(value=value)):
            return value
        case _:
            return None


def _read_exporter(service: Service, group: Sequence[Written], exporters: Mapping[str, Exporter]) -> None:
    record = _main(group)
    if record is None:
        return
    source = service.sources.setdefault(record.rule.labels.get(naming.SOURCE, ""), {})
    signal = record.rule.group.name.rpartition("/")[2].partition(".")[2]
    for exporter in exporters.values():
        if any(name == signal for name, _ in _named(record.rule.name, exporter)):
            source["exporter"] = exporter.exporter


def _read_signal(
    service: Service,
    group: Sequence[Written],
    exporters: Mapping[str, Exporter],
    ladders: Mapping[str, Ladder],
    scopes: dict[str, list[tuple[str, frozenset[Matcher]]]],
    who: str,
) -> None:
    record = _main(group)
    if record is None:
        return
    id_ = record.rule.group.name.rpartition("/")[2]
    source = record.rule.labels.get(naming.SOURCE, "")
    exporter = exporters.get(service.sources.get(source, {}).get("exporter", ""))
    found = next(iter(_named(record.rule.name, exporter)), None) if exporter else None
    found = found if found and id_ == f"{source}.{found[0]}" else None
    spec: dict[str, Any] = {}
    definition = None
    if found and exporter:
        definition = found[1]
        match, version = _variant(definition, exporter, record.rule)
        if match is not None:
            spec |= dict(params_of(definition, match))
            scopes.setdefault(source, []).extend(match.scopes)
            if version:
                service.sources[source].setdefault("version", version)
            _params(service.sources[source], exporter, match)
        else:
            text = scoped(record.rule.text, is_job)
            if text is None:
                service.unread.append((record, "its expression is not the catalogue's, and cannot be narrowed down"))
                return
            spec["expr"] = text
    else:
        text = scoped(record.rule.text, is_job)
        if text is None:
            service.unread.append((record, "its expression cannot be narrowed down"))
            return
        scopes.setdefault(source, []).extend(
            (s.name, frozenset(m for m in s.matchers if is_job(m))) for s in promql.selectors(record.rule.expr)
        )
        spec |= {"source": source, "expr": text, "unit": record.rule.name.rpartition(":")[2]}
        flow = next((w for w in group if w.rule.name.endswith(":traffic")), None)
        if flow is not None and (traffic := scoped(flow.rule.text, is_job)):
            spec["traffic"] = traffic
    alerts = [w for w in group if w.rule.alert]
    spec |= _levels(service, group, alerts, record, spec, definition, ladders)
    spec |= _texts(alerts, definition, id_, who, service.metadata.get("runbook", ""))
    if spec or found is None or definition is None or not definition.default:
        service.signals[id_] = spec
    service.seen.add(id_)


def _variant(definition: SignalDef, exporter: Exporter, rule: Rule) -> tuple[algebra.Match | None, str]:
    """The match of the catalogue's expression, and the exporter's version that chooses it ("" for the usual one)."""
    texts = [(v.given, v.since or v.until or "", v.expr) for v in definition.variants]
    texts.append((None, "", definition.expr))
    for given, version, text in texts:
        match = algebra.matched(algebra.as_written(text, definition.params, exporter.params), rule.expr)
        if match is not None and (given is None or given in match.numbers):
            return match, version
    return None, ""


def _params(source: dict[str, Any], exporter: Exporter, match: algebra.Match) -> None:
    changed = {name: value for name, value in sorted(match.words.items()) if exporter.params.get(name) != value}
    if changed:
        source.setdefault("params", {}).update(changed)


def _levels(
    service: Service,
    group: Sequence[Written],
    alerts: Sequence[Written],
    record: Written,
    drafted: Mapping[str, Any],
    definition: SignalDef | None,
    ladders: Mapping[str, Ladder],
) -> dict[str, Any]:
    room = next((w.rule.labels for w in group if w.rule.name == naming.HEADROOM), {})
    steps, worse, least, back = [], "above", None, 0.0
    for written in alerts:
        read = list(_comparisons(written.rule, record.rule.name))
        if not read:
            service.unread.append((written, "it does not compare its record with a number"))
            continue
        op, threshold = read[0]
        worse = "above" if op in (">=", ">") else "below"
        back = abs(read[1][1] - threshold) if len(read) > 1 else back
        for _, amount in _comparisons(written.rule, record.rule.name.rpartition(":")[0] + ":traffic"):
            least = amount
        labels = written.rule.labels
        steps.append(Step(threshold, labels.get(naming.SEVERITY, ""), labels.get(naming.LEVEL, "")))
    names = [step.level for step in steps]
    usual = definition.ladder if definition else ""
    ladder = room.get(naming.LADDER) or (
        usual if usual and set(names) <= set(ladders[usual].levels) else ladder_of(ladders, names)
    )
    unit = definition.unit if definition else str(drafted.get("unit", "short"))
    spec: dict[str, Any] = {}
    if definition is None or ladder != definition.ladder:
        spec["ladder"] = ladder
    if worse != (definition.worse if definition else "above") and steps:
        spec["worse"] = worse
    if steps:
        spec |= levels(steps, ladders[ladder], ladder, unit, definition, worse) or {}
    elif definition is not None and any(
        value is not None and ladders[usual].levels[level] != "none" for level, value in definition.levels.items()
    ):
        spec["levels"] = None
    if alerts:
        usual_for = definition.for_ if definition else 300.0
        keep = definition.keep_firing_for if definition else None
        spec |= times(alerts[0].rule.for_, alerts[0].rule.keep_firing_for, usual_for, keep)
        if (definition.min_traffic if definition and definition.traffic else 0.0) != (least or 0.0):
            spec["min_traffic"] = int(least or 0) if (least or 0) == int(least or 0) else least
    if back:
        spec["hysteresis"] = round(back, 9)
    return spec


def _comparisons(rule: Rule, record: str) -> Iterator[tuple[str, float]]:
    for node in promql.walk(rule.expr):
        match node:
            case Binary(op=op, left=Selector(name=name), right=Number(value=value)) if name == record:
                yield op, value
            case _:
                continue


def _texts(alerts: Sequence[Written], definition: SignalDef | None, id_: str, who: str, runbook: str) -> dict[str, str]:
    if not alerts:
        return {}
    notes = alerts[0].rule.annotations
    summary = notes.get("summary", "").removeprefix(f"{who}: ")
    cuts = [m.start() for m in (_VALUE.search(summary), _ENTITY.search(summary)) if m]
    usual_title = definition.title if definition else id_.replace(".", " ").replace("_", " ")
    given = {
        "title": (plain(summary[: min(cuts, default=len(summary))]), usual_title),
        "about": (plain(notes.get("description", "")), definition.about if definition else ""),
        "action": (plain(notes.get("action", "")), definition.action if definition else ""),
        "runbook": (plain(notes.get("runbook_url", "")), runbook),
    }
    return {key: text for key, (text, usual) in given.items() if text and text != usual}


def _scope(
    service: Service,
    name: str,
    scopes: Sequence[tuple[str, frozenset[Matcher]]],
    exporters: Mapping[str, Exporter],
    workloads: Workloads,
) -> None:
    """The job or jobs, the workload and the filter of a source, by what its selectors have in common."""
    source = service.sources.setdefault(name, {})
    exporter = exporters.get(source.get("exporter", ""))
    jobs: dict[str, str] = {}
    equal: dict[str, set[str]] = {}
    for metric, matchers in scopes:
        known = exporter.metrics.get(metric) if exporter else None
        for matcher in matchers:
            if is_job(matcher):
                jobs[known.job or "" if known else ""] = matcher.value
            elif matcher.op == "=" and matcher.name not in ("namespace",):
                equal.setdefault(matcher.name, set()).add(matcher.value)
    spaces = {m.value for _, matchers in scopes for m in matchers if m.name == "namespace" and m.op == "="}
    if exporter and exporter.jobs:
        changed = {key: job for key, job in sorted(jobs.items()) if key and exporter.jobs.get(key) != job}
        if changed:
            source["jobs"] = changed
    elif "" in jobs:
        source["job"] = jobs[""]
    pods = {m.value for _, matchers in scopes for m in matchers if m.name == "pod" and m.op == "=~"}
    space = next(iter(spaces), "")
    for kind, suffix in POD_NAMES.items():
        target = next((p.removesuffix(suffix) for p in sorted(pods) if p.endswith(suffix)), "")
        target = target or next(iter(equal.get(kind.lower(), ())), "")
        if target and space and exporter and exporter.jobs:
            equal = {}
            known_key = next((k for (s, _, n), k in workloads.by_target.items() if (s, n) == (space, target)), "")
            source["workload"] = known_key or workloads.of(space, kind, target)
            return
    if narrowed := {key: next(iter(values)) for key, values in sorted(equal.items()) if len(values) == 1}:
        source["match"] = narrowed
