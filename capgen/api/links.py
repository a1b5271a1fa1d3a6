"""Where a link in a project may lead: to what its author may read anyway, and nowhere else.

A pipeline runs capgen on the pull requests of strangers. A template that is a link to `/etc/passwd` would print it into
a generated file, and a spec that is a link to the pipeline's own token would show it in a message's excerpt.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from capgen.yamlio import LEADS_OUT, Source


def checkout(folder: Path) -> str | None:
    """The checkout that a folder is in as its path is written: what the author of a pull request has before his eyes
    anyway. None outside of one."""
    path = Path(os.path.abspath(folder))  # noqa: PTH100 (as written: a link is not followed)
    top = next((one for one in (path, *path.parents) if os.path.lexists(one / ".git")), None)
    return None if top is None else os.path.realpath(top)


def guarded(bound: str | None, read: Callable[[str, Path], Source]) -> Callable[[str, Path], Source]:
    """`read`, but for files that lie outside of a folder (a real path) by way of a link: those come back unread.

    Files that git does not know are no better than those outside: `.git/config` holds the pipeline's token, `.env` the
    developer's passwords. A hidden file is read only where the link itself lies among such.
    """
    if bound is None:
        return read

    @cache
    def strange(folder: str) -> bool:
        return _leads_out(folder, bound)

    def of(name: str, path: Path) -> Source:
        out = strange(os.path.dirname(path)) or (os.path.islink(path) and _leads_out(path, bound))  # noqa: PTH114, PTH120 (thousands of files)
        # What is no file, or not there, is said to be that.
        if out and os.path.isfile(path):  # noqa: PTH113 (thousands of files)
            return Source(name, "", name, LEADS_OUT)
        return read(name, path)

    return of


def _leads_out(path: str | Path, bound: str) -> bool:
    inside = Path(os.path.relpath(os.path.realpath(path), bound)).parts
    written = Path(os.path.abspath(path)).parts  # noqa: PTH100 (as written)
    # `..data` and the dated folder behind it are how Kubernetes mounts a ConfigMap.
    hidden = (part for part in inside if part.startswith(".") and (len(part) < 3 or not part.startswith("..")))
    return any(part not in written for part in hidden)
