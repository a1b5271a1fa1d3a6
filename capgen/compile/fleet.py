"""Puts the services of an environment side by side: what may not meet, and which alert silences which.

None of that needs whole Blueprints, only the few facts that a service shares with the others. So a fleet can also
be put together from facts that other processes, or earlier builds, have found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from capgen import naming
from capgen.blueprint import Blueprint, Delivery, Fleet, Inhibition
from capgen.blueprint.origin import Labels, Origin
from capgen.catalog.model import Ladder
from capgen.compile.dashboards.fleet import fleet_dashboards, kind_of
from capgen.diagnostics import Diagnostic, Span, in_order

Place: TypeAlias = "tuple[str, int, int, int, int] | tuple[()]"
"""A Span's values, () for nowhere: of tens of thousands of claims hardly any ever needs more."""
Claim: TypeAlias = "tuple[str, str, Place]"
"""What is claimed (a key of `_CLAIMS`), its name, and where."""

_CLAIMS = {
    "dashboard": (
        "the dashboard",
        "give one of the services another `title:`: Grafana freezes a folder in which two dashboards share one",
    ),
    "job": (
        "the scrape job",
        "name the `job:` of one of them differently, or mark it `existing: true` if it is the same one",
    ),
    "alert": ("the alert", "rename one of the services or signals"),
    "uid": ("the dashboard's uid", "rename one of the services"),
    "autoscaler": ("the autoscaler", "one workload has one owner: remove one of the two"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the other services of an environment have to know of one."""

    service: str
    environment: str
    delivery: Delivery
    claims: tuple[Claim, ...]
    alerting: tuple[tuple[str, ...], ...]
    """The sets of labels by which the series of alerting signals are told apart."""
    ladders: tuple[str, ...]
    shown: Labels = ()
    """What the fleet's dashboards show of it: a kind of signal (`cpu`), and the record that has it."""
    scaled: bool = False
    """Whether an HPA of the cluster scales it."""


def facts(blueprint: Blueprint) -> Facts:
    """The facts of a compiled service."""
    signals = blueprint.signals
    return Facts(
        service=blueprint.name,
        environment=blueprint.environment,
        delivery=blueprint.delivery,
        claims=tuple((what, key, _place(origin.span)) for what, key, origin in _claims(blueprint)),
        alerting=tuple(sorted({s.labels for s in signals if any(level.severity for level in s.levels)})),
        ladders=tuple(sorted({s.ladder for s in signals})),
        shown=tuple(sorted({(kind, s.record) for s in signals if (kind := kind_of(s))})),
        scaled=bool(blueprint.hpas) and blueprint.delivery.kubernetes,
    )


def assemble(
    blueprints: Sequence[Blueprint], ladders: Mapping[str, Ladder]
) -> tuple[Fleet | None, tuple[Diagnostic, ...]]:
    """The fleet of one environment; findings name both places where two services claim the same thing."""
    services = tuple(sorted(blueprints, key=lambda b: b.name))
    return join([facts(service) for service in services], ladders, services)


def join(
    known: Sequence[Facts], ladders: Mapping[str, Ladder], services: tuple[Blueprint, ...] = ()
) -> tuple[Fleet | None, tuple[Diagnostic, ...]]:
    """As `assemble`, from the facts of all services in the order of their names; `services` are those at hand."""
    if not known:
        return None, ()
    dashboards = fleet_dashboards(
        known[0].environment,
        known[0].delivery.grafana,
        [one.service for one in known],
        {pair for one in known for pair in one.shown},
        scaled=any(one.scaled for one in known),
    )
    fleet = Fleet(known[0].environment, known[0].delivery, services, _inhibitions(known, ladders), dashboards)
    return fleet, in_order(_collisions(known))


def _claims(service: Blueprint) -> Iterator[tuple[str, str, Origin]]:
    for scrape in service.scrapes:
        if not scrape.existing:
            yield "job", scrape.job, scrape.origin
    for group in service.groups:
        for name in sorted({alert.name for alert in group.alerts}):
            yield "alert", name, group.origin
    for dashboard in service.dashboards:
        yield "dashboard", dashboard.title, dashboard.origin
        yield "uid", dashboard.uid, dashboard.origin
    for kind, items in (("HPA", service.hpas), ("VPA", service.vpas)):
        for item in items:
            workload = item.workload
            yield "autoscaler", f"{kind} of {workload.namespace}/{workload.kind}/{workload.name}", item.origin


def _place(span: Span | None) -> Place:
    return (span.file, span.line, span.column, span.end_line, span.end_column) if span else ()


def _collisions(known: Sequence[Facts]) -> Iterator[Diagnostic]:
    first: dict[tuple[str, str], tuple[str, Claim]] = {}
    for one in known:
        for claim in one.claims:
            what, key, place = claim
            service, earlier = first.setdefault((what, key), (one.service, claim))
            if earlier is claim:
                continue
            words, hint = _CLAIMS[what]
            other = f" in {Span(*earlier[2])}" if earlier[2] else f" by {service}"
            yield Diagnostic(
                "CG341" if what in ("dashboard", "uid") else "CG315",
                f"{words} {key!r} is claimed twice, first{other}",
                Span(*place) if place else Span(one.service, 1, 1, 1, 2),
                hint,
            )


def _inhibitions(known: Sequence[Facts], ladders: Mapping[str, Ladder]) -> tuple[Inhibition, ...]:
    """A worse level silences the milder ones of the same signal and series; a dead source its absent metrics.

    Alertmanager takes labels that both sides lack as equal, so a rule is made for each set of labels that
    signals have, matching just the alerts with that set: its labels present, all others absent.
    """
    sets = sorted({labels for one in known for labels in one.alerting})
    universe = sorted({label for labels in sets for label in labels})
    used = {ladder for one in known for ladder in one.ladders}
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
