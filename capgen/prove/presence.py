"""The tests of a source's group: a metric that is gone and a source that is down raise exactly their alert.

Everything is there: silence. Then the metrics end one after another, and each raises its own alert while the
others stay quiet; they come back, and all is silent again. Then the targets answer no more (`up` is 0, or no
target is left at all).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from capgen.blueprint import Alert, Group
from capgen.promql import Expr, parse
from capgen.prove.expectations import alert_names, check_alerts, check_states
from capgen.prove.levels import LONGEST_STEP, reach
from capgen.prove.oracle import Expected
from capgen.prove.plan import Conflict, Labels, Unsupported, Vector, matches, prepare
from capgen.prove.suite import Case, Gap, Suite
from capgen.prove.tape import Tape
from capgen.prove.templates import UnknownTemplate
from capgen.prove.universe import NoSeries, Universe, leaves, populate

State = tuple[float, ...]
GONE = math.nan


def prove_presence(group: Group) -> Suite:
    """The tests of a group without a signal, and what they leave open."""
    names = [_proved(alert) for alert in group.alerts]
    try:
        case = _case(group)
    except (NoSeries, Unsupported, Conflict, UnknownTemplate, ValueError) as failed:
        return Suite(group, (), tuple(Gap(group.name, name, str(failed)) for name in names), ())
    return Suite(group, (case,), (), tuple(names))


def _proved(alert: Alert) -> str:
    return f"{alert.name}/{alert.level}" if alert.kind == "absent" else alert.name


class _Alarm:
    """An alert with the series it watches."""

    def __init__(self, alert: Alert, universe: Universe) -> None:
        self.alert = alert
        self.expr: Expr = parse(alert.expr)
        found = leaves([self.expr], ())
        self.series = frozenset(i for i, s in enumerate(universe.identities) if any(matches(leaf.selector, s) for leaf in found))
        plan = prepare(self.expr, universe.identities)
        if not isinstance(plan, Vector):
            raise Unsupported("the alert's expression is a number")
        self.plan = plan


def _universe(group: Group) -> Universe:
    return populate(leaves([parse(alert.expr) for alert in group.alerts], ("instance",)), (1.0,), companions=1)


def _case(group: Group) -> Case:
    universe = _universe(group)
    alarms = [_Alarm(alert, universe) for alert in group.alerts]
    absent = [alarm for alarm in alarms if alarm.alert.kind == "absent"]
    down = [alarm for alarm in alarms if alarm.alert.kind == "down"]
    for alarm in alarms:
        if not alarm.series:
            raise NoSeries(f"nothing is read by {alarm.alert.name}")
    longest = max(alert.for_ for alert in group.alerts)
    back = max(reach(alarm.expr) for alarm in alarms)
    step, interval = _step(group)
    tape = Tape(universe, interval, step)
    hold = math.ceil((longest + back) / step) + 2
    healthy = tuple(1.0 for _ in universe.members)
    # A row for each evaluation: which alerts have a reason, by what the group promises, not by its expressions.
    wanted: list[set[int]] = []

    def play(name: str, state: State, steps: int, *, missing: Sequence[_Alarm], dead: bool) -> None:
        segment = tape.hold(name, state, steps)
        reasons = {i for i, alarm in enumerate(alarms) if alarm in missing or (dead and alarm.alert.kind == "down")}
        wanted.extend([reasons] * (segment.last - segment.first + 1))

    play("everything is there", healthy, hold, missing=(), dead=False)
    gone: set[int] = set()
    for place, alarm in enumerate(absent):
        gone |= alarm.series
        state = tuple(GONE if i in gone and universe.members[i].leaf >= 0 else 1.0 for i in range(len(healthy)))
        missing = [a for a in absent if a.series <= gone]
        steps = hold if place == len(absent) - 1 else 2
        play(f"{alarm.alert.level} is gone", state, steps, missing=missing, dead=False)
    play("everything is back", healthy, 3, missing=(), dead=False)
    for zero in (True, False) if down else ():
        up = frozenset(i for alarm in down for i in alarm.series if universe.members[i].leaf >= 0)
        state = tuple((0.0 if zero else GONE) if i in up else 1.0 for i in range(len(healthy)))
        play("no target answers" if zero else "no target is left", state, hold, missing=(), dead=True)
        play("all targets answer", healthy, 3, missing=(), dead=False)
    recording = tape.recording()
    histories = []
    for closed in (True, False):
        history, active = [], dict[tuple[int, Labels], float]()
        for k in range(tape.evaluations):
            moment = recording.at(k * step, closed=closed)
            now: list[Expected] = []
            for i, alarm in enumerate(alarms):
                rows = {labels: v for labels, v in zip(alarm.plan.labels, alarm.plan.run(moment), strict=True) if v is not None}
                expected = rows if i in wanted[k] else {}
                if i in wanted[k] and not rows:
                    raise ValueError(f"{alarm.alert.name} does not see that {alarm.alert.level or 'the target'} is gone")
                for key in [key for key in active if key[0] == i and key[1] not in expected]:
                    del active[key]
                for labels, value in expected.items():
                    since = active.setdefault((i, labels), k * step)
                    now.append(Expected(alarm.alert, labels, k * step - since >= alarm.alert.for_, value))
            history.append(tuple(now))
        histories.append(history)
    readings = list(zip(*histories, strict=True))
    names = alert_names(group.alerts)
    alerts = check_alerts(readings, [s.last for s in tape.segments], step, names, ())
    samples = check_states(readings, tape.segments, step, ())
    return Case("presence", interval, step, tape.series(), alerts, samples)


def _step(group: Group) -> tuple[float, float]:
    base = math.lcm(round(group.scrape.interval * 1000), round(group.interval * 1000)) / 1000
    waits = [alert.for_ for alert in group.alerts if alert.for_]
    limit = min([LONGEST_STEP, *(wait / 3 for wait in waits)])
    options = [base * n for n in range(1, max(1, int(limit / base)) + 1)]
    even = [step for step in options if all(wait % step == 0 for wait in waits)]
    return max(even or options), group.scrape.interval
