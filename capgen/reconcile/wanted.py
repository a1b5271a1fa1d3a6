"""What is wanted of an API server: all manifests, on disk but for their keys.

A fleet has ten thousand objects, a dashboard of it a hundred kilobytes, and nearly all turn out to be as they are wanted. So
an object is packed against the first of its kind, which it resembles, and goes into a file without a name that is gone
with its last reader; up to a few megabytes that file is memory.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, KeysView, Mapping
from tempfile import SpooledTemporaryFile

from msgspec import Struct

from capgen.artifact import Artifact
from capgen.diagnostics import Diagnostic, in_order
from capgen.errors import Findings, TargetError
from capgen.reconcile.manifest import Manifest, manifest_of, place_of, read_manifest
from capgen.reconcile.packed import alike, pack, unpack

_IN_MEMORY = 4 << 20


class _Row(Struct, gc=False):
    """Where an object lies, and what is asked of it too often to read it again. `settled`: it stands as it is wanted, and
    nothing is to be done about it.
    """

    key: str
    service: str
    order: int
    delivered: bool
    offset: int
    length: int
    settled: bool = False


class Wanted:
    """Manifests by key, in the order in which they are written: by the order of the kinds, then by key.

    Threads may read and settle at the same time.
    """

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._likes: dict[str, bytes] = {}
        self._turn = threading.Lock()
        self._end = 0
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (open as long as somebody reads)

    def add(self, manifest: Manifest) -> None:
        """Keeps a manifest. Raises TargetError when there is no room for it."""
        told = [manifest.path, manifest.document]
        like = self._likes.get(manifest.kind.name, b"")
        packed = pack(told, like)
        if not like:
            self._likes[manifest.kind.name] = alike(told)
        try:
            self._file.write(packed)
        except OSError as error:
            why = error.strerror or error
            raise TargetError(f"no room for what is wanted: {why}; set TMPDIR to a folder that has some") from error
        self._rows[manifest.key] = _Row(
            manifest.key, manifest.service, manifest.kind.order, not manifest.obstacle, self._end, len(packed)
        )
        self._end += len(packed)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Manifest]:
        """All of them, each read when it is come to."""
        return map(self._read, self._in_order())

    def __getitem__(self, key: str) -> Manifest:
        return self._read(self._rows[key])

    def get(self, key: str) -> Manifest | None:
        """The manifest of a key, if there is one."""
        return self[key] if key in self._rows else None

    @property
    def keys(self) -> KeysView[str]:
        """All keys, in no order."""
        return self._rows.keys()

    @property
    def services(self) -> frozenset[str]:
        """Whose they are."""
        return frozenset(row.service for row in self._rows.values())

    @property
    def places(self) -> frozenset[tuple[str, str]]:
        """The kinds that are wanted and can be delivered, with their namespaces."""
        return frozenset(place_of(row.key) for row in self._rows.values() if row.delivered)

    def of(self, kind: str) -> Iterator[Manifest]:
        """Those of one kind."""
        return (self._read(row) for row in self._in_order() if place_of(row.key)[0] == kind)

    def settle(self, keys: Iterable[str]) -> None:
        """Nothing is to be done about these."""
        for key in keys:
            self._rows[key].settled = True

    @property
    def open(self) -> Iterator[Manifest]:
        """Those that are not settled."""
        return (self._read(row) for row in self._in_order() if not row.settled)

    @property
    def settled(self) -> Mapping[str, tuple[str, ...]]:
        """The keys of those that are settled, by service."""
        found: dict[str, list[str]] = {}
        for row in self._in_order():
            if row.settled:
                found.setdefault(row.service, []).append(row.key)
        return {service: tuple(found[service]) for service in sorted(found)}

    def _in_order(self) -> list[_Row]:
        return sorted(self._rows.values(), key=lambda row: (row.order, row.key))

    def _read(self, row: _Row) -> Manifest:
        with self._turn:
            self._file.seek(row.offset)
            packed = self._file.read(row.length)
            self._file.seek(self._end)
        path, document = unpack(packed, self._likes[place_of(row.key)[0]])
        return manifest_of(document, row.service, path)


def read_manifests(artifacts: Iterable[Artifact], namespace: str) -> Wanted:
    """The objects of all artifacts that are manifests. `namespace` is where objects go that name none.

    Raises Findings with everything that is wrong, TargetError when there is no room for them.
    """
    wanted = Wanted()
    found: list[Diagnostic] = []
    for artifact in artifacts:
        if not artifact.kubernetes:
            continue
        manifest, mistakes = read_manifest(artifact, namespace, wanted.get)
        found += mistakes
        if manifest is not None:
            wanted.add(manifest)
    if found:
        raise Findings(in_order(found))
    return wanted
