"""A plan on disk: what was approved, in a form that a person reads and that pins what it was approved for.

Each change has a pin, a digest of everything that decides what would be done to it: the object's identity, what is
wanted, and the fields that would change with the values they have now. Status is not part of it. What a dry run made
of it is pinned too, where the server was asked. Values are shown with secrets hidden; the pins are over what they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from capgen.errors import UsageError
from capgen.reconcile.masked import masked
from capgen.reconcile.packed import unpacked
from capgen.reconcile.plan import ABSENT, Action, Change, Document, FieldChange, Plan, Verdict, kept, stays
from capgen.reconcile.summary import summary

SCHEMA = 2
_KIND = "capgen plan"
_SERVER_WRITES = ("resourceVersion", "managedFields", "generation", "creationTimestamp", "selfLink")


class Request(Struct, frozen=True):
    """What was asked for, so that it can be asked again: paths, `--set`, the environment, the place."""

    specs: tuple[str, ...]
    settings: tuple[str, ...]
    environment: str
    root: str = ""
    prune: bool = True
    adopt: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    offline: str = ""
    """A folder of exported manifests to compare with; such a plan is not saved."""


class Entry(Struct, frozen=True):
    """One change that was approved. `fields` is for people; `pin` and `exact` decide. What is to stay as it is has no pin,
    and is counted where there is nothing to tell of it: it is looked at anew, and counts when it is not as it should be
    any more."""

    key: str
    action: str
    pin: str
    exact: str
    shown: Mapping[str, Any]


class Saved(Struct, frozen=True):
    """A plan as it was saved; `place` says which cluster or folder it is for."""

    request: Request
    place: Mapping[str, str]
    entries: tuple[Entry, ...]


class Stale(Struct, frozen=True):
    """A thing that is not as it was when the plan was approved; None where there was or is nothing to do."""

    key: str
    then: Mapping[str, Any] | None
    now: Mapping[str, Any] | None


def dump(plan: Plan, rehearsed: Plan, request: Request, place: Mapping[str, str], digest: str) -> str:
    """The text of a saved plan: canonical, so that the same input gives the same bytes."""
    entries = [
        _entry(base, exact) for base, exact in zip(plan.changes, rehearsed.changes, strict=True) if not stays(base)
    ]
    body = {
        "kind": _KIND,
        "schema_version": SCHEMA,
        "request": {
            "environment": request.environment,
            "specs": list(request.specs),
            "set": list(request.settings),
            "root": request.root,
            "prune": request.prune,
            "adopt": list(request.adopt),
            "replace": list(request.replace),
        },
        "place": dict(place),
        "specs_sha256": digest,
        "notes": list(plan.notes),
        "unchanged": len(kept(plan)),
        "changes": [
            {
                **entry.shown,
                **({"pin": entry.pin} if entry.pin else {}),
                **({"dry_run_pin": entry.exact} if entry.exact else {}),
            }
            for entry in entries
        ],
    }
    return json.dumps({**body, "sha256": _digest(body)}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def load(text: str, name: str) -> Saved:
    """A saved plan. Raises UsageError when it is none, or not whole, or of another version."""
    try:
        data: Any = json.loads(text)
        whole = data.pop("sha256", "")
        if data["kind"] != _KIND:
            raise UsageError(f"{name} is no saved plan: make one with `capgen diff --save {name}`")
        if data["schema_version"] != SCHEMA:
            raise UsageError(f"{name} was saved by another version of capgen: save it again")
        if whole != _digest(data):
            raise UsageError(f"{name} was edited after it was saved: save it again with `capgen diff --save`")
        asked = data["request"]
        request = Request(
            tuple(asked["specs"]), tuple(asked["set"]), asked["environment"], asked["root"], asked["prune"],
            tuple(asked["adopt"]), tuple(asked["replace"]),
        )  # fmt: skip
        entries = tuple(
            Entry(change["key"], change["action"], change.get("pin", ""), change.get("dry_run_pin", ""), change)
            for change in data["changes"]
        )
        return Saved(request, data["place"], entries)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{name} is no saved plan: make one with `capgen diff --save {name}`") from error


def stale(saved: Saved, plan: Plan) -> tuple[Stale, ...]:
    """What is not as it was approved, by what decides it; what was right and still is right does not count."""
    then = {entry.key: entry for entry in saved.entries if entry.action != Action.UNCHANGED}
    now = {change.key: change for change in plan.changes if change.action is not Action.UNCHANGED}
    found = []
    for key in sorted(then.keys() | now.keys()):
        before, after = then.get(key), now.get(key)
        if before is None or after is None or before.pin != pin(after):
            found.append(Stale(key, _readable(before), shown(after) if after else None))
    return tuple(found)


def stale_answers(saved: Saved, rehearsed: Plan) -> tuple[Stale, ...]:
    """What the server would make of it otherwise than when the plan was approved, where it was asked both times."""
    asked = {entry.key: entry for entry in saved.entries if entry.exact}
    return tuple(
        Stale(change.key, _readable(asked[change.key]), shown(change))
        for change in rehearsed.changes
        if change.key in asked and _answered(change) and _exact_pin(change) != asked[change.key].exact
    )


def misshown(saved: Saved, plan: Plan, rehearsed: Plan) -> tuple[Stale, ...]:
    """What the file shows otherwise than it would be done: somebody approved what its pins do not say."""
    told = {entry.key: entry for entry in saved.entries if entry.action != Action.UNCHANGED}
    found = []
    for base, exact in zip(plan.changes, rehearsed.changes, strict=True):
        if (entry := told.get(base.key)) is None:
            continue
        if entry.shown.get("verdict") == Verdict.EXACT and exact.verdict is not Verdict.EXACT and exact is not base:
            continue  # the server told it then, and cannot be asked now
        # As it was told from its declared fields, or as the server told it then.
        ways = [_readable_part({**shown(one), "action": str(base.action)}) for one in (base, exact)]
        if _readable_part(entry.shown) not in ways:
            found.append(Stale(base.key, entry.shown, shown(base)))
    return tuple(found)


def _readable_part(facts: Mapping[str, Any]) -> Any:
    """What of a shown change says what is done. When a field was taken by whom moves by itself."""
    fields = [{name: value for name, value in field.items() if name != "since"} for field in facts.get("fields") or ()]
    return json.loads(json.dumps([facts.get("action"), fields, facts.get("summary") or []]))


def pin(change: Change) -> str:
    """A digest of all that decides what would be done."""
    uid = change.before.get("metadata", {}).get("uid", "") if isinstance(change.before, Mapping) else ""
    return _digest(
        {
            "action": change.action,
            "uid": uid,
            "wanted": unpacked(change.after) if isinstance(change.after, Mapping) else change.after,
            "takes": change.takes,
            "adopts": list(change.adopts),
            "replaces": change.replaces,
            **({"orphans": True} if change.orphans else {}),
            **({"follows": change.follows} if change.follows else {}),
            "gone": meant(change.before) if change.action is Action.DELETE else None,
            "fields": [_field(field) for field in change.fields],
            "ownership": change.reason if change.action is Action.UPDATE and not change.fields else "",
        }
    )


def meant(live: Document | str | None) -> Any:
    """An object less its status and what the server notes about it: all that somebody may have meant by it."""
    if not isinstance(live, Mapping):
        return live
    metadata = {key: value for key, value in live.get("metadata", {}).items() if key not in _SERVER_WRITES}
    rest = {key: value for key, value in live.items() if key not in ("metadata", "status", "kind", "apiVersion")}
    return {"metadata": metadata, **rest}


def shown(change: Change) -> dict[str, Any]:
    """A change as people read it."""
    last = _last_change(change.before) if change.action is Action.DELETE else ""
    facts = {"path": change.path, "reason": change.reason, "service": change.service, "last_change": last}
    return {
        "key": change.key,
        "action": str(change.action),
        "verdict": str(change.verdict),
        **{name: value for name, value in facts.items() if value},
        **({"summary": list(told)} if (told := summary(change)) else {}),
        "fields": [_shown_field(field) for field in change.fields],
        **({"mutated": [_shown_field(field) for field in change.mutated]} if change.mutated else {}),
    }


def _last_change(live: Document | str | None) -> str:
    """Who declared something in an object last: of one that goes it is all that tells two states apart."""
    entries = live.get("metadata", {}).get("managedFields") or () if isinstance(live, Mapping) else ()
    times = [(str(e.get("time", "")), str(e.get("manager", ""))) for e in entries if not e.get("subresource")]
    return "by {1} at {0}".format(*max(times)) if times else ""


def _entry(base: Change, exact: Change) -> Entry:
    return Entry(
        base.key, str(base.action), "" if base.action is Action.UNCHANGED else pin(base), _exact_pin(exact) if _answered(exact) else "",
        {**shown(exact), "action": str(base.action)},
    )  # fmt: skip


def _answered(change: Change) -> bool:
    return change.verdict is Verdict.EXACT and change.before is not None and change.action is Action.UPDATE


def _exact_pin(change: Change) -> str:
    return _digest({"action": change.action, "fields": [_field(field) for field in change.fields]})


def _readable(entry: Entry | None) -> Mapping[str, Any] | None:
    return entry.shown if entry else None


def _field(field: FieldChange) -> dict[str, Any]:
    values = {name: value for name, value in (("old", field.old), ("new", field.new)) if value is not ABSENT}
    return {"path": field.path, "owner": field.owner, **values}


def _shown_field(field: FieldChange) -> dict[str, Any]:
    values = {
        name: masked(field.path, value)
        for name, value in (("old", field.old), ("new", field.new))
        if value is not ABSENT
    }
    owner = {name: value for name, value in (("owner", field.owner), ("since", field.since)) if value}
    return {"path": field.path, **values, **owner}


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def digest_in(path: str, text: str) -> bytes:
    """What an artifact adds to the digest of all."""
    return hashlib.sha256(f"{path}\0{text}".encode("utf-8", "surrogatepass")).digest()


def digest_of(digests: bytes | bytearray) -> str:
    """A digest of artifacts, whatever the order in which theirs are in a row."""
    size = hashlib.sha256().digest_size
    each = sorted(digests[start : start + size] for start in range(0, len(digests), size))
    return hashlib.sha256(b"".join(each)).hexdigest()
