"""Puts the services of an environment side by side: what may not meet, and which alert silences which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from capgen import naming
from capgen.blueprint import Blueprint, Fleet, Inhibition, Origin
from capgen.catalog.model import Ladder
from capgen.diagnostics import Diagnostic, Span, in_order


def assemble(
    blueprints: Sequence[Blueprint], ladders: Mapping[str, Ladder]
) -> tuple[Fleet | None, tuple[Diagnostic, ...]]:
    """The fleet of one environment; findings name both places where two services claim the same thing."""
    services = tuple(sorted(blueprints, key=lambda b: b.name))
    if not services:
        return None, ()
    fleet = Fleet(services[0].environment, services[0].delivery, services, _inhibitions(services, ladders))
    return fleet, in_order(_collisions(services))


def _collisions(services: Sequence[Blueprint]) -> Iterator[Diagnostic]:
    for what, claims, hint in (
        (
            "the scrape job",
            _jobs(services),
            "name the `job:` of one of them differently, or mark it `existing: true` if it is the same one",
        ),
        ("the alert", _alerts(services), "rename one of the services or signals"),
        ("the autoscaler", _autoscalers(services), "one workload has one owner: remove one of the two"),
    ):
        first: dict[str, tuple[str, Origin]] = {}
        for key, service, origin in claims:
            earlier, place = first.setdefault(key, (service, origin))
            if place is origin:
                continue
            other = f" in {place.span}" if place.span else f" by {earlier}"
            span = origin.span if origin.span else Span(service, 1, 1, 1, 2)
            yield Diagnostic("CG315", f"{what} {key!r} is claimed twice, first{other}", span, hint)


def _jobs(services: Iterable[Blueprint]) -> Iterator[tuple[str, str, Origin]]:
    for service in services:
        for scrape in service.scrapes:
            if not scrape.existing:
                yield scrape.job, service.name, scrape.origin


def _alerts(services: Iterable[Blueprint]) -> Iterator[tuple[str, str, Origin]]:
    for service in services:
        for group in service.groups:
            names = sorted({alert.name for alert in group.alerts})
            for name in names:
                yield name, service.name, group.origin


def _autoscalers(services: Iterable[Blueprint]) -> Iterator[tuple[str, str, Origin]]:
    for service in services:
        for kind, items in (("HPA", service.hpas), ("VPA", service.vpas)):
            for item in items:
                workload = item.workload
                yield f"{kind} of {workload.namespace}/{workload.kind}/{workload.name}", service.name, item.origin


def _inhibitions(services: Sequence[Blueprint], ladders: Mapping[str, Ladder]) -> tuple[Inhibition, ...]:
    """A worse level silences the milder ones of the same signal and series; a dead source its absent metrics.

    Alertmanager takes labels that both sides lack as equal, so a rule is made for each set of labels that
    signals have, matching just the alerts with that set: its labels present, all others absent.
    """
    sets = sorted(
        {
            signal.labels
            for service in services
            for signal in service.signals
            if any(level.severity for level in signal.levels)
        }
    )
    universe = sorted({label for labels in sets for label in labels})
    used = {signal.ladder for service in services for signal in service.signals}
    rules: list[Inhibition] = []
    for labels in sets:
        present = tuple(f'{label}=~".+"' if label in labels else f'{label}=""' for label in universe)
        for ladder in sorted(used):
            names = [name for name, severity in ladders[ladder].levels.items()][1:]
            for rank in range(len(names) - 1, 0, -1):
                milder = "|".join(sorted(names[:rank]))
                rules.append(
                    Inhibition(
                        source=(f'{naming.KIND}="level"', f'{naming.LEVEL}="{names[rank]}"', *present),
                        target=(f'{naming.KIND}="level"', f'{naming.LEVEL}=~"{milder}"', *present),
                        equal=(naming.SERVICE, naming.SIGNAL, *labels),
                    )
                )
    rules.append(
        Inhibition(
            source=(f'{naming.KIND}="down"', f'{naming.SERVICE}=~".+"', f'{naming.SOURCE}=~".+"'),
            target=(f'{naming.KIND}="absent"', f'{naming.SERVICE}=~".+"', f'{naming.SOURCE}=~".+"'),
            equal=(naming.SERVICE, naming.SOURCE),
        )
    )
    return tuple(dict.fromkeys(rules))
