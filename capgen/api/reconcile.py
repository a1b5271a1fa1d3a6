"""Delivering: from specs to a plan for an environment's target, and from an approved plan to what was done.

What is carried out is what was shown. A plan that was saved is made again before anything is written, and whatever
would now be done otherwise is refused with both versions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from capgen.api.desired import Desired, build_all, build_in_pieces, noted
from capgen.api.reading import project_folder, read_project
from capgen.diagnostics import suggest
from capgen.errors import Findings, Refused, UsageError
from capgen.reconcile import prune as pruning
from capgen.reconcile import saved
from capgen.reconcile.build import Rules, build_plan
from capgen.reconcile.health import health
from capgen.reconcile.plan import Action, Plan
from capgen.reconcile.saved import Request, Stale
from capgen.reconcile.target import LiveFiles, LiveObjects

if TYPE_CHECKING:
    from capgen.api import Built
    from capgen.artifact import Artifact
    from capgen.blueprint import Fleet
    from capgen.reconcile.outcome import Outcome
    from capgen.reconcile.rights import Purpose
    from capgen.reconcile.target import Live, Target
    from capgen.spec.documents import Environment
    from capgen.targets.taken import Status

SECONDS = 300.0
"""The time for everything that one run asks of a cluster."""


class Delivery(Struct, frozen=True):
    """A plan and the target it is for; `request` is what it was made from."""

    plan: Plan
    target: Target
    request: Request
    digest: str
    dashboards: tuple[tuple[str, str], ...] = ()
    """(uid, title) of each dashboard that is delivered."""
    origin: Callable[[str, Sequence[str]], str] = lambda *_: ""
    """Where fields of an artifact come from, in words."""


def plan_delivery(request: Request, *, seconds: float = SECONDS, whole: bool = False) -> Delivery:
    """What applying would change in an environment's target. Reads only. `seconds` is the time for the whole run; `whole`
    keeps what is as it is wanted as well, as it stands there.

    Raises Findings for invalid specs, UsageError for an unknown environment, TargetError when the target fails.
    """
    from capgen.incremental.stream import Unclear

    pieces = None if whole else build_in_pieces(request)
    if pieces is not None:
        with contextlib.suppress(Unclear):
            return _planned(request, pieces, seconds)
    return _planned(request, build_all(request), seconds, whole=whole)


def _planned(request: Request, desired: Desired, seconds: float, *, whole: bool = False) -> Delivery:
    from capgen.delivery import deliverable, field_policies, target_of

    declared, root = desired.declared, Path(request.root) if request.root else None
    target: Target = (
        _exported(declared, Path(request.offline))
        if request.offline
        else target_of(declared, project_folder([Path(path) for path in request.specs]), root=root, seconds=seconds)
    )
    digests = bytearray()
    given: Iterable[Artifact] = noted(deliverable(declared, desired.artifacts, root=root), digests)
    if root is not None or declared.directory is not None:
        given = tuple(given)  # a folder's files are written all together
    live = target.read(given, whole=whole)
    if not digests:
        raise Refused(
            f"the specs compile to nothing for {request.environment!r}: an empty delivery is never what was meant; "
            "`capgen destroy` removes what was delivered"
        )
    rules = Rules(
        request.prune, frozenset(request.adopt), field_policies(declared), frozenset(request.replace),
        whole=not desired.partial,
    )  # fmt: skip
    artifacts = given if isinstance(given, tuple) else ()
    plan = build_plan(target.name, artifacts, live, rules)
    if desired.partial and (going := plan.of(Action.DELETE)):
        kept = _wanted_elsewhere(request, live, {change.key for change in going})
        plan = build_plan(target.name, artifacts, live, replace(rules, kept=kept)) if kept else plan
    if unknown := rules.replace and sorted(rules.replace - plan.wanted):
        named = suggest(unknown[0], sorted(plan.wanted), what="objects")
        raise UsageError(f"the specs make no {unknown[0]} to replace; {named}")
    if not desired.partial:
        plan = replace(plan, notes=(*plan.notes, *_forgotten(live.services, plan)))
    served: tuple[tuple[str, str], ...] = ()
    if desired.built and (fleets := [f for f in desired.built.compiled.fleets if f.environment == request.environment]):
        served = _served(fleets[0])
    return Delivery(plan, target, request, saved.digest_of(digests), served, partial(_origin, request, desired.built))


def _wanted_elsewhere(request: Request, live: Live, keys: Collection[str]) -> dict[str, str]:
    """By key, why not to delete what some services of a project ask for no more: another one does. The others are compiled
    when something is to go, which is seldom.
    """
    from capgen.api.reading import specs_root
    from capgen.delivery import deliverable
    from capgen.incremental.stream import Unclear
    from capgen.reconcile.wanted import read_manifests

    roots = dict.fromkeys(specs_root(Path(path)).as_posix() for path in request.specs)
    whole = replace(request, specs=tuple(roots))

    def asked(desired: Desired) -> dict[str, str]:
        root = Path(request.root) if request.root else None
        artifacts = deliverable(desired.declared, desired.artifacts, root=root)
        if isinstance(live, LiveObjects):
            wanted = read_manifests(artifacts, live.namespace)
            services = {key: wanted[key].service for key in keys if key in wanted.keys}
        else:
            services = {artifact.path: artifact.service for artifact in artifacts if artifact.path in keys}
        return {
            key: f"{service or 'the fleet'} asks for it: name all specs of the project, and it goes over"
            for key, service in services.items()
        }

    try:
        if (pieces := build_in_pieces(whole)) is not None:
            with contextlib.suppress(Unclear):
                return asked(pieces)
        return asked(build_all(whole))
    except (Findings, UsageError):
        why = "whether another service asks for it cannot be told while the project has mistakes: `capgen validate` shows them"
        return dict.fromkeys(keys, f"it stays: {why}")


def _origin(request: Request, built: Built | None, path: str, fields: Sequence[str]) -> str:
    """Asked for when something was refused, which is seldom: a fleet that was compiled in pieces is then compiled again."""
    from capgen.api.origins import origin_of

    if not fields or not path:
        return ""
    built = built or build_all(request).built
    artifacts = {a.path: a for _, found in built.artifacts for a in found} if built else {}
    return origin_of(built, request.environment, artifacts[path], fields) if built and path in artifacts else ""


def rehearse(delivery: Delivery) -> Plan:
    """The plan as the target itself sees it; what it refuses is traced back to the specs."""
    plan = delivery.target.rehearse(delivery.plan)
    changes = (replace(c, reason=_traced(c.reason, delivery.origin(c.path, c.refused))) for c in plan.changes)
    return replace(plan, changes=tuple(changes))


def _traced(reason: str, origin: str) -> str:
    return f"{reason}; from {origin}" if origin else reason


def _served(fleet: Fleet) -> tuple[tuple[str, str], ...]:
    """The dashboards of an environment (uid, title), for who asks whether they were taken."""
    shown = [d for service in fleet.services for d in service.dashboards] + list(fleet.dashboards)
    return tuple((d.uid, d.title) for d in shown) if fleet.delivery.grafana.deliver != "none" else ()


def rights_of(
    paths: Sequence[Path],
    environment: str,
    purpose: Purpose | Literal["import"],
    *,
    settings: Sequence[str] = (),
    namespaces: Sequence[str] = (),
) -> str:
    """The Roles that a verb needs for these specs, as YAML; an import reads `namespaces` beside the environment's own.
    Nothing is asked of the cluster."""
    from capgen import api
    from capgen.delivery import deliverable
    from capgen.reconcile.rights import rights, rights_to_read
    from capgen.reconcile.wanted import read_manifests

    cluster = environment_of(paths, environment).kubernetes
    if cluster is None:
        raise UsageError(f"the environment {environment!r} has no cluster: it says no `kubernetes:`")
    if purpose == "import":
        from capgen.intake.found import KINDS
        from capgen.targets.inspected import kind_of

        found = rights_to_read([kind_of(name) for name in KINDS], {*namespaces, cluster.namespace})
    else:
        built = api.build(paths, settings=settings, environments=[environment])
        declared = built.compiled.project.places[environment]
        artifacts = deliverable(declared, (a for _, found in built.artifacts for a in found))
        found = rights(purpose, read_manifests(artifacts, cluster.namespace), cluster.namespace)
    roles = [{"name": f"capgen-{purpose}", "namespace": one.namespace, "rules": one.rules} for one in found]
    templates = api.load_templates(project_folder(paths))
    common = {"purpose": purpose, "environment": environment}
    return "---\n".join(templates.render("kubernetes/rights.yaml.j2", role=role, **common) for role in roles)


def status(
    paths: Sequence[str],
    environment: str,
    settings: Sequence[str],
    root: Path | None,
    *,
    rules: bool | None = None,
    dashboards: bool | None = None,
) -> Status:
    """What is delivered and how it is; `rules` and `dashboards` ask the environment's Prometheus and Grafana too, None where
    their URLs are given. Reads only. What cannot be asked is told beside the rest; raises UsageError for a server that is to
    be asked and that nobody has said."""
    place = environment_of([Path(path) for path in paths], environment)
    endpoint, grafana = place.prometheus, place.grafana
    if rules and (endpoint is None or endpoint.url is None):
        raise UsageError(f"the environment {environment!r} does not say where its Prometheus is: prometheus.url")
    if dashboards and grafana.url is None:
        raise UsageError(f"the environment {environment!r} does not say where its Grafana is: grafana.url")
    delivery = plan_delivery(Request(tuple(paths), tuple(settings), environment, str(root or "")), whole=True)
    healths = tuple(
        health(change.kind, change.before) if isinstance(change.before, Mapping) else None
        for change in delivery.plan.changes
    )
    from capgen.history.login import asking, headers
    from capgen.targets.taken import Status, with_dashboards, with_rules

    found = Status(delivery.plan, healths)
    if rules is not False and endpoint is not None and endpoint.url is not None:
        found = with_rules(found, endpoint.url, partial(asking, endpoint), named=bool(rules))
    if dashboards is not False and grafana.url is not None:
        login = partial(headers, grafana.auth, whose="grafana")
        found = with_dashboards(
            found, grafana.url, login, delivery.dashboards, folder=grafana.folder or "", named=bool(dashboards)
        )
    return found


def plan_destruction(
    paths: Sequence[Path], environment: str, services: Sequence[str], root: Path | None, *, seconds: float = SECONDS
) -> Delivery:
    """What deleting everything that was delivered for services would delete. Their specs need not exist any more.

    Raises UsageError for what was never delivered, Refused where a folder would be in pieces without it.
    """
    from capgen.delivery import target_of
    from capgen.targets.directory import NAMED

    target = target_of(environment_of(paths, environment), project_folder(paths), root=root, seconds=seconds)
    live = target.read((), services)
    if unknown := sorted(set(services) - live.services):
        known = ", ".join(sorted(live.services - {""})) or "no service"
        known += ', and "" (what belongs to all services)' if "" in live.services else ""
        raise UsageError(f"nothing of {', '.join(unknown)} was delivered to {target.name}; delivered there: {known}")
    if isinstance(live, LiveFiles) and (named := sorted(p for p, f in live.extra.items() if f.obstacle == NAMED)):
        more = f" and {len(named) - 1} more" if len(named) > 1 else ""
        raise Refused(f"nothing was deleted: {named[0]}{more}: {NAMED}")
    request = Request(tuple(map(str, paths)), (), environment, str(root or ""))
    return Delivery(build_plan(target.name, (), live), target, request, "")


def environment_of(paths: Sequence[Path], name: str) -> Environment:
    """An environment's document, whether or not the other specs are valid. Raises UsageError when there is none."""
    from capgen.diagnostics import Severity
    from capgen.spec.parse import parse_project

    reading = read_project(paths)
    project, found = parse_project(reading.sources, partial=reading.partial)
    if name not in project.places:
        broken = [d for d in found if d.severity is Severity.ERROR]
        if broken:
            raise Findings(broken)
        raise UsageError(f"there is no environment {name!r}; known: {', '.join(project.places)}")
    return project.places[name]


def save_plan(delivery: Delivery, rehearsed: Plan) -> str:
    """The plan as a file's text."""
    place = delivery.target.place()
    return saved.dump(delivery.plan, rehearsed, delivery.request, place, delivery.digest)


def plan_again(path: Path, *, seconds: float = SECONDS) -> Delivery:
    """A saved plan, made anew. Raises Refused, with both versions, for whatever would now be done otherwise."""
    try:
        approved = saved.load(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    delivery = plan_delivery(approved.request, seconds=seconds)
    place = delivery.target.place()
    if place != approved.place:
        raise Refused(
            f"{path} was made for {_listed(approved.place)}, and this is {_listed(place)}; nothing was changed"
        )
    found = saved.stale(approved, delivery.plan)
    if not found:
        asked = any(entry.exact for entry in approved.entries) or saved.misshown(approved, delivery.plan, delivery.plan)
        rehearsed = delivery.target.rehearse(delivery.plan) if asked else delivery.plan
        found = saved.stale_answers(approved, rehearsed) or saved.misshown(approved, delivery.plan, rehearsed)
    if found:
        raise Refused(_told(path, found))
    return delivery


def apply_plan(delivery: Delivery, *, deletions: int | None = None) -> Outcome:
    """Carries the plan out. Raises Refused when it deletes more than goes without counting."""
    if why := pruning.too_many(delivery.plan, deletions):
        count = len(delivery.plan.of(Action.DELETE))
        raise Refused(
            f"{why}; nothing was changed. If that is meant, say --deletions {count}; --no-prune leaves them standing"
        )
    outcome = delivery.target.apply(delivery.plan)
    paths = {change.key: change.path for change in delivery.plan.changes}
    results = (
        replace(r, reason=_traced(r.reason, delivery.origin(paths[r.key], r.refused))) if r.refused else r
        for r in outcome.results
    )
    return replace(outcome, results=tuple(results))


def wait_for(delivery: Delivery, outcome: Outcome, seconds: float) -> Outcome:
    """The outcome when the controllers have had so many seconds to take up what is there, also what an earlier run wrote."""
    return delivery.target.wait(delivery.plan, outcome, seconds) if seconds else outcome


def _exported(environment: Environment, folder: Path) -> Target:
    from capgen.targets.exported import Exported

    if environment.kubernetes is None:
        raise UsageError(
            f"the environment {environment.metadata.name!r} has no cluster whose objects could be exported"
        )
    return Exported(folder, environment.kubernetes.namespace)


def _forgotten(delivered: Collection[str], plan: Plan) -> tuple[str, ...]:
    """Services that were delivered and that no spec declares any more: nobody would notice them otherwise."""
    lost = sorted(set(delivered) - plan.services - {""})
    return tuple(
        f"{name} was delivered here and no spec declares it any more: unless another project does, "
        f"`capgen destroy {name}` removes it"
        for name in lost
    )


def _listed(place: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in sorted(place.items()) if value)


def _told(path: Path, found: Sequence[Stale]) -> str:
    from capgen.report.plan import stale_lines

    lines = "\n".join(line for each in found for line in stale_lines(each))
    return (
        f"{path} is stale: {len(found)} of its changes are not what was approved. Nothing was changed; "
        f"look at `capgen diff --save` and approve it again\n{lines}"
    )
