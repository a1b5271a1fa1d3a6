"""What an inventory holds and no artifact asks for: what of it may be deleted, and how much at once.

An object goes only when everything says that it is capgen's: the label of the service's set, fields that capgen
applied, a kind that capgen makes, no owner beside it, and nobody else who declares it. Whatever could not be looked at completely is not deleted from.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from capgen.reconcile import applyset, owners
from capgen.reconcile.handover import is_taken
from capgen.reconcile.kinds import KINDS
from capgen.reconcile.packed import unpacked
from capgen.reconcile.plan import Action, Change, Document, Plan
from capgen.reconcile.target import LiveObjects

AT_ONCE = 20
"""More deletions than these need a word from a person, as do more than half of what a delivery holds."""
_FEW = 2
NOBODY: Mapping[str, str] = {}


def leftovers(
    wanted: Container[str], live: LiveObjects, handed: Mapping[str, str] = NOBODY, kept: Mapping[str, str] = NOBODY
) -> tuple[Change, ...]:
    """The members of the inventories that nobody asks for, in the order in which they are deleted.

    `handed` are HPAs that somebody takes over: they stay, and once that is done nothing is told of them. `kept` says of
    others why they stay.
    """
    services = {inventory.id: service for service, inventory in live.inventories.items() if not inventory.problem}
    found = []
    for place, document in live.members.items():
        if place in handed and is_taken(document, handed[place]):
            continue
        if place not in wanted and (service := services.get(applyset.part_of(document))) is not None:
            if place in handed:
                why = f"the ScaledObject {handed[place]} takes it over as it is: it scales on until KEDA has done so"
                kind = document["kind"]
                found.append(Change(place, Action.EXTRA, kind, service, "", before=document, reason=why))
                continue
            found.append(_leftover(place, document, service, live.unsearched.get(service, ""), kept.get(place, "")))
    return tuple(sorted(found, key=lambda change: (-KINDS[change.kind].order, change.key)))


def too_many(plan: Plan, confirmed: int | None = None) -> str:
    """Why the plan's deletions are not carried out without being counted by a person; "" if they may be.

    `confirmed` is the number a person expects, which has to be exact.
    """
    count = len(plan.of(Action.DELETE))
    if confirmed is not None:
        return "" if confirmed == count else f"{count} would be deleted, and {confirmed} were expected"
    if count > AT_ONCE:
        return f"{count} would be deleted, and more than {AT_ONCE} at once are a mistake more often than not"
    if count > _FEW and count * 2 > plan.managed:
        return f"{count} of the {plan.managed} that capgen delivered would be deleted, which is more than half"
    return ""


def pending(plan: Plan) -> tuple[Change, ...]:
    """What an earlier run deleted and that is still there, since a finalizer keeps it."""
    return tuple(
        change
        for change in plan.of(Action.EXTRA)
        if isinstance(change.before, Mapping) and unpacked(change.before)["metadata"].get("deletionTimestamp")
    )


def _leftover(place: str, document: Document, service: str, unsearched: str, kept: str) -> Change:
    obstacle = _obstacle(document) or kept
    if not obstacle and unsearched:
        obstacle = f"no spec asks for it any more; nothing of {service or 'the fleet'} is deleted now: {unsearched}"
    action = Action.EXTRA if obstacle else Action.DELETE
    reason = obstacle or "no spec asks for it any more"
    return Change(place, action, document["kind"], service, "", before=document, reason=reason)


def _obstacle(document: Document) -> str:
    """Why an object with the label is not capgen's to delete."""
    metadata = document["metadata"]
    if owners.ours(owners.holders(document)) is None:
        return "it has the label of capgen's inventory and capgen never applied it: it is left alone; remove the label"
    if holders := metadata.get("ownerReferences"):
        owner = f"{holders[0].get('kind')}/{holders[0].get('name')}"
        return f"no spec asks for it any more, and it belongs to {owner}: it is left alone"
    if claimed := owners.claimed(document):
        return f"no spec asks for it any more, and {claimed} declares it too: it is left alone; delete it there, or by hand"
    if metadata.get("deletionTimestamp"):
        waits = ", ".join(metadata.get("finalizers") or ()) or "the server"
        return f"it is being deleted since {metadata['deletionTimestamp']} and waits for {waits}"
    return ""
