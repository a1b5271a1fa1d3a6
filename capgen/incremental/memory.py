"""What earlier builds found, kept outside the checkout: per spec its facts, and digests of the files it gave.

Nothing here is trusted further than it can be checked. A file of memories is named by everything that concerns all
services (this capgen, its templates and catalogue, defaults, environments), an entry by its spec's name and text,
and an entry counts only while each of its files lies in the output folder with the digest it had; those files then
are the output. A damaged memory is no memory. It is JSON and not pickle, since reading it must never run anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct
from msgspec.json import Decoder, Encoder

from capgen import __version__
from capgen.artifact import Artifact
from capgen.catalog.load import Catalog
from capgen.compile.fleet import Facts
from capgen.diagnostics import Diagnostic
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


class _SavedFile(Struct, frozen=True, array_like=True):
    """An artifact with the digest of its text."""

    path: str
    kind: str
    service: str
    kubernetes: bool
    digest: str


class _SavedPart(Struct, frozen=True, array_like=True):
    facts: Facts
    files: tuple[_SavedFile, ...]
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


def _saved(artifact: Artifact) -> _SavedFile:
    digest = _digest(artifact.text.encode())
    return _SavedFile(artifact.path, artifact.kind, artifact.service, artifact.kubernetes, digest)


def restore(entry: bytes, out: Path) -> Share | None:
    """The share of an entry, with the files that lie in the output folder; None when one is not what it was."""
    share, parts = _READER.decode(entry), []
    for part in share.parts:
        folder = os.path.join(out, part.facts.environment)  # noqa: PTH118 (thousands of files)
        artifacts = []
        for file in part.files:
            try:
                with open(f"{folder}/{file.path}", "rb", buffering=0) as opened:  # noqa: PTH123 (thousands of files)
                    raw = opened.read()
            except OSError:
                return None
            if _digest(raw) != file.digest:
                return None
            artifacts.append(Artifact(file.path, raw.decode(), file.kind, file.service, file.kubernetes))
        parts.append(Part(part.facts, tuple(artifacts), part.found))
    return Share(share.file, share.name, tuple(parts))


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
