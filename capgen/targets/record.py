"""What capgen wrote into a folder: `.capgen.json` under its root.

Without it nobody could tell a file of capgen's from one that a person put there. It is committed in a GitOps
checkout like the files themselves, so it has no time and no host in it. Before files are switched it names the
old and the new content of each, so that a run that is killed in between still knows its own files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct, field

from capgen.errors import TargetError

NAME = ".capgen.json"
_SCHEMA = 1


class Written(Struct, frozen=True):
    """A file of capgen's: the service it belongs to, and the digests any of which it may have now."""

    service: str
    digests: tuple[str, ...]


class Record(Struct, frozen=True):
    """`reload_due`: files were switched and the server that reads them has not taken them yet. `environment`: whose
    delivery it is, and `project`: what its project calls itself, "" where nobody noted it.
    """

    files: Mapping[str, Written] = field(default_factory=dict)
    reload_due: bool = False
    environment: str = ""
    project: str = ""

    def whose(self, environment: str, declared: Collection[str], project: str = "") -> tuple[str, str]:
        """Why all files, and why those of all services, are another environment's or another project's; "" each when
        nothing speaks for that. `declared` are the services of this project. Where both projects have names, services say
        nothing.
        """
        if self.files and environment and self.environment not in ("", environment):
            why = f"this folder has the environment {self.environment}, and this is {environment}: give each its own"
            return why, why
        if self.files and environment and self.project:
            here = f"this is {project}" if project else "the environment's file names none here (project:)"
            why = f"this folder has the project {self.project}, and {here}: give each its own, or correct {NAME}"
            return ("", "") if self.project == project else (why, why)
        theirs = sorted({written.service for written in self.files.values()} - {""})
        if declared and theirs and not set(declared) & set(theirs):
            return "", (
                f"it is of the project of {', '.join(theirs[:3])}, and none of that is declared here: give each a folder "
                f"of its own, or `capgen destroy` what is gone for good; a project with a name (project: in the "
                f"environment's file) is known by that when its services are renamed"
            )
        return "", ""


def digest(content: bytes) -> str:
    """What a file's content is recognised by."""
    return hashlib.sha256(content).hexdigest()


def dump(record: Record) -> bytes:
    """The record as text: a line a file, sorted, so that two branches merge."""
    entry = {path: {"service": w.service, "sha256": sorted(w.digests)} for path, w in record.files.items()}
    lines = [f"  {json.dumps(path)}: {json.dumps(entry[path])}" for path in sorted(entry)]
    whose = {"environment": record.environment, "project": record.project}
    noted = "".join(f'"{name}": {json.dumps(value)}, ' for name, value in whose.items() if value)
    head = f'{{"schema_version": {_SCHEMA}, {noted}"reload_due": {json.dumps(record.reload_due)}, "files": {{'
    return "\n".join([head, ",\n".join(lines), "}}", ""]).encode()


def load(content: bytes | None) -> Record:
    """The record in a folder, an empty one when there is none yet. Raises TargetError when it cannot be read."""
    if content is None:
        return Record()
    try:
        data: Any = json.loads(content)
        if data["schema_version"] != _SCHEMA:
            raise TargetError(f"{NAME} was written by another version of capgen (schema {data['schema_version']})")
        files = {path: Written(w["service"], tuple(w["sha256"])) for path, w in data["files"].items()}
        return Record(
            files, bool(data["reload_due"]), str(data.get("environment") or ""), str(data.get("project") or "")
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TargetError(
            f"{NAME} cannot be read ({error}); bring it back from a backup or from git. Without it (delete it) files that "
            "capgen wrote and a spec has changed since count as somebody else's"
        ) from error
