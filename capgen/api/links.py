"""Where a link in a project may lead: to what its author may read anyway, and nowhere else.

A pipeline runs capgen on the pull requests of strangers. A template that is a link to `/etc/passwd` would print it into
a generated file, and a spec that is a link to the pipeline's own token would show it in a message's excerpt.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from capgen.yamlio import LEADS_BACK, LEADS_OUT, Source


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


def walk(folder: Path, bound: str | None, suffix: str | tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    """The files below a folder that end so, through linked folders as well, each with "" or why it cannot be read.

    A link that leads nowhere comes too, and is found to be unreadable: a service must not vanish with its file. So do
    linked folders that lie outside of `bound`, and those that lead to what is read anyway: each folder is read once.
    """
    folders: list[str] = []
    links: list[str] = []

    def below(top: str) -> Iterator[tuple[Path, str]]:
        for inside, names, files in os.walk(top):
            folders.append(inside)
            # `..data` and the dated folder behind it are how Kubernetes mounts a ConfigMap: the files are links to it.
            names[:] = [name for name in names if not name.startswith("..")]
            links.extend(f"{inside}/{name}" for name in sorted(names) if os.path.islink(f"{inside}/{name}"))  # noqa: PTH114 (thousands)
            yield from ((Path(f"{inside}/{name}"), "") for name in files if _counts(inside, name, suffix, bound))

    yield from below(str(folder))
    known = set()
    for link in links:
        known |= {os.path.realpath(one) for one in folders}
        folders.clear()
        real = os.path.realpath(link)
        if any(one == real or one.startswith(f"{real}/") for one in known):
            yield Path(link), LEADS_BACK
        elif bound is not None and _leads_out(link, bound):
            yield Path(link), LEADS_OUT
        else:
            yield from below(link)


def _counts(folder: str, name: str, suffix: str | tuple[str, ...], bound: str | None) -> bool:
    """Whether a name is one of those looked for, or in a project a link that leads nowhere where a folder of them was."""
    if name.startswith(".#"):
        return False  # Emacs' locks are such links
    path = f"{folder}/{name}"
    if name.endswith(suffix):
        return True
    return bound is not None and "." not in name and os.path.islink(path) and not os.path.exists(path)  # noqa: PTH110, PTH114


def _leads_out(path: str | Path, bound: str) -> bool:
    inside = Path(os.path.relpath(os.path.realpath(path), bound)).parts
    written = Path(os.path.abspath(path)).parts  # noqa: PTH100 (as written)
    # `..data` and the dated folder behind it are how Kubernetes mounts a ConfigMap.
    hidden = (part for part in inside if part.startswith(".") and (len(part) < 3 or not part.startswith("..")))
    return any(part not in written for part in hidden)
