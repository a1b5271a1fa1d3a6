"""Answers where something comes from: a generated line, a signal, a field of the spec.

Nothing is recorded for this while building. The compiled form knows the origin of each of its items, a generated
file names its items, so a line is looked up by the names around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from capgen import units
from capgen.blueprint import Blueprint, Fleet, Group, Hpa, Signal, Vpa
from capgen.blueprint.origin import Origin
from capgen.schedules import runs, sentence
from capgen.spec.parse import Spec
from capgen.yamlio import Node, Path, Source, read


class Fact(Struct, frozen=True):
    """One answer: what it is, its value as text, and where that was written (layer and place)."""

    name: str
    value: str
    layer: str
    place: str


class Answer(Struct, frozen=True):
    """All there is to say about one thing."""

    title: str
    notes: tuple[str, ...]
    facts: tuple[Fact, ...]


def explain_line(source: Source, line: int, fleets: Sequence[Fleet]) -> Answer | None:
    """What stands in a line of a generated file and which words of a spec made it; None when nothing is known."""
    if not has_line(source, line):
        return None
    if (answer := _explain_script(source, line, fleets)) is not None:
        return answer
    root, _ = read(source)
    if root is None:
        return None
    path = path_at(root, line)
    named = list(_names(root, path))
    field = ".".join(str(step) for step in path if isinstance(step, str))
    for fleet in fleets:
        for service in fleet.services:
            if (found := _item(service, dict(named))) is not None:
                what, origin, signal = found
                notes = (f"field {field or 'none'}", f"environment {fleet.environment}, service {service.name}")
                facts = (Fact(origin.path, what, origin.layer or service.spec, str(origin.span or "")),)
                extra = (
                    (Fact("signal", f"{signal.id}: {signal.title}", "", str(signal.origin.span or "")),)
                    if signal
                    else ()
                )
                return Answer(f"{source.name}:{line}", notes, facts + extra)
    return None


def has_line(source: Source, line: int) -> bool:
    """Whether a file has so many lines, counted from 1."""
    return 0 < line <= source.text.count("\n") + (not source.text.endswith("\n"))


_SCRIPT = re.compile(r"([a-z0-9-]+)/jobs/([a-z0-9-]+)(?:\.sh|/[a-z-]+\.yaml)(?=$|\")")


def _explain_script(source: Source, line: int, fleets: Sequence[Fleet]) -> Answer | None:
    """A line of a job's script, of one of its objects, or of a crontab; None for anything else."""
    text = source.line(line)
    named = _SCRIPT.search(source.name) or _SCRIPT.search(text)
    places = source.name.split("/")
    for fleet in sorted(fleets, key=lambda fleet: fleet.environment not in places) if named else ():
        service = next((s for s in fleet.services if named and s.name == named[1]), None)
        job = next((job for job in service.jobs if named and job.name == named[2]), None) if service else None
        if service is None or job is None:
            continue
        facts = [Fact(job.origin.path, f"job {job.name}", job.origin.layer or service.spec, str(job.origin.span or ""))]
        words = set(re.split(r"[^a-z0-9_.]+", text))
        facts += [
            Fact(f"{signal.id} {level.name}", units.human(level.threshold, signal.unit), level.origin.layer, str(level.origin.span or ""))
            for signal in service.signals
            for level in signal.levels
            if {signal.id, level.name} <= words
        ]  # fmt: skip
        return Answer(
            f"{source.name}:{line}", (f"environment {fleet.environment}, service {service.name}",), tuple(facts)
        )
    return None


def path_at(root: Node, line: int) -> Path:
    """The path of the innermost value (or key) in a line."""
    best: Path = ()
    for path, node in root.walk():
        start = node.mark[0]
        if path and isinstance(path[-1], str) and (parent := root.at(path[:-1])) is not None:
            start = parent.keys[path[-1]][0]
        if start <= line <= node.mark[2] and len(path) >= len(best):
            best = path
    return best


def _names(root: Node, path: Path) -> Iterator[tuple[str, str]]:
    """The names along a path, outermost first: group, alert, record, job, kind and object."""
    for length in range(len(path) + 1):
        node = root.at(path[:length])
        inside = node.value if node is not None else None
        if not isinstance(inside, dict):
            continue
        keys = (("name", "group"), ("alert", "alert"), ("record", "record"), ("job_name", "job"), ("kind", "kind"))
        for key, what in keys:
            if key in inside and isinstance(inside[key].value, str) and (what != "group" or "rules" in inside):
                yield what, str(inside[key].value)
        if length == 0 and (name := root.at(("metadata", "name"))) is not None:
            yield "object", str(name.value)


def _item(service: Blueprint, names: dict[str, str]) -> tuple[str, Origin, Signal | None] | None:
    if "group" in names:
        group = next((g for g in service.groups if g.name == names["group"]), None)
        return _rule(group, names) if group is not None else None
    if "job" in names:
        scrape = next((s for s in service.scrapes if s.job == names["job"]), None)
        return (f"scrape job {scrape.job}", scrape.origin, None) if scrape else None
    kind = names.get("kind", "")
    autoscalers: list[Hpa | Vpa] = (
        [*service.hpas, *service.vpas] if kind.endswith("PodAutoscaler") or kind == "ScaledObject" else []
    )
    for item in autoscalers:
        if item.name == names.get("object"):
            return f"{names['kind']} {item.name}", item.origin, None
    return None


def _rule(group: Group, names: dict[str, str]) -> tuple[str, Origin, Signal | None]:
    alert = next((a for a in group.alerts if a.name == names.get("alert")), None)
    if alert is None:
        what = f"record {names['record']}" if "record" in names else f"group {group.name}"
        return what, group.origin, group.signal
    level = next((one for one in group.signal.levels if one.name == alert.level), None) if group.signal else None
    return f"alert {alert.name}", level.origin if level else group.origin, group.signal


_SIGNAL_FIELDS = (
    "title",
    "action",
    "expr",
    "unit",
    "ladder",
    "worse",
    "for",
    "keep_firing_for",
    "hysteresis",
    "window",
    "quantile",
    "capacity",
    "traffic",
    "min_traffic",
)


def explain_signal(spec: Spec, signal: Signal) -> Answer:
    """Every field of a signal with the layer that it comes from."""
    facts = [_signal_fact(spec, signal, name) for name in _SIGNAL_FIELDS if _signal_value(spec, signal, name)]
    facts += [
        Fact(
            f"levels.{level.name}",
            f"{units.human(level.threshold, signal.unit)} ({level.severity or 'tells nobody'})",
            level.origin.layer,
            str(level.origin.span or ""),
        )
        for level in signal.levels
    ]
    notes = (
        f"recorded as {signal.record}, by {', '.join(signal.labels) or 'nothing: one series'}",
        f"reads {', '.join(signal.metrics)}",
    )
    return Answer(f"{spec.name} {signal.id} in {spec.environment.metadata.name}", notes, tuple(facts))


def _signal_value(spec: Spec, signal: Signal, name: str) -> str:
    words = spec.model.signals.get(signal.id)
    if name in ("quantile", "capacity"):
        given = getattr(words, name, None)
        return "" if given is None else str(given)
    value = getattr(signal, {"for": "for_"}.get(name, name))
    if name in ("for", "keep_firing_for", "window"):
        return units.duration(value)
    return (
        units.human(value, signal.unit)
        if name == "hysteresis" and value
        else units.number(value)
        if isinstance(value, float) and value
        else str(value or "")
    )


def _signal_fact(spec: Spec, signal: Signal, name: str) -> Fact:
    node = spec.node.at(("signals", signal.id, name))
    layer = (
        node.source.layer
        if node
        else "catalogue"
        if signal.origin.layer == "catalogue" or not signal.record.startswith("capgen:own_")
        else "default"
    )
    return Fact(name, _signal_value(spec, signal, name), layer, str(node.span) if node else "")


def explain_job(spec: Spec, service: Blueprint, what: str, now: datetime) -> Answer | None:
    """When a job runs, in words and as the next three times after `now`, and what the spec says of it; None for
    what is no job of this service there."""
    job = next((job for job in service.jobs if job.origin.path == what), None)
    written = explain_field(spec, tuple(what.split(".")))
    if job is None or written is None:
        return None
    delivery = service.delivery.jobs
    if delivery.time_zone:
        after, zone = now.astimezone(ZoneInfo(delivery.time_zone)), delivery.time_zone
    elif delivery.form == "cronjob":
        after, zone = now.astimezone(UTC), "UTC, unless the cluster's controller manager runs in another time zone"
    else:
        after, zone = now.replace(tzinfo=None), "the host's own time"
    times = ", ".join(f"{at:%a %Y-%m-%d %H:%M}" for at in runs(job.schedule, after, 3))
    runner = "a CronJob" if delivery.form == "cronjob" else "a line of the crontab"
    notes = (
        f"{sentence(job.schedule)} ({zone})",
        f"next: {times}",
        f"{runner}; stopped after {units.duration(job.timeout)}",
    )
    return Answer(written.title, notes, written.facts)


def explain_field(spec: Spec, path: Path) -> Answer | None:
    """The value at a path of a spec, leaf by leaf, with the layer of each; None where the spec has nothing."""
    node = spec.node.at(path)
    if node is None:
        return None
    facts = [
        Fact(
            ".".join(map(str, (*path, *below))),
            "" if leaf.value is None else str(leaf.value),
            leaf.source.layer,
            str(leaf.span),
        )
        for below, leaf in node.walk()
        if not isinstance(leaf.value, (dict, list))
    ]
    return Answer(f"{spec.name} {'.'.join(map(str, path))} in {spec.environment.metadata.name}", (), tuple(facts))
