"""A folder that no path leads out of: files are read, staged and switched relative to one open descriptor.

Paths come from artifacts, and the folder may hold links that somebody else put there. Checking a path first and
opening it afterwards leaves a gap, so every component is opened by itself, from the descriptor of the one above,
and never through a link: what is refused is refused by the kernel.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

STAGED = ".capgen-new"
"""A staged file is `.<name>.capgen-new` beside its place, so that the switch is a rename within one folder."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_CANNOT_FOLLOW = (errno.ELOOP, errno.ENOTDIR)


class Unusable(Exception):
    """A path cannot be used; the message says why."""


def path_problem(path: str) -> str:
    """Why a relative path cannot be a file's place under a root, or ""."""
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or "\0" in path:
        return f"{path!r} is not a relative path with `/` between its parts"
    if any(part in ("", ".", "..") for part in parts):
        return f"{path!r} has an empty part, `.` or `..` in it, and would not stay under the root"
    if any(part.startswith(".") and part.endswith(STAGED) for part in parts) or max(map(len, parts)) > 200:
        return f"{path!r} has a name that is too long or that capgen uses itself"
    return ""


@contextlib.contextmanager
def opened(root: Path) -> Iterator[int]:
    """The descriptor of the root, for the length of the block. Raises OSError."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read(root: int, path: str) -> bytes | None:
    """The bytes of a file, None when there is none. Raises Unusable for links, folders and what may not be read."""
    try:
        with _folder_of(root, path) as folder:
            descriptor = os.open(_name(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unusable(_reason(path, error)) from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Unusable(f"{path} is there and is no file")
        return file.read()


def stage(root: int, path: str, content: bytes) -> None:
    """Writes the content beside its place, down to the disk, with the umask's rights; folders are made.

    What starts with `#!` may be executed. Raises Unusable and OSError.
    """
    mode = 0o777 if content.startswith(b"#!") else 0o666
    with _reporting(path), _folder_of(root, path, create=True) as folder:
        staged = _staged(path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(staged, dir_fd=folder)
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def switch(root: int, path: str) -> None:
    """Puts the staged content in its place: readers see the old file or the new one. Raises Unusable."""
    with _reporting(path), _folder_of(root, path) as folder:
        os.rename(_staged(path), _name(path), src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)


def remove(root: int, path: str) -> None:
    """Deletes a file, and the folders that are empty then. Raises Unusable."""
    with _reporting(path), _folder_of(root, path) as folder:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_name(path), dir_fd=folder)
        os.fsync(folder)
    _remove_empty(root, path)


def discard(root: int, path: str) -> None:
    """Takes back what was staged for a path, and the folders that were made for it and are empty."""
    with contextlib.suppress(OSError), _folder_of(root, path) as folder:
        os.unlink(_staged(path), dir_fd=folder)
    _remove_empty(root, path)


def _remove_empty(root: int, path: str) -> None:
    parts = path.split("/")[:-1]
    while parts:
        with contextlib.suppress(OSError), _folder_of(root, "/".join(parts)) as folder:
            os.rmdir(parts[-1], dir_fd=folder)
        parts.pop()


@contextlib.contextmanager
def _folder_of(root: int, path: str, *, create: bool = False) -> Iterator[int]:
    """The descriptor of the folder a path lies in, opened part by part without following a link."""
    descriptor = os.dup(root)
    try:
        for part in path.split("/")[:-1]:
            if create:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
            inner = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _reporting(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unusable(_reason(path, error)) from error


def _reason(path: str, error: OSError) -> str:
    if error.errno in _CANNOT_FOLLOW:
        return f"{path} would go through a symbolic link, or through a file that is no folder; links are not followed"
    return f"{path}: {error.strerror or error}"


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _staged(path: str) -> str:
    return f".{_name(path)}{STAGED}"
