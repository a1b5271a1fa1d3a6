"""Binds the receivers of a spec: exactly one way to be told, a secret that the delivery can read, somebody for each alert.

An alert that reaches nobody is an incident that nobody sees begin, so a filter that nothing passes, and a severity
that no filter lets through, are findings with the filter's line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from capgen.blueprint import Group
from capgen.blueprint.notifications import NotifyDelivery, Receiver, Secret, Smtp
from capgen.blueprint.origin import Severity
from capgen.compile.context import Context
from capgen.diagnostics import Severity as Weight
from capgen.spec.notifications import ReceiverSpec
from capgen.spec.operations import SecretRef
from capgen.yamlio import Path

Kind = Literal["webhook", "slack", "pagerduty", "email"]

_WAYS: tuple[Kind, ...] = ("webhook", "slack", "pagerduty", "email")
_SLACK = re.compile(r"slack|slack_.*|.*_slack")
"""Names of receivers whose `webhook` is Slack's. The language began with `slack: {webhook: …}`."""
_ORDER: tuple[Severity, ...] = ("info", "warning", "critical", "emergency")
_OPTIONS: tuple[tuple[str, Kind], ...] = (("token", "webhook"), ("channel", "slack"))
"""What only one kind of receiver takes."""


def bind_receivers(context: Context, groups: Iterable[Group]) -> tuple[Receiver, ...]:
    """The receivers by name. `groups` has the alerts that they may be told of."""
    receivers = []
    for name, spec in sorted(context.spec.model.notify.items()):
        path: Path = ("notify", name)
        ways = [way for way in _WAYS if getattr(spec, way)]
        if len(ways) != 1:
            said = f"is told by {' and '.join(ways)}" if ways else "is told by nothing"
            context.error(
                "CG351", f"the receiver {name!r} {said}", path,
                "give exactly one of `webhook`, `slack`, `pagerduty` (each with a secret's place) and `email`", at_key=True,
            )  # fmt: skip
            continue
        way = ways[0]
        kind: Kind = "slack" if way == "webhook" and _SLACK.fullmatch(name) else way
        _check_options(context, path, spec, kind)
        given = None if way == "email" else getattr(spec, way)
        if way == "email" and _smtp(context) is None:
            _without_smtp(context, path)
        secret = bind_secret(context, (*path, way), given) if given else None
        token = bind_secret(context, (*path, "token"), spec.token) if spec.token else None
        check_pods(context, (*path, way, "file"), secret)
        check_pods(context, (*path, "token", "file"), token)
        if way == "email" and (smtp := _smtp(context)) is not None:
            check_pods(context, (*path, way), smtp.password)
        receivers.append(
            Receiver(
                name,
                kind,
                tuple(severity for severity in _ORDER if severity in spec.severities),
                secret,
                token,
                spec.channel or "",
                tuple(spec.email),
            )
        )
    _check_severities(context, receivers, groups)
    return tuple(receivers)


def notify_delivery(context: Context) -> NotifyDelivery:
    """How the environment takes routes and receivers."""
    environment = context.spec.environment
    given = environment.alertmanager
    form = environment.deliver.alertmanager
    if given is None:
        return NotifyDelivery(form, "", "/etc/alertmanager/secrets", "capgen-notify", (), None)
    labels = tuple(sorted(given.labels.items()))
    return NotifyDelivery(
        form, given.url or "", given.secrets.rstrip("/"), given.secret, labels, _smtp(context)
    )  # fmt: skip


def _smtp(context: Context) -> Smtp | None:
    given = context.spec.environment.alertmanager
    if given is None or given.smtp is None:
        return None
    smtp = given.smtp
    return Smtp(smtp.host, smtp.sender, smtp.user or "", secret_of(smtp.password) if smtp.password else None)


def _without_smtp(context: Context, path: Path) -> None:
    deliver = context.spec.environment.deliver
    if deliver.alertmanager == "none" and (deliver.jobs == "none" or not context.spec.model.jobs):
        return
    where = context.spec.environment.metadata.name
    context.error(
        "CG357", f"no mail server is known in the environment {where!r}", (*path, "email"),
        "add `alertmanager: {smtp: {host: …, sender: …}}` to the environment", at_key=True,
    )  # fmt: skip


def bind_secret(context: Context, path: Path, given: SecretRef) -> Secret | None:
    """The place of a secret; notes one that is said twice or not at all, or that the operator cannot read."""
    places = [place for place in ("env", "file", "secret") if getattr(given, place) is not None]
    if len(places) != 1:
        context.error(
            "CG328", "a secret is found in exactly one place", path,
            "write one of `env: NAME`, `file: /path`, `secret: {name, key}`", at_key=True,
        )  # fmt: skip
        return None
    if places == ["file"] and context.spec.environment.deliver.alertmanager == "operator":
        context.error(
            "CG353", f"the Prometheus operator cannot read {given.file}: it takes the keys of Secrets", (*path, "file"),
            "write `secret: {name, key}`; for this environment alone, in its `overrides`, with `file: null` beside it",
        )  # fmt: skip
    return secret_of(given)


def check_pods(context: Context, path: Path, secret: Secret | None) -> None:
    """Notes a file in a secret's place where jobs run as pods, in which nobody mounts it."""
    model, environment = context.spec.model, context.spec.environment
    if secret is None or secret.place != "file" or environment.deliver.jobs != "cronjob":
        return
    if model.jobs or (model.reports and environment.jobs.report_image):
        context.error(
            "CG365", f"nothing mounts {secret.where} in the pods of this service's jobs", path,
            "name a key of a Secret: `secret: {name: …, key: …}`",
        )  # fmt: skip


def secret_of(given: SecretRef) -> Secret:
    """The place of a secret."""
    if given.secret is not None:
        return Secret("secret", given.secret.name, given.secret.key)
    return Secret("env", given.env) if given.env is not None else Secret("file", given.file or "")


def _check_options(context: Context, path: Path, spec: ReceiverSpec, kind: Kind) -> None:
    for option, owner in _OPTIONS:
        if getattr(spec, option) is not None and kind != owner:
            context.error(
                "CG359", f"a receiver by {kind} has no {option}", (*path, option),
                f"remove it; it belongs to one by {owner}", at_key=True,
            )  # fmt: skip


def _check_severities(context: Context, receivers: list[Receiver], groups: Iterable[Group]) -> None:
    if context.spec.environment.deliver.alertmanager == "none":
        return
    sent = {dict(alert.labels)["severity"] for group in groups for alert in group.alerts}
    for receiver in receivers:
        if receiver.severities and sent and not sent & set(receiver.severities):
            known = ", ".join(severity for severity in _ORDER if severity in sent)
            context.error(
                "CG354", f"{receiver.name!r} is never told: no alert of this service is {' or '.join(receiver.severities)}",
                ("notify", receiver.name, "severities"), f"its alerts are {known}", severity=Weight.WARNING,
            )  # fmt: skip
    if not receivers or any(not receiver.severities for receiver in receivers):
        return
    taken = {severity for receiver in receivers for severity in receiver.severities}
    missed = [severity for severity in _ORDER if severity in sent - taken]
    if missed:
        context.error(
            "CG355", f"alerts of the severity {' and '.join(missed)} reach nobody: no receiver takes them", ("notify",),
            "add them to a receiver's `severities`, or give the levels `severity: none`", at_key=True, severity=Weight.WARNING,
        )  # fmt: skip
