"""The tests of a signal's group: its value swept through all levels and back, and what must not disturb it.

One timeline carries most of it, because promtool's cost is evaluations: healthy (with one missed scrape, three of
them and a restart), each level from just short of it to just inside, the worst (with the same disturbances), what is
beyond a histogram's last bound, down again through hysteresis and `keep_firing_for`, too little traffic, none, and
the end of all series. A second, short one has every series twice, as a pair of Prometheus replicas and a second
kube-state-metrics give them, and in a third a pod moves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from capgen.blueprint import Group, Level, Record, Signal
from capgen.naming import HEADROOM
from capgen.promql import Call, Expr, parse, walk
from capgen.prove import goals as names
from capgen.prove.countdown import prove_countdown
from capgen.prove.expectations import ELSEWHERE, Reading, alert_names, check_alerts, check_record, check_states
from capgen.prove.goals import goals
from capgen.prove.headroom import ABOUT_ONE, headroom
from capgen.prove.mishaps import Copied, capped, moved, paired, stated_twice
from capgen.prove.oracle import Rows, Trace, follow, rules, trace
from capgen.prove.pace import pace, reach
from capgen.prove.plan import prepare
from capgen.prove.sources import LOOKBACK, Steady
from capgen.prove.suite import Case, Gap, Suite
from capgen.prove.tape import Missed, Segment, Tape, failures, spelled
from capgen.prove.templates import UnknownTemplate
from capgen.prove.universe import Universe
from capgen.prove.vectors import Conflict, Identity, Plan, Unsupported, Vector
from capgen.prove.witness import NoWitness, State, find, with_traffic
from capgen.units import number

LEVELS, MOVE = "levels", "a pod moves"
PAIR, STATED_TWICE = "a pair of replicas", "a second kube-state-metrics"
_UNSAFE = {
    PAIR: ("a pair of Prometheus replicas", "with every series twice"),
    STATED_TWICE: ("a second kube-state-metrics", "with its series twice"),
}


def prove_levels(group: Group, signal: Signal) -> Suite:
    """The tests of a signal's group, and what they leave open."""
    told = {alert.level for alert in group.alerts}
    levels = tuple(level for level in signal.levels if level.name in told)
    try:
        return _Prover(group, signal, levels).suite()
    except NoWitness as failed:
        try:
            return prove_countdown(group, signal, levels)
        except (NoWitness, Unsupported):
            return _unproven(group, failed)
    except (Unsupported, Conflict, UnknownTemplate) as failed:
        return _unproven(group, failed)


def _unproven(group: Group, reason: Exception) -> Suite:
    names_ = [record.name for record in group.records] + [alert.name for alert in group.alerts]
    return Suite(group, (), tuple(Gap(group.name, name, str(reason)) for name in names_), ())


class _Prover:
    def __init__(self, group: Group, signal: Signal, levels: Sequence[Level]) -> None:
        self.group, self.signal, self.levels = group, signal, levels
        self.pace = pace(group, signal)
        self.witness = find(signal, goals(signal, levels))
        self.expressions = [parse(text) for text in (signal.expr, signal.traffic) if text]
        self.extra = next((r.labels for r in group.records if r.name == signal.record), ())
        self.gaps: list[Gap] = []

    def suite(self) -> Suite:
        cases = [self.sweep(), *self.twice(), *self.move()]
        proves = [record.name for record in self.group.records] + [alert.name for alert in self.group.alerts]
        return Suite(self.group, tuple(cases), tuple(self.gaps), tuple(proves))

    def gap(self, reason: str, rule: str = "") -> None:
        self.gaps.append(Gap(self.group.name, rule, reason))

    # --- the sweep ---

    def sweep(self) -> Case:
        tape = self.tape(self.witness.universe)
        for name, state, steps, disturbed in self.story():
            if disturbed:
                missed, restart = self.disturbances()
                tape.hold(name, state, steps, missed=missed, restart=restart if self.steady() else 0)
            else:
                tape.hold(name, state, steps)
        return self.case(LEVELS, tape, self.witness.universe)

    def disturbances(self) -> tuple[tuple[Missed, Missed], int]:
        """One scrape fails, then three in a row, then all counters begin anew: evaluations after a state's begin."""
        missed = failures(self.pace.settle + 1, self.pace.interval, self.pace.step)
        return missed, missed[1].at + 1

    def tape(self, universe: Universe) -> Tape:
        return Tape(
            universe,
            self.pace.interval,
            self.pace.step,
            clocks=self.witness.clocks,
            lead=self.pace.reach + self.pace.interval,
        )

    def story(self) -> Iterator[tuple[str, State, int, bool]]:
        """Name, state, evaluations, and whether scrapes fail and processes restart in between."""
        pace, states = self.pace, self.witness.states
        plain = pace.settle + 1
        disturbed = self.disturbances()[1] + pace.settle + 2
        if (before := self.unseen()) is not None:
            yield "before the first", before, plain, False
        yield names.HEALTHY, states[names.HEALTHY], disturbed, True
        if not self.levels:
            yield names.SEVERE, states[names.SEVERE], plain, False
        for level in self.levels:
            yield names.short_of(level), states[names.short_of(level)], plain + pace.hold, False
            inside = states.get(names.exactly(level)) or states[names.beyond(level)]
            yield names.beyond(level), inside, plain + pace.hold, False
        if self.levels:
            yield names.SEVERE, states[names.SEVERE], disturbed, True
        if (beyond := self.beyond_buckets()) is not None:
            yield "beyond the last bucket", beyond, plain, False
        if self.levels:
            yield from self.descent()
            yield from self.quiet()
        yield "gone", tuple(math.nan for _ in self.witness.universe.members), 1 + pace.keep, False

    def descent(self) -> Iterator[tuple[str, State, int, bool]]:
        for level in reversed(self.levels):
            steps = self.pace.settle + 1 + self.pace.keep
            if self.signal.hysteresis:
                yield names.held(level), self.witness.states[names.held(level)], steps, False
                yield names.released(level), self.witness.states[names.released(level)], steps, False
            else:
                yield names.short_of(level), self.witness.states[names.short_of(level)], steps, False
        yield names.HEALTHY, self.witness.states[names.HEALTHY], steps, False
        if self.signal.hysteresis and self.pace.settle + 1 < self.pace.hold:
            # Too short to fire, then only what would keep a firing alert: it never was one.
            for level in self.levels:
                yield names.beyond(level), self.witness.states[names.beyond(level)], self.pace.settle, False
                yield names.held(level), self.witness.states[names.held(level)], self.pace.hold + 1, False
                yield names.HEALTHY, self.witness.states[names.HEALTHY], steps, False

    def quiet(self) -> Iterator[tuple[str, State, int, bool]]:
        """Values that would fire if there were traffic enough, or nothing that forbids it."""
        worst, healthy = self.witness.states[names.SEVERE], self.witness.states[names.HEALTHY]
        steps = self.pace.settle + 1 + self.pace.hold
        if self.signal.traffic and self.signal.min_traffic:
            below = with_traffic(self.witness, worst, self.signal.min_traffic * (1 - names.EPSILON))
            above = with_traffic(self.witness, worst, self.signal.min_traffic * (1 + names.EPSILON))
            if below is None or above is None:
                self.gap("the value cannot be kept while the traffic changes, so the traffic floor is not tested")
            else:
                yield "too little traffic", below, steps, False
                yield "just enough traffic", above, steps, False
        for leaf, shut in self.gates(worst):
            yield names.HEALTHY, healthy, self.pace.settle + 1 + self.pace.keep, False
            yield f"ruled out by {leaf}", shut, steps, False
        if any(self.witness.universe.counters):
            flat = tuple(
                0.0 if counter else x for x, counter in zip(worst, self.witness.universe.counters, strict=True)
            )
            yield "no traffic", flat, self.pace.settle + 1 + self.pace.keep, False

    def gates(self, state: State) -> Iterator[tuple[str, State]]:
        """States in which a condition of the expression (`and …`, `unless …`) forbids a result, by the metric's name."""
        universe = self.witness.universe
        for place, leaf in enumerate(universe.leaves):
            if not (leaf.gate or leaf.excluding) or place in self.witness.driven:
                continue
            for number_ in (1.0, 0.0, 1e9, math.nan):
                shut = tuple(number_ if m.leaf == place else x for x, m in zip(state, universe.members, strict=True))
                if self.witness.reading(shut)[0] is None:
                    yield leaf.selector.name, shut
                    break

    def beyond_buckets(self) -> State | None:
        """Everything slower than the histogram can tell. Raises NoWitness where that would hide a level."""
        state = capped(self.witness.universe, self.witness.states[names.SEVERE])
        if state is None:
            return None
        value, _ = self.witness.reading(state)
        for rule in rules(self.signal, self.group.alerts):
            if value is None or not rule.holds(value, firing=False, blur=0.0):
                raise NoWitness(
                    f"when everything is beyond the histogram's last bound, {rule.alert.level} does not show: "
                    f"the value is {value if value is None else number(value)}"
                )
        return state

    def unseen(self) -> State | None:
        """The state before the driven series were ever written, if the expression has a value then."""
        universe = self.witness.universe
        healthy = self.witness.states[names.HEALTHY]
        state = tuple(
            math.nan if m.leaf in self.witness.driven else x for x, m in zip(healthy, universe.members, strict=True)
        )
        return state if self.witness.reading(state)[0] is not None else None

    def steady(self) -> bool:
        """Whether a missed scrape and a restart may be tried: slopes of gauges do feel a restart."""
        calls = {node.function for e in self.expressions for node in walk(e) if isinstance(node, Call)}
        return not calls & {"deriv", "delta", "idelta", "predict_linear"} and not self.witness.clocks

    # --- the same series more than once ---

    def twice(self) -> Iterator[Case]:
        """Every series twice, and those of kube-state-metrics in each of them: told where it is not made for it."""
        base = self.witness.universe
        pair, stated = self.safe(PAIR, paired(base)), self.safe(STATED_TWICE, stated_twice(base))
        if pair is not None and stated is not None:
            both = paired(stated.universe)
            name = f"{PAIR} and {STATED_TWICE}"
            copied: Copied | None = Copied(both.universe, tuple(stated.origins[origin] for origin in both.origins))
        else:
            name, copied = (PAIR, pair) if pair is not None else (STATED_TWICE, stated)
        if copied is None:
            return
        tape, states = self.tape(copied.universe), self.witness.states
        if (before := self.unseen()) is not None:
            tape.hold("before the first", copied.state(before), self.pace.settle + 1)
        tape.hold(names.HEALTHY, copied.state(states[names.HEALTHY]), self.pace.settle + 1)
        tape.hold(names.SEVERE, copied.state(states[names.SEVERE]), self.pace.settle + 1 + self.pace.hold)
        yield self.case(name, tape, copied.universe)

    def safe(self, name: str, copied: Copied | None) -> Copied | None:
        """The copies, if the worst value is the same with them; else None, with a gap."""
        if copied is None:
            return None
        plan = _vector(prepare(self.expressions[0], copied.universe.identities))
        state = self.witness.states[names.SEVERE]
        single = self.rows(self.witness.value, self.witness.steady(state))
        try:
            found = self.rows(plan, Steady(copied.state(state), copied.universe.counters, self.witness.clocks))
        except Conflict as failed:
            self.gap(f"not safe for {_UNSAFE[name][0]}: {failed}")
            return None
        if found.keys() != single.keys() or any(
            abs(found[key] - single[key]) > 0.01 * abs(single[key]) for key in single
        ):
            self.gap(f"not safe for {_UNSAFE[name][0]}: {_UNSAFE[name][1]} the value is another one")
            return None
        return copied

    # --- a pod that moves ---

    def move(self) -> Iterator[Case]:
        """A pod begins on another node while its last samples on the old one are still seen, healthy and not: told
        where that is an error, or where it alone raises or ends an alert."""
        copied = moved(self.witness.universe)
        if copied is None or self.witness.clocks:
            return
        pace, tape = self.pace, self.tape(copied.universe)
        overlap = math.ceil(LOOKBACK / pace.step)
        for name, back in ((names.HEALTHY, False), (names.SEVERE, True)):
            state = self.witness.states[name]
            before, both, after = (copied.places(state, place, back=back) for place in ("old", "both", "new"))
            tape.hold(f"{name} before it moves", before, pace.settle + 1 + (pace.hold if back else 0))
            tape.hold(f"{name} while both are seen", both, overlap, start=copied.begun(back=back))
            tape.hold(f"{name} on the other node", after, pace.settle + 1)
        try:
            yield self.case(MOVE, tape, copied.universe)
        except Conflict as failed:
            self.gap(f"not safe for a pod that moves to another node: {failed}")

    @staticmethod
    def rows(plan: Vector, source: Steady) -> Rows:
        return {labels: v for labels, v in zip(plan.labels, plan.run(source), strict=True) if v is not None}

    # --- what is expected ---

    def case(self, name: str, tape: Tape, universe: Universe) -> Case:
        value = self.trace(self.expressions[0], tape, universe)
        traffic = self.trace(self.expressions[1], tape, universe) if self.signal.traffic else None
        step, segments = self.pace.step, tape.segments
        if name == LEVELS:
            self.verify(value, segments)
        readings = follow(rules(self.signal, self.group.alerts), value, traffic, step)
        self.undisturbed(name, readings, segments)
        ends = [segment.last for segment in segments]
        alerts = check_alerts(readings, ends, step, alert_names(self.group.alerts), self.extra)
        samples = [*check_states(readings, segments, step, self.extra)] if self.group.alerts else []
        middles = [
            s.first + self.pace.settle // 2
            for s in segments[1:]
            if self.pace.reach and s.last - s.first > self.pace.settle
        ]
        instants = sorted({*ends, *middles, *(k for s in segments for k in s.missed)})
        for record in self.group.records:
            if record.name == HEADROOM:
                samples += check_record(record, headroom(self.signal, value, traffic), instants, step, scale=ABOUT_ONE)
                continue
            samples += check_record(record, self.recorded(record, value, traffic, tape, universe), instants, step)
        series = (*tape.series(), *self.strangers(tape))
        return Case(
            name, self.pace.interval, step, series, alerts, tuple(sorted(samples, key=lambda s: (s.at, s.expr)))
        )

    def undisturbed(self, name: str, readings: Sequence[Reading], segments: Sequence[Segment]) -> None:
        """Neither failed scrapes nor a pod that moves may begin or end an alert: where they do, it is told."""
        for before, segment in pairwise((segments[0], *segments)):
            if name == MOVE and segment is not before:
                # What two places count while the work moves is a little less than what one counts.
                slopes = segment.name.startswith(names.SEVERE) and any(self.witness.universe.counters)
                told = not slopes and before.name.split()[0] == segment.name.split()[0]
                known, first, reason = before.last, segment.first, "a pod that moves begins or ends an alert"
            else:
                told = bool(segment.missed)
                first = segment.missed[0] if told else segment.first
                known, reason = first - 1, "failed scrapes begin or end an alert"
            changed = (self.firing(readings[k]) != self.firing(readings[known]) for k in range(first, segment.last + 1))
            if told and any(changed):
                self.gap(f"{reason}: {segment.name}")

    def firing(self, reading: Reading) -> tuple[frozenset[str], ...]:
        """The levels that fire for the series that the tests are about, in each reading."""
        main = self.witness.main
        return tuple(frozenset(e.alert.level for e in side if e.firing and e.labels == main) for side in reading)

    def strangers(self, tape: Tape) -> Iterator[tuple[str, str]]:
        """What another service records under the same names: bad values that must not concern these alerts."""
        count = len(tape.rows[0]) - 1
        for record in self.group.records:
            value = self.witness.values[names.SEVERE] if record.expr == self.signal.expr else 1e9
            for label, _ in record.labels:
                labels = {**dict(self.witness.main), **dict(record.labels), label: ELSEWHERE}
                yield spelled(Identity(record.name, tuple(sorted(labels.items())))), f"{number(value)}+0x{count}"

    def recorded(self, record: Record, value: Trace, traffic: Trace | None, tape: Tape, universe: Universe) -> Trace:
        if record.expr == self.signal.expr:
            return value
        if traffic is not None and record.expr == self.signal.traffic:
            return traffic
        return self.trace(parse(record.expr), tape, universe)

    def trace(self, expr: Expr, tape: Tape, universe: Universe) -> Trace:
        plan = _vector(prepare(expr, universe.identities))
        return trace(plan, tape.recording(), tape.evaluations, reach(expr), tape.changes, timed=self.witness.clocks)

    def verify(self, value: Trace, segments: Sequence[Segment]) -> None:
        """The samples have to give what the states promised."""
        for segment in segments:
            wanted = self.witness.values.get(segment.name)
            if wanted is None or (
                segment.name.startswith("just ") and self.witness.states[segment.name] != segment.state
            ):
                continue
            for rows in value:
                got = rows[segment.last].get(self.witness.main)
                if got is None or abs(got - wanted) > 1e-6 * max(abs(wanted), 1e-9):
                    raise NoWitness(
                        f"the value does not stay at {wanted:g} over time: {got if got is None else format(got, 'g')}"
                    )


def _vector(plan: Plan) -> Vector:
    if not isinstance(plan, Vector):
        raise Unsupported("the expression is a number, not a vector of series")
    return plan
