"""The files of an environment as they are made, for who needs each of them once: a fleet's texts together are a gigabyte.

That is for specs in which everything is fine, as with the quick build: who finds that something is not has to compile the
whole, where mistakes are told best.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from capgen.artifact import Artifact, Left
from capgen.catalog.load import Catalog
from capgen.check.environments import check_environments
from capgen.compile.fleet import assemble, digests_of, distinct
from capgen.diagnostics import has_errors
from capgen.incremental.build import places_of
from capgen.incremental.crew import compile_pieces
from capgen.incremental.parts import Part, Share
from capgen.render.artifacts import render_fleet
from capgen.render.templates import Templates
from capgen.spec.parse import parse_project
from capgen.yamlio import Source

_AT_ONCE = 4
"""Services whose texts come together, a few megabytes."""
_Value = TypeVar("_Value")


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
    manifests: bool = False,
    jobs: int = 1,
) -> Iterator[Artifact]:
    """Each file of the environment, those of all services together last. `partial`: the project has other services;
    `manifests`: no others are wanted, so none that names the files; `jobs`: how many processes may compile.

    Raises Unclear, maybe after some.
    """
    shares: list[Share] = []
    claims = bytearray()
    copies: dict[Any, Any] = {}
    for some in compile_pieces(shared, single, (environment,), catalog, templates, jobs, _AT_ONCE):
        if some is None:
            raise Unclear
        for share in some:
            made = (a for part in share.parts for a in part.artifacts if isinstance(a, Artifact))
            yield from (artifact for artifact in made if artifact.kubernetes or not manifests)
            claims += b"".join(digests_of(part.facts.claims) for part in share.parts)
            shares.append(
                Share(share.file, share.name, tuple(_kept(part, copies, names=not manifests) for part in share.parts))
            )
    if not distinct(claims):
        raise Unclear
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
        together = render_fleet(fleet, [file for part in parts for file in part.artifacts], templates)
        yield from (artifact for artifact in together if artifact.kubernetes or not manifests)


def _kept(part: Part, copies: dict[Any, Any], *, names: bool) -> Part:
    """The part without texts and claims, and without the files' names where nobody asks for them. What many parts have,
    `copies` has once."""

    def once(value: _Value) -> _Value:
        kept: _Value = copies.setdefault(value, value)
        return kept

    told = part.facts
    few = replace(
        told, claims=(), delivery=once(told.delivery), receivers=once(told.receivers), shown=once(told.shown),
        alerting=once(told.alerting), ladders=once(told.ladders), environment=once(told.environment),
    )  # fmt: skip
    files = part.artifacts if names else ()
    return Part(few, tuple(Left(f.path, once(f.kind), told.service, f.kubernetes, "") for f in files), ())
