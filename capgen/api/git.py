"""What is asked of git: which commit a name means, and the files of a commit. Reads only."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from capgen.errors import UsageError


class _Failed(UsageError):
    """Git could not do what it was asked."""


def commit_of(name: str) -> str:
    """The commit that a name means. Raises UsageError when there is none."""
    try:
        return _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").decode().strip()
    except _Failed as error:
        raise UsageError(f"git knows no commit {name!r} here: was the base fetched?") from error


def inside(paths: Sequence[Path]) -> None:
    """Raises UsageError for paths that git could not find at another commit."""
    if any(path.is_absolute() or ".." in path.parts for path in paths):
        raise UsageError(
            "name specs by a path inside the repository, like `specs`: git looks for the same path at the base"
        )


def project_parts(paths: Sequence[Path]) -> list[str]:
    """What of a repository specs are compiled from: the folders that they are in, and what a project may bring."""
    if not all(path.parts for path in paths):
        return ["."]
    return sorted({path.parts[0] for path in paths} | {"catalog", "templates"})


def extract(commit: str, names: Sequence[str], folder: Path) -> None:
    """Writes the files of a commit below the names into a folder; a name may be missing there, and links are left out."""
    listed = _git("ls-tree", "-z", "--name-only", commit, "--", *names).decode(errors="surrogateescape")
    present = names if names == ["."] else [name for name in listed.split("\0") if name]
    if not present:
        return
    with tarfile.open(fileobj=io.BytesIO(_git("archive", "--format=tar", commit, "--", *present))) as archive:
        for member in archive.getmembers():
            target = Path(os.path.normpath(folder / member.name))
            content = archive.extractfile(member) if member.isfile() and target.is_relative_to(folder) else None
            if content is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())


def _git(*words: str) -> bytes:
    program = shutil.which("git")
    if program is None:
        raise UsageError("git is not installed, and a review compares with a commit of git")
    # What it complains of is told on, so it complains in the language of the rest.
    spoken = {**os.environ, "LC_ALL": "C"}
    run = subprocess.run([program, *words], capture_output=True, check=False, env=spoken)  # noqa: S603 - git itself, and no shell
    if run.returncode:
        said = (run.stderr.decode(errors="replace").strip().splitlines() or ["failed"])[-1]
        if "not a git repository" in said:
            raise UsageError("this folder is in no git repository: a change is compared with a commit of one")
        raise _Failed(f"git {words[0]}: {said}")
    return run.stdout
