"""Checks of what an environment says about its servers: whether alerts reach Alertmanager, and it them; and whether what
a question to Prometheus carries may stand in a file."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from capgen.diagnostics import Diagnostic, Severity, in_order
from capgen.spec.documents import Environment
from capgen.spec.parse import Document, Project
from capgen.yamlio import Path


def check_environments(project: Project, used: Collection[str]) -> tuple[Diagnostic, ...]:
    """Everything wrong with the environments of these names, by position."""
    return in_order(
        finding
        for document, environment in project.environments
        if document.name in used
        for finding in _check(document, environment)
    )


_SECRET = frozenset(("authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "apikey"))
_TAKEN = frozenset((
    "host", "connection", "content-length", "content-type", "content-encoding", "transfer-encoding", "accept",
    "accept-encoding", "te", "trailer", "upgrade", "expect", "user-agent",
))  # fmt: skip


def _headers(document: Document, environment: Environment) -> Iterator[Diagnostic]:
    seen: dict[str, str] = {}
    for name in environment.prometheus.headers if environment.prometheus else ():
        low = name.lower()
        message = hint = ""
        if low in _SECRET:
            message = f"{name} is a secret, and what is declared here stands in files that anybody may read"
            hint = "use `prometheus: {auth: …}`, which refers to a secret"
        elif low in _TAKEN:
            message, hint = f"{name} is said by whoever asks, as each request needs it", "leave it out"
        elif low in seen:
            message, hint = f"{name} and {seen[low]} are one header", "write it once"
        if message:
            yield _finding(document, "CG958", message, ("prometheus", "headers", name), hint, Severity.ERROR)
        seen[low] = name


def _check(document: Document, environment: Environment) -> Iterator[Diagnostic]:
    yield from _headers(document, environment)
    deliver, given = environment.deliver, environment.alertmanager
    files = environment.directory is not None and deliver.prometheus == deliver.alertmanager == "files"
    if files and (given is None or given.url is None):
        yield _finding(
            document, "CG358", "prometheus.yml sends no alerts: nothing says where Alertmanager is", ("alertmanager",),
            "add `alertmanager: {url: …}`, like http://localhost:9093", Severity.WARNING,
        )  # fmt: skip
    if deliver.alertmanager != "operator":
        return
    if given is None or given.namespace_matcher is not False:
        yield _finding(
            document, "CG356", "by default the operator keeps an AlertmanagerConfig to alerts whose label `namespace` is its own",
            ("alertmanager", "namespace_matcher"),
            "set the Alertmanager's alertmanagerConfigMatcherStrategy to OnNamespaceExceptForAlertmanagerNamespace, and "
            "`alertmanager: {namespace_matcher: false}` here",
            Severity.WARNING,
        )  # fmt: skip
    password = given.smtp.password if given and given.smtp else None
    if password is not None and password.file is not None:
        yield _finding(
            document, "CG353", f"the Prometheus operator cannot read {password.file}: it takes the keys of Secrets",
            ("alertmanager", "smtp", "password", "file"), "write `secret: {name, key}`", Severity.ERROR,
        )  # fmt: skip


def _finding(document: Document, code: str, message: str, path: Path, hint: str, severity: Severity) -> Diagnostic:
    """At the value of the path; where the environment does not write it, at the nearest part that it does."""
    node = document.node
    for length in range(len(path), 0, -1):
        if (found := document.node.at(path[:length])) is not None:
            node = found
            break
    else:
        places: tuple[Path, ...] = (("deliver", "alertmanager"), ("deliver",), ("metadata",))
        node = next((there for place in places if (there := document.node.at(place)) is not None), node)
    return Diagnostic(code, message, node.span, hint, severity, node.source.line(node.span.line))
