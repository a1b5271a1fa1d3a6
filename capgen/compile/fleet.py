"""Puts the services of an environment side by side: what may not meet, and which alert silences which.

None of that needs whole Blueprints, only the few facts that a service shares with the others. So a fleet can also
be put together from facts that other processes, or earlier builds, have found.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from math import ceil
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from capgen import naming
from capgen.blueprint import Blueprint, Delivery, Fleet
from capgen.blueprint.cost import Cost
from capgen.blueprint.jobs import CronEntry, Report
from capgen.blueprint.notifications import Inhibition, Matcher, Receiver, Routing, reading
from capgen.blueprint.origin import Labels, Origin
from capgen.blueprint.serving import ServedMetric
from capgen.catalog.model import Ladder
from capgen.compile.dashboards.fleet import fleet_dashboards, kind_of
from capgen.compile.routes import GROUP_BY, routing_tree, unreached
from capgen.compile.serving import served
from capgen.diagnostics import Diagnostic, Span, in_order

Claim: TypeAlias = tuple[str, str, Span | None]
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


class Facts(Struct, frozen=True):
    """What the other services of an environment have to know of one."""

    service: str
    environment: str
    delivery: Delivery
    claims: tuple[Claim, ...]
    alerting: tuple[tuple[str, ...], ...]
    """The sets of labels by which the series of alerting signals are told apart."""
    ladders: tuple[str, ...]
    team: str
    receivers: tuple[Receiver, ...]
    declared: Span | None
    """Where the service says whose it is."""
    shown: Labels = ()
    """What the fleet's dashboards show of it: a kind of signal (`cpu`), and the record that has it."""
    scaled: bool = False
    """Whether an HPA of the cluster scales it."""
    crontab: tuple[CronEntry, ...] = ()
    cost: Cost | None = None
    """What its rules cost; None where no budget asks."""
    served: tuple[tuple[str, str], ...] = ()
    """Metrics that the adapter serves to its autoscalers: their names, and the records behind them."""


def facts(blueprint: Blueprint) -> Facts:
    """The facts of a compiled service."""
    signals = blueprint.signals
    return Facts(
        service=blueprint.name,
        environment=blueprint.environment,
        delivery=blueprint.delivery,
        claims=tuple((what, key, origin.span) for what, key, origin in _claims(blueprint)),
        alerting=tuple(sorted({s.labels for s in signals if any(level.severity for level in s.levels)})),
        ladders=tuple(sorted({s.ladder for s in signals})),
        team=blueprint.owner,
        receivers=blueprint.receivers,
        declared=blueprint.declared.span,
        shown=tuple(sorted({(kind, s.record) for s in signals if (kind := kind_of(s))})),
        scaled=bool(blueprint.hpas) and blueprint.delivery.kubernetes,
        crontab=_crontab(blueprint),
        cost=blueprint.cost,
        served=tuple(sorted({(metric.name, metric.record) for metric in served(blueprint)})),
    )


def _crontab(blueprint: Blueprint) -> tuple[CronEntry, ...]:
    if blueprint.delivery.jobs.form != "crontab":
        return ()
    read = any(reading(blueprint.receivers, blueprint.delivery.notify.smtp))
    found = []
    for job in blueprint.jobs:
        entry = CronEntry(blueprint.name, job.name, job.schedule, ceil(job.timeout), "")
        if isinstance(job.task, Report):
            # One page for all services, and to each service's own receivers what is its own.
            found.append(replace(entry, report=job.task.period))
        if read or not isinstance(job.task, Report):
            found.append(entry)
    return tuple(found)


def assemble(
    known: Sequence[Facts],
    ladders: Mapping[str, Ladder],
    services: Sequence[Blueprint] = (),
    *,
    whole: bool = True,
) -> tuple[Fleet | None, tuple[Diagnostic, ...]]:
    """The fleet of one environment, from the facts of all its services, and of these the ones that are at hand.

    Findings name both places where two services claim the same thing. `whole`: whether these are all of its services.
    """
    known = sorted(known, key=lambda one: one.service)
    services = tuple(sorted(services, key=lambda one: one.name))
    if not known:
        return None, ()
    environment, delivery = known[0].environment, known[0].delivery
    root, receivers = routing_tree(known)
    routing = Routing(root, receivers, GROUP_BY, _inhibitions(known, ladders))
    dashboards = fleet_dashboards(
        environment,
        delivery.grafana,
        [one.service for one in known],
        {pair for one in known for pair in one.shown},
        scaled=any(one.scaled for one in known),
    )
    crontab = tuple(entry for one in known for entry in one.crontab)
    found = [*_collisions(known)]
    # What is delivered nowhere tells nobody yet, and of some services nobody knows who else is in their teams.
    if delivery.notify.form != "none" and delivery.somewhere and whole:
        found += unreached(known, environment)
    metrics = tuple(ServedMetric(*pair) for pair in sorted({pair for one in known for pair in one.served}))
    return Fleet(environment, delivery, services, routing, crontab, dashboards, metrics), in_order(found)


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


def _collisions(known: Sequence[Facts]) -> Iterator[Diagnostic]:
    first: dict[tuple[str, str], tuple[str, Claim]] = {}
    for one in known:
        for claim in one.claims:
            what, key, place = claim
            service, earlier = first.setdefault((what, key), (one.service, claim))
            if earlier is claim:
                continue
            words, hint = _CLAIMS[what]
            other = f" in {earlier[2]}" if earlier[2] else f" by {service}"
            yield Diagnostic(
                "CG341" if what in ("dashboard", "uid") else "CG315",
                f"{words} {key!r} is claimed twice, first{other}",
                place or Span(one.service, 1, 1, 1, 2),
                hint,
            )


def digests_of(claims: Iterable[Claim]) -> bytes:
    """Eight bytes for each claim, for who only has to know whether all are `distinct`."""
    names = (f"{what}\0{key}".encode() for what, key, _ in claims)
    return b"".join(blake2b(name, digest_size=8).digest() for name in names)


def distinct(digests: bytes | bytearray) -> bool:
    """Whether nothing is claimed twice."""
    heaps = [array("Q") for _ in range(256)]  # or all numbers would be objects at the same time
    for number in memoryview(digests).cast("Q"):
        heaps[number % 256].append(number)
    return all(len(set(heap)) == len(heap) for heap in heaps)


def _inhibitions(known: Sequence[Facts], ladders: Mapping[str, Ladder]) -> tuple[Inhibition, ...]:
    """A worse level silences the milder ones of the same signal and series; a dead source its absent metrics.

    Alertmanager takes labels that both sides lack as equal. Service and signal, which every matcher wants to be there,
    say which labels tell a signal's series apart; so whatever else both sides lack is not theirs, and one rule compares
    the labels of all signals.
    """
    universe = sorted({label for one in known for labels in one.alerting for label in labels})
    here = (_there(naming.SERVICE), _there(naming.SIGNAL))
    rules: list[Inhibition] = []
    for ladder in sorted({ladder for one in known for ladder in one.ladders}):
        names = [name for name, severity in ladders[ladder].levels.items()][1:]
        for rank in range(len(names) - 1, 0, -1):
            milder = "|".join(sorted(names[:rank]))
            rules.append(
                Inhibition(
                    source=((naming.KIND, "=", "level"), (naming.LEVEL, "=", names[rank]), *here),
                    target=((naming.KIND, "=", "level"), (naming.LEVEL, "=~", milder), *here),
                    equal=(naming.SERVICE, naming.SIGNAL, *universe),
                )
            )
    named = (_there(naming.SERVICE), _there(naming.SOURCE))
    rules.append(
        Inhibition(
            source=((naming.KIND, "=", "down"), *named),
            target=((naming.KIND, "=", "absent"), *named),
            equal=(naming.SERVICE, naming.SOURCE),
        )
    )
    return tuple(dict.fromkeys(rules))


def _there(label: str) -> Matcher:
    return (label, "=~", ".+")
