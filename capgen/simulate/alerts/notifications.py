"""Who would have been told what and when, as Alertmanager's dispatcher decides it along the generated routes.

From alertmanager/dispatch and notify: the alerts of a route are put together by the labels of `group_by`. A group is told of
`group_wait` after its first alert, and looked at every `group_interval` from then on, until all of it is resolved and gone.
At each look, what is silenced is left out; its receiver is told when an alert fires that the last notification did not have,
when one is resolved (the generated receivers want to know), or when `repeat_interval` has passed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import itemgetter

from msgspec import Struct

from capgen.blueprint.notifications import Route, Routing, Timing
from capgen.history.matrix import Labels
from capgen.simulate.alerts.firings import Firing, Span
from capgen.simulate.alerts.inhibition import matches

PAGING = frozenset(("critical", "emergency"))
"""The severities that somebody is called for, at any hour."""


class Notification(Struct, frozen=True):
    """Somebody is told: `fresh` are alerts that fire and that the one before did not have. Without any it is a repeat, or
    tells that others are over."""

    at: int
    receiver: str
    fresh: tuple[Firing, ...]
    firing: tuple[Firing, ...]

    @property
    def pages(self) -> bool:
        """Whether it brings news of a severity that calls somebody."""
        return any(severity(one.labels) in PAGING for one in self.fresh)


def severity(labels: Labels) -> str:
    """The severity of an alert, "" for none."""
    return dict(labels).get("severity", "")


def notifications(
    fired: Sequence[Firing], silent: Sequence[Sequence[Span]], routing: Routing, end: int
) -> list[Notification]:
    """All notifications of firing alerts until `end`, in order. Those of resolved ones alone are no news here."""
    groups: dict[tuple[int, tuple[str, ...]], tuple[Route, list[int]]] = {}
    for place, one in enumerate(fired):
        for route in _taken(routing.root, one.labels):
            known = dict(one.labels)
            key = (id(route), tuple(known.get(name, "") for name in routing.group_by))
            groups.setdefault(key, (route, []))[1].append(place)
    told: dict[str, bool] = {name: receiver is not None for name, receiver in routing.receivers}
    found = [
        notification
        for route, places in groups.values()
        if told.get(route.receiver, False)
        for notification in _of_group(route, [(fired[p], silent[p]) for p in places], end)
    ]
    return sorted(found, key=lambda n: (n.at, n.receiver, [one.labels for one in n.firing]))


def _taken(route: Route, labels: Labels) -> Iterator[Route]:
    """The routes that take an alert, deepest first."""
    if not matches(route.matchers, labels):
        return
    taken = False
    for child in route.routes:
        deeper = list(_taken(child, labels))
        if deeper:
            taken = True
            yield from deeper
            if not child.goes_on:
                return
    if not taken:
        yield route


def _of_group(route: Route, members: Sequence[tuple[Firing, Sequence[Span]]], end: int) -> Iterator[Notification]:
    members = sorted(members, key=lambda member: (member[0].fired, member[0].labels))
    silences = {id(silent): silent for _, silent in members}
    edges = chain(((one.fired, one.resolved) for one, _ in members), *silences.values())
    changes = sorted({*chain.from_iterable(edges)})
    wait, interval, repeat = (round(length * 1000) for length in _lengths(route.timing))
    told: tuple[frozenset[Labels], frozenset[Labels]] = (frozenset(), frozenset())
    last_at = 0
    come = 0
    while come < len(members):
        look, before = members[come][0].fired + wait, -1
        present: list[tuple[Firing, Sequence[Span]]] = []
        while look < end:
            # What was over at the last look is no news; a group that never ends would look at all of it again and again.
            present = [member for member in present if member[0].resolved > before]
            while come < len(members) and members[come][0].fired <= look:
                present.append(members[come])
                come += 1
            heard = [one for one, silent in present if not _within(silent, look)]
            firing = {one.labels: one for one in heard if one.resolved > look}
            over = frozenset(one.labels for one in heard if before < one.resolved <= look) - firing.keys()
            fresh = tuple(one for labels, one in sorted(firing.items()) if labels not in told[0])
            if fresh or (firing and (not over <= told[1] or last_at < look - repeat)):
                yield Notification(look, route.receiver, fresh, tuple(one for _, one in sorted(firing.items())))
                told, last_at = (frozenset(firing), over), look
            elif not firing and over and told[0]:
                # That all is well is told too; where everything is silenced, nothing is.
                told, last_at = (frozenset(), over), look
            if all(one.resolved <= look for one, _ in present):
                break
            before, look = look, _next(look, interval, changes, last_at + repeat if firing else None)
        else:
            return


def _lengths(timing: Timing) -> tuple[float, float, float]:
    return timing.wait, timing.interval, timing.repeat


def _within(spans: Sequence[Span], at: int) -> bool:
    """Whether one of the spans, which are in order and apart, holds an instant."""
    place = bisect_right(spans, at, key=itemgetter(0)) - 1
    return place >= 0 and at < spans[place][1]


def _next(look: int, interval: int, changes: Sequence[int], due: int | None) -> int:
    """The next look at which anything can be different: on the group's grid, at or after a change, or past what is due."""
    place = bisect_right(changes, look)
    moments = [changes[place]] if place < len(changes) else []
    moments += [max(due + 1, look + 1)] if due is not None else []
    steps = max(-(-(min(moments) - look) // interval), 1) if moments else 1
    return look + steps * interval
