"""The files of an environment as they are made, for who needs each of them once: a fleet's texts together are a gigabyte.

That is for specs in which everything is fine, as with the quick build: who finds that something is not has to compile the
whole, where mistakes are told best.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capgen.artifact import Artifact, Left
from capgen.catalog.load import Catalog
from capgen.check.environments import check_environments
from capgen.compile.fleet import assemble
from capgen.diagnostics import has_errors
from capgen.incremental.build import places_of
from capgen.incremental.crew import PIECE
from capgen.incremental.parts import Part, Share, shares_of
from capgen.render.artifacts import render_fleet
from capgen.render.templates import Templates
from capgen.spec.parse import parse_project
from capgen.yamlio import Source


class Unclear(Exception):
    """Something is not fine, or is told better by who sees all specs."""


def stream(
    shared: Sequence[Source],
    single: Sequence[Source],
    environment: str,
    catalog: Catalog,
    templates: Templates,
    *,
    partial: bool,
) -> Iterator[Artifact]:
    """Each file of the environment, those of all services together last. `partial`: the project has other services.

    Raises Unclear, maybe after some.
    """
    shares: list[Share] = []
    for start in range(0, len(single), PIECE):
        some = shares_of(shared, single[start : start + PIECE], (environment,), catalog, templates)
        if some is None:
            raise Unclear
        for share in some:
            yield from (
                artifact for part in share.parts for artifact in part.artifacts if isinstance(artifact, Artifact)
            )
            shares.append(Share(share.file, share.name, tuple(map(_without_texts, share.parts))))
    project, mistakes = parse_project(shared)
    if mistakes or places_of(shares, project, (environment,), partial=partial) is None:
        raise Unclear
    parts = [part for share in sorted(shares, key=lambda share: share.name) for part in share.parts]
    if not parts:
        return
    fleet, problems = assemble([part.facts for part in parts], catalog.ladders, whole=not partial)
    if fleet is None or has_errors((*problems, *check_environments(project, [environment]))):
        raise Unclear
    if not partial:
        yield from render_fleet(fleet, [file for part in parts for file in part.artifacts], templates)


def _without_texts(part: Part) -> Part:
    left = tuple(Left(file.path, file.kind, file.service, file.kubernetes, "") for file in part.artifacts)
    return Part(part.facts, left, ())
