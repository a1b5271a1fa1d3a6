"""Which series a test needs: one for each selector of an expression, and the ones that must not count.

A selector gives a series with the labels it asks for by name, and those that the aggregations and joins around
it tell series apart by. A series that several selectors match is one series (errors are part of the total).
Around these stand companions, which make a rule's parts visible: a second series where an aggregation adds up,
one for each alternative of a pattern, and decoys that fail just one matcher and would be counted without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from capgen.promql import (
    Matcher,
)
from capgen.prove.leaves import Leaf
from capgen.prove.plan import matches
from capgen.prove.sampling import accepts, refused, samples
from capgen.prove.vectors import Identity

_USUAL: Mapping[str, str] = {"instance": "i1", "namespace": "ns", "job": "job", "le": "+Inf"}
_CLONE_LABELS = ("instance", "pod", "shard")


class Member(Struct, frozen=True):
    """A series of the universe. `weight` scales it when its leaf is driven; decoys (leaf -1) stay as they are."""

    identity: Identity
    counter: bool
    leaf: int
    weight: float = 1.0
    bound: float | None = None
    """The upper bound of a histogram's bucket."""
    decoy_of: int = -1
    """The leaf one of whose matchers a decoy fails."""


class Universe(Struct, frozen=True, dict=True):
    """The series of a test, and the leaves they were made for."""

    leaves: tuple[Leaf, ...]
    members: tuple[Member, ...]
    bounds: tuple[float, ...] = ()

    @cached_property
    def identities(self) -> tuple[Identity, ...]:
        """Of the members, in their order."""
        return tuple(member.identity for member in self.members)

    @cached_property
    def counters(self) -> tuple[bool, ...]:
        """Which of the members are counters, in their order."""
        return tuple(member.counter for member in self.members)


class NoSeries(ValueError):
    """No series satisfies a selector; the message says which and why."""


def is_replica(label: str) -> bool:
    """Whether a label tells Prometheus replicas apart: series of a single one do not carry it."""
    return label == "replica" or label.endswith("_replica") or label == "__replica__"


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
        for place, leaf in enumerate(found):
            base = _variants(leaf, preferred, alternatives=False)[0][1]
            for labels in _decoys(leaf, base):
                for bound, identity in _buckets(leaf, labels, bounds):
                    members.setdefault(identity, Member(identity, leaf.counter, -1, 1.0, bound, place))
    counted = [
        (m.identity, any(leaf.counter and matches(leaf.selector, m.identity) for leaf in found) or m.counter)
        for m in members.values()
    ]
    rows = tuple(replace(m, counter=counter) for m, (_, counter) in zip(members.values(), counted, strict=True))
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
    # Labels that an aggregation drops may vary without adding a series to the result.
    for name, wanted in by_label.items():
        if (name in leaf.aggregated and name not in leaf.spread) or name == "__name__":
            continue
        for value in (v for m in wanted if m.op == "=~" for v in samples(m.value)):
            if value != labels[name] and all(accepts(m, value) for m in wanted):
                found.append((0.5, {**labels, name: value}))
    taken = {"le", *leaf.aggregated, *by_label}
    options = (*leaf.wanted, *_CLONE_LABELS)
    free = next((name for name in options if name not in taken and not is_replica(name)), None)
    for name in (*leaf.spread, *((free,) if free else ())):
        if name not in by_label and not is_replica(name):
            found.append((0.5, {**labels, name: f"{labels.get(name) or name}-2"}))
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
