"""Where an API server keeps objects, and all of those of one kind in one namespace, page by page."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from typing import TypeAlias

from msgspec import DecodeError, Raw, Struct, field, json

from capgen.errors import TargetError
from capgen.reconcile.kinds import Kind
from capgen.reconcile.packed import decoded
from capgen.reconcile.plan import Document
from capgen.targets.refusal import not_served
from capgen.targets.wire import Wire

Take: TypeAlias = Callable[[Document], Document | None]


def list_objects(
    wire: Wire, kind: Kind, namespace: str, page: int, *, selector: str = "", take: Take = lambda item: item
) -> dict[str, Document] | str:
    """The objects of a kind in a namespace by name, or why they cannot be had. Never a part of them.

    `take` says in what form an object is kept, or None for one that nobody needs; only one page is held as it came, and
    of it one object at a time is looked at: a page of dashboards is five times as large once it is read.
    """
    path = collection(kind, namespace)
    first = {"limit": str(page), **({"labelSelector": selector} if selector else {})}
    while True:
        found: dict[str, Document] = {}
        query = first
        while True:
            answer = wire.request("GET", path, query)
            if answer.status != 200:
                break
            got = _page(answer.body)
            if got is None or got.items is None:
                return f"{kind.name} could not be listed: the answer is no list"
            for text in got.items:
                item = decoded(text)
                if (kept := take(item)) is not None:
                    found[item["metadata"]["name"]] = kept
            if not got.metadata.next:
                return found
            query = {**first, "continue": got.metadata.next}
        if answer.status == 410 and "continue" in query:
            continue  # the list is too old to go on with: begin anew, as one with a gap is worse than none
        if answer.status == 401:
            raise TargetError(f"the API server does not accept the credentials: {answer.message}; log in again")
        if answer.status == 404 and not answer.document:
            return not_served(kind)
        return f"{kind.name} could not be listed: {answer.message}"


class _Metadata(Struct):
    next: str = field(default="", name="continue")


class _Page(Struct):
    """A page of a list with its objects as text."""

    items: list[Raw] | None = None
    metadata: _Metadata = field(default_factory=_Metadata)


def _page(body: bytes) -> _Page | None:
    try:
        return json.decode(body, type=_Page)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None


def collection(kind: Kind, namespace: str) -> str:
    """The URL path of all objects of a kind in a namespace."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    return f"{root}/namespaces/{quoted(namespace)}/{kind.plural}" if kind.namespaced else f"{root}/{kind.plural}"


def quoted(segment: str) -> str:
    """A name as one path segment."""
    return urllib.parse.quote(segment, safe="")
