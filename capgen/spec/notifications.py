"""Who is told of an alert and how, as specs write it, and the Alertmanager of an environment that tells them.

A receiver names the place of its secret and never the secret. What cannot be said by shape alone (exactly one way
to be told, a place that the delivery can read) is the compiler's to find.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from capgen.fields import KubeLabelKey, KubeLabelValue, Model, Name, Text
from capgen.spec.operations import SecretRef, Url

Mailbox = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,8}$(?!\n)",
        title="a mail address",
        examples=["on-call@example.com"],
    ),
]
HostPort = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,252}:[0-9]{1,5}$(?!\n)", title="a mail server", examples=["mail:587"]),
]
Channel = Annotated[
    str, Field(pattern=r"^[#@][^\s,;|<>{}]{1,80}$(?!\n)", title="a channel", examples=["#storefront-alerts"])
]


class ReceiverSpec(Model):
    """Somebody who is told of alerts: exactly one of `webhook`, `slack`, `pagerduty`, `email`."""

    webhook: SecretRef | None = None
    """Where the URL is found that takes JSON by HTTP POST; for a receiver called `slack`, Slack's incoming webhook."""
    token: SecretRef | None = None
    """Where the bearer token of `webhook` is found, if it wants one."""
    slack: SecretRef | None = None
    """Where the URL of Slack's incoming webhook is found, for a receiver of any name."""
    channel: Channel | None = None
    """The channel, where the Slack webhook lets one be chosen."""
    pagerduty: SecretRef | None = None
    """Where the integration key of PagerDuty's Events API v2 is found."""
    email: Annotated[list[Mailbox], Field(examples=[["on-call@example.com"]])] = Field(default_factory=list)
    """Addresses that get a mail, by the mail server of the environment's `alertmanager.smtp`."""
    severities: list[Literal["info", "warning", "critical", "emergency"]] = Field(default_factory=list)
    """Which severities it gets; all if left out."""


class SmtpSpec(Model):
    """The mail server of receivers by mail."""

    host: HostPort
    """Host and port."""
    sender: Mailbox
    """The address that mails come from."""
    user: Text | None = None
    """Who logs in."""
    password: SecretRef | None = None
    """Where the password is found."""


class AlertmanagerSpec(Model):
    """The environment's Alertmanager."""

    url: Url | None = None
    """Its address: where Prometheus sends alerts."""
    reload: Url | None = None
    """Where a POST makes it read its configuration again."""
    secrets: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]{0,255}$(?!\n)")] = "/etc/alertmanager/secrets"
    """The folder in which it finds secrets as files: `env: NAME` is `<folder>/NAME`, a Secret's key `<folder>/<name>/<key>`."""
    secret: Name = "capgen-notify"  # noqa: S105 (where it is, not what it is)
    """The Secret, in the monitoring namespace, that holds what receivers look for in the environment (`env:`)."""
    labels: dict[KubeLabelKey, KubeLabelValue] = Field(default_factory=dict)
    """Labels that its `alertmanagerConfigSelector` wants on an AlertmanagerConfig."""
    namespace_matcher: bool | None = None
    """Whether the operator keeps an AlertmanagerConfig to alerts of its own namespace; false where the Alertmanager's
    `alertmanagerConfigMatcherStrategy` says otherwise."""
    smtp: SmtpSpec | None = None
    """The mail server."""


class PagesSpec(Model):
    """Where the generated pages can be read."""

    url: Url
    """The address of the environment's folder, like that of a repository's web view."""
