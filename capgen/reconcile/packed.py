"""Live objects kept small: a cluster has thousands of them, and nearly all turn out to be as they are wanted.

One is a mapping like any other, read from its packed text each time it is looked into; whoever looks twice makes a
`dict` of it first. What tells objects apart is at hand without that.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from capgen.reconcile.plan import Document

_QUICK = 1
_MANAGED = "managedFields"


class Packed(Mapping[str, Any]):
    """A Kubernetes object in some hundred bytes; `head` is its metadata without the managed fields."""

    __slots__ = ("_text", "head")

    def __init__(self, document: Document) -> None:
        self.head: Document = {key: value for key, value in document["metadata"].items() if key != _MANAGED}
        self._text = zlib.compress(json.dumps(document, separators=(",", ":")).encode(), _QUICK)

    def _whole(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(zlib.decompress(self._text))
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


def unpacked(document: Document) -> Document:
    """The object as plain data."""
    return dict(document.items()) if isinstance(document, Packed) else document


def head(document: Document) -> Document:
    """Its metadata, perhaps without the managed fields."""
    metadata: Document = document.head if isinstance(document, Packed) else document["metadata"]
    return metadata
