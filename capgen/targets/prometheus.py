"""The programs that judge files before they are switched, and the reload afterwards.

A server that meets a broken file at its next restart is found at night; promtool and amtool say so before
anything is in place. They see the folder as it would be: new files where they belong, links to all others.
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from capgen import direct
from capgen.errors import TargetError

_TOOL_SECONDS = 120
_MESSAGE = 2000


class _Check(Struct, frozen=True):
    """A tool, the file name that calls for it, and the arguments before the file."""

    tool: str
    file: str
    arguments: tuple[str, ...]


_CHECKS = (
    # Reads the rule files it names, too.
    _Check("promtool", "prometheus.yml", ("check", "config")),
    _Check("amtool", "alertmanager.yml", ("check-config",)),
)


def check_tree(root: Path, new: Mapping[str, bytes]) -> tuple[str, ...]:
    """What promtool and amtool have against the folder with `new` (path -> content) in place; () if nothing.

    A tool that is not installed says nothing, as does one whose configuration is not in the folder's top.
    """
    due = [check for check in _due(root, new) if shutil.which(check.tool)]
    if not due:
        return ()
    with tempfile.TemporaryDirectory(prefix="capgen-check-") as folder:
        _overlay(root, Path(folder), new)
        answers = (_run(check, Path(folder)) for check in due)
        return tuple(answer for answer in answers if answer)


def unchecked(root: Path, new: Mapping[str, bytes]) -> tuple[str, ...]:
    """Which of the folder's configurations nobody judged, since the tool is not installed."""
    missing = [check for check in _due(root, new) if not shutil.which(check.tool)]
    return tuple(f"{check.tool} is not on PATH: {check.file} was put in place unchecked" for check in missing)


def _due(root: Path, new: Mapping[str, bytes]) -> list[_Check]:
    return [check for check in _CHECKS if new and (check.file in new or (root / check.file).is_file())]


def _overlay(root: Path, folder: Path, new: Mapping[str, bytes]) -> None:
    """Fills `folder` with the new files; every other file and folder is a link to the one that stands there."""
    inside: dict[str, dict[str, bytes]] = {}
    for path, content in new.items():
        head, slash, rest = path.partition("/")
        if slash:
            inside.setdefault(head, {})[rest] = content
        else:
            (folder / head).write_bytes(content)
    for name, files in inside.items():
        (folder / name).mkdir()
        _overlay(root / name, folder / name, files)
    for entry in sorted(os.scandir(root), key=lambda e: e.name) if root.is_dir() else ():
        if entry.name not in inside and entry.name not in new:
            (folder / entry.name).symlink_to(Path(entry.path).absolute())


def _run(check: _Check, folder: Path) -> str:
    program = shutil.which(check.tool) or check.tool
    command = [program, *check.arguments, check.file]
    try:
        run = subprocess.run(  # noqa: S603 - the tool and its arguments come from the table above
            command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=_TOOL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{check.tool} did not finish in {_TOOL_SECONDS} s on {check.file}"
    except OSError as error:
        return f"{check.tool} could not be run: {error.strerror}"
    if run.returncode == 0:
        return ""
    said = "\n".join(line for line in (run.stdout + run.stderr).splitlines() if line.strip())
    return f"{check.tool} refuses {check.file}: {said.replace(str(folder) + os.sep, '')[:_MESSAGE]}"


def reload(url: str, *, seconds: float) -> None:
    """POSTs to a server's reload URL, and to no other: a redirect is an answer and not a way.

    Raises TargetError, which names the URL.
    """
    if not url.startswith(("http://", "https://")):
        raise TargetError(f"the reload URL {url!r} is no http(s) URL")
    request = urllib.request.Request(url, data=b"", method="POST")  # noqa: S310 - the scheme is checked above
    try:
        with direct.opener().open(request, timeout=seconds):
            return
    except urllib.error.HTTPError as error:
        said = error.read(_MESSAGE).decode("utf-8", "replace").strip()
        raise TargetError(f"{url} answered {error.code}: {said or error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise TargetError(f"{url} could not be reached within {seconds:g} s: {reason}") from error
