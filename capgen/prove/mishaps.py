"""What befalls series without any load behind it: a pod moves, kube-state-metrics runs twice, a histogram ends.

A rule has to live through each of them. A moved pod shows under another node and instance while the samples of the
old one are still seen; a second kube-state-metrics says everything once more; and what takes longer than a
histogram's last bound is counted in the bucket that has none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from capgen.prove.leaves import Leaf
from capgen.prove.plan import matches
from capgen.prove.universe import Member, Universe, doubled
from capgen.prove.vectors import Identity, Labels

SECOND = 0.999
"""What a second scrape of the same thing sees, a moment earlier: never quite the same number."""
_STATE_METRICS = "kube_"
_OF_A_NODE = ("instance", "node", "id", "name", "uid", "host_ip", "pod_ip", "container_id")


class Copied(Struct, frozen=True):
    """A universe with some series once more: `origins` names for each member the one in the first universe."""

    universe: Universe
    origins: tuple[int, ...]

    def state(self, state: Sequence[float]) -> tuple[float, ...]:
        """The state with the copies in it."""
        own = len(state)
        return tuple(state[origin] * (1.0 if i < own else SECOND) for i, origin in enumerate(self.origins))

    def places(self, state: Sequence[float], place: Literal["old", "both", "new"], *, back: bool) -> tuple[float, ...]:
        """The state before a move, while both places are seen, and after it; `back`: from the copies' place to the
        first. What has moved counts no more, and what it showed last is still seen."""
        first, second = self._places(back=back)
        found = []
        for i, origin in enumerate(self.origins):
            x = state[origin]
            if i in first:
                flat = 0.0 if self.universe.counters[i] else x
                x = math.nan if place == "new" else flat if place == "both" else x
            elif i in second:
                x = math.nan if place == "old" else x
            found.append(x)
        return tuple(found)

    def begun(self, *, back: bool) -> dict[int, float]:
        """Where counters begin at the place that it moves to."""
        return {i: 0.0 for i in self._places(back=back)[1] if self.universe.counters[i]}

    def _places(self, *, back: bool) -> tuple[frozenset[int], frozenset[int]]:
        copies = frozenset(i for i, origin in enumerate(self.origins) if i != origin)
        originals = frozenset(self.origins[i] for i in copies)
        return (copies, originals) if back else (originals, copies)


def paired(universe: Universe) -> Copied:
    """Every series as both of a pair of Prometheus replicas have it."""
    return Copied(doubled(universe), tuple(range(len(universe.members))) * 2)


def stated_twice(universe: Universe) -> Copied | None:
    """The series of kube-state-metrics from a second instance of it as well; None where none are read."""
    found = [
        (place, relabelled)
        for place, member in enumerate(universe.members)
        if member.leaf >= 0
        and member.identity.name.startswith(_STATE_METRICS)
        and (relabelled := _elsewhere(universe, member, ("instance",), "second")) is not None
    ]
    return _with(universe, found) if found else None


def moved(universe: Universe) -> Copied | None:
    """The series of pods once more, from another node; None where no series is a pod's."""
    found = [
        (place, relabelled)
        for place, member in enumerate(universe.members)
        if member.leaf >= 0
        and _of_pods(universe.leaves[member.leaf])
        and (relabelled := _elsewhere(universe, member, _OF_A_NODE, "moved")) is not None
    ]
    return _with(universe, found) if found else None


def capped(universe: Universe, state: Sequence[float]) -> tuple[float, ...] | None:
    """The state with everything beyond the last bound of its histograms; None without any."""
    beyond = [m.leaf >= 0 and m.bound is not None and universe.leaves[m.leaf].histogram for m in universe.members]
    if not any(beyond):
        return None
    return tuple(
        0.0 if last and member.bound != math.inf else value
        for value, member, last in zip(state, universe.members, beyond, strict=True)
    )


def _with(universe: Universe, copies: Sequence[tuple[int, Member]]) -> Copied:
    members = (*universe.members, *(member for _, member in copies))
    origins = (*range(len(universe.members)), *(place for place, _ in copies))
    return Copied(Universe(universe.leaves, members, universe.bounds), origins)


def _elsewhere(universe: Universe, member: Member, names: Sequence[str], suffix: str) -> Member | None:
    """The series from another place: each of these labels that it carries is another one, at least its instance.
    None where a selector pins all of them."""
    identity = member.identity
    present = [name for name, _ in identity.labels if name in names] or ["instance"]
    for name in present:
        labels = dict(identity.labels)
        labels[name] = f"{labels.get(name, name)}-{suffix}"
        changed = Identity(identity.name, _sorted(labels))
        if matches(universe.leaves[member.leaf].selector, changed):
            identity = changed
    return None if identity == member.identity else replace(member, identity=identity)


def _of_pods(leaf: Leaf) -> bool:
    """Whether an expression tells the series apart by pod, or picks them by it."""
    return "pod" in leaf.wanted or any(matcher.name == "pod" for matcher in leaf.selector.matchers)


def _sorted(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items()))
