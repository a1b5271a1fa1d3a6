"""What a build leaves for the next one: files that are whole or not at all, few of them, and none that is believed
when it is damaged. They can always be made again, so a folder that cannot be written keeps none.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from pathlib import Path

KEPT = 8
"""Files kept side by side in a folder: a few branches and projects."""


def load(folder: Path, name: str) -> bytes:
    """What was saved under that name; empty when there is none, or when it is damaged."""
    try:
        told, _, raw = (folder / name).read_bytes().partition(b"\n")
    except OSError:
        return b""
    return raw if told == digest(raw).encode() else b""


def save(folder: Path, name: str, raw: bytes) -> None:
    """Keeps it under a name of hexadecimal digits, and forgets what has been left alone for longest."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".", delete=False) as file:
            file.write(digest(raw).encode() + b"\n" + raw)
        Path(file.name).replace(folder / name)
        files = (path for path in folder.glob("[0-9a-f]*") if path.is_file())
        for old in sorted(files, key=lambda path: path.stat().st_mtime_ns, reverse=True)[KEPT:]:
            old.unlink()


def digest(raw: bytes) -> str:
    """The sha256 of it, in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()
