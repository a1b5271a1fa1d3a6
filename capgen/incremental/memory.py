"""What earlier builds found, kept outside the checkout: per spec its facts, and digests of the files it gave.

Nothing here is trusted further than it can be checked. A file of memories is named by everything that concerns all
services (this capgen, its templates and catalogue, defaults, environments), an entry by its spec's name and text,
and an entry counts only while each of its files lies in the output folder with the digest it had; those files then
are the output. A damaged memory is no memory. It is JSON and not pickle, since reading it must never run anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any, TypeAlias

from capgen import __version__
from capgen.artifact import Artifact
from capgen.blueprint import Delivery
from capgen.blueprint.cost import Cost
from capgen.blueprint.dashboards import Grafana
from capgen.blueprint.jobs import CronEntry, JobDelivery
from capgen.blueprint.notifications import NotifyDelivery, Receiver, Secret, Smtp
from capgen.blueprint.origin import Labels
from capgen.catalog.load import Catalog
from capgen.compile.fleet import Facts
from capgen.diagnostics import Diagnostic, Severity, Span
from capgen.incremental.parts import Part, Share
from capgen.render.templates import Templates, template_root
from capgen.yamlio import Source

KEPT = 8
"""Memories kept side by side: a few branches and projects."""

Memory: TypeAlias = "Mapping[str, bytes]"
"""Entries as JSON, by `entry`: each is read when it is asked for, and written again as it was."""


def key(shared: Sequence[Source], environments: Sequence[str], catalog: Catalog, templates: Templates) -> str:
    """The digest of everything that concerns all services."""
    own = [(name, source.name, source.text) for name, source in sorted(catalog.project.items())]
    own += [(name, template.file, template.text) for name, template in sorted(templates.own.items())]
    return _digest(
        repr((__version__, _program(), [(s.name, s.text) for s in shared], list(environments), own)).encode(
            errors="surrogatepass"
        )
    )


def _program() -> list[tuple[str, int, int]]:
    """capgen's own files. In a checkout they change without a new version."""
    found = []
    for root in (Path(__file__).parents[1], template_root()):
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name != "__pycache__"]  # another process may be writing there
            for name in names:
                status = os.stat(path := os.path.join(folder, name))  # noqa: PTH116, PTH118 (hundreds of them)
                found.append((path, status.st_size, status.st_mtime_ns))
    return sorted(found)


def recall(folder: Path, name: str) -> Memory:
    """The memory of that name. Empty when there is none, or when it is damaged."""
    try:
        digest, _, text = (folder / name).read_bytes().partition(b"\n")
    except OSError:
        return {}
    if digest != _digest(text).encode():
        return {}
    lines = (line.partition(b" ") for line in text.splitlines())
    return {key.decode(): told for key, _, told in lines}


def keep(folder: Path, name: str, memory: Memory) -> None:
    """Writes a memory, and forgets the oldest ones. A folder that cannot be written keeps none."""
    text = b"".join(b"%s %s\n" % (key.encode(), told) for key, told in memory.items())
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".", delete=False) as file:
            file.write(_digest(text).encode() + b"\n" + text)
        Path(file.name).replace(folder / name)
        for old in sorted(folder.glob("[0-9a-f]*"), key=lambda path: path.stat().st_mtime_ns, reverse=True)[KEPT:]:
            old.unlink()


def entry(source: Source) -> str:
    """The name of a spec's entry in a memory."""
    return _digest(f"{source.name}\0{source.text}".encode(errors="surrogatepass"))


def remember(share: Share) -> bytes:
    """A share as an entry: digests stand for its files."""
    told = {"file": share.file, "name": share.name, "parts": [_told(part) for part in share.parts]}
    return json.dumps(told, separators=(",", ":")).encode()


def _told(part: Part) -> dict[str, Any]:
    known = part.facts
    return {
        "environment": known.environment,
        "delivery": astuple(known.delivery),
        "claims": known.claims,
        "alerting": known.alerting,
        "ladders": known.ladders,
        "cost": [getattr(known.cost, name) for name in Cost.__slots__] if known.cost else None,
        "served": known.served,
        "team": known.team,
        "receivers": [astuple(receiver) for receiver in known.receivers],
        "declared": known.declared,
        "shown": known.shown,
        "scaled": known.scaled,
        "crontab": [astuple(entry) for entry in known.crontab],
        "artifacts": [[a.path, a.kind, a.service, a.kubernetes, _digest(a.text.encode())] for a in part.artifacts],
        "found": [[d.code, d.message, _flat(d.span), d.hint, str(d.severity), d.excerpt] for d in part.found],
    }


def restore(entry: bytes, out: Path) -> Share | None:
    """The share of an entry, with the files that lie in the output folder; None when one is not what it was."""
    share, parts = json.loads(entry), []
    for told in share["parts"]:
        artifacts = []
        for path, kind, service, kubernetes, digest in told["artifacts"]:
            try:
                with (out / told["environment"] / path).open("rb", buffering=0) as file:
                    raw = file.read()
            except OSError:
                return None
            if _digest(raw) != digest:
                return None
            artifacts.append(Artifact(path, raw.decode(), kind, service, kubernetes))
        found = tuple(Diagnostic(c, m, _span(s), h, Severity(v), e) for c, m, s, h, v, e in told["found"])
        parts.append(Part(_facts(share["name"], told), tuple(artifacts), found))
    return Share(share["file"], share["name"], tuple(parts))


def _facts(service: str, told: Mapping[str, Any]) -> Facts:
    fields: dict[str, Any] = dict(zip(Delivery.__slots__, told["delivery"], strict=True))
    fields["monitoring_labels"] = _pairs(fields["monitoring_labels"])
    fields["notify"] = _notify(fields["notify"])
    fields["grafana"] = _grafana(fields["grafana"])
    fields["jobs"] = JobDelivery(*fields["jobs"])
    claims = tuple((what, claimed, tuple(place)) for what, claimed, place in told["claims"])
    return Facts(
        service=service,
        environment=told["environment"],
        delivery=Delivery(**fields),
        claims=claims,
        alerting=tuple(map(tuple, told["alerting"])),
        ladders=tuple(told["ladders"]),
        team=told["team"],
        receivers=tuple(map(_receiver, told["receivers"])),
        declared=tuple(told["declared"]),
        shown=_pairs(told["shown"]),
        scaled=told["scaled"],
        crontab=tuple(CronEntry(*entry) for entry in told["crontab"]),
        cost=Cost(*told["cost"]) if told["cost"] else None,
        served=_pairs(told["served"]),
    )


def _grafana(told: Sequence[Any]) -> Grafana:
    fields: dict[str, Any] = dict(zip(Grafana.__slots__, told, strict=True))
    return Grafana(**{**fields, "labels": _pairs(fields["labels"]), "instances": _pairs(fields["instances"])})


def _notify(told: Sequence[Any]) -> NotifyDelivery:
    form, url, folder, secret, labels, smtp = told
    return NotifyDelivery(form, url, folder, secret, _pairs(labels), _smtp(*smtp) if smtp else None)


def _smtp(host: str, sender: str, user: str, password: Sequence[Any] | None) -> Smtp:
    return Smtp(host, sender, user, _secret(password))


def _receiver(told: Sequence[Any]) -> Receiver:
    name, kind, severities, secret, token, channel, to = told
    return Receiver(name, kind, tuple(severities), _secret(secret), _secret(token), channel, tuple(to))


def _secret(told: Sequence[Any] | None) -> Secret | None:
    return Secret(*told) if told else None


def _pairs(told: list[list[str]]) -> Labels:
    return tuple((name, value) for name, value in told)


def _flat(span: Span | None) -> list[str | int] | None:
    return None if span is None else [span.file, span.line, span.column, span.end_line, span.end_column]


def _span(flat: list[Any] | None) -> Span | None:
    return None if flat is None else Span(*flat)


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
