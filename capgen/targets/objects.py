"""One object of a plan, at an API server: asked about by a dry run, applied, or deleted.

Applied without force and under the uid that was read; deleted under the uid and the version that were read, so that
what goes is what was shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from capgen.errors import TargetError
from capgen.naming import MANAGER
from capgen.reconcile.compare import compare, compare_whole
from capgen.reconcile.kinds import KINDS
from capgen.reconcile.outcome import Result, State
from capgen.reconcile.owners import claimed, holders, others
from capgen.reconcile.packed import unpacked
from capgen.reconcile.plan import Action, Change, Document, FieldChange, Verdict
from capgen.reconcile.policy import adopted, adoption
from capgen.reconcile.saved import meant
from capgen.targets.listing import collection, quoted
from capgen.targets.refusal import Refusal, Why, refusal
from capgen.targets.wire import Answer, Wire, encode

APPLY = "application/apply-patch+yaml"
_TWO_STEPS = "not asked of the server: it has two steps, and a dry run knows one"
_TRIES = 5
_LOOKS, _PAUSE = 40, 0.25


def ask(wire: Wire, change: Change) -> Change:
    """A change as the server's dry run sees it. Taking an object over, or making it again, has two steps, and a dry run
    knows one.
    """
    if change.adopts or change.replaces:
        return replace(change, verdict=Verdict.UNVERIFIED, reason=_both(change.reason, _TWO_STEPS))
    try:
        answer = _patch(wire, change, {"dryRun": "All"})
    except TargetError as error:
        return replace(change, reason=str(error))
    if change.takes and answer.status == 409 and not answer.causes:
        return change  # its status moved since it was read; applying it looks again
    refused = _refusal(wire, change, answer)
    if refused is None:
        return _exact(change, answer.document)
    match refused.why:
        case Why.CONFLICT:
            return replace(
                change, action=Action.CONFLICT, verdict=Verdict.EXACT, fields=refused.fields, reason=refused.reason
            )
        case Why.REFUSED | Why.STALE:
            return replace(
                change, action=Action.BLOCKED, verdict=Verdict.EXACT, reason=refused.reason, refused=refused.at
            )
        case Why.NO_DRY_RUN:
            return replace(change, verdict=Verdict.UNVERIFIED, reason=_both(change.reason, refused.reason))
        case _:
            return replace(change, reason=change.reason or f"not asked of the server: {refused.reason}")


def apply(wire: Wire, change: Change) -> Result:
    """Applies one object. Nothing is taken from anybody unless the object still is what the plan saw."""
    if change.replaces:
        return _made_again(wire, change)
    try:
        if change.adopts and (problem := _adopt(wire, change)):
            return Result(change.key, State.FAILED, problem)
        answer = _patch(wire, change, {})
        if change.takes and answer.status == 409 and not answer.causes:
            now = wire.request("GET", path_of(change.kind, _object(change.before)), {})
            if now.status == 200 and meant(change.before) == meant(now.document):
                answer = _patch(wire, replace(change, before=now.document), {})
        refused = _refusal(wire, change, answer)
    except TargetError as error:
        return Result(change.key, State.FAILED, str(error))
    if refused:
        state = State.CONFLICT if refused.why is Why.CONFLICT else State.FAILED
        return Result(change.key, state, refused.reason, refused.fields, refused.at)
    # A create whose answer was lost and that was sent again is answered as an update of one's own object.
    if answer.status == 201 or (change.before is None and not others(holders(answer.document))):
        return Result(change.key, State.CREATED)
    same = meta(answer.document, "resourceVersion") == meta(change.before, "resourceVersion")
    return Result(change.key, State.UNCHANGED if same else State.UPDATED)


def _refusal(wire: Wire, change: Change, answer: Answer) -> Refusal | None:
    """What a refusal means. Who holds a field since when, and with which value, a server does not say; for what the plan
    did not see, the object is read once more.
    """
    refused = refusal(change, answer)
    if refused is None or refused.why is not Why.CONFLICT or all(field.since for field in refused.fields):
        return refused
    wanted = _object(change.after)
    now = wire.request("GET", path_of(change.kind, wanted), {})
    if now.status != 200:
        return refused
    fields = compare(change.kind, wanted, {**now.document, "kind": change.kind}).fields
    held = tuple(field for field in fields if field.owner)
    return replace(refused, fields=held) if held else refused


def delete(wire: Wire, change: Change) -> Result:
    """Deletes the very object that the plan saw; a status that moved meanwhile does not count."""
    standing = _object(change.before)
    for _ in range(_TRIES):
        try:
            answer = remove(wire, path_of(change.kind, standing), standing, orphans=change.orphans)
            if answer.status < 300 and change.orphans:
                return _let_go(wire, change, answer)
            if answer.status == 409:
                answer = wire.request("GET", path_of(change.kind, standing), {})
                if answer.status == 200:
                    if meant(standing) != meant(answer.document) or claimed(standing) != claimed(answer.document):
                        return Result(change.key, State.FAILED, "it changed since the plan was made: plan again")
                    standing = answer.document
                    continue
        except TargetError as error:
            return Result(change.key, State.FAILED, str(error))
        return _deleted(change, answer)
    return Result(change.key, State.FAILED, "it changes all the time, and was not deleted: try again")


def _let_go(wire: Wire, change: Change, answer: Answer) -> Result:
    """Waits until the object is gone and what it owned is nobody's, which others do: its finalizers say who."""
    path = path_of(change.kind, _object(change.before))
    for _ in range(_LOOKS):
        now = wire.request("GET", path, {})
        if now.status == 404 or meta(now.document, "uid") != meta(change.before, "uid"):
            return Result(change.key, State.DELETED)
        answer = now
        wire.rest(_PAUSE)
    return _deleted(change, answer)


def _made_again(wire: Wire, change: Change) -> Result:
    """Deletes the very object that the plan saw, and makes it as it is wanted. What is left half done is pending."""
    gone = delete(wire, change)
    if gone.state is not State.DELETED:
        return gone
    made = apply(wire, replace(change, before=None, replaces=False))
    if made.state is not State.CREATED:
        return Result(change.key, State.PENDING, f"it was deleted and not made again yet: {made.reason}")
    return Result(change.key, State.UPDATED, "it was deleted and made again")


def remove(wire: Wire, path: str, standing: Document, *, orphans: bool = False) -> Answer:
    """A DELETE with its preconditions in the body: next to a body the server does not look at the query. `orphans`:
    what it owns stays.
    """
    options = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Orphan" if orphans else "Background",
        "preconditions": {"uid": meta(standing, "uid"), "resourceVersion": meta(standing, "resourceVersion")},
    }
    return wire.request("DELETE", path, {}, json.dumps(options).encode(), "application/json", pinned=True)


def path_of(kind: str, document: Document) -> str:
    """An object's URL path."""
    metadata = document["metadata"]
    return f"{collection(KINDS[kind], metadata.get('namespace', ''))}/{quoted(metadata['name'])}"


def meta(document: Document | str | None, key: str) -> Any:
    """A field of an object's metadata, None when there is none."""
    return document.get("metadata", {}).get(key) if isinstance(document, Mapping) else None


def _patch(wire: Wire, change: Change, query: Mapping[str, str]) -> Answer:
    """Server-side apply of one object: no force, unknown fields refused, and the very object that was read."""
    document = _object(change.after)
    metadata = dict(document["metadata"])
    if uid := meta(change.before, "uid"):
        metadata["uid"] = uid
    asked = {"fieldManager": MANAGER, "fieldValidation": "Strict", **query}
    if change.takes:
        # Force knows no fields, so it is for one version: whoever took another field meanwhile is not overrun.
        metadata["resourceVersion"] = meta(change.before, "resourceVersion")
        asked["force"] = "true"
    body = encode({**document, "metadata": metadata})
    return wire.request("PATCH", path_of(change.kind, document), asked, body, APPLY, pinned=change.takes)


def _adopt(wire: Wire, change: Change) -> str:
    """Makes what other managers declared capgen's; why not, "" when it is done. Only of the object that the plan saw,
    and whatever its status is by now.
    """
    standing = _object(change.before)
    path = path_of(change.kind, standing)
    for _ in range(_TRIES):
        now = wire.request("GET", path, {})
        if now.status != 200 or _to_adopt(change, standing) != _to_adopt(change, now.document):
            return "not taken over: it changed since the plan was made: plan again"
        whole = {**now.document, "kind": change.kind}
        after, _ = adopted(whole, change.adopts, KINDS[change.kind].api_version)
        patch = json.dumps(adoption(whole, after)).encode()
        answer = wire.request(
            "PATCH", path, {"fieldManager": MANAGER}, patch, "application/json-patch+json", pinned=True
        )
        if answer.status not in (409, 422):
            break  # a version that moved is told by either
    return "" if answer.status == 200 else f"not taken over: {answer.message}"


def _to_adopt(change: Change, live: Document) -> Any:
    """What has to be as it was seen. Who owned an HPA that is given back does not any more."""
    seen = meant(live)
    if change.follows:
        seen["metadata"] = {key: value for key, value in seen["metadata"].items() if key != "ownerReferences"}
    return seen


def _deleted(change: Change, answer: Answer) -> Result:
    if answer.status == 404:
        return Result(change.key, State.DELETED)
    if answer.status >= 300:
        return Result(change.key, State.FAILED, f"not deleted: {answer.message}")
    if meta(answer.document, "deletionTimestamp") and (waits := meta(answer.document, "finalizers")):
        return Result(change.key, State.PENDING, f"its deletion waits for {', '.join(waits)}")
    return Result(change.key, State.DELETED)


def _exact(change: Change, result: Document) -> Change:
    """What a dry run that was taken makes of a change, and what admission makes of what is declared."""
    asked = compare(change.kind, _object(change.after), result)
    change = replace(change, mutated=tuple(FieldChange(f.path, f.new, f.old) for f in asked.fields))
    if change.before is None:
        return replace(change, verdict=Verdict.EXACT)
    before = _object(change.before)
    held = {field.path: field for field in change.fields}
    fields = tuple(
        replace(field, owner=held[field.path].owner, since=held[field.path].since) if field.path in held else field
        for field in compare_whole(change.kind, before, result)
    )
    if not fields and _ownership(before) == _ownership(result):
        return replace(change, action=Action.UNCHANGED, verdict=Verdict.EXACT, fields=(), reason="")
    reason = change.reason if change.action is Action.UPDATE else ""
    return replace(change, action=Action.UPDATE, verdict=Verdict.EXACT, fields=fields, reason=reason)


def _ownership(document: Document) -> list[dict[str, Any]]:
    entries = document.get("metadata", {}).get("managedFields") or ()
    return sorted(({k: v for k, v in entry.items() if k != "time"} for entry in entries), key=repr)


def _object(value: Document | str | None) -> Document:
    """A plan for a cluster holds objects; a plan for a folder was given to the wrong target."""
    if not isinstance(value, Mapping):
        raise TypeError("a change without an object cannot be applied to a cluster")
    return unpacked(value)


def _both(first: str, second: str) -> str:
    return f"{first}; {second}" if first else second
