"""What an API server means by refusing to apply one object: told apart by machine-readable causes, text last."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from capgen.reconcile.kinds import KINDS, Kind
from capgen.reconcile.paths import covers, lookup
from capgen.reconcile.plan import Change, FieldChange
from capgen.reconcile.policy import ways_out
from capgen.targets.wire import Answer

_HELD = re.compile(r'conflict with "((?:[^"\\]|\\.)*)"(?: with subresource "([^"]*)")?(?: using \S+)?(?: at (\S+))?')
_NAMED = re.compile(r"(?<!\S)(\.[A-Za-z][^\s:]*): ")
_NO_RIGHT = re.compile(r"cannot (?:patch|create|list|get) resource")


class Why(Enum):
    """The kinds of refusal that are treated differently."""

    CONFLICT = "another manager holds a field"
    NO_RIGHT = "the user may not"
    STALE = "the object is another one than planned"
    NO_DRY_RUN = "an admission webhook has no dry run"
    REFUSED = "this object, as it is, is not taken"
    UNKNOWN = "the server is in trouble"


class Refusal(Struct, frozen=True):
    """Why, in words a user can act on, and for a conflict field by field."""

    why: Why
    reason: str
    fields: tuple[FieldChange, ...] = ()
    at: tuple[str, ...] = ()
    """The fields that are not taken as they are, as the server spells them."""


def refusal(change: Change, answer: Answer) -> Refusal | None:
    """What the answer to an apply of the change means; None when it was taken."""
    said = answer.message
    if answer.status < 300:
        return None
    if answer.status == 409 and (held := [c for c in answer.causes if c.get("reason") == "FieldManagerConflict"]):
        fields = tuple(field for cause in held for field in _held(change, cause))
        owners = sorted({field.owner for field in fields})
        return Refusal(Why.CONFLICT, f"held by {' and '.join(owners)}, and {ways_out(owners)}", fields)
    if (answer.status == 409 and "uid mismatch" in said) or (
        answer.status == 422 and any(cause.get("field") == "metadata.uid" for cause in answer.causes)
    ):
        return Refusal(Why.STALE, "it was deleted, or deleted and made again, since the plan was made: plan again")
    if answer.status == 404 and not answer.document:
        return Refusal(Why.REFUSED, not_served(KINDS[change.kind]))
    if answer.status == 404:
        return Refusal(Why.REFUSED, f"{said}: create the namespace first")
    if answer.status == 403 and _NO_RIGHT.search(said):
        return Refusal(Why.NO_RIGHT, said)
    if answer.status == 400 and "dry run" in said:
        return Refusal(Why.NO_DRY_RUN, said)
    if answer.status == 500 and "typed patch" in said:
        told = said.partition("): ")[2] or said
        return Refusal(Why.REFUSED, f"the manifest does not fit the schema: {told}", at=tuple(_NAMED.findall(told)))
    if 400 <= answer.status < 500 and answer.status != 429:
        named = (str(cause.get("field") or "") for cause in answer.causes)
        return Refusal(Why.REFUSED, said, at=tuple(dict.fromkeys(f".{name}" for name in named if name[:1].isalpha())))
    return Refusal(Why.UNKNOWN, f"the API server answered {answer.status}: {said}")


def not_served(kind: Kind) -> str:
    """The reason for a kind without a CRD."""
    remedy = f"install {kind.comes_from} first" if kind.comes_from else "the cluster is too old for it"
    return f"the API server does not serve {kind.name} ({kind.api_version}): {remedy}"


def _held(change: Change, cause: Mapping[str, str]) -> tuple[FieldChange, ...]:
    """The planned changes that a cause stands for, with its owner; the whole field when the plan did not see it."""
    path = cause.get("field", "")
    match = _HELD.search(cause.get("message", ""))
    manager, subresource, since = match.groups() if match else ("another manager", "", "")
    owner = f"{manager} ({subresource})" if subresource else manager
    foreseen = [field for field in change.fields if covers(path, field.path, change.after, change.before)]
    if foreseen:
        times = {field.owner: field.since for field in foreseen}
        return tuple(replace(field, owner=owner, since=since or times.get(owner, "")) for field in foreseen)
    return (FieldChange(path, lookup(change.before, path), lookup(change.after, path), owner, since or ""),)
