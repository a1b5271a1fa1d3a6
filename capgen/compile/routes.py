"""Puts the receivers of a fleet's services together into one routing tree, and says which teams nobody tells.

A route is made for each team and receiver, and not for each service, so a thousand services of fifty teams have
about a hundred. All levels of a signal share a route and a group: a notification then changes its level with the
signal, where a route for each severity would leave the milder one standing beside the worse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from capgen import naming
from capgen.blueprint.notifications import Matcher, Receiver, Route, Timing
from capgen.diagnostics import Diagnostic, Severity, Span

if TYPE_CHECKING:
    from capgen.compile.fleet import Facts

NOBODY = "nobody"
GROUP_BY = (naming.SERVICE, naming.SOURCE, naming.SIGNAL)

_PAGES, _ALL, _TICKETS = Timing(10, 60, 3600), Timing(10, 60, 4 * 3600), Timing(60, 300, 24 * 3600)
"""Timing by the severities that a route carries: only critical and emergency, some of both, only milder ones.

The interval is also how long a worse level may wait when a milder one was told, so it is short where people are paged.
"""


def routing_tree(known: Sequence[Facts]) -> tuple[Route, tuple[tuple[str, Receiver | None], ...]]:
    """The root of the routes of all services, in the order of teams, and the receivers by their names in it."""
    named: dict[str, Receiver | None] = {NOBODY: None}
    routes: list[Route] = []
    for team, members in sorted(_teams(known).items()):
        routes += _of_team(team, members, named)
    matchers = _ours(known)
    return Route(matchers, NOBODY, _ALL, tuple(routes)), tuple(sorted(named.items()))


def unreached(known: Sequence[Facts], environment: str) -> Iterator[Diagnostic]:
    """A warning for each team of which no service declares a receiver, and for each such service without a team."""
    for team, members in sorted(_teams(known).items()):
        if any(one.receivers for one in members) and team:
            continue
        for one in members[:1] if team else [one for one in members if not one.receivers]:
            others = len(members) - 1
            more = f" and of {others} more {'service' if others == 1 else 'services'}" if team and others else ""
            whose = f", and neither does any other service of the team {team!r}" if more else ""
            yield Diagnostic(
                "CG352",
                f"in {environment!r} alerts of {one.service}{more} reach nobody: it declares no receiver{whose}",
                one.declared or Span(one.service, 1, 1, 1, 2),
                "add `notify:` to the spec or to a Defaults; `deliver: {alertmanager: none}` where somebody else routes",
                Severity.WARNING,
            )


def _teams(known: Sequence[Facts]) -> Mapping[str, list[Facts]]:
    teams: dict[str, list[Facts]] = {}
    for one in known:
        teams.setdefault(one.team, []).append(one)
    return teams


def _ours(known: Sequence[Facts]) -> tuple[Matcher, ...]:
    """What only alerts of these teams have: beside others' routes, the tree must not take others' alerts."""
    teams = sorted({one.team for one in known if one.receivers})
    return ((naming.KIND, "=~", "absent|ahead|budget|down|level"), (naming.TEAM, "=~", "|".join(map(_literal, teams))))


def _of_team(team: str, members: Sequence[Facts], named: dict[str, Receiver | None]) -> Iterator[Route]:
    """The routes of a team: one for its services that declare the same receivers, the last for all others."""
    alike: dict[tuple[Receiver, ...], list[str]] = {}
    for one in members:
        if one.receivers:
            alike.setdefault(one.receivers, []).append(one.service)
    if not alike:
        return
    contents: dict[str, set[Receiver]] = {}
    for receivers in alike:
        for receiver in receivers:
            contents.setdefault(receiver.name, set()).add(receiver)
    called: dict[Receiver, str] = {}
    for receivers, services in alike.items():
        for receiver in receivers:
            # Two services may mean different things by one name.
            of = (
                (team or "-", receiver.name)
                if len(contents[receiver.name]) == 1 and team
                else (team or "-", services[0], receiver.name)
            )
            called.setdefault(receiver, "/".join(of))
    named.update({name: receiver for receiver, name in called.items()})
    mine: tuple[Matcher, ...] = ((naming.TEAM, "=", team),)
    if len(alike) == 1 and team:
        yield _branch(mine, next(iter(alike)), called)
        return
    parts = [
        _branch(((naming.SERVICE, "=~", "|".join(services)),), receivers, called)
        for receivers, services in sorted(alike.items(), key=lambda item: item[1])
    ]
    if team:
        # Services that declare none are their team's all the same.
        parts.append(_branch((), tuple(sorted(called, key=lambda receiver: called[receiver])), called))
    yield Route(mine, NOBODY, _ALL, tuple(parts))


def _branch(matchers: tuple[Matcher, ...], receivers: Sequence[Receiver], called: Mapping[Receiver, str]) -> Route:
    """A route that tells each of the receivers what it wants to be told, and lets nothing on to the routes behind it."""
    if len(receivers) == 1 and not receivers[0].severities:
        return Route(matchers, called[receivers[0]], _ALL)
    return Route(
        matchers,
        NOBODY,
        _ALL,
        tuple(Route(_filter(one), called[one], _timing(one), goes_on=one is not receivers[-1]) for one in receivers),
    )


def _filter(receiver: Receiver) -> tuple[Matcher, ...]:
    return ((naming.SEVERITY, "=~", "|".join(receiver.severities)),) if receiver.severities else ()


def _timing(receiver: Receiver) -> Timing:
    wanted = set(receiver.severities)
    if not wanted:
        return _ALL
    return _PAGES if wanted <= {"critical", "emergency"} else _TICKETS if wanted <= {"info", "warning"} else _ALL


def _literal(text: str) -> str:
    """A team's name inside a regular expression: of its characters only the dot means something there."""
    return text.replace(".", "[.]")
