"""Finds input series that give a signal a chosen value: the constructive half of a rule's proof.

The expression is a function of the numbers its series have (a gauge's value, a counter's slope). All series of
one selector are driven together, the rest stay at values that keep denominators and filters alive, and the
number that gives the wanted value is found by bracketing and false position. Candidates are tried in a fixed
order, every answer is checked by evaluating it, and where none is found the reason is told: a rule without a
witness counts as unproven.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from msgspec import Struct

from capgen.blueprint import Signal
from capgen.promql import BadPromQL, Call, Expr, parse, walk
from capgen.prove.leaves import Leaf, leaves
from capgen.prove.plan import prepare
from capgen.prove.sources import Steady
from capgen.prove.universe import NoSeries, Universe, populate
from capgen.prove.vectors import Conflict, Labels, Plan, Scalar, Unsupported, Value, Vector

TOLERANCE = 1e-9
_GRID = (0.0, *(10.0 ** (step / 2) for step in range(-18, 33)))
_PER_BUCKET = 8


class NoWitness(Exception):
    """No series were found that give the value; the message says what was tried and where it ended."""


class Goal(Struct, frozen=True):
    """A value to reach: the first of `wanted` that can be, else the nearest to it within [low, high]."""

    name: str
    wanted: tuple[float, ...]
    low: float
    high: float
    exact: bool = False
    """Reached to the last bit or left out: for the very threshold, which rounding would put on either side."""


State = tuple[float, ...]


class Witness(Struct, frozen=True):
    """Series, and for each goal (by name) the state of the series that reaches it and the value reached."""

    universe: Universe
    value: Vector
    traffic: Vector | None
    states: dict[str, State]
    values: dict[str, float]
    main: Labels
    """The labels of the result that the goals are about."""
    driven: frozenset[int]
    """The leaves whose series make the difference."""
    clocks: bool

    def steady(self, state: State) -> Steady:
        """The source for a state."""
        return Steady(state, self.universe.counters, self.clocks)

    def reading(self, state: State) -> tuple[Value, Value]:
        """Value and traffic of the main result in a state."""
        source = self.steady(state)
        traffic = _at(self.traffic, source, self.main) if self.traffic else None
        return _at(self.value, source, self.main), traffic


def with_traffic(witness: Witness, state: State, traffic: float) -> State | None:
    """The state with another traffic and the same value: all counters slower, or those of the traffic alone.

    None when the value cannot be kept (a signal that is the traffic itself).
    """
    value, now = witness.reading(state)
    if value is None or not now:
        return None
    assert witness.traffic is not None  # noqa: S101 - there is a reading of it
    scale = traffic / now
    members = witness.universe.members
    driven = [member.leaf in witness.driven for member in members]
    for chosen in (witness.universe.counters, [not d for d in driven], [True] * len(members)):
        scaled = tuple(x * scale if pick else x for x, pick in zip(state, chosen, strict=True))
        v, t = witness.reading(scaled)
        if (
            v is not None
            and t is not None
            and abs(v - value) <= 1e-9 * abs(value)
            and abs(t - traffic) <= 1e-9 * traffic
        ):
            return scaled
    return None


def _at(plan: Vector, source: Steady, labels: Labels) -> Value:
    wanted = set(labels)
    for found, value in zip(plan.labels, plan.run(source), strict=True):
        if value is not None and (found == labels or set(found) <= wanted):
            return value
    return None


def find(signal: Signal, goals: Sequence[Goal]) -> Witness:
    """Series that reach all goals, with enough traffic for the levels to count. Raises NoWitness."""
    try:
        expressions = [parse(text) for text in (signal.expr, signal.traffic) if text]
    except BadPromQL as error:
        raise NoWitness(f"not valid PromQL: {error}") from error
    found = leaves(expressions, signal.labels)
    if not found:
        raise NoWitness("the expression reads no series")
    timed = any(isinstance(node, Call) and node.function == "time" for e in expressions for node in walk(e))
    reasons: list[str] = []
    for companions in (2, 1, 0):
        for clocks in (True, False) if timed else (False,):
            try:
                attempt = _Attempt(signal, expressions, found, companions, clocks)
                return attempt.solve(goals)
            except NoWitness as failed:
                reasons.append(str(failed))
            except (NoSeries, Unsupported) as failed:
                raise NoWitness(str(failed)) from failed
    raise NoWitness(reasons[-1])


class _Attempt:
    """One choice of series for a signal: what is known while its base values and drivers are tried."""

    def __init__(
        self, signal: Signal, expressions: Sequence[Expr], found: Sequence[Leaf], companions: int, clocks: bool
    ) -> None:
        self.signal = signal
        self.universe = populate(found, _bounds(signal), companions=companions)
        self.clocks = clocks
        self.value = _vector(prepare(expressions[0], self.universe.identities))
        self.traffic = _vector(prepare(expressions[1], self.universe.identities)) if signal.traffic else None

    def solve(self, goals: Sequence[Goal]) -> Witness:
        reasons: list[str] = []
        for base in self.bases():
            for driver in range(len(self.universe.leaves)):
                try:
                    return self.drive(base, driver, goals)
                except NoWitness as failed:
                    reasons.append(str(failed))
                except Conflict as failed:
                    raise NoWitness(str(failed)) from failed
        raise NoWitness(max(reasons, key=len) if reasons else "no series to drive")

    def bases(self) -> Iterator[State]:
        """Values of the series before one of them is driven, the likeliest first."""
        floor = 4 * self.signal.min_traffic
        count = len(self.universe.leaves)
        for numbers in (
            [max(100.0, floor) / 2**place for place in range(count)],
            [max(100.0, floor) * (place + 1) for place in range(count)],
            [1.0] * count,
            [0.5 / 2**place for place in range(count)],
        ):
            yield self.state(numbers, hints=True, weighted=True)
            yield self.state(numbers, hints=True)
        yield self.state([100.0 / 2**place for place in range(count)], hints=False)

    def state(self, numbers: Sequence[float], *, hints: bool, weighted: bool = False) -> State:
        values = []
        for member in self.universe.members:
            leaf = self.universe.leaves[member.leaf] if member.leaf >= 0 else None
            if leaf is None:
                # A stranger that would pass a condition, or change a value beyond doubt, if it were let in.
                hint = self.universe.leaves[member.decoy_of].hint if hints else None
                values.append(hint if hint is not None and member.bound is None else 1000.0 * _share(member.bound))
            elif leaf.excluding:
                values.append(math.nan)
            elif hints and leaf.hint is not None and not leaf.histogram:
                values.append(leaf.hint * member.weight if weighted else leaf.hint)
            else:
                values.append(numbers[member.leaf] * member.weight * _share(member.bound))
        return tuple(values)

    def drive(self, base: State, driver: int, goals: Sequence[Goal]) -> Witness:
        curve = _Curve(self, base, driver)
        states, values = {}, {}
        for goal in goals:
            if goal.exact:
                x = None if any(self.universe.counters) or self.clocks else curve.find(goal.wanted[0])
                if x is not None and curve(x) == goal.wanted[0]:
                    states[goal.name], values[goal.name] = curve.state(x), goal.wanted[0]
                continue
            x, value = curve.reach(goal)
            states[goal.name], values[goal.name] = curve.state(x), value
        main = self.value.labels[curve.result]
        witness = Witness(
            self.universe, self.value, self.traffic, states, values, main, frozenset((driver,)), self.clocks
        )
        if self.traffic is not None:
            for name, state in states.items():
                _, traffic = witness.reading(state)
                if traffic is None or traffic < 2 * self.signal.min_traffic:
                    raise NoWitness(f"there is too little traffic ({traffic}) when {name}")
        return witness


class _Curve:
    """The main result as a function of one number: the value of all series of a leaf, or a histogram's centre."""

    def __init__(self, attempt: _Attempt, base: State, driver: int) -> None:
        self.attempt, self.base = attempt, base
        members = attempt.universe.members
        self.driven = [i for i, member in enumerate(members) if member.leaf == driver]
        self.leaf = attempt.universe.leaves[driver]
        self.top = max((base[i] for i in self.driven), default=0.0)
        self.bounds = (
            (*attempt.universe.bounds, math.inf)
            if self.leaf.histogram and any(members[i].bound is not None for i in self.driven)
            else ()
        )
        self.name = self.leaf.selector.name or "{…}"
        steps = range(len(self.bounds) * _PER_BUCKET)
        self.grid = tuple(step / _PER_BUCKET for step in steps) if self.bounds else _GRID
        if attempt.clocks:
            self.grid = (*(-x for x in reversed(_GRID[1:])), *_GRID)
        self.result = next((i for i, value in enumerate(attempt.value.run(self.source(base))) if value is not None), -1)
        if self.result < 0:
            raise NoWitness("the expression has no result with any of the values tried")
        self.scan = [(x, self(x)) for x in self.grid]

    def source(self, state: State) -> Steady:
        return Steady(state, self.attempt.universe.counters, self.attempt.clocks)

    def state(self, x: float) -> State:
        values = list(self.base)
        members = self.attempt.universe.members
        if self.bounds:
            below, part = int(x), x - int(x)
            for i in self.driven:
                if members[i].weight < 1:
                    continue  # a second series of another shape, so that adding up is not the same as choosing
                place = self.bounds.index(members[i].bound if members[i].bound is not None else math.inf)
                share = 1.0 if place > below else 1.0 - part if place == below else 0.0
                if place == len(self.bounds) - 1:
                    share = 1.0
                values[i] = self.top * members[i].weight * share
        else:
            for i in self.driven:
                values[i] = x * members[i].weight
        return tuple(values)

    def __call__(self, x: float) -> float | None:
        value = self.attempt.value.run(self.source(self.state(x)))[self.result]
        return value if value is not None and math.isfinite(value) else None

    def reach(self, goal: Goal) -> tuple[float, float]:
        """The driver's number for a goal, and the value there."""
        for wanted in goal.wanted:
            if (x := self.find(wanted)) is not None and (value := self(x)) is not None:
                return x, value
        inside = [(abs(y - goal.wanted[0]), x, y) for x, y in self.scan if y is not None and goal.low <= y <= goal.high]
        if inside:
            _, x, value = min(inside)
            return x, value
        known = [y for _, y in self.scan if y is not None]
        reached = f"{min(known):g} to {max(known):g}" if known else "nothing"
        raise NoWitness(f"driving {self.name} reaches {reached}, and {goal.name} needs {goal.wanted[0]:g}")

    def find(self, wanted: float) -> float | None:
        """The x where the curve has a value, None if no two neighbours of the scan enclose it."""
        last: tuple[float, float] | None = None
        for x, y in self.scan:
            if y is None:
                last = None
                continue
            if y == wanted:
                return x
            if (
                last is not None
                and (last[1] < wanted) != (y < wanted)
                and (found := self.between(last, (x, y), wanted)) is not None
            ):
                return found
            last = (x, y)
        return None

    def between(self, a: tuple[float, float], b: tuple[float, float], wanted: float) -> float | None:
        """False position (Illinois), then bisection where a kink slows it down."""
        (x0, y0), (x1, y1) = (a[0], a[1] - wanted), (b[0], b[1] - wanted)
        close = TOLERANCE * 1e-3 * max(abs(wanted), 1e-12)
        for turn in range(120):
            x = (x0 + x1) / 2 if turn % 3 == 2 else x1 - y1 * (x1 - x0) / (y1 - y0)
            value = self(x)
            if value is None:
                return None
            y = value - wanted
            if abs(y) <= close:
                return self.tidy(x, wanted)
            if (y < 0) == (y1 < 0):
                x1, y1 = x, y
            else:
                x0, y0 = x, y
            if x0 == x1 or y0 == y1:
                break
        value = self(x1)
        return x1 if value is not None and abs(value - wanted) <= TOLERANCE * max(abs(wanted), 1e-12) else None

    def tidy(self, x: float, wanted: float) -> float:
        """The shortest decimal near x that still gives the value: tests are read by people."""
        for digits in (4, 8, 12):
            short = float(f"{x:.{digits}g}")
            value = self(short)
            if value is not None and abs(value - wanted) <= TOLERANCE * 1e-2 * max(abs(wanted), 1e-12):
                return short
        return x


def _share(bound: float | None) -> float:
    """A bucket's share in a series' number before it is driven: everything in the lowest one."""
    return 1.0 if bound is None or bound >= 0 else 0.0


def _vector(plan: Plan) -> Vector:
    if isinstance(plan, Scalar):
        raise Unsupported("the expression is a number, not a vector of series")
    return plan


def _bounds(signal: Signal) -> tuple[float, ...]:
    """A histogram's buckets: the source's own, else some around the levels."""
    if signal.buckets:
        return signal.buckets
    levels = sorted({level.threshold for level in signal.levels if level.threshold > 0}) or [1.0]
    return (levels[0] / 4, levels[0] / 2, *levels, levels[-1] * 2)
