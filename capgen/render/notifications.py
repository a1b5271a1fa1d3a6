"""Routes, receivers and inhibitions as text: an alertmanager.yml, and an AlertmanagerConfig for the operator.

A secret never stands in either: the file names the files in which Alertmanager finds it, the object the keys of
Secrets. Alertmanager reads no environment, so a variable `NAME` is expected as a file of that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup

from capgen import naming
from capgen.artifact import Artifact
from capgen.blueprint import Fleet
from capgen.blueprint.notifications import Inhibition, Matcher, NotifyDelivery, Receiver, Route, Secret, Smtp
from capgen.render.templates import Templates
from capgen.units import duration


def notification_files(fleet: Fleet, templates: Templates) -> list[Artifact]:
    """What the environment's Alertmanager is configured with, as its delivery says."""
    delivery = fleet.delivery.notify
    if delivery.form == "files":
        text = templates.render("alertmanager/alertmanager.yml.j2", **_view(fleet, operator=False))
        return [Artifact("alertmanager.yml", text, "alertmanager", "", kubernetes=False)]
    if delivery.form == "operator":
        text = templates.render(
            "kubernetes/alertmanagerconfig.yaml.j2", **_view(fleet, operator=True), **_object(fleet)
        )
        return [Artifact("alertmanagerconfig.yaml", text, "AlertmanagerConfig", "", kubernetes=True)]
    return []


def alertmanager_target(url: str) -> dict[str, str] | None:
    """An Alertmanager's address as a Prometheus configuration spells it; None for none."""
    if not url:
        return None
    parts = urlsplit(url)
    port = "" if ":" in parts.netloc.rpartition("]")[2] else ":443" if parts.scheme == "https" else ":80"
    return {"scheme": parts.scheme, "prefix": parts.path.rstrip("/"), "target": parts.netloc + port}


def _object(fleet: Fleet) -> dict[str, Any]:
    return {
        "name": naming.PREFIX,
        "namespace": fleet.delivery.namespace,
        "service": naming.PREFIX,
        "labels": fleet.delivery.notify.labels,
    }


def _view(fleet: Fleet, *, operator: bool) -> dict[str, Any]:
    routing, delivery = fleet.routing, fleet.delivery.notify
    matchers = _fields if operator else _texts
    root = routing.root
    return {
        "environment": fleet.environment,
        "root": {**_timing(root, None), "receiver": root.receiver, "matchers": matchers(root.matchers)},
        "routes": [row for route in root.routes for row in _rows(route, root, "  ", operator)],
        "group_by": list(routing.group_by),
        "receivers": [_receiver(name, receiver, delivery, operator) for name, receiver in routing.receivers],
        "smtp": _smtp(delivery, operator) if _mails(fleet) else None,
        "inhibitions": [_inhibition(rule, operator) for rule in routing.inhibitions],
    }


def _rows(route: Route, above: Route, pad: str, operator: bool) -> Iterator[dict[str, Any]]:
    """The route and those below it, in the order of the file; each says only what is not as above."""
    yield {
        **_timing(route, above),
        "pad": Markup(pad),  # noqa: S704 (spaces)
        "receiver": route.receiver,
        "matchers": (_fields if operator else _texts)(route.matchers),
        "goes_on": route.goes_on,
        "parent": bool(route.routes),
    }
    for inside in route.routes:
        yield from _rows(inside, route, pad + "  ", operator)


def _timing(route: Route, above: Route | None) -> dict[str, str]:
    told = {}
    for name in ("wait", "interval", "repeat"):
        value = getattr(route.timing, name)
        told[name] = "" if above is not None and getattr(above.timing, name) == value else duration(value)
    return told


def _texts(matchers: tuple[Matcher, ...]) -> list[str]:
    return [f"{label}{operator}{_quoted(value)}" for label, operator, value in matchers]


def _quoted(value: str) -> str:
    escaped = re.sub(r'(["\\])', r"\\\1", value)
    return f'"{escaped}"'


def _fields(matchers: tuple[Matcher, ...]) -> list[dict[str, str]]:
    return [{"name": label, "matchType": operator, "value": value} for label, operator, value in matchers]


def _inhibition(rule: Inhibition, operator: bool) -> dict[str, Any]:
    matchers = _fields if operator else _texts
    return {"source": matchers(rule.source), "target": matchers(rule.target), "equal": list(rule.equal)}


def _receiver(name: str, receiver: Receiver | None, delivery: NotifyDelivery, operator: bool) -> dict[str, Any]:
    if receiver is None:
        return {"name": name, "kind": ""}
    return {
        "name": name,
        "kind": receiver.kind,
        "secret": _place(receiver.secret, delivery, operator),
        "token": _place(receiver.token, delivery, operator),
        "channel": receiver.channel,
        "to": ", ".join(receiver.to),
    }


def _place(secret: Secret | None, delivery: NotifyDelivery, operator: bool) -> Any:
    """The file that holds a secret, or the key of a Secret."""
    if secret is None:
        return None
    if operator:
        name, key = (secret.where, secret.key) if secret.place == "secret" else (delivery.secret, secret.where)
        return {"name": name, "key": key}
    if secret.place == "file":
        return secret.where
    return "/".join(part for part in (delivery.folder, secret.where, secret.key) if part)


def _smtp(delivery: NotifyDelivery, operator: bool) -> dict[str, Any] | None:
    smtp: Smtp | None = delivery.smtp
    if smtp is None:
        return None
    password = _place(smtp.password, delivery, operator)
    return {"host": smtp.host, "sender": smtp.sender, "user": smtp.user, "password": password}


def _mails(fleet: Fleet) -> bool:
    return any(receiver is not None and receiver.kind == "email" for _, receiver in fleet.routing.receivers)
