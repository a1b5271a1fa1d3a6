"""Desired artifacts and what stands there, made into a plan. Pure: the same input gives the same plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, assert_never

from msgspec import Struct, field
from msgspec.structs import replace

from capgen.artifact import Artifact
from capgen.reconcile import applyset, owners, policy
from capgen.reconcile.compare import Difference, compare
from capgen.reconcile.handover import handed_back, handed_over
from capgen.reconcile.immutable import fixed_field, why_not_replaced
from capgen.reconcile.kinds import KINDS
from capgen.reconcile.lines import compare_lines
from capgen.reconcile.manifest import PART_OF, Manifest, place_of
from capgen.reconcile.owners import claimed
from capgen.reconcile.packed import Packed, Unread, unpacked
from capgen.reconcile.paths import named
from capgen.reconcile.plan import ABSENT, Action, Change, Document, FieldChange, Plan, Verdict
from capgen.reconcile.policy import FieldPolicy
from capgen.reconcile.prune import leftovers
from capgen.reconcile.target import LeftFile, Live, LiveFiles, LiveObjects
from capgen.reconcile.wanted import Wanted, read_manifests


class Rules(Struct, frozen=True):
    """What a person decided beforehand. Without `prune` what is left over is listed and stays; `adopt` are the
    managers whose objects capgen takes over, `fields` says what is done about single fields of others, and `replace`
    has the keys of objects that may be deleted and made again where the server changes nothing in place.
    """

    prune: bool = True
    adopt: frozenset[str] = frozenset()
    fields: tuple[FieldPolicy, ...] = ()
    replace: frozenset[str] = frozenset()
    follows: str = ""
    """What has to be gone before the object is written."""
    whole: bool = False
    """Whether these are all services of the project: objects of others that were its own go over to them."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """By key: why something is not deleted that none of these services asks for."""


CAREFUL = Rules()
_EITHER = "remove it there, or give one of the two another name"
_LONG = 60
_COMPARED = (Action.CREATE, Action.UNCHANGED, Action.BLOCKED)
"""What two versions need not be looked at of any more."""
_UNTOLD = "the files of an earlier run are in place and not loaded: the next apply reloads, also when it writes nothing"


def build_plan(target: str, desired: Sequence[Artifact], live: Live, rules: Rules = CAREFUL) -> Plan:
    """The plan for a target. `desired` is not gone through again where what stands there knows what it was read for.

    Raises Findings when an artifact for an API server is no manifest.
    """
    match live:
        case LiveFiles():
            notes = (_UNTOLD,) if live.reload_due else ()
            plan = Plan(
                target, _file_changes(desired, live, rules), notes, managed=live.managed, reload_due=live.reload_due
            )
        case LiveObjects():
            plan = _object_plan(target, desired, live, rules)
        case _:
            assert_never(live)
    return plan if rules.prune else replace(plan, changes=tuple(_left(change) for change in plan.changes))


def _left(change: Change) -> Change:
    if change.action is not Action.DELETE:
        return change
    return replace(change, action=Action.EXTRA, reason=f"{change.reason}; it stays, since nothing is to be deleted")


def _object_plan(target: str, desired: Sequence[Artifact], live: LiveObjects, rules: Rules) -> Plan:
    wanted = read_manifests(desired, live.namespace) if live.wanted is None else live.wanted
    ids = {inventory.id for inventory in live.inventories.values()}
    left = leftovers(wanted.keys, live, handed_over(wanted.of("ScaledObject")), rules.kept)
    back = handed_back(wanted.open, live, left) if rules.prune else {}
    going = {scaled for scaled, _ in back.values()}
    changes = (
        *(_object_change(m, wanted, live, _with(rules, *back.get(m.key, ()))) for m in wanted.open),
        *(_orphaning(change) if change.key in going else change for change in left),
    )
    unchanged = wanted.settled
    strangers = sum(isinstance(c.before, Mapping) and owners.ours(owners.holders(c.before)) is None for c in left)
    seen = sum(applyset.part_of(document) in ids for document in live.members.values()) - strangers
    return Plan(
        target,
        changes,
        notes=live.notes,
        managed=seen + sum(len(keys) for service, keys in unchanged.items() if service in live.inventories),
        wide=frozenset(_wide(live, changes, unchanged)),
        unsearched=frozenset(live.unsearched),
        unchanged=unchanged,
    )


def _with(rules: Rules, follows: str = "", managers: frozenset[str] = frozenset()) -> Rules:
    return replace(rules, adopt=rules.adopt | managers, follows=follows) if managers else rules


def _orphaning(change: Change) -> Change:
    return replace(change, orphans=True, reason=f"{change.reason}; the HPA that it made stays and is taken over")


def _wide(live: LiveObjects, changes: Sequence[Change], unchanged: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """The services whose inventories name places where nothing of theirs is, or do not name those where there is."""
    yield from live.lost
    there = {service: set(map(place_of, keys)) for service, keys in unchanged.items()}
    for change in changes:
        if isinstance(change.before, Mapping):
            there.setdefault(change.service, set()).add(place_of(change.key))
    leaving = {change.key for change in changes if change.action is Action.UPDATE}
    for key, document in live.members.items():
        if key not in leaving and (owner := live.sets.get(applyset.part_of(document))) is not None:
            there.setdefault(owner, set()).add(place_of(key))
    for service, inventory in live.inventories.items():
        if service in live.unsearched or inventory.problem:
            continue
        places = [(KINDS[kind], home) for kind, home in there.get(service, ())]
        if not applyset.Inventory(service, inventory.home).with_members(places).covers(inventory):
            yield service


def _file_changes(desired: Sequence[Artifact], live: LiveFiles, rules: Rules) -> tuple[Change, ...]:
    wanted = [_file_change(artifact, live) for artifact in sorted(desired, key=lambda a: a.path)]
    return (*wanted, *(_left_file(path, file, rules) for path, file in sorted(live.extra.items())))


def _left_file(path: str, file: LeftFile, rules: Rules) -> Change:
    kept = rules.kept.get(path, "")
    action = Action.EXTRA if file.obstacle or kept else Action.DELETE
    reason = kept or "no spec asks for it any more" + (f", and it stays: {file.obstacle}" if file.obstacle else "")
    return Change(path, action, "", file.service, "", before=file.text, reason=reason)


def _file_change(artifact: Artifact, live: LiveFiles) -> Change:
    def change(action: Action, before: str | None, reason: str = "") -> Change:
        fields = compare_lines(before, artifact.text) if before is not None else ()
        kind, service, path = artifact.kind, artifact.service, artifact.path
        return Change(path, action, kind, service, path, before, artifact.text, fields, reason)

    if artifact.path in live.blocked:
        return change(Action.BLOCKED, None, live.blocked[artifact.path])
    there = live.found.get(artifact.path)
    if there is None:
        return change(Action.CREATE, None)
    if there.text == artifact.text:
        return change(Action.UNCHANGED, there.text)
    return change(Action.CONFLICT if there.obstacle else Action.UPDATE, there.text, there.obstacle)


class _Member(Unread):
    """What is to be written, read from where it is kept: first deliveries have thousands of such objects."""

    __slots__ = ("_home", "_key", "_wanted")

    def __init__(self, wanted: Wanted, key: str, home: str) -> None:
        self._wanted, self._key, self._home = wanted, key, home

    def whole(self) -> Document:
        """The object with the label of its service's set."""
        manifest = self._wanted[self._key]
        return applyset.member(manifest.document, manifest.service, self._home)


def is_as_wanted(manifest: Manifest, live: Document, home: str) -> bool:
    """Whether nothing is to be done about a live object, whatever a person decided beforehand: nothing differs, and nobody
    else has anything in it that could be taken over.
    """
    metadata = live["metadata"]
    if metadata.get("ownerReferences") or metadata.get("deletionTimestamp"):
        return False
    if policy.has_others(live):
        return False
    return compare(manifest.kind.name, applyset.member(manifest.document, manifest.service, home), live) == Difference()


def _object_change(manifest: Manifest, kept: Wanted, live: LiveObjects, rules: Rules) -> Change:
    kind = manifest.kind
    found = live.found.get(manifest.key)
    obstacle = manifest.obstacle or live.blocked.get(manifest.key, "")
    document = applyset.member(manifest.document, manifest.service, live.namespace)
    at_hand: Unread = _Member(kept, manifest.key, live.namespace)
    before = unpacked(found) if found is not None else None

    def change(action: Action, reason: str = "", verdict: Verdict = Verdict.ESTIMATED, **more: Any) -> Change:
        # It only has to be at hand; a fleet has thousands of such objects.
        standing, wanted = (found, at_hand) if action in _COMPARED else (before, document)
        return Change(
            manifest.key, action, kind.name, manifest.service, manifest.path, standing, wanted,
            reason=reason, verdict=verdict, **more,
        )  # fmt: skip

    other = _elsewhere(document, before)
    moved = live.own.get(other)
    if not rules.whole and moved not in kept.services:
        moved = None  # its own service is not here to say that it does not want it
    if reason := obstacle or (_of_another(manifest, other, live, rules) if other and moved is None else ""):
        # What is missing kept everybody from being asked; whose the object is, or what capgen may make, is known.
        verdict = Verdict.UNVERIFIED if manifest.key in live.blocked and not manifest.obstacle else Verdict.EXACT
        return replace(change(Action.BLOCKED, reason, verdict), before=None)
    if before is None:
        return change(Action.CREATE)
    seen, managers = policy.adopted(before, rules.adopt, kind.api_version)
    difference = compare(kind.name, document, seen)
    settled = policy.settle(rules.fields, kind.name, document, seen, difference.fields)
    if settled.yielded:
        document = settled.document
        at_hand = Packed(document)
        difference = compare(kind.name, document, seen)
    action, reason = judge(difference, settled.taken)
    fixed = fixed_field(kind.name, before, difference.fields) if action is Action.UPDATE else ""
    if fixed:
        if why := why_not_replaced(manifest.key, fixed, before, manifest.key in rules.replace):
            return change(Action.BLOCKED, why, Verdict.EXACT, fields=difference.fields)
        reason = f"{fixed} cannot be changed in place: it is deleted and made again"
    if managers and action is Action.UNCHANGED:
        action = Action.UPDATE
    if not managers and not reason and applyset.is_ownership(difference.fields):
        reason = _ownership(before, manifest.service)
    told = [
        reason,
        _moving(moved, kept) if moved is not None else "",
        f"takes over what {' and '.join(managers)} declared" if managers else "",
        *(
            f"{named(f.path, manifest.document, before)} is left to {f.owner}, as the environment says: {_short(f.old)} stays, not {_short(f.new)}"
            for f in settled.yielded
        ),
    ]
    return change(
        action, "; ".join(line for line in told if line), fields=difference.fields,
        takes=bool(settled.taken) and action is Action.UPDATE, adopts=() if fixed else managers, replaces=bool(fixed),
        follows=rules.follows,
    )  # fmt: skip


def _of_another(manifest: Manifest, other: str, live: LiveObjects, rules: Rules) -> str:
    """Why an object of another inventory is in the way, and what can be done about it."""
    service = live.sets.get(other)
    if service is None:
        whose, found = other, f" (kubectl get configmap -A -l {applyset.ID}={other} finds it)"
    else:
        whose, found = f"ConfigMap/{live.namespace}/{applyset.parent_name(service)}", ""
    if other in live.own:
        return f"it belongs to another inventory, {whose}: name all specs of the project, and it goes over"
    unread = service is not None and not rules.whole
    perhaps = (
        f"if {service or 'that'} is of this project, name all specs of the project, and it goes over; else "
        if unread
        else ""
    )
    home = f" -n {manifest.namespace}" if manifest.namespace else ""
    given = f"kubectl label {manifest.kind.plural}{home} {manifest.name} {PART_OF}-"
    return f"it belongs to another inventory, {whose}{found}: {perhaps}{_EITHER}; what is surely not that one's any more is given up by: {given}"


def _ownership(before: Document, service: str) -> str:
    whose = f"capgen's inventory of {service}" if service else "capgen's inventory of what belongs to all services"
    declares = f"{other} declares it, and " if (other := claimed(before)) else ""
    return f"nothing differs but ownership: {declares}it is not in {whose}"


def _moving(service: str, kept: Wanted) -> str:
    whose = service or "all services"
    return f"it goes over from {whose}, {'which asks for it no more' if service in kept.services else 'which no spec declares any more'}"


def _elsewhere(document: Document, before: Document | None) -> str:
    """The other set that an object is a member of, "" for none: of two either would delete it."""
    other = applyset.part_of(before) if before is not None else ""
    return "" if other == applyset.part_of(document) else other


def judge(difference: Difference, taken: Sequence[FieldChange] = ()) -> tuple[Action, str]:
    """What a difference calls for, and the reason when the changed fields do not say it themselves.

    `taken` are fields of others that the environment says to take.
    """
    if held := sorted({field.owner for field in difference.fields if field.owner and field not in taken}):
        return (
            Action.CONFLICT,
            f"held by {' and '.join(held)}, and {policy.ways_out(held)}",
        )
    if taken:
        return (
            Action.UPDATE,
            f"taken from {' and '.join(sorted({field.owner for field in taken}))}, as the environment says",
        )
    if difference.fields:
        return Action.UPDATE, ""
    if difference.taken:
        return Action.UPDATE, f"the values are right; capgen becomes an owner of {_some(difference.taken)}"
    if difference.released:
        return Action.UPDATE, f"the values stay; capgen gives up {_some(difference.released)}, which others hold too"
    return Action.UNCHANGED, ""


def _short(value: Any) -> str:
    text = "nothing" if value is ABSENT else repr(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def _some(paths: Sequence[str]) -> str:
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
