"""What earlier builds found, kept outside the checkout: per spec its facts, and digests of the files it gave.

Nothing here is trusted further than it can be checked. A file of memories is named by everything that concerns all
services (this capgen, its templates and catalogue, defaults, environments), an entry by its spec's name and text,
and an entry counts only while each of its files lies in the output folder with the digest it had; those files then
are the output. It is JSON and not pickle, since reading it must never run anything.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct
from msgspec.json import Decoder, Encoder

from capgen import __version__
from capgen.artifact import AnyArtifact, Left
from capgen.catalog.load import Catalog
from capgen.compile.fleet import Facts
from capgen.diagnostics import Diagnostic
from capgen.incremental import store
from capgen.incremental.parts import Part, Share
from capgen.render.templates import Templates, template_root
from capgen.yamlio import Source

Memory: TypeAlias = "Mapping[str, bytes]"
"""Entries as JSON, by `entry`: each is read when it is asked for, and written again as it was."""


def key(shared: Sequence[Source], environments: Sequence[str], catalog: Catalog, templates: Templates) -> str:
    """The digest of everything that concerns all services."""
    own = [(name, source.name, source.text) for name, source in sorted(catalog.project.items())]
    own += [(name, template.file, template.text) for name, template in sorted(templates.own.items())]
    return store.digest(
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
    lines = (line.partition(b" ") for line in store.load(folder, name).splitlines())
    return {key.decode(): told for key, _, told in lines}


def keep(folder: Path, name: str, memory: Memory) -> None:
    """Writes a memory, where there is a place for it."""
    store.save(folder, name, b"".join(b"%s %s\n" % (key.encode(), told) for key, told in memory.items()))


def entry(source: Source) -> str:
    """The name of a spec's entry in a memory."""
    return store.digest(f"{source.name}\0{source.text}".encode(errors="surrogatepass"))


class _SavedPart(Struct, frozen=True, array_like=True):
    facts: Facts
    files: tuple[Left, ...]
    found: tuple[Diagnostic, ...]


class _SavedShare(Struct, frozen=True, array_like=True):
    file: str
    name: str
    parts: tuple[_SavedPart, ...]


_WRITER, _READER = Encoder(), Decoder(_SavedShare)


def remember(share: Share) -> bytes:
    """A share as an entry: digests stand for its files."""
    parts = tuple(_SavedPart(part.facts, tuple(map(_saved, part.artifacts)), part.found) for part in share.parts)
    return _WRITER.encode(_SavedShare(share.file, share.name, parts))


def _saved(artifact: AnyArtifact) -> Left:
    if isinstance(artifact, Left):
        return artifact
    digest = store.digest(artifact.text.encode())
    return Left(artifact.path, artifact.kind, artifact.service, artifact.kubernetes, digest)


def restore(entry: bytes) -> Share:
    """The share of an entry, its files as they have to lie in the output folder."""
    share = _READER.decode(entry)
    parts = tuple(Part(part.facts, part.files, part.found) for part in share.parts)
    return Share(share.file, share.name, parts)
