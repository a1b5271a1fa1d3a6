"""What is to be delivered to an environment: compiled piece by piece where a fleet is large, else in whole.

A diff of a thousand services is of ten thousand objects, and all that it has to know of most of them is that they are as
they should be. So nobody holds the texts of all: each is handed on as it is rendered.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from capgen.api.reading import project_folder, read_project
from capgen.reconcile import saved
from capgen.reconcile.saved import Request

if TYPE_CHECKING:
    from capgen.api import Built
    from capgen.artifact import Artifact
    from capgen.spec.documents import Environment


class Desired(Struct, frozen=True):
    """`artifacts` can be gone through once; `built` is there when all was compiled at once."""

    declared: Environment
    artifacts: Iterable[Artifact]
    partial: bool
    built: Built | None = None


def build_all(request: Request) -> Desired:
    """All of it. Raises Findings for invalid specs, UsageError for an unknown environment."""
    from capgen import api

    paths = [Path(path) for path in request.specs]
    built = api.build(paths, settings=request.settings, environments=[request.environment])
    declared = built.compiled.project.places[request.environment]
    return Desired(declared, (a for _, found in built.artifacts for a in found), built.compiled.partial, built)


def build_in_pieces(request: Request) -> Desired | None:
    """As `build_all`, in less memory; None where that is no gain or not possible. Whoever goes through the artifacts gets
    Unclear when something in the specs is not fine.
    """
    from capgen import api
    from capgen.delivery import takes_files
    from capgen.incremental.crew import PIECE
    from capgen.incremental.parts import divide
    from capgen.spec.parse import parse_project

    paths = [Path(path) for path in request.specs]
    reading = read_project(paths)
    shared, single = divide(reading.sources)
    if request.settings or len(single) <= PIECE:
        return None
    project, found = parse_project(shared)
    if found or request.environment not in project.places:
        return None
    from capgen.incremental.stream import stream

    root, declared = project_folder(paths), project.places[request.environment]
    artifacts = stream(
        shared, single, request.environment, api.load_catalog(root), api.load_templates(root),
        partial=reading.partial, manifests=not takes_files(declared, Path(request.root) if request.root else None),
        jobs=os.cpu_count() or 1,
    )  # fmt: skip
    return Desired(declared, artifacts, reading.partial)


def noted(artifacts: Iterable[Artifact], digests: bytearray) -> Iterator[Artifact]:
    """The artifacts as they come; of each a digest of its path and its text stays, see `saved.digest_of`."""
    for artifact in artifacts:
        digests += saved.digest_in(artifact.path, artifact.text)
        yield artifact
