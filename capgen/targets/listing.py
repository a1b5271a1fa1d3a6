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
Listings: TypeAlias = "dict[tuple[str, str], dict[str, Document] | str]"
"""By kind and namespace: the objects by name, or why they cannot be had."""
_FIRST, _FEWEST, _BYTES = 50, 20, 1 << 19
"""So many objects are asked for at first, as nobody knows how large they are; then as many as take about so much, and not
fewer than some, as each page is a request."""


def list_objects(
    wire: Wire,
    kind: Kind,
    namespace: str,
    page: int,
    *,
    selector: str = "",
    take: Take = lambda item: item,
    anew: Callable[[], object] = lambda: None,
) -> dict[str, Document] | str:
    """The objects of a kind in a namespace by name, or why they cannot be had. Never a part of them.

    `page` is the most that a page may have. `take` says in what form an object is kept, or None for one that nobody needs;
    only one page is held as it came, and of it one object at a time is looked at: a dashboard is five times as large once
    it is read. `anew` is called when what was taken so far does not count any more.
    """
    path = collection(kind, namespace)
    asked = {"labelSelector": selector} if selector else {}
    limit, place = min(page, _FIRST), ""
    found: dict[str, Document] = {}
    while True:
        query = {"limit": str(limit), **({"continue": place} if place else {}), **asked}
        answer = wire.request("GET", path, query)
        if answer.status == 410 and place:
            # The list is too old to go on with, and one with a gap is worse than none.
            found, place = {}, ""
            anew()
            continue
        if answer.status == 401:
            raise TargetError(f"the API server does not accept the credentials: {answer.message}; log in again")
        if answer.status == 404 and not answer.document:
            return not_served(kind)
        if answer.status != 200:
            return f"{kind.name} could not be listed: {answer.message}"
        told = _taken(answer.body, take, found)
        if told is None:
            return f"{kind.name} could not be listed: the answer is no list"
        number, place = told
        if not place:
            return found
        if number:
            limit = min(page, max(_FEWEST, _BYTES * number // len(answer.body)))
        del answer  # the next page comes when this one is gone


def _taken(body: bytes, take: Take, found: dict[str, Document]) -> tuple[int, str] | None:
    """How many objects a page has, and where the next one begins, "" for the last; None when it is no page."""
    got = _page(body)
    if got is None or got.items is None:
        return None
    for text in got.items:
        item = decoded(text)
        if (kept := take(item)) is not None:
            found[item["metadata"]["name"]] = kept
    return len(got.items), got.metadata.next


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
