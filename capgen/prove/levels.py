"""The tests of a signal's group: its value swept through all levels and back, and what must not disturb it.

One timeline carries most of it, because promtool's cost is evaluations: healthy (with a missed scrape and a
restart), each level from just short of it to just inside, the worst (with the same disturbances), down again
through hysteresis and `keep_firing_for`, too little traffic, none, and the end of all series. A second, short
one has every series twice, as a pair of Prometheus replicas gives them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from capgen.blueprint import Group, Level, Record, Signal
from capgen.naming import HEADROOM
from capgen.promql import Call, Expr, parse, walk
from capgen.prove import goals as names
from capgen.prove.countdown import prove_countdown
from capgen.prove.expectations import ELSEWHERE, alert_names, check_alerts, check_record, check_states
from capgen.prove.goals import goals
from capgen.prove.headroom import ABOUT_ONE, headroom
from capgen.prove.oracle import Rows, Trace, follow, rules, trace
from capgen.prove.pace import pace, reach
from capgen.prove.plan import prepare
from capgen.prove.sources import Steady
from capgen.prove.suite import Case, Gap, Suite
from capgen.prove.tape import Segment, Tape, spelled
from capgen.prove.templates import UnknownTemplate
from capgen.prove.universe import Universe, doubled
from capgen.prove.vectors import Conflict, Identity, Plan, Unsupported, Vector
from capgen.prove.witness import NoWitness, State, find, with_traffic
from capgen.units import number

PAIR = "a pair of replicas"
SECOND_REPLICA = 0.999


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
        cases = [self.sweep()]
        if (pair := self.pair()) is not None:
            cases.append(pair)
        proves = [record.name for record in self.group.records] + [alert.name for alert in self.group.alerts]
        return Suite(self.group, tuple(cases), tuple(self.gaps), tuple(proves))

    def gap(self, reason: str, rule: str = "") -> None:
        self.gaps.append(Gap(self.group.name, rule, reason))

    # --- the sweep ---

    def sweep(self) -> Case:
        tape = self.tape(self.witness.universe)
        for name, state, steps, disturbed in self.story():
            missed, restart = (self.pace.settle + 1, self.pace.settle + 3) if disturbed else (0, 0)
            tape.hold(name, state, steps, missed=missed, restart=restart)
        return self.case("levels", tape, self.witness.universe)

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
        disturbed = pace.settle + 4
        if (before := self.unseen()) is not None:
            yield "before the first", before, plain, False
        yield names.HEALTHY, states[names.HEALTHY], plain + disturbed if self.steady() else plain, self.steady()
        if not self.levels:
            yield names.SEVERE, states[names.SEVERE], plain, False
        for level in self.levels:
            yield names.short_of(level), states[names.short_of(level)], plain + pace.hold, False
            inside = states.get(names.exactly(level)) or states[names.beyond(level)]
            yield names.beyond(level), inside, plain + pace.hold, False
        if self.levels:
            yield names.SEVERE, states[names.SEVERE], plain + disturbed if self.steady() else plain, self.steady()
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

    # --- the pair of replicas ---

    def pair(self) -> Case | None:
        """Every series twice. None, with a gap, where the expression is not made for it."""
        twice = doubled(self.witness.universe)
        worst, healthy = (replicated(self.witness.states[name]) for name in (names.SEVERE, names.HEALTHY))
        plan = _vector(prepare(self.expressions[0], twice.identities))
        single = self.rows(self.witness.value, self.witness.steady(self.witness.states[names.SEVERE]))
        try:
            pair = self.rows(plan, Steady(worst, twice.counters, self.witness.clocks))
        except Conflict as failed:
            self.gap(f"not safe for a pair of Prometheus replicas: {failed}")
            return None
        if pair.keys() != single.keys() or any(
            abs(pair[key] - single[key]) > 0.01 * abs(single[key]) for key in single
        ):
            self.gap("not safe for a pair of Prometheus replicas: with every series twice the value is another one")
            return None
        tape = self.tape(twice)
        if (before := self.unseen()) is not None:
            tape.hold("before the first", replicated(before), self.pace.settle + 1)
        tape.hold(names.HEALTHY, healthy, self.pace.settle + 1)
        tape.hold(names.SEVERE, worst, self.pace.settle + 1 + self.pace.hold)
        return self.case(PAIR, tape, twice)

    @staticmethod
    def rows(plan: Vector, source: Steady) -> Rows:
        return {labels: v for labels, v in zip(plan.labels, plan.run(source), strict=True) if v is not None}

    # --- what is expected ---

    def case(self, name: str, tape: Tape, universe: Universe) -> Case:
        value = self.trace(self.expressions[0], tape, universe)
        traffic = self.trace(self.expressions[1], tape, universe) if self.signal.traffic else None
        step, segments = self.pace.step, tape.segments
        if name != PAIR:
            self.verify(value, segments)
        readings = follow(rules(self.signal, self.group.alerts), value, traffic, step)
        ends = [segment.last for segment in segments]
        alerts = check_alerts(readings, ends, step, alert_names(self.group.alerts), self.extra)
        samples = [*check_states(readings, segments, step, self.extra)] if self.group.alerts else []
        middles = [
            s.first + self.pace.settle // 2
            for s in segments[1:]
            if self.pace.reach and s.last - s.first > self.pace.settle
        ]
        instants = sorted({*ends, *middles})
        for record in self.group.records:
            if record.name == HEADROOM:
                samples += check_record(record, headroom(self.signal, value, traffic), instants, step, scale=ABOUT_ONE)
                continue
            samples += check_record(record, self.recorded(record, value, traffic, tape, universe), instants, step)
        series = (*tape.series(), *self.strangers(tape))
        return Case(
            name, self.pace.interval, step, series, alerts, tuple(sorted(samples, key=lambda s: (s.at, s.expr)))
        )

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


def replicated(state: State) -> State:
    """The state of doubled series: the second replica scraped a moment earlier, never quite the same numbers."""
    return (*state, *(x * SECOND_REPLICA for x in state))


def _vector(plan: Plan) -> Vector:
    if not isinstance(plan, Vector):
        raise Unsupported("the expression is a number, not a vector of series")
    return plan
