"""The tests of a source's group: a metric that is gone and a source that is down raise exactly their alert.

Everything is there: silence, also while up to three scrapes in a row fail. Then each metric ends for a while, one after another, and each raises its own alert
while the others stay quiet. Then one of two targets fails, then all, then none is left to ask. Series of
another job, of which nothing can be said to be well, must not matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from msgspec import Struct

from capgen.blueprint import Alert, Group
from capgen.promql import parse
from capgen.prove.expectations import Reading, alert_names, check_alerts, check_states
from capgen.prove.leaves import leaves
from capgen.prove.oracle import Expected
from capgen.prove.pace import reach, step_of
from capgen.prove.plan import matches, prepare
from capgen.prove.sources import Moment
from capgen.prove.suite import Case, Gap, Suite
from capgen.prove.tape import Tape, failures
from capgen.prove.templates import UnknownTemplate
from capgen.prove.universe import NoSeries, Universe, populate
from capgen.prove.vectors import Conflict, Labels, Unsupported, Vector

State = tuple[float, ...]


class Blind(ValueError):
    """An alert does not see what it is for."""


class _Alarm(Struct, frozen=True):
    """An alert with the series it watches."""

    alert: Alert
    plan: Vector
    series: frozenset[int]
    reach: float


class _Scene(Struct, frozen=True):
    """A state that lasts, and the alarms that have a reason in it: by what they promise, not by their expressions.

    Where the promise leaves it open (one target of several is down), the expressions decide: `open`.
    """

    name: str
    state: State
    steps: int
    reasons: frozenset[str]
    open: bool = False


def prove_presence(group: Group) -> Suite:
    """The tests of a group without a signal, and what they leave open."""
    names = [rule_of(alert) for alert in group.alerts]
    try:
        case = _case(group)
    except (NoSeries, Unsupported, Conflict, UnknownTemplate, Blind) as failed:
        return Suite(group, (), tuple(Gap(group.name, name, str(failed)) for name in names), ())
    return Suite(group, (case,), (), tuple(names))


def rule_of(alert: Alert) -> str:
    """How results name an alert: those for absent metrics share one name."""
    return f"{alert.name}/{alert.level}" if alert.kind == "absent" else alert.name


def _case(group: Group) -> Case:
    universe = populate(leaves([parse(alert.expr) for alert in group.alerts], ("instance",)), (1.0,), companions=2)
    alarms = [_alarm(alert, universe) for alert in group.alerts]
    waits = [alert.for_ for alert in group.alerts if alert.for_]
    interval, step = group.scrape.interval, step_of((group.scrape.interval, group.interval), waits, 0.0)
    hold = math.ceil((max(waits, default=0.0) + max(alarm.reach for alarm in alarms)) / step) + 2
    tape = Tape(universe, interval, step)
    scenes: list[_Scene] = []
    for scene in _scenes(alarms, universe, hold):
        # Nothing is gone yet when scrapes fail: their samples are still seen.
        missed = failures(scene.steps, interval, step) if not scenes else ()
        extra = missed[1].at if missed else 0
        segment = tape.hold(scene.name, scene.state, scene.steps + extra, missed=missed)
        scenes += [scene] * (segment.last - segment.first + 1)
    recording = tape.recording()
    histories = [
        _follow(alarms, scenes, [recording.at(k * step, closed=closed) for k in range(len(scenes))])
        for closed in (True, False)
    ]
    readings: list[Reading] = list(zip(*histories, strict=True))
    ends = [segment.last for segment in tape.segments]
    alerts = check_alerts(readings, ends, step, alert_names(group.alerts), ())
    samples = check_states(readings, tape.segments, step, ())
    return Case("presence", interval, step, tape.series(), alerts, samples)


def _alarm(alert: Alert, universe: Universe) -> _Alarm:
    expr = parse(alert.expr)
    found = leaves([expr], ())
    read = [i for i, s in enumerate(universe.identities) if any(matches(leaf.selector, s) for leaf in found)]
    # The metric that an alert promises to watch is the one it is named for, whatever else its expression reads.
    series = [i for i in read if universe.identities[i].name == alert.level] or read
    plan = prepare(expr, universe.identities)
    if not isinstance(plan, Vector):
        raise Unsupported("the alert's expression is a number")
    return _Alarm(alert, plan, frozenset(series), reach(expr))


def _scenes(alarms: Sequence[_Alarm], universe: Universe, hold: int) -> Iterator[_Scene]:
    absent = [alarm for alarm in alarms if alarm.alert.kind == "absent"]
    down = [alarm for alarm in alarms if alarm.alert.kind == "down"]
    targets = frozenset(i for alarm in down for i in alarm.series)
    # What another job's targets do is none of our business, so they are down all the time.
    calm = tuple(0.0 if member.leaf < 0 and member.identity.name == "up" else 1.0 for member in universe.members)
    yield _Scene("everything is there", calm, hold, frozenset())
    lasting = math.ceil(hold / 2)
    for place in range(len(absent) + lasting if absent else 0):
        # Each metric is gone for `lasting` scenes of two evaluations, so that the alerts overlap but differ.
        gone = absent[max(0, place - lasting + 1) : place + 1]
        missing = frozenset[int]().union(*(alarm.series for alarm in gone))
        state = tuple(math.nan if i in missing else x for i, x in enumerate(calm))
        reasons = frozenset(rule_of(alarm.alert) for alarm in absent if alarm.series <= missing)
        yield _Scene(f"gone: {', '.join(alarm.alert.level for alarm in gone)}", state, 2, reasons)
    fired = frozenset(rule_of(alarm.alert) for alarm in down)
    second = frozenset(i for i in targets if universe.members[i].weight < 1)
    for name, failing, value, reasons, unsaid in (
        ("one of two targets fails", second, 0.0, fired, True),
        ("no target answers", targets, 0.0, fired, False),
        ("no target is left", targets, math.nan, fired, False),
    ):
        if down and failing:
            yield _Scene(name, tuple(value if i in failing else x for i, x in enumerate(calm)), hold, reasons, unsaid)
            yield _Scene("all targets answer", calm, 2, frozenset())


def _follow(
    alarms: Sequence[_Alarm], scenes: Sequence[_Scene], moments: Sequence[Moment]
) -> list[tuple[Expected, ...]]:
    """Pending and firing alerts at each evaluation. Raises Blind for an alert without its reason to fire."""
    since: dict[tuple[str, Labels], float] = {}
    history = []
    for scene, moment in zip(scenes, moments, strict=True):
        now: list[Expected] = []
        for alarm in alarms:
            rule = rule_of(alarm.alert)
            rows = {
                labels: v for labels, v in zip(alarm.plan.labels, alarm.plan.run(moment), strict=True) if v is not None
            }
            if rule not in scene.reasons:
                rows = {}
            elif not rows and not scene.open:
                raise Blind(f"{alarm.alert.name} does not see it when {scene.name}")
            for key in [key for key in since if key[0] == rule and key[1] not in rows]:
                del since[key]
            for labels, value in rows.items():
                waited = moment.now - since.setdefault((rule, labels), moment.now)
                now.append(Expected(alarm.alert, labels, waited >= alarm.alert.for_, value))
        history.append(tuple(now))
    return history
