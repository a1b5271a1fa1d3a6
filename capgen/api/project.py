"""The library's verbs that are about whole projects. Each function tells its story in named calls, top to bottom, and
returns what the command prints."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from capgen import disk, naming, units
from capgen.api.reading import brought, called_below, project_folder, read_project, read_sources
from capgen.artifact import Artifact
from capgen.blueprint import Blueprint, Fleet
from capgen.catalog.load import Catalog
from capgen.catalog.model import Exporter
from capgen.check.dashboards import check_dashboards, check_sizes
from capgen.check.environments import check_environments
from capgen.check.scaling import check_scaling
from capgen.compile.cost import over_budget
from capgen.compile.fleet import assemble, facts
from capgen.compile.service import compile_spec
from capgen.diagnostics import Diagnostic, has_errors, in_order, suggest
from capgen.errors import Findings, Refused, UsageError
from capgen.spec.layers import steps
from capgen.spec.parse import Project, Spec, parse_project, specs
from capgen.spec.quotes import quoting
from capgen.yamlio import no_text, read

if TYPE_CHECKING:  # only the verbs that need these rooms pay for importing them
    from capgen.explain import Answer
    from capgen.incremental.build import Files
    from capgen.prove.environment import Proven
    from capgen.render.templates import Templates


class Compiled(Struct, frozen=True):
    """All specs of a project, compiled: a fleet an environment, and what the checks had to say."""

    project: Project
    specs: tuple[Spec, ...]
    fleets: tuple[Fleet, ...]
    catalog: Catalog
    folder: Path
    """The project's: where its `catalog/` and `templates/` are."""
    diagnostics: tuple[Diagnostic, ...]
    partial: bool = False
    """Whether the project has services beside these: then there are no files that speak of all of them."""


class Built(Struct, frozen=True):
    """The files of each environment, by path below `<out>/<environment>/`."""

    compiled: Compiled
    artifacts: tuple[tuple[str, tuple[Artifact, ...]], ...]
    found: tuple[Diagnostic, ...]
    """What was said about specs and files; nothing that stops a build."""


def load_catalog(folder: Path) -> Catalog:
    """The packaged catalogue, with the project's `catalog/` beside the specs over it."""
    return Catalog(brought(folder, "catalog", "*.yaml"))


def load_templates(folder: Path) -> Templates:
    """The packaged templates, with the project's `templates/` beside the specs over them."""
    from capgen.render.templates import Template, Templates

    if _is_packaged(folder / "templates"):
        return Templates()
    names = brought(folder, "templates", "**/*.j2")
    unread = [finding for source in names.values() if source.fault for finding in read(source)[1]]
    if unread := unread + [finding for source in names.values() if (finding := no_text(source))]:
        raise Findings(unread)
    return Templates({name: Template(name, source.name, source.text) for name, source in names.items()})


def _is_packaged(folder: Path) -> bool:
    from capgen.render.templates import template_root

    return folder.resolve() == template_root().resolve()


def compile_project(
    paths: Sequence[Path],
    *,
    settings: Sequence[str] = (),
    environments: Sequence[str] = (),
    under: Path = Path(),
    keep: Callable[[Blueprint], Blueprint] | None = None,
) -> Compiled:
    """Reads, parses and compiles everything; mistakes are in the result's diagnostics, all of them.

    `under` is a folder that holds another state of the project: its files are called as they are called here. `keep` is
    what is kept of a service once it has been held against the others: not all need all of a large fleet in memory.
    """
    paths = [under / path for path in paths]
    reading = read_project(paths)
    sources = tuple(called_below(under, source) for source in reading.sources)
    project, found = parse_project(sources, partial=reading.partial)
    _know_environments(project, environments)
    layered, problems = specs(project, settings, environments)
    found = (*found, *problems)
    root = project_folder(paths)
    catalog = load_catalog(root)
    fleets: list[Fleet] = []
    by_environment: dict[str, list[Spec]] = {}
    for spec in layered:
        by_environment.setdefault(spec.environment.metadata.name, []).append(spec)
    try:
        for _, members in sorted(by_environment.items()):
            blueprints, known = [], []
            for spec in members:
                blueprint, problems = compile_spec(spec, catalog)
                found = (*found, *problems)
                if blueprint:
                    known.append(facts(blueprint))
                    blueprints.append(keep(blueprint) if keep else blueprint)
            # What a service with mistakes would have told the others (a team's receivers) is not known.
            whole = not (reading.partial or project.incomplete or has_errors(found))
            fleet, problems = assemble(known, catalog.ladders, blueprints, whole=whole)
            found = (*found, *problems)
            fleets += [fleet] if fleet else []
        found = (*found, *_over_budget(project, fleets))
    except Findings as broken:
        found = (*found, *broken.diagnostics)
    found = in_order(quoting(found, sources))
    return Compiled(project, layered, tuple(fleets), catalog, root, found, reading.partial)


def _over_budget(project: Project, fleets: Sequence[Fleet]) -> Iterator[Diagnostic]:
    by_name = {fleet.environment: fleet for fleet in fleets}
    for document, environment in project.environments:
        if environment.budget is not None and (fleet := by_name.get(document.name)) is not None:
            spent = {service.name: service.cost for service in fleet.services if service.cost}
            yield from over_budget(document.node, environment.budget, spent)


def exporter(catalog: Catalog, name: str) -> Exporter:
    """An exporter of the catalogue. Raises UsageError for an unknown name, with the close one."""
    try:
        return catalog.entry(name).exporter
    except KeyError:
        raise UsageError(
            f"no exporter is called {name!r}: {suggest(name, catalog.exporters, what='exporters')}"
        ) from None


def check_rule_files(
    paths: Sequence[Path],
    *,
    exporters: Sequence[str] = (),
    scrape_interval: str = "1m",
    evaluation_interval: str = "1m",
) -> tuple[Diagnostic, ...]:
    """Lints rule files; a folder stands for the YAML below it. Raises UsageError for bad arguments."""
    from capgen.check.facts import facts_of
    from capgen.check.rulefile import may_hold_rules
    from capgen.check.rules import check_rules

    catalog = load_catalog(Path())
    for name in exporters:
        exporter(catalog, name)
    try:
        scrape, evaluation = units.parse(scrape_interval, "seconds"), units.parse(evaluation_interval, "seconds")
    except units.BadQuantity as error:
        raise UsageError(str(error)) from error
    facts = facts_of(catalog, exporters)
    named = {path.as_posix() for path in paths}
    found: list[Diagnostic] = []
    for source in read_sources(paths):
        # A folder of configuration holds more than rule files; whoever names a file means that file.
        if source.name in named or may_hold_rules(source):
            found += check_rules(source, facts, scrape_interval=scrape, evaluation_interval=evaluation)
    return in_order(found)


def explain(
    thing: str,
    paths: Sequence[Path],
    *,
    settings: Sequence[str] = (),
    environments: Sequence[str] = (),
    at: datetime | None = None,
) -> tuple[Answer, ...]:
    """Where a generated line, a signal or a field comes from; of a job, when it runs after `at` (now if left out).

    Raises UsageError when nothing is known of it."""
    from capgen.explain import explain_line
    from capgen.explain.files import explain_file

    compiled = compile_project(paths, settings=settings, environments=environments)
    if has_errors(compiled.diagnostics):
        raise Findings(compiled.diagnostics)
    file, _, line = thing.rpartition(":")
    if line.isdigit() and file:
        if Path(file).is_dir():
            raise UsageError(f"{file} is a folder: name one of its files, like {file.rstrip('/')}/NAME:{line}")
        source, number = read_sources([Path(file)])[0], int(line)
        declared = {document.name: document.file for document, _ in compiled.project.environments}
        answer = explain_line(source, number, compiled.fleets) or explain_file(
            source, number, compiled.fleets, compiled.specs, declared
        )
        if answer is None:
            raise UsageError(
                f"nothing in {file}:{line} comes from these specs; is it a generated file, and up to date?"
            )
        return (answer,)
    capacity, _, what = thing.rpartition(":")
    chosen = [spec for spec in compiled.specs if capacity in ("", spec.name)]
    now = at or datetime.now().astimezone()
    answers = [answer for spec in chosen if (answer := _explained(what, spec, compiled, now)) is not None]
    if not answers:
        known = {signal.id for fleet in compiled.fleets for service in fleet.services for signal in service.signals}
        raise UsageError(
            f"{thing!r} is no code, generated line, signal or field: {suggest(what, known, what='signals')}"
        )
    return tuple(answers)


def _explained(what: str, spec: Spec, compiled: Compiled, now: datetime) -> Answer | None:
    from capgen.explain import explain_field, explain_job, explain_signal

    fleet = next(f for f in compiled.fleets if f.environment == spec.environment.metadata.name)
    service = next(s for s in fleet.services if s.name == spec.name)
    signal = next((s for s in service.signals if s.id == what), None)
    if signal is not None:
        return explain_signal(spec, signal)
    return explain_job(spec, service, what, now) or explain_field(spec, steps(what))


def init(name: str, folder: Path, *, exporters: Sequence[str], kind: str) -> Path:
    """Writes a first spec and returns its path. Raises Refused when there is one, UsageError for bad arguments."""
    if not re.fullmatch(naming.DNS_LABEL, name):
        raise UsageError(f"{name!r} cannot be a service's name: use lower-case letters, digits and hyphens")
    from capgen.render.first_spec import first_spec
    from capgen.render.templates import Templates

    catalog, path = load_catalog(folder / ".."), folder / f"{name}.yaml"
    chosen = [exporter(catalog, one) for one in dict.fromkeys(exporters)]
    text = Templates().render("init/spec.yaml.j2", **first_spec(name, chosen, kind))
    if path.exists():
        raise Refused(f"{path} exists already: choose another name, or remove it first")
    disk.write(folder, (disk.FileChange(path.name, "missing", None, text),))
    return path


def check_compiled(compiled: Compiled) -> tuple[Diagnostic, ...]:
    """What the checks say of specs that compiled."""
    blueprints = {(fleet.environment, service.name): service for fleet in compiled.fleets for service in fleet.services}
    found: list[Diagnostic] = []
    for spec in compiled.specs:
        blueprint = blueprints.get((spec.environment.metadata.name, spec.name))
        if blueprint is not None:
            found += [*check_scaling(spec, blueprint), *check_dashboards(spec, blueprint)]
    found += check_environments(compiled.project, [fleet.environment for fleet in compiled.fleets])
    return in_order(found)


def _know_environments(project: Project, wanted: Sequence[str]) -> None:
    for name in wanted:
        if name not in project.places and not project.incomplete:
            raise UsageError(f"there is no environment {name!r}; known: {', '.join(project.places)}")


def build(
    paths: Sequence[Path],
    *,
    settings: Sequence[str] = (),
    environments: Sequence[str] = (),
    under: Path = Path(),
) -> Built:
    """Compiles and renders. Raises Findings when any spec has an error: then nothing is rendered."""
    compiled = compile_project(paths, settings=settings, environments=environments, under=under)
    found = in_order((*compiled.diagnostics, *check_compiled(compiled)))
    if has_errors(found):
        raise Findings(found)
    from capgen.render.artifacts import render_fleet, render_service

    templates = load_templates(compiled.folder)
    rendered = []
    for fleet in compiled.fleets:
        files = {service.name: render_service(service, templates) for service in fleet.services}
        sizes = [check_sizes(spec, files[spec.name]) for spec in compiled.specs if _goes_to(spec, fleet)]
        found = in_order((*found, *chain.from_iterable(sizes)))
        services = tuple(chain.from_iterable(files.values()))
        fleetwide = () if compiled.partial else render_fleet(fleet, services, templates)
        rendered.append((fleet.environment, tuple(sorted((*services, *fleetwide), key=lambda a: a.path))))
    if has_errors(found):
        raise Findings(found)
    return Built(compiled, tuple(rendered), found)


def _goes_to(spec: Spec, fleet: Fleet) -> bool:
    return spec.environment.metadata.name == fleet.environment


def generate(
    paths: Sequence[Path],
    *,
    out: Path,
    settings: Sequence[str] = (),
    environments: Sequence[str] = (),
    jobs: int = 1,
    cache: Path | None = None,
    thorough: bool = False,
) -> Files:
    """The generated files: as `build`, on up to `jobs` cores, and without compiling again what the folder `cache`
    remembers and `out` still holds. `thorough`: every file in `out` is read, whatever is known of it. Raises Findings
    when any spec has an error."""
    from capgen.incremental.build import Files, build_files

    if not settings:
        root = project_folder(paths)
        catalog, templates = load_catalog(root), load_templates(root)
        reading = read_project(paths)
        files = build_files(
            reading.sources,
            catalog,
            templates,
            out=out,
            environments=environments,
            jobs=jobs,
            cache=cache,
            partial=reading.partial,
            thorough=thorough,
        )
        if files is not None:
            return files
    built = build(paths, settings=settings, environments=environments)
    project = built.compiled.project
    places = environments or project.places
    folders = frozenset(f"{place}/{document.name}" for place in places for document in project.capacities)
    return Files(generated_files(built), frozenset(), built.found, built.compiled.partial, folders)


def generated_files(built: Built) -> dict[str, str]:
    """The text of every file below the output folder, by path."""
    return {
        f"{environment}/{artifact.path}": artifact.text
        for environment, artifacts in built.artifacts
        for artifact in artifacts
    }


def prove(
    paths: Sequence[Path],
    promtool: Path,
    *,
    settings: Sequence[str] = (),
    environments: Sequence[str] = (),
    jobs: int = 2,
    cache: Path | None = None,
    mutants: bool = False,
) -> tuple[Proven, ...]:
    """Generates unit tests for every rule and runs them on promtool, and on request on mutants of each rule. Rules that
    templates of the project's own write are tested as they are written.

    `cache` is a folder that remembers what has passed. Raises Findings for invalid specs, CapgenError when
    promtool does not run.
    """
    from capgen.prove.environment import prove_environment

    built = build(paths, settings=settings, environments=environments)
    files = dict(built.artifacts) if load_templates(built.compiled.folder).own else {}
    return tuple(
        prove_environment(
            fleet, promtool, jobs=jobs, cache=cache, mutants=mutants, written=files.get(fleet.environment)
        )
        for fleet in built.compiled.fleets
    )
