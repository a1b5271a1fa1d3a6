"""What a back-test means for people: how often each level would have fired, how often somebody would have been called, for
how long, how much of it for nothing, and which incidents it would have told of in time. Times in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from capgen.blueprint import Fleet
from capgen.diagnostics import Diagnostic
from capgen.simulate.alerts.firings import Firing, Span, without
from capgen.simulate.alerts.inhibition import silenced
from capgen.simulate.alerts.notifications import PAGING, Notification, notifications, severity
from capgen.simulate.alerts.questions import Watched

SHORT = 600_000
"""Whoever is called takes about so long to look: what is over by then was over by itself."""
WEEK = 7 * 86_400_000


class Incident(Struct, frozen=True):
    """Something that went wrong, as people remember it; `service` is "" where it is not said."""

    name: str
    begin: int
    end: int
    service: str = ""


class LevelResult(Struct, frozen=True):
    """One alert over the history, all of its series together. `told` leaves out what a worse alert silenced."""

    service: str
    signal: str
    level: str
    """The level's name; `absent` or `down`, with the metric that is absent."""
    severity: str
    firings: int
    told: int
    longest: int
    total: int
    short: int
    """Those that were over within SHORT by themselves, without the time that the alert is kept firing for."""


class Caught(Struct, frozen=True):
    """What an incident's alerts did. `lead` is from the first call to the incident's begin: negative when it came later;
    None when nobody was called. `told` is the same for alerts of any severity."""

    incident: Incident
    by: str
    lead: int | None
    told: int | None


class Side(Struct, frozen=True):
    """The alerts of one state of the specs over the history."""

    levels: tuple[LevelResult, ...]
    pages: tuple[int, ...]
    """When somebody was called, in order: news of a severity that pages."""
    notifications: int
    """All that anybody was told, with repeats and milder alerts; pages alone where nothing says who is told."""
    routed: bool
    """Whether the specs say who is told; otherwise each paging alert that stands counts as a page."""
    longest: int
    for_nothing: int
    """Pages of which every alert was over within SHORT by itself."""
    outside: int | None
    """Pages during no incident; None without a list of incidents."""
    caught: tuple[Caught, ...]
    firings: tuple[Firing, ...] = ()


class Backtest(Struct, frozen=True):
    """Two states of the specs over one history; `before` is None without another to compare with."""

    environment: str
    begin: int
    end: int
    source: str
    """Where the history is from, in words."""
    exact: bool
    """Whether it is what Prometheus would have done, and not a comparison of one series with its levels."""
    before: Side | None
    after: Side
    unknown: tuple[str, ...]
    """What could not be told."""
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def weeks(self) -> float:
        """The length of the history."""
        return (self.end - self.begin) / WEEK


def side(
    fleet: Fleet, alerts: Sequence[tuple[str, str, str, str]], fired: Sequence[Firing], begin: int, end: int,
    incidents: Sequence[Incident],
) -> Side:  # fmt: skip
    """The result of a fleet's alerts, all of which are named by service, signal, level and severity."""
    fired = sorted(fired, key=lambda one: (one.fired, one.labels, one.watched.alert.name))
    silent = silenced(fired, fleet.routing.inhibitions)
    standing = [without((one.fired, one.resolved), holes) for one, holes in zip(fired, silent, strict=True)]
    routed = any(receiver is not None for _, receiver in fleet.routing.receivers)
    sent = notifications(fired, silent, fleet.routing, end) if routed else _unrouted(fired, standing)
    sent = [one for one in sent if one.at >= begin]
    pages = [one for one in sent if one.pages]
    calls = _together(pages)
    paging = [one for one in fired if severity(one.labels) in PAGING]
    told = [(one, spans) for one, spans in zip(fired, standing, strict=True) if spans]
    return Side(
        levels=_levels(alerts, fired, standing, begin),
        pages=tuple(at for at, _ in calls),
        notifications=len(sent),
        routed=routed,
        longest=max((one.length for one in paging), default=0),
        for_nothing=sum(all(_short(one) for one in news) for _, news in calls),
        outside=sum(not _during(at, news, incidents) for at, news in calls) if incidents else None,
        caught=tuple(_caught(incident, told, calls) for incident in incidents),
        firings=tuple(fired),
    )


def row_of(watched: Watched) -> tuple[str, str, str, str]:
    """The row of a summary that an alert belongs to: service, signal, what of it, severity."""
    alert = watched.alert
    what = f"absent {alert.level}" if alert.kind == "absent" else alert.level or alert.kind
    return watched.service, alert.signal, what, severity(alert.labels)


def _unrouted(fired: Sequence[Firing], standing: Sequence[Sequence[Span]]) -> list[Notification]:
    """One for each alert that comes to stand, where nothing says who is told of it."""
    return [
        Notification(begin, "", (one,), (one,))
        for one, spans in zip(fired, standing, strict=True)
        for begin, _ in spans
        if severity(one.labels) in PAGING
    ]


def _together(pages: Sequence[Notification]) -> list[tuple[int, tuple[Firing, ...]]]:
    """The pages by time: one that several receivers get of the same alerts is one."""
    found: dict[tuple[int, tuple[object, ...]], tuple[Firing, ...]] = {}
    for page in pages:
        news = tuple(one for one in page.fresh if severity(one.labels) in PAGING)
        found.setdefault((page.at, tuple(one.labels for one in news)), news)
    return [(at, news) for (at, _), news in sorted(found.items(), key=lambda item: item[0][0])]


def _levels(
    alerts: Sequence[tuple[str, str, str, str]],
    fired: Sequence[Firing],
    standing: Sequence[Sequence[Span]],
    begin: int,
) -> tuple[LevelResult, ...]:
    rows: Mapping[tuple[str, str, str, str], list[tuple[Firing, Sequence[Span]]]] = {key: [] for key in alerts}
    for one, spans in zip(fired, standing, strict=True):
        rows[row_of(one.watched)].append((one, spans))
    return tuple(
        LevelResult(
            *key,
            firings=len(each),
            told=sum(bool(spans) for _, spans in each),
            longest=max((one.length for one, _ in each), default=0),
            total=sum(one.resolved - max(one.fired, begin) for one, _ in each),
            short=sum(_short(one) for one, _ in each),
        )
        for key, each in rows.items()
    )


def _short(one: Firing) -> bool:
    return not one.open and not one.early and one.length - one.watched.keep <= SHORT


def _during(at: int, news: Sequence[Firing], incidents: Sequence[Incident]) -> bool:
    """Whether a page belongs to an incident: it came while one was going on, or stood when it began."""
    return any(
        at < incident.end and any(one.resolved > incident.begin and _about(one, incident) for one in news)
        for incident in incidents
    )


def _about(one: Firing, incident: Incident) -> bool:
    return incident.service in ("", one.watched.service)


def _caught(
    incident: Incident,
    told: Sequence[tuple[Firing, Sequence[Span]]],
    calls: Sequence[tuple[int, tuple[Firing, ...]]],
) -> Caught:
    """By the first page of alerts that stand during the incident, and by the first alert that anybody is told of."""
    paged = [
        (at, one)
        for at, news in calls
        for one in news
        if at < incident.end and one.resolved > incident.begin and _about(one, incident)
    ]
    first = min(paged, key=lambda pair: (pair[0], pair[1].labels), default=None)
    heard = [
        spans[0][0]
        for one, spans in told
        if spans[0][0] < incident.end and one.resolved > incident.begin and _about(one, incident)
    ]
    return Caught(
        incident,
        first[1].watched.alert.name if first else "",
        incident.begin - first[0] if first else None,
        incident.begin - min(heard) if heard else None,
    )
