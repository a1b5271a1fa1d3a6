"""The tests of a signal that says how long something lasts: what is left, by the slope at which it falls.

Such a value cannot be held still, it falls by a second every second. So there is one story: it runs out at a
constant pace, through all levels in order, and is then freed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from capgen.blueprint import Group, Level, Signal
from capgen.naming import HEADROOM
from capgen.promql import parse
from capgen.prove.expectations import alert_names, check_alerts, check_record, check_states
from capgen.prove.headroom import ABOUT_ONE, headroom
from capgen.prove.leaves import leaves
from capgen.prove.oracle import follow, rules, trace
from capgen.prove.pace import pace, reach
from capgen.prove.plan import prepare
from capgen.prove.suite import Case, Suite
from capgen.prove.tape import Tape, failures
from capgen.prove.universe import Universe, doubled, populate
from capgen.prove.vectors import Conflict, Vector
from capgen.prove.witness import NoWitness

FULL = 1e9
"""What is left at the beginning; the other series are tried around it."""


def prove_countdown(group: Group, signal: Signal, levels: Sequence[Level]) -> Suite:
    """The tests of the group. Raises NoWitness when the value does not count down."""
    if signal.worse != "below" or not levels or signal.traffic:
        raise NoWitness("the value does not count down to its levels")
    found = leaves([parse(signal.expr)], signal.labels)
    for companions in (2, 1, 0):
        universe = populate(found, (1.0,), companions=companions)
        for others in (10 * FULL, FULL / 10, 100.0):
            try:
                cases = tuple(
                    _case(group, signal, levels, series, others, name)
                    for series, name in ((universe, "counting down"), (doubled(universe), "a pair of replicas"))
                )
            except (NoWitness, Conflict):
                continue
            proves = [record.name for record in group.records] + [alert.name for alert in group.alerts]
            return Suite(group, cases, (), tuple(proves))
    raise NoWitness("no slope makes the value count down to its levels")


def _case(group: Group, signal: Signal, levels: Sequence[Level], universe: Universe, others: float, name: str) -> Case:
    time = pace(group, signal, most=100)
    # Half a second beside the whole ones, where a duration's text changes.
    begin = math.ceil(1.2 * levels[0].threshold) + 0.5
    last = levels[-1].threshold - time.hold * time.step
    steps = math.ceil((begin - last) / time.step)
    tape = Tape(universe, time.interval, time.step)
    start = {i: FULL * m.weight for i, m in enumerate(universe.members) if m.counter}
    falling = [-FULL * m.weight / begin if m.counter and m.leaf >= 0 else 0.0 for m in universe.members]
    still = [
        universe.leaves[m.leaf].hint or 0.0 if m.leaf >= 0 and universe.leaves[m.leaf].hint is not None else others
        for m in universe.members
    ]
    state = [slope if m.counter else value for m, slope, value in zip(universe.members, falling, still, strict=True)]
    freed = [0.0 if m.counter else value for m, value in zip(universe.members, still, strict=True)]
    missed = failures(max(4, steps // 4), time.interval, time.step)
    tape.hold("running out", state, steps, start=start, missed=missed if missed[1].at < steps else ())
    tape.hold("freed", freed, time.keep + 2, start={i: 10 * value for i, value in start.items()})
    tape.hold("gone", [math.nan] * len(state), 2)
    expr = parse(signal.expr)
    plan = prepare(expr, universe.identities)
    if not isinstance(plan, Vector):
        raise NoWitness("the expression is a number")
    value = trace(plan, tape.recording(), tape.evaluations, reach(expr), tape.changes, timed=True)
    expected = begin - 3 * time.step
    if not all(rows[3] and all(abs(v - expected) < 1e-6 * begin for v in rows[3].values()) for rows in value):
        raise NoWitness("the value does not count down")
    readings = follow(rules(signal, group.alerts), value, None, time.step)
    extra = next((r.labels for r in group.records if r.name == signal.record), ())
    ends = [segment.last for segment in tape.segments]
    instants = sorted({3, steps // 2, *ends, *tape.segments[0].missed})
    samples = [*check_states(readings, tape.segments, time.step, extra)]
    for record in group.records:
        if record.name == HEADROOM:
            samples += check_record(record, headroom(signal, value, None), instants, time.step, scale=ABOUT_ONE)
            continue
        if record.expr != signal.expr:
            raise NoWitness(f"{record.name} records something else")
        samples += check_record(record, value, instants, time.step)
    alerts = check_alerts(readings, instants, time.step, alert_names(group.alerts), extra)
    return Case(name, time.interval, time.step, tape.series(), alerts, tuple(samples))
