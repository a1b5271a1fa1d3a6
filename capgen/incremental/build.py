"""The quick build, told flat: recall, look at the files, compile the rest, join, render what is the fleet's, remember."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from capgen.artifact import AnyArtifact, Artifact, Left
from capgen.catalog.load import Catalog
from capgen.check.environments import check_environments
from capgen.compile.cost import over_budget
from capgen.compile.fleet import assemble
from capgen.diagnostics import Diagnostic, has_errors, in_order
from capgen.incremental import memory
from capgen.incremental.crew import compile_pieces, together
from capgen.incremental.index import digests
from capgen.incremental.parts import Part, Share, divide
from capgen.render.artifacts import render_fleet
from capgen.render.templates import Templates
from capgen.spec.documents import Environment
from capgen.spec.parse import IMPLICIT, Document, Project, parse_project
from capgen.spec.quotes import quoting
from capgen.yamlio import Source


class Files(Struct, frozen=True):
    """The text of every file below the output folder, by path; `same` are those that lie there already, and are not
    read before their text is asked for."""

    wanted: Mapping[str, str]
    same: frozenset[str]
    found: tuple[Diagnostic, ...]
    partial: bool
    """Whether the project has other services, so that the files which speak of all of them are not among these."""
    folders: frozenset[str]
    """The folders of these services, in which nothing else of capgen's is wanted."""


class _Texts(Mapping[str, str]):
    """The texts by path: those that are given, and those of files below `out`."""

    def __init__(self, given: Mapping[str, str], out: Path, same: frozenset[str]) -> None:
        self._given, self._out, self._same = given, out, same

    def __getitem__(self, path: str) -> str:
        return (self._out / path).read_bytes().decode() if path in self._same else self._given[path]

    def __contains__(self, path: object) -> bool:
        return path in self._same or path in self._given

    def __iter__(self) -> Iterator[str]:
        return iter((*self._given, *self._same))

    def __len__(self) -> int:
        return len(self._given) + len(self._same)


def build_files(
    sources: Sequence[Source],
    catalog: Catalog,
    templates: Templates,
    *,
    out: Path,
    environments: Sequence[str] = (),
    jobs: int = 1,
    cache: Path | None = None,
    partial: bool = False,
    thorough: bool = False,
) -> Files | None:
    """What `api.build` gives for specs in which everything is fine; None for others.

    `partial`: the project has services beside these. `out` is the folder where the files of earlier builds lie,
    `cache` the one of what they found (None for none). `thorough`: every file in `out` is read, also one that has not
    changed since it was.
    """
    shared, single = divide(sources)
    name = memory.key(shared, environments, catalog, templates) if cache else ""
    known = memory.recall(cache, name) if cache else {}
    kept = _kept(known, single, out, None if thorough else cache and cache / "index") if known else {}
    missing = [source for source in single if source.name not in kept]
    fresh = together(compile_pieces(shared, missing, environments, catalog, templates, jobs))
    if fresh is None:
        return None
    shares = [*kept.values(), *fresh]
    project, mistakes = parse_project(shared)
    places = places_of(shares, project, environments, partial=partial)
    if mistakes or places is None:
        return None
    files = _files(shares, project, single, catalog, templates, places, out, partial=partial)
    if cache and files and (fresh or (len(known) > len(single) and not partial)):
        # What is known of the other services stays known.
        memory.keep(cache, name, {**(known if partial else {}), **_memory(known, single, fresh)})
    return files


def _kept(known: Mapping[str, bytes], single: Sequence[Source], out: Path, index: Path | None) -> dict[str, Share]:
    """The shares that are remembered and whose files all lie in `out` as they were written."""
    entries = ((source.name, known.get(memory.entry(source))) for source in single)
    told = {name: memory.restore(entry) for name, entry in entries if entry}
    files = {
        name: {_path(part.facts.environment, file): file.digest for part in share.parts for file in _left(part)}
        for name, share in told.items()
    }
    there = digests(out, [path for some in files.values() for path in some], index)
    return {name: share for name, share in told.items() if files[name].items() <= there.items()}


def _left(part: Part) -> Iterator[Left]:
    return (artifact for artifact in part.artifacts if isinstance(artifact, Left))


def places_of(
    shares: Sequence[Share], project: Project, environments: Sequence[str], *, partial: bool
) -> frozenset[str] | None:
    """The names of the environments; None unless all names that the files use are there, each once."""
    names = {share.name for share in shares}
    overridden = {name for _, environment in project.environments for name in environment.overrides}
    declared = {document.name for document, _ in project.environments}
    known = (partial or overridden <= names) and set(environments) <= declared
    if any(_over_budget(document, environment, shares) for document, environment in project.environments):
        return None
    if len(names) != len(shares) or not shares or not known:
        return None
    return frozenset(environments or declared or {IMPLICIT.metadata.name})


def _over_budget(document: Document, environment: Environment, shares: Sequence[Share]) -> bool:
    facts = [part.facts for share in shares for part in share.parts if part.facts.environment == document.name]
    spent = {one.service: one.cost for one in facts if one.cost}
    return environment.budget is not None and any(over_budget(document.node, environment.budget, spent))


def _files(
    shares: Sequence[Share],
    project: Project,
    single: Sequence[Source],
    catalog: Catalog,
    templates: Templates,
    places: frozenset[str],
    out: Path,
    *,
    partial: bool,
) -> Files | None:
    by_environment: dict[str, list[Part]] = {}
    for share in sorted(shares, key=lambda share: share.name):
        for part in share.parts:
            by_environment.setdefault(part.facts.environment, []).append(part)
    fresh: dict[str, str] = {}
    same: set[str] = set()
    found: list[Diagnostic] = []
    for environment, members in sorted(by_environment.items()):
        fleet, problems = assemble([part.facts for part in members], catalog.ladders, whole=not partial)
        if fleet is None or has_errors(problems):
            return None
        services = tuple(artifact for part in members for artifact in part.artifacts)
        fleetwide = () if partial else render_fleet(fleet, services, templates)
        for artifact in (*services, *fleetwide):
            if isinstance(artifact, Artifact):
                fresh[_path(environment, artifact)] = artifact.text
        same |= {_path(environment, file) for part in members for file in _left(part)}
        found += [*quoting(problems, single), *(note for part in members for note in part.found)]
    notes = check_environments(project, by_environment)
    if has_errors(notes):
        return None
    folders = frozenset(f"{place}/{share.name}" for place in places for share in shares)
    lying = frozenset(same)
    return Files(_Texts(fresh, out, lying), lying, in_order((*found, *notes)), partial, folders)


def _path(environment: str, artifact: AnyArtifact) -> str:
    return f"{environment}/{artifact.path}"


def _memory(known: Mapping[str, bytes], single: Sequence[Source], fresh: Sequence[Share]) -> dict[str, bytes]:
    told = {share.file: memory.remember(share) for share in fresh}
    return {(key := memory.entry(source)): told.get(source.name) or known[key] for source in single}
