"""An API server as a target: read by one list a kind, written by server-side apply, never by force.

What is unchanged costs no request; what is changed costs one. The inventory of a service is widened before its
objects are written and narrowed after them, under a lease that keeps a second run away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial, wraps
from typing import Concatenate, ParamSpec, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from capgen.artifact import Artifact
from capgen.errors import TargetError
from capgen.reconcile import applyset
from capgen.reconcile.applyset import Inventory
from capgen.reconcile.build import is_as_wanted
from capgen.reconcile.kinds import KINDS, Kind
from capgen.reconcile.manifest import key, place_of
from capgen.reconcile.order import missing_for, waves
from capgen.reconcile.outcome import Outcome, Result, State
from capgen.reconcile.packed import Packed
from capgen.reconcile.plan import Action, Change, Document, Plan, Verdict
from capgen.reconcile.target import LiveObjects
from capgen.reconcile.wanted import Wanted, read_manifests
from capgen.targets import kubeconfig, lease, objects
from capgen.targets.inventory import (
    held,
    lost,
    members,
    notes,
    own_sets,
    places,
    read_inventories,
    unsearched_in,
    write_inventory,
)
from capgen.targets.listing import Listings, list_objects, quoted
from capgen.targets.login import log_in
from capgen.targets.objects import meta
from capgen.targets.permitted import patchable
from capgen.targets.waiting import wait_for
from capgen.targets.wire import Wire

PAGE = 500
_STAYED = (State.CONFLICT, State.FAILED, State.NOT_TRIED)
_KUBE_SYSTEM = "/api/v1/namespaces/kube-system"
_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")


def _verb(method: Callable[Concatenate[Cluster, _Given], _Found]) -> Callable[Concatenate[Cluster, _Given], _Found]:
    """Lets a verb share the time of the whole run."""

    @wraps(method)
    def in_time(self: Cluster, /, *given: _Given.args, **named: _Given.kwargs) -> _Found:
        return self.wire.verb(partial(method, self, *given, **named))

    return in_time


class Cluster(Struct, frozen=True):
    """`namespace` is where objects go that name none, and where inventories are kept."""

    name: str
    namespace: str
    wire: Wire
    page: int = PAGE
    lease_seconds: int = lease.SECONDS
    server: str = ""
    environment: str = ""
    """Whose delivery it is; "" where nobody asks."""
    project: str = ""
    """What its project calls itself; "" where it has no name."""

    @_verb
    def place(self) -> Mapping[str, str]:
        """The server and, where the user may see it, the cluster's own identity."""
        answer = self.wire.request("GET", _KUBE_SYSTEM, {})
        uid = meta(answer.document, "uid") if answer.status == 200 else ""
        return {"namespace": self.namespace, "server": self.server, "uid": str(uid or "")}

    def read(self, desired: Iterable[Artifact], services: Collection[str] = (), *, whole: bool = False) -> LiveObjects:
        """The live objects, by one paged list a kind and namespace, compared as they come: memory holds a page of each
        list and what is not as it is wanted; all of it where it is to be known `whole`.

        What cannot be read is blocked with the reason. Raises TargetError when the server does not answer or
        does not know the user, and Findings for what is no manifest.
        """
        # What is wanted may be compiled meanwhile, which is not the cluster's time.
        return self._read(read_manifests(desired, self.namespace), services, whole)

    @_verb
    def _read(self, wanted: Wanted, services: Collection[str], whole: bool) -> LiveObjects:
        declared = wanted.services - {""}
        meant = wanted.services | set(services)
        inventories = read_inventories(self.wire, self.namespace, self.page) if meant else {}
        known = {} if isinstance(inventories, str) else inventories
        known = {s: self._whose(inventory, declared, known) for s, inventory in known.items()}
        mine = {service: known[service] for service in sorted(meant & known.keys())}
        scopes = wanted.places | {scope for inventory in mine.values() for scope in places(inventory)}
        unclear = wanted.services if whole else {service for service, inventory in mine.items() if inventory.problem}
        sets = {Inventory(service, self.namespace).id: service for service in meant}
        by_scope = self._listed(sorted(scopes), wanted, unclear, sets)
        found: dict[str, Document] = {}
        blocked: dict[str, str] = {}
        missing: list[str] = []
        for manifest in wanted.open:
            standing = by_scope.get((manifest.kind.name, manifest.namespace), {})
            if manifest.service in mine and (why := mine[manifest.service].problem):
                blocked[manifest.key] = why
            elif isinstance(standing, str):
                blocked[manifest.key] = standing
            elif manifest.name in standing:
                found[manifest.key] = standing[manifest.name]
            elif manifest.kind.namespaced and not manifest.obstacle:
                missing.append(manifest.key)
        blocked |= self._homeless(missing, {m.name for m in wanted.of("Namespace")})
        unsearched = {s: reason for s, inventory in mine.items() if (reason := unsearched_in(inventory, by_scope))}
        seen = members(by_scope)
        forgotten = {}
        if isinstance(inventories, str):
            unsearched = dict.fromkeys(meant, f"the inventories cannot be read: {inventories}")
        else:
            forgotten = lost(self.namespace, mine, held(wanted, seen, sets))
            unsearched = forgotten | unsearched
            mine = {s: Inventory(s, self.namespace) for s in forgotten} | mine
        return LiveObjects(
            self.namespace, found, blocked, mine, seen, unsearched, tuple(notes(mine, unsearched, by_scope)),
            frozenset(
                s for s, inventory in known.items()
                if inventory.environment in ("", self.environment) and inventory.project in ("", self.project)
            ),
            own_sets(known, declared, self.environment, self.project),
            {inventory.id: service for service, inventory in known.items()}, frozenset(forgotten), wanted,
        )  # fmt: skip

    @_verb
    def rehearse(self, plan: Plan) -> Plan:
        """The plan with what a server-side dry run says of each change; estimated where the user may not ask."""
        asked = plan.of(Action.CREATE, Action.UPDATE, Action.CONFLICT)
        created = {change.key for change in asked if change.kind == "Namespace" and change.action is Action.CREATE}
        seen = {c.key: _unverified(c) for c in asked if f"Namespace/{_home(c)}" in created}
        may = dict(
            zip(
                homes := sorted({_home(c) for c in asked}),
                self.wire.at_once(partial(patchable, self.wire), homes),
                strict=True,
            )
        )
        seen |= {c.key: _estimated(c) for c in asked if not may[_home(c)](KINDS[c.kind], c.key.rpartition("/")[2])}
        asked = tuple(change for change in asked if change.key not in seen)
        # One of a kind goes first: whoever may not ask for it may not ask for the others either.
        first = {(change.kind, _home(change)): change for change in reversed(asked)}
        ask = partial(objects.ask, self.wire)
        answers = dict(zip(first, self.wire.at_once(ask, list(first.values())), strict=True))
        seen |= {change.key: change for change in answers.values()}
        refused = {scope: change.reason for scope, change in answers.items() if change.verdict is Verdict.ESTIMATED}
        rest = [c for c in asked if c.key not in seen and (c.kind, _home(c)) not in refused]
        alike = [c for c in asked if c.key not in seen and (c.kind, _home(c)) in refused]
        seen |= {c.key: replace(c, reason=c.reason or refused[c.kind, _home(c)]) for c in alike}
        seen |= dict(zip((c.key for c in rest), self.wire.at_once(ask, rest), strict=True))
        return replace(plan, changes=tuple(seen.get(change.key, change) for change in plan.changes))

    @_verb
    def apply(self, plan: Plan) -> Outcome:
        """Applies what the plan creates and updates, in order, and deletes last; what does not depend on a failure
        goes on. Raises Refused when another run is writing, TargetError when it could not begin.
        """
        results: dict[str, Result] = {}
        homes = [change for change in plan.changes if change.kind == "Namespace"]
        self._write(replace(plan, changes=tuple(homes)), results, {}, None)
        rest = replace(plan, changes=tuple(c for c in plan.changes if c.kind != "Namespace"))
        written = sorted({change.service for change in rest.changes if change.writes} | plan.wide)
        with lease.held(
            self.wire, self.namespace, [applyset.parent_name(s) for s in written], self.lease_seconds
        ) as leases:
            standing = self._inventories() if written else {}
            declared = plan.services - {""}
            planned = _places_by_service(rest, rest.changes)
            wide = {
                s: standing.get(s, Inventory(s, self.namespace))
                .with_members(planned.get(s, ()))
                .kept_for(self.environment, declared, self.project)
                for s in written
            }
            refused = self._record(wide, standing)
            self._write(rest, results, refused, leases, failed=[c for c in homes if results[c.key].is_open])
            there = _places_by_service(rest, [c for c in rest.changes if _may_be_there(c, results.get(c.key))])
            for service, place in self._not_moved(rest, results, written):
                there.setdefault(service, set()).add(place)
            ends = {s: _narrowed(wide[s], rest, there.get(s, ())) for s in written if not refused[s]}
            left = self._record(ends, wide)
        ordered = tuple(Result(key, State.UNCHANGED) for keys in plan.unchanged.values() for key in keys)
        ordered += tuple(results[c.key] for c in plan.changes if c.key in results)
        problems = [
            f"the inventory of {s or 'the fleet'} is wider than need be: {why}" for s, why in left.items() if why
        ]
        return Outcome(self.name, ordered, tuple(problems))

    def wait(self, plan: Plan, outcome: Outcome, seconds: float) -> Outcome:
        """Waits until the controllers say that they took up what is there, and what was deleted is gone."""
        return self.wire.verb(partial(wait_for, self.wire, plan, outcome, seconds), more=seconds)

    def _write(
        self,
        plan: Plan,
        results: dict[str, Result],
        refused: Mapping[str, str],
        leases: lease.Leases | None,
        failed: Sequence[Change] = (),
    ) -> None:
        """Carries out the changes wave by wave; `refused` are services that nothing may be written for."""
        open_ends = list(failed)
        for wave in waves(plan):
            carry_out = partial(self._carry_out, failed=tuple(open_ends), refused=refused, leases=leases)
            ended = self.wire.at_once(carry_out, wave)
            results |= {result.key: result for result in ended}
            open_ends += [change for change, result in zip(wave, ended, strict=True) if result.is_open]
        unknown = plan.of(Action.BLOCKED)
        results |= {c.key: Result(c.key, State.FAILED, c.reason) for c in unknown if c.key not in results}

    def _carry_out(
        self, change: Change, failed: tuple[Change, ...], refused: Mapping[str, str], leases: lease.Leases | None
    ) -> Result:
        match change.action:
            case Action.UNCHANGED:
                return Result(change.key, State.UNCHANGED)
            case Action.CONFLICT:
                return Result(change.key, State.CONFLICT, change.reason, change.fields)
            case Action.BLOCKED:
                return Result(change.key, State.FAILED, change.reason)
        if why := refused.get(change.service):
            return Result(change.key, State.FAILED, f"its inventory could not be written first: {why}")
        if needed := missing_for(change, failed):
            return Result(change.key, State.NOT_TRIED, f"needs {needed}, which was not applied")
        if self.wire.is_over:
            return Result(change.key, State.NOT_TRIED, f"the {self.wire.seconds:g} s for this run were over")
        if leases is not None and leases.lost:
            return Result(change.key, State.NOT_TRIED, leases.lost)
        return (objects.delete if change.action is Action.DELETE else objects.apply)(self.wire, change)

    def _not_moved(
        self, plan: Plan, results: Mapping[str, Result], services: Collection[str]
    ) -> Iterable[tuple[str, tuple[Kind, str]]]:
        """What is still a member of the service that it was to move from."""
        sets = {Inventory(service, self.namespace).id: service for service in services}
        for change in plan.changes:
            service = sets.get(applyset.part_of(change.before)) if isinstance(change.before, Mapping) else None
            if service not in (None, change.service) and results[change.key].state in _STAYED:
                kind, home = place_of(change.key)
                yield str(service), (KINDS[kind], home)

    def _whose(self, inventory: Inventory, declared: Collection[str], known: Mapping[str, Inventory]) -> Inventory:
        """The inventory, with a problem when it is somebody else's."""
        return replace(
            inventory,
            problem=inventory.problem or inventory.whose(self.environment, declared, known.keys(), self.project),
        )

    def _inventories(self) -> Mapping[str, Inventory]:
        """As they stand now, under the lease."""
        found = read_inventories(self.wire, self.namespace, self.page)
        if isinstance(found, str):
            raise TargetError(f"nothing was changed: the inventories cannot be read: {found}")
        return found

    def _record(self, wanted: Mapping[str, Inventory], standing: Mapping[str, Inventory]) -> dict[str, str]:
        """Service -> why its inventory was not written, "" when it was."""
        services = list(wanted)
        return dict(
            zip(
                services,
                self.wire.at_once(lambda s: write_inventory(self.wire, wanted[s], standing.get(s)), services),
                strict=True,
            )
        )

    def _listed(
        self, scopes: Sequence[tuple[str, str]], wanted: Wanted, unclear: Collection[str], sets: Collection[str]
    ) -> Listings:
        """What is wanted or in one of the sets, of each kind and namespace; nobody needs what is neither, but for a
        ScaledObject, which may own an HPA. What stands as it is wanted is settled, but for services that are `unclear`.
        """

        def listed(scope: tuple[str, str]) -> dict[str, Document] | str:
            settled: list[str] = []

            def take(item: Document) -> Document | None:
                manifest = wanted.get(key(*scope, item["metadata"]["name"]))
                document = {**item, "kind": scope[0]}
                if manifest is None:
                    needed = applyset.part_of(item) in sets or scope[0] == "ScaledObject"
                    return Packed(document) if needed else None
                if manifest.service in unclear or not is_as_wanted(manifest, document, self.namespace):
                    return Packed(document)
                settled.append(manifest.key)
                return None

            found = list_objects(self.wire, KINDS[scope[0]], scope[1], self.page, take=take, anew=settled.clear)
            if not isinstance(found, str):
                wanted.settle(settled)
            return found

        found = self.wire.at_once(listed, scopes)
        return dict(zip(scopes, found, strict=True))

    def _homeless(self, missing: Iterable[str], created: set[str]) -> dict[str, str]:
        """Why objects cannot be created whose namespace is not there; nothing when the user may not look."""
        homes: dict[str, list[str]] = {}
        for object_key in missing:
            if (home := place_of(object_key)[1]) not in created:
                homes.setdefault(home, []).append(object_key)
        answers = self.wire.at_once(
            lambda home: self.wire.request("GET", f"/api/v1/namespaces/{quoted(home)}", {}), list(homes)
        )
        blocked: dict[str, str] = {}
        for (home, keys), answer in zip(homes.items(), answers, strict=True):
            if answer.status == 404:
                blocked |= dict.fromkeys(keys, f"the namespace {home} does not exist: create it first")
            elif answer.status == 200 and meta(answer.document, "deletionTimestamp"):
                blocked |= dict.fromkeys(keys, f"the namespace {home} is being deleted: wait, and create it again")
        return blocked


def connect(
    access: kubeconfig.Access, namespace: str = "", *, seconds: float = 300, environment: str = "", project: str = ""
) -> Cluster:
    """A cluster to deliver to; objects that name no namespace go to `namespace`, else to the context's. `seconds` is
    the time for everything that is asked of it.

    Nothing is sent, and no credential plugin is run, before the first verb.
    """
    home = namespace or access.namespace or "default"
    wire = Wire(lambda left: log_in(access, left), seconds)
    name = f"the cluster of context {access.context}"
    return Cluster(name, home, wire, PAGE, lease.SECONDS, access.server, environment, project)


def identity(cluster: Cluster) -> str:
    """The UID of the namespace kube-system, which no two clusters share. Raises TargetError when it cannot be read."""
    answer = cluster.wire.verb(partial(cluster.wire.request, "GET", _KUBE_SYSTEM, {}))
    uid = answer.document.get("metadata", {}).get("uid") if answer.status == 200 else None
    if not isinstance(uid, str):
        raise TargetError(f"{cluster.name} does not say which cluster it is: {answer.message}")
    return uid


def _narrowed(wide: Inventory, plan: Plan, there: Iterable[tuple[Kind, str]]) -> Inventory:
    """The inventory of what is there after the run: whatever was not surely deleted, or surely never made, stays."""
    return wide if wide.service in plan.unsearched else replace(wide, places=frozenset()).with_members(there)


def _places_by_service(plan: Plan, changes: Iterable[Change]) -> dict[str, set[tuple[Kind, str]]]:
    """Where the objects of these changes are, and those of which nothing more is told."""
    places = [(service, place_of(key)) for service, keys in plan.unchanged.items() for key in keys]
    places += [(change.service, place_of(change.key)) for change in changes if change.kind in KINDS]
    found: dict[str, set[tuple[Kind, str]]] = {}
    for service, (kind, home) in places:
        found.setdefault(service, set()).add((KINDS[kind], home))
    return found


def _may_be_there(change: Change, result: Result | None) -> bool:
    if result is not None and result.state is State.DELETED:
        return False
    made = result is not None and result.state not in (State.NOT_TRIED, State.CONFLICT)
    return change.before is not None or (made and change.action is not Action.BLOCKED)


def _unverified(change: Change) -> Change:
    return replace(change, verdict=Verdict.UNVERIFIED, reason="its namespace is made by the same plan")


def _estimated(change: Change) -> Change:
    return replace(change, reason=change.reason or f"estimated: no right to patch {KINDS[change.kind].plural} here")


def _home(change: Change) -> str:
    return place_of(change.key)[1]
