"""Objects kept small: a cluster has thousands of them, and most are looked at once.

Such an object is a mapping like any other, read each time it is looked into; whoever looks twice makes a `dict` of it
first.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from capgen.reconcile.plan import Document

_QUICK, _WINDOW = 1, 32768
_HEAD = ("name", "namespace", "labels")


class Unread(Mapping[str, Any]):
    """An object that lies somewhere else and is read by `whole`; see above."""

    __slots__ = ()

    def whole(self) -> Document:
        """The object as plain data."""
        raise NotImplementedError

    @property
    def head(self) -> Document:
        """Its metadata, perhaps no more of them than what tells it apart."""
        metadata: Document = self.whole()["metadata"]
        return metadata

    def keys(self) -> Any:
        """The keys of one reading, so that `dict` reads once more and not once a key."""
        return self.whole().keys()

    def items(self) -> Any:
        """The items of one reading."""
        return self.whole().items()

    def __getitem__(self, key: str) -> Any:
        return self.whole()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.whole())

    def __len__(self) -> int:
        return len(self.whole())


class Packed(Unread):
    """An object in some hundred bytes."""

    __slots__ = ("_head", "_text")

    def __init__(self, document: Document) -> None:
        self._head: Document = {key: document["metadata"][key] for key in _HEAD if key in document["metadata"]}
        self._text = pack(document)

    def whole(self) -> Document:
        """The object as plain data."""
        document: Document = unpack(self._text)
        return document

    @property
    def head(self) -> Document:
        """Its name, namespace and labels."""
        return self._head


def pack(value: Any, like: bytes = b"") -> bytes:
    """Plain data as few bytes; `like` is what `alike` gives of another value, which is given to `unpack` as well."""
    packer = zlib.compressobj(_QUICK, zdict=like)
    return packer.compress(_encoded(value)) + packer.flush()


def unpack(packed: bytes, like: bytes = b"") -> Any:
    """The data again. What was packed without `like` needs none, and may be given one."""
    return decoded(zlib.decompressobj(zdict=like).decompress(packed))


def decoded(text: bytes | msgspec.Raw) -> Any:
    """What JSON says, as the standard library reads it. Raises ValueError for what is none."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(bytes(text))


def alike(value: Any) -> bytes:
    """What others that resemble this one are packed against: no more of it than is looked at."""
    return _encoded(value)[-_WINDOW:]


def _encoded(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:  # half of a surrogate pair, which the standard library escapes
        return json.dumps(value, separators=(",", ":")).encode()


def unpacked(document: Document) -> Document:
    """The object as plain data."""
    return document.whole() if isinstance(document, Unread) else document


def head(document: Document) -> Document:
    """Its metadata, perhaps no more of them than what tells it apart."""
    metadata: Document = document.head if isinstance(document, Unread) else document["metadata"]
    return metadata
