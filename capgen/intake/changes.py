"""What the draft, compiled again, would change: told by what it means for who is paged and what is scaled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from capgen import naming, promql, units
from capgen.blueprint import Alert, Blueprint, Group, Scrape
from capgen.intake.comparison import taken_apart
from capgen.intake.draft import Draft
from capgen.intake.found import CONFIGURATION, POD_MONITOR, RULES, View, view
from capgen.intake.ladders import SEVERITIES
from capgen.intake.rules import Written, jobs_of
from capgen.reconcile.plan import ABSENT
from capgen.reconcile.told import in_documents


class Difference(Struct, frozen=True):
    """One thing: `sign` is + for new, ~ for changed, = for the same; `details` say what changes."""

    sign: str
    thing: str
    details: tuple[str, ...] = ()


def differences(
    made: Draft, blueprint: Blueprint, manifests: Mapping[tuple[str, str, str], Mapping[str, Any]]
) -> tuple[Difference, ...]:
    """Everything that the draft makes, beside what was found. `manifests` are its autoscalers by (kind, namespace, name)."""
    return (
        *_autoscalers(made, manifests),
        *_alerts(made, blueprint),
        *_rules(made, blueprint),
        *_scrapes(made, blueprint),
    )


def _autoscalers(made: Draft, manifests: Mapping[tuple[str, str, str], Mapping[str, Any]]) -> Iterator[Difference]:
    for found in sorted(made.autoscalers.values(), key=str):
        wanted = manifests.get((found.kind, found.namespace, found.name))
        if wanted is None:
            yield Difference("~", str(found), ("it would be made by other means: see deliver.metrics",))
            continue
        live: Any = found.node.data()
        fields = in_documents(found.kind, {"spec": live.get("spec", {})}, {"spec": wanted["spec"]})
        details = tuple(f"{f.path}: {_value(f.old)} → {_value(f.new)}" for f in fields)
        yield Difference("~" if details else "=", str(found), details)


def _value(value: Any) -> str:
    if value is ABSENT:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _alerts(made: Draft, blueprint: Blueprint) -> Iterator[Difference]:
    by_level: dict[tuple[str, float], tuple[Alert, Group]] = {}
    units_of = {signal.id: signal.unit for signal in blueprint.signals}
    for signal in blueprint.signals:
        group = next((g for g in blueprint.groups if g.signal is not None and g.signal.id == signal.id), None)
        for level in signal.levels:
            alert = next((a for a in group.alerts if a.level == level.name), None) if group else None
            if alert is not None and group is not None:
                by_level[signal.id, round(level.threshold, 12)] = alert, group
    paired: set[str] = set()
    for written, id_, threshold in made.signals.alerts:
        both = by_level.get((id_, round(threshold, 12)))
        if both is None:
            continue
        alert, group = both
        paired.add(alert.name)
        details = tuple(_alert_details(written, alert, group))
        at = units.human(threshold, units_of[id_])
        yield Difference("~", f"alert {written.rule.name}", (f"is {alert.name}: {id_} at {at}", *details))
    brought = {w.rule.name: source for w, source in made.signals.watched}
    for name, source in sorted(brought.items()):
        yield Difference("~", f"alert {name}", (f"is among those that the source {source} brings",))
    earlier = {w.rule.name for w in made.own_rules}
    new: dict[str, dict[str, set[str]]] = {}
    for group in blueprint.groups:
        for alert in group.alerts:
            if alert.name not in paired | earlier:
                severity = dict(alert.labels).get(naming.SEVERITY, "")
                new.setdefault(group.scrape.source, {}).setdefault(severity, set()).add(alert.name)
    for source, by_severity in sorted(new.items()):
        count = sum(map(len, by_severity.values()))
        details = tuple(f"{s}: {', '.join(sorted(by_severity[s]))}" for s in reversed(SEVERITIES) if s in by_severity)
        what = f"{count} alert{'s' if count > 1 else ''} of {source} that the catalogue brings"
        yield Difference("+", what, details)


def _alert_details(written: Written, alert: Alert, group: Group) -> Iterator[str]:
    rule = written.rule
    apart = taken_apart(rule.text)
    if apart is not None and apart.op in (">", "<") and apart.threshold:
        yield f"fires at its number as well: {apart.op} {units.number(apart.threshold)} → {apart.op}="
    if not jobs_of(rule):
        yield "reads this source's job alone, where it read every job"
    for name, old, new in (
        ("for", rule.for_, alert.for_),
        ("keep_firing_for", rule.keep_firing_for, alert.keep_firing_for),
    ):
        if old != new:
            yield f"{name}: {units.duration(old)} → {units.duration(new)}"
    if rule.group.interval and rule.group.interval != group.interval:
        yield f"evaluated every {units.duration(rule.group.interval)} → every {units.duration(group.interval)}"
    severity = dict(alert.labels).get(naming.SEVERITY, "")
    if rule.labels.get("severity", "") != severity:
        yield f"severity: {rule.labels.get('severity') or 'nothing'} → {severity}"


def _rules(made: Draft, blueprint: Blueprint) -> Iterator[Difference]:
    """Rules that capgen wrote earlier, one by one."""
    if not made.own_rules:
        return
    old = {_identity(w): w for w in made.own_rules}
    new: dict[tuple[str, ...], tuple[str, float, Mapping[str, str], Mapping[str, str]]] = {}
    for group in blueprint.groups:
        for record in group.records:
            new[group.name, record.name, ""] = (record.expr, 0.0, dict(record.labels), {})
        for alert in group.alerts:
            metric = dict(alert.labels).get(naming.METRIC, "")
            new[group.name, alert.name, metric] = (alert.expr, alert.for_, dict(alert.labels), dict(alert.annotations))
    same = 0
    for key in sorted(old.keys() | new.keys()):
        name = f"rule {key[1]} of {key[0]}"
        if key not in new:
            yield Difference("-", name, ("the draft does not make it",))
        elif key not in old:
            yield Difference("+", name)
        else:
            details = tuple(_rule_details(old[key], *new[key]))
            same += not details
            if details:
                yield Difference("~", name, details)
    yield Difference("=", f"{same} rules that capgen wrote")


def _identity(written: Written) -> tuple[str, ...]:
    rule = written.rule
    return rule.group.name, rule.name, rule.labels.get(naming.METRIC, "") if rule.alert else ""


def _rule_details(
    written: Written, expr: str, for_: float, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> Iterator[str]:
    rule = written.rule
    if promql.parse(expr) != rule.expr:
        yield f"expr: {rule.text} → {expr}"
    if rule.for_ != for_:
        yield f"for: {units.duration(rule.for_)} → {units.duration(for_)}"
    for name, before, after in (("labels", rule.labels, labels), ("annotations", rule.annotations, annotations)):
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) != after.get(key) and not key.startswith("__"):
                yield f"{name}.{key}: {before.get(key, 'nothing')} → {after.get(key, 'nothing')}"


def _scrapes(made: Draft, blueprint: Blueprint) -> Iterator[Difference]:
    compiled = {scrape.source: scrape for scrape in blueprint.scrapes}
    for name, job in made.scrapes.items():
        scrape = compiled.get(name)
        if scrape is None:
            continue
        thing = f"job {job.job} ({job.view.found})"
        if job.existing:
            yield Difference("=", thing, ("stays as it is",))
            continue
        details = tuple(_scrape_details(job.view, scrape))
        yield Difference("~" if details else "=", thing, details)


def _scrape_details(place: View, scrape: Scrape) -> Iterator[str]:
    for keys, new in (
        (("interval", "scrapeInterval", "scrape_interval"), units.duration(scrape.interval)),
        (("scrapeTimeout", "scrape_timeout"), units.duration(scrape.timeout)),
    ):
        old = next((text for key in keys if (text := place.at(key).text())), "")
        if old and _seconds(old) != _seconds(new):
            yield f"{keys[0]}: {old} → {new}"


def _seconds(text: str) -> float | str:
    try:
        return units.parse(text, "seconds")
    except units.BadQuantity:
        return text


def replaced(made: Draft) -> tuple[str, ...]:
    """What has to go when the draft is applied, since both would do the same twice; in words."""
    told: list[str] = []
    done: dict[str, int] = {}
    for written in (*(w for w, _, _ in made.signals.alerts), *(w for w, _ in made.signals.watched)):
        done[str(written.found)] = done.get(str(written.found), 0) + 1
    for found in made.found:
        carried = done.get(str(found), 0)
        if found.service or not carried:
            continue
        whole = _count(view(found, []))
        if carried == whole:
            told.append(f"{found}: all of its {whole} rules" if found.kind == RULES else f"the rules in {found.name}")
        else:
            told.append(f"{found}: {carried} of its {whole} rules; the others stay")
    for name, job in sorted(made.scrapes.items()):
        ours = bool(job.view.found.service) or name in made.earlier
        if not job.existing and not ours and job.view.found.kind != POD_MONITOR:
            place = (
                f"the job {job.job} in {job.view.found.name}"
                if job.view.found.kind == CONFIGURATION
                else str(job.view.found)
            )
            told.append(f"{place}: it scrapes what the source {name} scrapes")
    return tuple(dict.fromkeys(told))


def _count(file: View) -> int:
    groups = file.at("spec", "groups") if file.found.kind == RULES else file.at("groups")
    return sum(len(group.at("rules").items()) for group in groups.items())


def counted(found: Sequence[Any]) -> str:
    """`2 HorizontalPodAutoscalers, 1 PrometheusRule`."""
    kinds: dict[str, int] = {}
    for one in found:
        kinds[one.kind] = kinds.get(one.kind, 0) + 1
    files = kinds.pop(CONFIGURATION, 0)
    told = [f"{n} {kind}{'s' if n > 1 else ''}" for kind, n in sorted(kinds.items())]
    return ", ".join([*told, *([f"{files} file{'s' if files > 1 else ''} of a Prometheus"] if files else [])])
