"""Where a line of any generated file comes from: panels, receivers, pages, and else whose file it is.

A panel is found by its id around the line, a section of a page by its anchor above it, a receiver, signal, alert or
record by its name in the line. What names nothing is told of the file: its service's spec, or its environment.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from capgen import units
from capgen.blueprint import Blueprint, Fleet, Signal
from capgen.blueprint.dashboards import Dashboard
from capgen.blueprint.origin import Origin
from capgen.explain import Answer, Fact, has_line, path_at
from capgen.spec.parse import Spec
from capgen.yamlio import Node, Path, Source, read

_ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
_WORD = re.compile(r"[A-Za-z0-9_.:/-]+")
_JSON = re.compile(r"^  [^ ]+\.json: \|$|^  json: \|$")


def explain_file(
    source: Source, line: int, fleets: Sequence[Fleet], specs: Sequence[Spec], environments: Mapping[str, str]
) -> Answer | None:
    """What made a line of a file below `<environment>/`; None for a file that is not one of these. `environments` has
    the file of each environment."""
    places = source.name.split("/")
    for fleet in fleets if has_line(source, line) else ():
        if fleet.environment not in places[:-1]:
            continue
        inside = places[places.index(fleet.environment) + 1 :]
        service = next((one for one in fleet.services if one.name == inside[0]), None)
        if service is not None:
            return _answer(source, line, fleet, service, _of_service(source, line, service))
        known = [spec for spec in specs if spec.environment.metadata.name == fleet.environment]
        where = Fact("environment", fleet.environment, environments.get(fleet.environment, "no environment"), "")
        return _answer(source, line, fleet, None, [*_of_fleet(source, line, fleet, known, where.layer), where])
    return None


def _answer(source: Source, line: int, fleet: Fleet, service: Blueprint | None, facts: Sequence[Fact]) -> Answer:
    whose = f"service {service.name}" if service is not None else "all services"
    return Answer(f"{source.name}:{line}", (f"environment {fleet.environment}, {whose}",), tuple(facts))


def _of_service(source: Source, line: int, service: Blueprint) -> list[Fact]:
    text = source.line(line)
    found = (_panel(source, line, one, service.signals) for one in service.dashboards)
    panel = next(filter(None, found), None)
    above = _section(source, line, service) if source.name.endswith(".md") else None
    if panel is not None:
        what, title, origin, signal = panel
        facts = [_fact(origin, f"{what} {title}", service)]
    elif isinstance(above, Signal):
        signal, facts = above, [_fact(above.origin, f"signal {above.id}: {above.title}", service)]
    elif above is not None:
        signal, facts = None, [_fact(above, "source", service)]
    else:
        signal, facts = None, [*_mentioned(text, service)]
    if signal is not None:
        facts += _levels(signal, text)
    return facts or [_fact(service.declared, f"service {service.name}", service)]


def _of_fleet(source: Source, line: int, fleet: Fleet, specs: Sequence[Spec], environment: str) -> Iterator[Fact]:
    text = source.line(line)
    words = set(_WORD.findall(text))
    for dashboard in fleet.dashboards:
        if (found := _panel(source, line, dashboard, ())) is not None:
            yield Fact(found[0], found[1], environment, "")
            return
    around = words | _entry(source, line)
    for name, receiver in fleet.routing.receivers:
        if receiver is None or name not in around:
            continue
        for spec in specs:
            service = next((one for one in fleet.services if one.name == spec.name), None)
            node = spec.node.at(("notify",))
            if (
                service is not None
                and node is not None
                and receiver in service.receivers
                and name.partition("/")[0] in (service.owner, service.name)
            ):
                yield Fact(
                    f"notify.{receiver.name}", f"receiver {name}", service.spec, str(node.key_span(receiver.name))
                )
    folders = {word.partition("/")[0] for word in words}
    for service in fleet.services:
        mentioned = list(_mentioned(text, service))
        yield from mentioned
        if not mentioned and service.name in folders | words:
            yield _fact(service.declared, f"service {service.name}", service)


def _entry(source: Source, line: int) -> set[str]:
    """The words of the line with `name:` that begins the entry of the list that a line is in."""
    for number in range(line, 0, -1):
        if (found := source.line(number)).lstrip().startswith("- name:"):
            return set(_WORD.findall(found))
        if re.match(r"[a-z_]+:", found):
            break
    return set()


def _mentioned(text: str, service: Blueprint) -> Iterator[Fact]:
    """The signals that a line names: by themselves, by their record, or by one of their alerts."""
    words = set(_WORD.findall(text))
    alerts = {alert.name: group.signal for group in service.groups for alert in group.alerts}
    named = {signal.id for name in words & alerts.keys() if (signal := alerts[name]) is not None}
    for signal in service.signals:
        if signal.id in words | named or signal.record in words:
            yield _fact(signal.origin, f"signal {signal.id}: {signal.title}", service)
            yield from _levels(signal, text)


def _levels(signal: Signal, text: str) -> Iterator[Fact]:
    """The levels whose number is in a line."""
    words = set(re.findall(r"[0-9][0-9A-Za-z.%/]*", text))
    for level in signal.levels:
        told = units.human(level.threshold, signal.unit)
        if words & {told, units.number(level.threshold)}:
            yield Fact(f"{signal.id} {level.name}", told, level.origin.layer, str(level.origin.span or ""))


def _fact(origin: Origin, what: str, service: Blueprint) -> Fact:
    return Fact(origin.path, what, origin.layer or service.spec, str(origin.span or ""))


def _section(source: Source, line: int, service: Blueprint) -> Signal | Origin | None:
    """The signal or the source whose part of a page a line is in, or that it links to."""
    linked = re.search(r"\]\(#([^)]+)\)", source.line(line))
    anchor = linked[1] if linked else None
    for number in range(line, 0, -1):
        if anchor is not None or source.line(number).startswith("## "):
            break
        anchor = found[1] if (found := _ANCHOR.search(source.line(number))) else None
    signal = next((one for one in service.signals if one.id == anchor), None)
    return signal or next((one.origin for one in service.scrapes if one.source == anchor), None)


def _panel(
    source: Source, line: int, dashboard: Dashboard, signals: Sequence[Signal]
) -> tuple[str, str, Origin, Signal | None] | None:
    """The panel or row of a dashboard's JSON that a line is in, or the dashboard itself between them: which of the three,
    its title, where it comes from, and the signal that it shows."""
    found = _json(source, line)
    if found is None:
        return None
    root, inside = found
    if dashboard.uid not in root.source.text:
        return None
    for length in range(len(inside), 0, -1):
        node = root.at(inside[:length])
        number = node.at(("id",)) if node is not None and isinstance(node.value, dict) else None
        known = number.value if number is not None else None
        for row in dashboard.rows if known is not None else ():
            if row.id == known:
                return "row", row.title, dashboard.origin, None
            for panel in row.panels:
                if panel.id == known:
                    signal = next((one for one in signals if one.id == panel.signal), None)
                    return "panel", panel.title, signal.origin if signal else dashboard.origin, signal
    return "dashboard", dashboard.title, dashboard.origin, None


def _json(source: Source, line: int) -> tuple[Node, Path] | None:
    """The JSON in a file (a manifest has it as a block of text), and the path to a line of it."""
    text, first = source.text, 0
    if not text.startswith("{"):
        lines = text.split("\n")
        first = next((number for number, one in enumerate(lines, start=1) if _JSON.match(one)), 0)
        if not first or line <= first:
            return None
        text = textwrap.dedent("\n".join(lines[first:]))
    root = _parsed(text)
    return (root, path_at(root, line - first)) if root is not None else None


@lru_cache(maxsize=2)
def _parsed(text: str) -> Node | None:
    return read(Source("dashboard", text))[0]
