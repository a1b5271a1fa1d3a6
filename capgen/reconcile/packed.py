"""Objects kept small: a cluster has thousands of them, and nearly all turn out to be as they are wanted.

What is wanted is packed against another one of its kind, which it resembles, and takes some fifty bytes. What stands
there is looked at as it comes: of one that is as it is wanted only its place stays (AsWanted), which it shares with all
that are in the same place; the others are packed. Such a one is a mapping like any other, read from its packed text each
time it is looked into; whoever looks twice makes a `dict` of it first.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from capgen.reconcile.plan import Document

_QUICK, _WINDOW = 1, 32768
_HEAD = ("name", "namespace", "labels")


class Packed(Mapping[str, Any]):
    """A Kubernetes object in some hundred bytes; `head` is what tells it apart in its metadata."""

    __slots__ = ("_text", "head")

    def __init__(self, document: Document) -> None:
        self.head: Document = {key: document["metadata"][key] for key in _HEAD if key in document["metadata"]}
        self._text = pack(document)

    def _whole(self) -> dict[str, Any]:
        return unpack(self._text)

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


class AsWanted(dict[str, Any]):
    """What is kept of a live object that is as it is wanted: its kind, its namespace and a label or two."""


@lru_cache(maxsize=4096)
def _as_wanted(kind: str, namespace: str, labels: tuple[tuple[str, str], ...]) -> AsWanted:
    place = {"namespace": namespace} if namespace else {}
    return AsWanted({"kind": kind, "metadata": {**place, "labels": dict(labels)}})


def as_wanted(document: Document, kept: Collection[str]) -> AsWanted:
    """What is left of it with these labels: one value for all objects that are alike in that."""
    metadata = document["metadata"]
    labels = {name: value for name, value in (metadata.get("labels") or {}).items() if name in kept}
    return _as_wanted(document["kind"], metadata.get("namespace", ""), tuple(sorted(labels.items())))


def pack(document: Document, like: bytes = b"") -> bytes:
    """The object as few bytes; `like` is what `alike` gives of another one, the same for packing and unpacking."""
    packer = zlib.compressobj(_QUICK, zdict=like)
    return packer.compress(_encoded(document)) + packer.flush()


def unpack(packed: bytes, like: bytes = b"") -> dict[str, Any]:
    """The object again, as plain data."""
    document: dict[str, Any] = decoded(zlib.decompressobj(zdict=like).decompress(packed))
    return document


def decoded(text: bytes | msgspec.Raw) -> Any:
    """What JSON says, as the standard library reads it. Raises ValueError for what is none."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(bytes(text))


def alike(document: Document) -> bytes:
    """What others that resemble this one are packed against: no more of it than is looked at."""
    return _encoded(document)[-_WINDOW:]


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
