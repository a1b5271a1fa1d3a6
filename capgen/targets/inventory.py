"""The inventories in a namespace of an API server: read by one list, held against what is there, written before and after
the objects."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from capgen.errors import TargetError
from capgen.naming import MANAGER
from capgen.reconcile import applyset, owners
from capgen.reconcile.applyset import Inventory
from capgen.reconcile.handover import was_taken
from capgen.reconcile.kinds import KINDS
from capgen.reconcile.manifest import PART_OF, key, place_of
from capgen.reconcile.packed import unpacked
from capgen.reconcile.plan import Document
from capgen.reconcile.wanted import Wanted
from capgen.targets.listing import Listings, collection, list_objects, quoted
from capgen.targets.objects import APPLY, remove
from capgen.targets.refusal import not_served
from capgen.targets.wire import Wire, encode

_WRITER = f"{MANAGER}-applyset"


def read_inventories(wire: Wire, home: str, page: int) -> Mapping[str, Inventory] | str:
    """By service, or why they cannot be had."""
    listed = list_objects(wire, KINDS["ConfigMap"], home, page, selector=applyset.ID)
    if isinstance(listed, str):
        return listed
    found = (applyset.read_parent(parent) for name, parent in listed.items() if _is_ours(name))
    return {inventory.service: inventory for inventory in found}


def own_sets(
    known: Mapping[str, Inventory], declared: Collection[str], environment: str, project: str
) -> dict[str, str]:
    """Id -> service of the inventories that are a project's: by its name, by what the one of all its services says, or
    since it declares the service."""
    fleet = known.get("")
    ours = (fleet.services if fleet and not fleet.problem else frozenset()) | set(declared) | {""}
    return {
        inventory.id: service
        for service, inventory in known.items()
        if not inventory.problem and environment and inventory.environment == environment
        and (inventory.project == project if inventory.project else service in ours)
    }  # fmt: skip


def held(wanted: Wanted, seen: Mapping[str, Document], sets: Mapping[str, str]) -> dict[str, set[tuple[str, str]]]:
    """Service -> where objects of it are that capgen applied, and that nobody has taken over since."""
    there = {service: set(map(place_of, keys)) for service, keys in wanted.settled.items()}
    for object_key, document in seen.items():
        service, place = sets.get(applyset.part_of(document)), place_of(object_key)
        if service is None or place in there.get(service, ()):
            continue
        whole = unpacked(document)
        if (
            not (whole["metadata"].get("ownerReferences") or was_taken(whole))
            and owners.ours(owners.holders(whole)) is not None
        ):
            there.setdefault(service, set()).add(place)
    known = ((s, {place for place in found if place[0] not in applyset.NEVER_DELETED}) for s, found in there.items())
    return {service: found for service, found in known if found}


def lost(home: str, known: Mapping[str, Inventory], there: Mapping[str, set[tuple[str, str]]]) -> dict[str, str]:
    """Service -> what its inventory does not say, of those whose objects are `there`, by kind and namespace.

    An inventory is written before its objects are, so somebody deleted or edited it; what else it named nobody knows.
    """
    found = {}
    for service, seen in there.items():
        inventory = known.get(service, Inventory(service, home))
        named = {(kind.name, place) for kind, place in inventory.scopes}
        if inventory.problem or seen <= named:
            continue
        unnamed = ", ".join(sorted({kind for kind, _ in seen - named}))
        said = f"was edited and does not name {unnamed}" if service in known else "is gone"
        found[service] = (
            f"its inventory ConfigMap/{home}/{inventory.name} {said}: `capgen apply --yes` writes it anew, with the kinds that "
            f"are seen. For other kinds: kubectl get KIND -A -l {PART_OF}={inventory.id}"
        )
    return found


def write_inventory(wire: Wire, inventory: Inventory, standing: Inventory | None) -> str:
    """Makes the parent say what the inventory says; "" when it does, else why not. No write when nothing changes."""
    if standing is not None and standing.problem:
        return standing.problem
    if standing == inventory:
        return ""
    path = f"{collection(KINDS['ConfigMap'], inventory.home)}/{quoted(inventory.name)}"
    try:
        there = wire.request("GET", path, {}) if standing is None or not inventory.places else None
        if standing is None and there is not None and there.status == 200:
            return f"ConfigMap/{inventory.home}/{inventory.name} is there and is no inventory: give it another name"
        if not inventory.places:
            answer = remove(wire, path, there.document) if there is not None and there.status == 200 else there
            return "" if answer is None or answer.status in (200, 404) else answer.message
        # KEP-3659: what is said about one's own inventory is forced. One that is not there yet may be somebody else's by now.
        query = {"fieldManager": _WRITER, "force": str(standing is not None).lower(), "fieldValidation": "Strict"}
        answer = wire.request("PATCH", path, query, encode(applyset.parent_document(inventory)), APPLY)
    except TargetError as error:
        return str(error)
    return "" if answer.status < 300 else answer.message


def places(inventory: Inventory) -> list[tuple[str, str]]:
    """Where to look for an inventory's members."""
    if inventory.problem:
        return []
    return [(kind.name, home) for kind, home in inventory.scopes]


def unsearched_in(inventory: Inventory, by_scope: Listings) -> str:
    """Why not every member could be seen, "" if every one was. With its CRD gone a kind has no objects any more."""
    if inventory.problem:
        return inventory.problem
    if unknown := inventory.unknown_kinds:
        return f"its inventory names {', '.join(unknown)}, which this version of capgen does not know"
    failed = (
        listed
        for scope in places(inventory)
        if isinstance(listed := by_scope[scope], str) and listed != not_served(KINDS[scope[0]])
    )
    return next(failed, "")


def members(by_scope: Listings) -> dict[str, Document]:
    """What has the label of some inventory, by key."""
    return {
        key(*scope, name): document
        for scope, listed in by_scope.items()
        for name, document in (listed.items() if isinstance(listed, dict) else ())
        if applyset.part_of(document)
    }


def notes(mine: Mapping[str, Inventory], unsearched: Mapping[str, str], by_scope: Listings) -> Iterable[str]:
    """What is told of the inventories: of whom nothing is deleted, `unsearched` says why, and which kinds are gone."""
    for service, reason in unsearched.items():
        yield f"nothing of {service or 'the fleet'} is deleted now: {reason}"
    gone = {kind for kind, _ in by_scope} - {k for (k, _), listed in by_scope.items() if listed != not_served(KINDS[k])}
    for service, inventory in mine.items():
        for name in sorted({kind.name for kind, _ in inventory.scopes} & gone):
            yield f"what {service or 'the fleet'} had of {name} is gone with its CRD"


def _is_ours(name: str) -> bool:
    prefix = applyset.parent_name("")
    return name == prefix or name.startswith(f"{prefix}.")
