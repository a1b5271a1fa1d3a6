"""Notifications, compiled: who is told of which alerts, by which route, and which alert silences which.

Receivers are what the specs declare; routes and inhibitions hold for a whole fleet and come from the facts of all its
services. A secret is a place, and never the secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from msgspec import Struct

from capgen.blueprint.origin import Severity

Matcher: TypeAlias = "tuple[str, Literal['=', '=~'], str]"
"""A label, how it is compared, and with what; a regular expression is anchored and made of literals."""


class Secret(Struct, frozen=True):
    """Where a secret is found: a variable of the environment, a mounted file, or the `key` of a Secret."""

    place: Literal["env", "file", "secret"]
    where: str
    key: str = ""


class Receiver(Struct, frozen=True):
    """Somebody who is told. `severities` are those that it gets, all if empty."""

    name: str
    kind: Literal["webhook", "slack", "pagerduty", "email"]
    severities: tuple[Severity, ...]
    secret: Secret | None
    """None for mail, whose secret is the mail server's."""
    token: Secret | None = None
    channel: str = ""
    to: tuple[str, ...] = ()


class Smtp(Struct, frozen=True):
    """A mail server."""

    host: str
    sender: str
    user: str
    password: Secret | None


def scripted(receivers: Iterable[Receiver], smtp: Smtp | None) -> Iterator[Receiver]:
    """The receivers that a script can tell: those by mail only where a mail server is known."""
    return (one for one in receivers if one.secret is not None or (one.kind == "email" and smtp is not None))


def reading(receivers: Iterable[Receiver], smtp: Smtp | None) -> Iterator[Receiver]:
    """Those of them that a report is for: who gets news (`info`) to read. It pages nobody."""
    news = (one for one in scripted(receivers, smtp) if not one.severities or "info" in one.severities)
    return (one for one in news if one.kind != "pagerduty")


class NotifyDelivery(Struct, frozen=True):
    """How an environment takes routes, and where its Alertmanager is."""

    form: Literal["files", "operator", "none"]
    url: str
    """Where Prometheus sends alerts; "" where nobody says."""
    folder: str
    """Where Alertmanager finds secrets as files."""
    secret: str
    """The Secret whose keys stand for variables of the environment."""
    labels: tuple[tuple[str, str], ...]
    smtp: Smtp | None


NO_NOTIFY = NotifyDelivery("none", "", "", "", (), None)


class Timing(Struct, frozen=True):
    """How long a route waits, in seconds: for more of a new group, before it tells of a change, before it repeats."""

    wait: float
    interval: float
    repeat: float


class Route(Struct, frozen=True):
    """A node of the routing tree: alerts with all `matchers` go to the first of `routes` that takes them (and on, where
    it says `goes_on`), and to `receiver` when none does."""

    matchers: tuple[Matcher, ...]
    receiver: str
    timing: Timing
    routes: tuple[Route, ...] = ()
    goes_on: bool = False


class Inhibition(Struct, frozen=True):
    """While an alert with all of `source` fires, alerts with all of `target` are not told, where `equal`
    labels agree. Alertmanager takes two missing labels as equal, so every matcher names its label."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]


class Routing(Struct, frozen=True):
    """Everything that an Alertmanager has to know of a fleet. Receivers by their names in it."""

    root: Route
    receivers: tuple[tuple[str, Receiver | None], ...]
    """None for the one that tells nobody."""
    group_by: tuple[str, ...]
    inhibitions: tuple[Inhibition, ...]
