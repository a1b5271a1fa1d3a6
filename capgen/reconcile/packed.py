"""Objects kept small: a cluster has thousands of them, and nearly all turn out to be as they are wanted.

One is a mapping like any other, read from its packed text each time it is looked into; whoever looks twice makes a
`dict` of it first. What tells objects apart is at hand without that.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from capgen.reconcile.plan import Document

_QUICK = 1
_HEAD = ("name", "namespace", "labels")


class Packed(Mapping[str, Any]):
    """A Kubernetes object in some hundred bytes; `head` is what tells it apart in its metadata."""

    __slots__ = ("_text", "head")

    def __init__(self, document: Document) -> None:
        self.head: Document = {key: document["metadata"][key] for key in _HEAD if key in document["metadata"]}
        self._text = zlib.compress(_encoded(document), _QUICK)

    def _whole(self) -> dict[str, Any]:
        text = zlib.decompress(self._text)
        try:
            document: dict[str, Any] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            document = json.loads(text)
        return document

    def keys(self) -> Any:
        """The keys of one reading, so that `dict` reads once more and not once a key."""
        return self._whole().keys()

    def items(self) -> Any:
        """The items of one reading."""
        return self._whole().items()

    def __getitem__(self, key: str) -> Any:
        return self._whole()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())


def _encoded(document: Document) -> bytes:
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:  # half of a surrogate pair, which the standard library escapes
        return json.dumps(document, separators=(",", ":")).encode()


def unpacked(document: Document) -> Document:
    """The object as plain data."""
    return dict(document.items()) if isinstance(document, Packed) else document


def head(document: Document) -> Document:
    """Its metadata, perhaps no more of them than what tells it apart."""
    metadata: Document = document.head if isinstance(document, Packed) else document["metadata"]
    return metadata
