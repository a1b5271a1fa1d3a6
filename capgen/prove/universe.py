"""Which series a test needs: one for each selector of an expression, and the ones that must not count.

A selector gives a series with the labels it asks for by name, and those that the aggregations and joins around
it tell series apart by. A series that several selectors match is one series (errors are part of the total).
Around these stand companions, which make a rule's parts visible: a second series where an aggregation adds up,
one for each alternative of a pattern, and decoys that fail just one matcher and would be counted without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from capgen.promql import (
    Aggregate,
    Binary,
    Call,
    Expr,
    Matcher,
    Number,
    Selector,
    String,
    Subquery,
    Unary,
    children,
)
from capgen.prove import functions
from capgen.prove.plan import matches
from capgen.prove.sampling import accepts, refused, samples
from capgen.prove.vectors import Identity

_USUAL: Mapping[str, str] = {"instance": "i1", "namespace": "ns", "job": "job", "le": "+Inf"}
_CLONE_LABELS = ("instance", "pod", "shard")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One selector of an expression with what surrounds it."""

    selector: Selector
    wanted: tuple[str, ...]
    """Labels that the expression tells its series apart by."""
    counter: bool
    aggregated: tuple[str, ...] | None
    """None where every series shows in the result; else the labels kept by the innermost aggregation."""
    histogram: bool
    hint: float | None
    """A value that lets a comparison with a constant around it hold; None for any."""
    alias: tuple[tuple[str, str], ...] = ()
    """Labels that `label_replace` renames: the series' own name, and the one it is matched by."""
    excluding: bool = False
    """Whether it stands behind `unless`: while it is there, nothing comes out."""
    gate: bool = False
    """Whether it stands behind `and`: it decides whether there is a result, and not which."""


@dataclass(frozen=True, slots=True)
class Member:
    """A series of the universe. `weight` scales it when its leaf is driven; decoys (leaf -1) stay as they are."""

    identity: Identity
    counter: bool
    leaf: int
    weight: float = 1.0
    bound: float | None = None
    """The upper bound of a histogram's bucket."""


@dataclass(frozen=True, slots=True)
class Universe:
    """The series of a test, and the leaves they were made for."""

    leaves: tuple[Leaf, ...]
    members: tuple[Member, ...]
    bounds: tuple[float, ...] = ()
    identities: tuple[Identity, ...] = field(init=False)
    counters: tuple[bool, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "identities", tuple(member.identity for member in self.members))
        object.__setattr__(self, "counters", tuple(member.counter for member in self.members))


class NoSeries(ValueError):
    """No series satisfies a selector; the message says which and why."""


def is_replica(label: str) -> bool:
    """Whether a label tells Prometheus replicas apart: series of a single one do not carry it."""
    return label == "replica" or label.endswith("_replica") or label == "__replica__"


def leaves(expressions: Sequence[Expr], labels: Sequence[str]) -> tuple[Leaf, ...]:
    """The distinct selectors of the expressions, whose results are told apart by `labels`, left to right."""
    found: dict[tuple[str, tuple[Matcher, ...]], Leaf] = {}
    for expr in expressions:
        for leaf in _leaves(expr, frozenset(labels), False, None, False, None):
            key = (leaf.selector.name, leaf.selector.matchers)
            if key in found:
                other = found[key]
                wanted = tuple(sorted({*leaf.wanted, *other.wanted}))
                hint = other.hint if leaf.hint is None else leaf.hint
                leaf = replace(
                    other,
                    wanted=wanted,
                    counter=leaf.counter or other.counter,
                    histogram=leaf.histogram or other.histogram,
                    hint=hint,
                    alias=tuple(sorted({*leaf.alias, *other.alias})),
                    excluding=leaf.excluding and other.excluding,
                    gate=leaf.gate and other.gate,
                )
            found[key] = leaf
    return tuple(found.values())


def _leaves(
    expr: Expr, wanted: frozenset[str], counter: bool, kept: tuple[str, ...] | None, histogram: bool, hint: float | None
) -> Iterator[Leaf]:
    match expr:
        case Selector():
            yield Leaf(expr, tuple(sorted(wanted)), counter, kept, histogram, hint)
        case Aggregate():
            inner = (
                set(expr.labels)
                if expr.grouping == "by"
                else (wanted | set(expr.labels))
                if expr.grouping
                else set[str]()
            )
            own = tuple(sorted(inner if expr.grouping != "without" else wanted))
            if expr.op in ("topk", "bottomk"):
                inner, own = set(wanted), kept if kept is not None else ()
                yield from _leaves(expr.inner, frozenset(inner), counter, kept, histogram, hint)
                return
            yield from _leaves(expr.inner, frozenset(inner), counter, own, histogram, hint)
        case Call():
            slopes = counter or expr.function in functions.SLOPE_FUNCTIONS
            buckets = histogram or expr.function == "histogram_quantile"
            more = frozenset(("le",)) if expr.function == "histogram_quantile" else frozenset[str]()
            if expr.function in ("label_replace", "label_join"):
                words = [a.value for a in expr.arguments if isinstance(a, String)]
                sources = [word for word in (words[2:3] if expr.function == "label_replace" else words[2:]) if word]
                for leaf in _leaves(
                    expr.arguments[0], (wanted - {words[0]}) | set(sources), slopes, kept, buckets, hint
                ):
                    yield replace(leaf, alias=(*leaf.alias, *((source, words[0]) for source in sources)))
                return
            for argument in expr.arguments:
                yield from _leaves(argument, wanted | more, slopes, kept, buckets, hint)
        case Binary():
            yield from _sides(expr, wanted, counter, kept, histogram, hint)
        case Subquery() | Unary():
            for child in children(expr):
                yield from _leaves(child, wanted, counter, kept, histogram, hint)
        case _:
            return


def _sides(
    expr: Binary,
    wanted: frozenset[str],
    counter: bool,
    kept: tuple[str, ...] | None,
    histogram: bool,
    hint: float | None,
) -> Iterator[Leaf]:
    left = right = wanted
    if expr.matching == "on":
        on = frozenset(expr.labels)
        many = (wanted - set(expr.include)) | on
        left = right = on
        if expr.op in ("and", "unless"):
            left = many
        elif expr.op == "or":
            left = right = many
        elif expr.group == "left":
            left, right = many, on | set(expr.include)
        elif expr.group == "right":
            left, right = on | set(expr.include), many
    elif expr.matching == "ignoring":
        left = right = wanted - set(expr.labels)
    for side, labels, other in ((expr.left, left, expr.right), (expr.right, right, expr.left)):
        own = hint
        if isinstance(other, Number) and expr.op in functions.COMPARE and not expr.bool:
            flipped = side is expr.right
            own = _holding(expr.op, other.value, flipped=flipped)
        # A join shows every series of its sides, so an aggregation further out adds up pairs.
        for leaf in _leaves(side, labels, counter, kept if isinstance(other, Number) else None, histogram, own):
            behind = side is expr.right
            yield replace(
                leaf,
                excluding=leaf.excluding or (behind and expr.op == "unless"),
                gate=leaf.gate or (behind and expr.op == "and"),
            )


def _holding(op: str, number: float, *, flipped: bool) -> float | None:
    """A number x for which `x op number` holds, None where the usual values do."""
    if flipped:
        op = {">": "<", "<": ">", ">=": "<=", "<=": ">="}.get(op, op)
    match op:
        case "==" | ">=" | "<=":
            return number if op == "==" or number else None
        case "!=":
            return number + 1 if number else None
        case "<":
            return number / 2 if number > 0 else number - 1
        case _:
            return None if number == 0 else number + max(1.0, abs(number))


# --- series -----------------------------------------------------------------------------------------------


def populate(found: Sequence[Leaf], bounds: Sequence[float], *, companions: int) -> Universe:
    """The series for these leaves. `companions`: 0 none, 1 decoys, 2 decoys, alternatives and seconds as well.

    Raises NoSeries when a selector contradicts itself.
    """
    preferred = _preferred(found)
    members: dict[Identity, Member] = {}
    for place, leaf in enumerate(found):
        for weight, labels in _variants(leaf, preferred, alternatives=companions > 1):
            for bound, identity in _buckets(leaf, labels, bounds):
                members.setdefault(identity, Member(identity, leaf.counter, place, weight, bound))
    if companions:
        for leaf in found:
            base = _variants(leaf, preferred, alternatives=False)[0][1]
            for labels in _decoys(leaf, base):
                for bound, identity in _buckets(leaf, labels, bounds):
                    members.setdefault(identity, Member(identity, leaf.counter, -1, 1.0, bound))
    counted = [
        (m.identity, any(leaf.counter and matches(leaf.selector, m.identity) for leaf in found) or m.counter)
        for m in members.values()
    ]
    rows = tuple(
        Member(m.identity, counter, m.leaf, m.weight, m.bound)
        for m, (_, counter) in zip(members.values(), counted, strict=True)
    )
    return Universe(tuple(found), rows, tuple(bounds))


def _buckets(leaf: Leaf, labels: Mapping[str, str], bounds: Sequence[float]) -> Iterator[tuple[float | None, Identity]]:
    name = labels.get("__name__", leaf.selector.name)
    fixed = any(m.name == "le" for m in leaf.selector.matchers)
    plain = {key: value for key, value in labels.items() if key != "__name__" and value}
    if not leaf.histogram or fixed:
        yield None, Identity(name, tuple(sorted(plain.items())))
        return
    from capgen.units import number

    for bound in (*bounds, float("inf")):
        plain["le"] = "+Inf" if bound == float("inf") else number(bound)
        yield bound, Identity(name, tuple(sorted(plain.items())))


def _preferred(found: Sequence[Leaf]) -> dict[str, str]:
    """A value for each label that some selector narrows, so that the other side of a join carries it too."""
    preferred: dict[str, str] = {}
    for leaf in found:
        for matcher in leaf.selector.matchers:
            value = _satisfying([m for m in leaf.selector.matchers if m.name == matcher.name], None)
            if value and matcher.op in ("=", "=~"):
                preferred.setdefault(matcher.name, value)
    return preferred


def _usual(name: str, preferred: Mapping[str, str]) -> str:
    return preferred.get(name) or _USUAL.get(name, f"{name}-1")


def _satisfying(wanted: Sequence[Matcher], first: str | None) -> str | None:
    """A value that all matchers of one label accept, `first` if it does; None if none is found."""
    options = [first] if first is not None else []
    name = wanted[0].name
    for matcher in wanted:
        options += [matcher.value] if matcher.op == "=" else samples(matcher.value) if matcher.op == "=~" else []
    options += [_USUAL.get(name, f"{name}-1"), "a1", "1", "x", ""]
    return next((value for value in options if all(accepts(matcher, value) for matcher in wanted)), None)


def _variants(leaf: Leaf, preferred: Mapping[str, str], *, alternatives: bool) -> list[tuple[float, dict[str, str]]]:
    """The label sets of a leaf with their weights, the first of them the plain one."""
    by_label: dict[str, list[Matcher]] = {}
    for matcher in leaf.selector.matchers:
        by_label.setdefault(matcher.name, []).append(matcher)
    labels: dict[str, str] = {}
    for name, wanted in by_label.items():
        value = _satisfying(wanted, preferred.get(name))
        if value is None:
            raise NoSeries(
                f"no value of the label {name!r} passes all matchers of {leaf.selector.name or 'a selector'}"
            )
        labels[name] = value
    for name in leaf.wanted:
        if name not in labels and not (name == "le" and leaf.histogram) and not is_replica(name):
            labels[name] = _usual(dict(leaf.alias).get(name, name), preferred)
    found = [(1.0, labels)]
    if not alternatives or leaf.aggregated is None:
        return found
    # Labels that the aggregation drops may vary without adding a series to the result.
    for name, wanted in by_label.items():
        if name in leaf.aggregated or name == "__name__":
            continue
        for value in (v for m in wanted if m.op == "=~" for v in samples(m.value)):
            if value != labels[name] and all(accepts(m, value) for m in wanted):
                found.append((0.5, {**labels, name: value}))
    taken = {"le", *leaf.aggregated, *by_label}
    free = next((name for name in (*leaf.wanted, *_CLONE_LABELS) if name not in taken and not is_replica(name)), None)
    if free:
        found.append((0.5, {**labels, free: f"{labels.get(free) or free}-2"}))
    return found


def _decoys(leaf: Leaf, base: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Label sets that fail exactly one matcher of the leaf."""
    for matcher in leaf.selector.matchers:
        if matcher.name == "__name__" or (matcher.name == "le" and matcher.op == "="):
            continue
        others = [m for m in leaf.selector.matchers if m is not matcher and m.name == matcher.name]
        excluded = (matcher.value,) if matcher.op == "!=" else samples(matcher.value) if matcher.op == "!~" else ()
        chosen: list[str | None] = [*excluded] or [refused(matcher, (base[matcher.name],))]
        for value in chosen[:2]:
            if value is not None and all(accepts(m, value) for m in others):
                yield {**base, matcher.name: value}


def doubled(universe: Universe, label: str = "prometheus_replica") -> Universe:
    """The universe with every series twice, told apart by a replica label."""
    members = tuple(
        replace(
            member,
            identity=Identity(
                member.identity.name, tuple(sorted({**dict(member.identity.labels), label: letter}.items()))
            ),
        )
        for letter in "ab"
        for member in universe.members
    )
    return Universe(universe.leaves, members, universe.bounds)
