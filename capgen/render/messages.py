"""Who a script can tell, by which protocol, and under which names it holds their secrets.

A host has secrets in variables and files, a pod in variables that are references to the keys of Secrets. Either way a
secret is handed to curl by a pipe and stands in no argument, file or log.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from markupsafe import Markup
from msgspec import Struct

from capgen.blueprint import Blueprint
from capgen.blueprint.jobs import Job, Report
from capgen.blueprint.notifications import Receiver, Secret, Smtp, reading, scripted

_IMPLICIT_TLS = "465"
"""The port at which a mail server wants TLS from the first byte on; at all others it is begun by STARTTLS."""


class Held(Struct, frozen=True):
    """A secret of the receiver of a number: an `address`, or a `token` (of a bearer, a PagerDuty service, a mail user)."""

    number: int
    word: Literal["address", "token"]
    secret: Secret

    def variable(self, *, in_cluster: bool) -> str:
        """The variable that brings it, "" where a file does."""
        if self.secret.place == "env":
            return self.secret.where
        if self.secret.place == "secret" and in_cluster:
            return f"CAPGEN_{self.word.upper()}_{self.number}"
        return ""


def told(blueprint: Blueprint, job: Job) -> tuple[Receiver, ...]:
    """The receivers that a job tells."""
    choose = reading if isinstance(job.task, Report) else scripted
    return tuple(choose(blueprint.receivers, blueprint.delivery.notify.smtp))


def held(blueprint: Blueprint, job: Job) -> tuple[Held, ...]:
    """The secrets of all of them."""
    smtp = blueprint.delivery.notify.smtp
    receivers = enumerate(told(blueprint, job), start=1)
    return tuple(one for number, receiver in receivers for one in _held(number, receiver, smtp))


def _held(number: int, receiver: Receiver, smtp: Smtp | None) -> Iterator[Held]:
    if receiver.kind == "email":
        token = smtp.password if smtp is not None else None
    else:
        token = receiver.secret if receiver.kind == "pagerduty" else receiver.token
        if receiver.secret is not None and receiver.kind != "pagerduty":
            yield Held(number, "address", receiver.secret)
    if token is not None:
        yield Held(number, "token", token)


def messages(blueprint: Blueprint, job: Job, *, in_cluster: bool) -> dict[str, Any]:
    """What the script's own receivers and secrets are, for `jobs/tell.sh.j2`."""
    smtp = blueprint.delivery.notify.smtp
    secrets = held(blueprint, job)
    receivers = [
        {
            "name": receiver.name,
            "kind": receiver.kind,
            "severities": ",".join(receiver.severities) or "all",
            "channel": receiver.channel,
            "to": [f"<{mailbox}>" for mailbox in receiver.to],
            "shown_to": ", ".join(receiver.to),
            "secrets": [_view(one, in_cluster) for one in secrets if one.number == number],
        }
        for number, receiver in enumerate(told(blueprint, job), start=1)
    ]
    variables = {one.variable(in_cluster=in_cluster) for one in secrets} - {""}
    return {
        "receivers": receivers,
        "kinds": sorted({receiver.kind for receiver in told(blueprint, job)}),
        "tokens": any(one.word == "token" for one in secrets),
        "smtp": _server(smtp) if smtp else None,
        "variables": [Markup(name) for name in sorted(variables)],  # noqa: S704 (checked names)
    }


def _server(smtp: Smtp) -> dict[str, str]:
    scheme = "smtps" if smtp.host.rpartition(":")[2] == _IMPLICIT_TLS else "smtp"
    return {"url": f"{scheme}://{smtp.host}", "sender": smtp.sender, "user": smtp.user}


def _view(one: Held, in_cluster: bool) -> dict[str, Any]:
    variable, secret = one.variable(in_cluster=in_cluster), one.secret
    file: str | Markup = ""
    if secret.place == "file":
        file = secret.where
    elif not in_cluster:  # the names are checked: a variable's, or a Secret's and its key's
        inside = secret.where + (f"/{secret.key}" if secret.place == "secret" else "")
        file = Markup(f'"$secrets/{inside}"')  # noqa: S704
    return {
        "word": Markup(one.word),  # noqa: S704 (one of two)
        "name": Markup(f"{one.word}_{one.number}"),  # noqa: S704
        "value": Markup(f"${{{variable}:-}}") if variable else "",  # noqa: S704 (a checked name)
        "file": file,
    }
