"""What changes around the levels of a service: who is told and when, other alerts, jobs, sizes of pods, the delivery.

A secret's place is no secret, and is told of only as another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from capgen import units
from capgen.blueprint import Alert, Blueprint, Delivery, Fleet
from capgen.blueprint.jobs import Job, Resize, Scale, Watch
from capgen.blueprint.notifications import Receiver
from capgen.blueprint.sizing import SizedWorkload
from capgen.review.risk import Risk, Said


def receivers(old: Mapping[str, Receiver], new: Mapping[str, Receiver]) -> Said:
    """Who is told of a service's alerts, by name."""
    for name in sorted({*old, *new}):
        if name not in new:
            yield Risk.HIGH, f"{_somebody(old[name])} is told no more"
        elif name not in old:
            yield Risk.MEDIUM, f"{_somebody(new[name])} is told of {_severities(new[name])}"
        elif old[name] != new[name]:
            yield from _receiver(old[name], new[name])


def _receiver(old: Receiver, new: Receiver) -> Said:
    if (old.kind, old.channel, old.to) != (new.kind, new.channel, new.to):
        yield Risk.HIGH, f"{_somebody(new)} is told instead of {_somebody(old)}"
    if old.severities != new.severities:
        fewer = bool(new.severities) and not (old.severities and set(old.severities) <= set(new.severities))
        said = f"{_somebody(new)} is told of {_severities(new)} instead of {_severities(old)}"
        yield (Risk.HIGH if fewer else Risk.MEDIUM), said
    if (old.secret, old.token) != (new.secret, new.token):
        yield Risk.HIGH, f"{_somebody(new)} is reached with another secret"


def _somebody(receiver: Receiver) -> str:
    where = receiver.channel or ", ".join(receiver.to)
    return f"{receiver.name} ({receiver.kind}{f' {where}' if where else ''})"


def _severities(receiver: Receiver) -> str:
    return " and ".join(receiver.severities) + " alerts" if receiver.severities else "all alerts"


def other_alerts(old: Blueprint, new: Blueprint) -> Said:
    """Alerts that are no levels: metrics and targets that are gone, what is full soon, budgets."""
    before, after = _others(old), _others(new)
    scraped = {scrape.source for scrape in new.scrapes}
    known = {signal.id for signal in new.signals}
    for key in sorted({*before, *after}):
        what = " ".join(filter(None, key))
        if key not in after:
            # A job or a signal that is gone is told of by itself.
            if key[1] in scraped or key[1] in known:
                yield Risk.HIGH, f"the alert {what} is gone"
        elif key not in before:
            if key[1] in {scrape.source for scrape in old.scrapes} | {signal.id for signal in old.signals}:
                yield Risk.MEDIUM, f"the alert {what} is new"
        else:
            yield from _alert(what, before[key], after[key])


def _others(service: Blueprint) -> dict[tuple[str, str, str], Alert]:
    return {
        (alert.name, alert.signal, alert.level): alert
        for group in service.groups
        for alert in group.alerts
        if alert.kind != "level"
    }


def _alert(what: str, old: Alert, new: Alert) -> Said:
    once, now = (dict(alert.labels).get("severity", "nobody") for alert in (old, new))
    if once != now:
        yield Risk.HIGH, f"the alert {what} is {now} instead of {once}"
    if old.for_ != new.for_:
        told = f"the alert {what} has to stand {units.duration(new.for_)} instead of {units.duration(old.for_)}"
        yield (Risk.HIGH if new.for_ > old.for_ else Risk.MEDIUM), told
    if old.expr != new.expr:
        yield Risk.MEDIUM, f"the alert {what} asks something else"


def jobs(old: Mapping[str, Job], new: Mapping[str, Job]) -> Said:
    """Scheduled scripts, by name."""
    for name in sorted({*old, *new}):
        if name not in new:
            yield Risk.HIGH, f"the job {name} runs no more"
        elif name not in old:
            yield Risk.MEDIUM, f"the job {name} runs at {new[name].schedule!r}"
        else:
            yield from _job(old[name], new[name])


def _job(old: Job, new: Job) -> Said:
    if old.schedule != new.schedule:
        yield Risk.MEDIUM, f"the job {new.name} runs at {new.schedule!r} instead of {old.schedule!r}"
    if old.timeout != new.timeout:
        once, now = units.duration(old.timeout), units.duration(new.timeout)
        yield Risk.LOW, f"the job {new.name} may take {now} instead of {once}"
    match old.task, new.task:
        case Scale() as before, Scale() as after if (before.fewest, before.most) != (after.fewest, after.most):
            smaller = after.fewest < before.fewest or after.most < before.most
            said = f"the job {new.name} scales from {after.fewest} to {after.most} replicas instead of {before.fewest} to {before.most}"
            yield (Risk.HIGH if smaller else Risk.MEDIUM), said
        case Resize() as before, Resize() as after if before.apply != after.apply:
            does = "sets requests instead of recommending them" if after.apply else "recommends requests and sets none"
            yield Risk.HIGH if after.apply else Risk.MEDIUM, f"the job {new.name} {does}"
        case before, after if before != after and not isinstance(after, Watch):
            # The levels that a script watches are told of by themselves.
            yield Risk.MEDIUM, f"the job {new.name} does something else: see its script"


_RESOURCES: tuple[tuple[str, Callable[[float], str]], ...] = (("cpu", units.kube_cpu), ("memory", units.kube_bytes))


def sizes(old: Mapping[str, SizedWorkload], new: Mapping[str, SizedWorkload]) -> Said:
    """What containers ask for and may use, by workload: shares of requests are what autoscalers and alerts look at."""
    for name in sorted(old.keys() & new.keys()):
        before = {container.name: container for container in old[name].containers}
        for container in new[name].containers:
            once = before.get(container.name, container)
            for what in ("requests", "limits"):
                pairs = zip(_RESOURCES, getattr(once, what), getattr(container, what), strict=True)
                for (resource, shown), was, now in pairs:
                    if was != now:
                        said = ["nothing" if amount is None else shown(float(amount)) for amount in (now, was)]
                        less = now is None or (was is not None and now < was)
                        text = f"{name} {what} {said[0]} of {resource} for {container.name} instead of {said[1]}"
                        yield (Risk.HIGH if less else Risk.MEDIUM), text


def fleet(old: Fleet, new: Fleet) -> Said:
    """What holds for all services of an environment: how it is delivered, and when somebody is told."""
    for what, of, risk in _DELIVERED:
        once, now = of(old.delivery), of(new.delivery)
        if once != now:
            yield risk, f"{what} {now or 'nothing'} instead of {once or 'nothing'}"
    before, after = old.routing.root.timing, new.routing.root.timing
    for what, once_, now_ in (
        ("a notification waits for more of its group", before.wait, after.wait),
        ("news of a group waits", before.interval, after.interval),
        ("a notification is repeated after", before.repeat, after.repeat),
    ):
        if once_ != now_:
            told = f"{what} {units.duration(now_)} instead of {units.duration(once_)}"
            yield (Risk.HIGH if now_ > once_ else Risk.MEDIUM), told
    if old.routing.group_by != new.routing.group_by:
        yield Risk.MEDIUM, f"alerts are grouped by {', '.join(new.routing.group_by)} instead of {', '.join(old.routing.group_by)}"  # fmt: skip


_DELIVERED: tuple[tuple[str, Callable[[Delivery], str], Risk], ...] = (
    ("rules and scrapes are delivered as", lambda d: d.prometheus, Risk.HIGH),
    ("what watches is delivered to the namespace", lambda d: d.namespace, Risk.HIGH),
    ("routes are delivered as", lambda d: d.notify.form, Risk.HIGH),
    ("jobs run by", lambda d: d.jobs.form, Risk.HIGH),
    ("dashboards are delivered as", lambda d: d.grafana.deliver, Risk.MEDIUM),
    ("autoscalers get their metrics from", lambda d: d.metrics, Risk.HIGH),
    ("rules are evaluated every", lambda d: units.duration(d.evaluation_interval), Risk.MEDIUM),
)
