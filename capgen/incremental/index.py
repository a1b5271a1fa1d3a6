"""The digests of the files in the output folder, without reading those that have not changed since they were read.

To read 150 MiB only to see that nobody touched them would take half of a rebuild. So, as git does it for its working
tree, what the file system says of a file when it is read (size, times, inode) is kept with the digest of what was in
it; as long as the file system says the same, that is its digest. Whatever is in doubt is read.

A change within the tick of the clock in which a file was looked at would leave the same times. So a file counts as
known only if that clock had gone on since its last change *before* it was looked at. What the clock was, the newest
change among the files tells: it is the file system's own, which may be a server's and wrong. It is the change of the
inode (ctime) that counts, since every tool can set the other time back.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import DecodeError, Struct
from msgspec.json import Decoder, Encoder

from capgen.incremental import store

_FORM = "1"


class _Record(Struct, frozen=True, array_like=True):
    """What a file was when it was read; times in nanoseconds."""

    size: int
    modified: int
    changed: int
    inode: int
    digest: str


_WRITER, _READER = Encoder(), Decoder(dict[str, _Record])


def digests(out: Path, paths: Iterable[str], folder: Path | None) -> dict[str, str]:
    """The sha256 of each of these files below `out`; what cannot be read has none. `folder` keeps what is known of
    them for the next time; None reads them all."""
    root = os.path.join(out, "")  # noqa: PTH118 (thousands of files)
    if folder is None or os.name != "posix":
        return {path: read[1] for path in paths if (read := _read(root + path))}
    name = store.digest(f"{_FORM}\0{os.path.realpath(out)}".encode(errors="surrogatepass"))
    known = _recall(folder, name)
    looks = {path: look for path in paths if (look := _look(root + path))}
    clock = max((look.st_ctime_ns for look in looks.values()), default=0)
    device = {top.st_dev} if (top := _look(root)) else set()  # others may have clocks of their own
    found: dict[str, str] = {}
    fresh: dict[str, _Record] = {}
    for path, look in looks.items():
        record = known.get(path)
        if record and record == _record(look, record.digest):
            found[path] = record.digest
        elif read := _read(root + path):
            status, found[path] = read
            if max(status.st_ctime_ns, status.st_mtime_ns) < clock and status.st_dev in device:
                fresh[path] = _record(status, found[path])
    if fresh:
        others = {path: record for path, record in known.items() if path in found or _stands(root + path, record)}
        store.save(folder, name, _WRITER.encode({**others, **fresh}))
    return found


def _recall(folder: Path, name: str) -> Mapping[str, _Record]:
    try:
        return _READER.decode(store.load(folder, name) or b"{}")
    except DecodeError:
        return {}


def _look(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 (thousands of files)
    except OSError:
        return None


def _read(path: str) -> tuple[os.stat_result, str] | None:
    """What a file was just before it was read, and the digest of what was in it."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (thousands of files)
            return os.fstat(file.fileno()), store.digest(file.read())
    except OSError:
        return None


def _record(look: os.stat_result, digest: str) -> _Record:
    return _Record(look.st_size, look.st_mtime_ns, look.st_ctime_ns, look.st_ino, digest)


def _stands(path: str, record: _Record) -> bool:
    look = _look(path)
    return look is not None and record == _record(look, record.digest)
