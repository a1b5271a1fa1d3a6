"""What is done about fields that others hold: nothing, unless a person said so beforehand, field by field.

`yield` leaves the field to whoever holds it; `take` makes it capgen's again. Adoption is for objects that another tool
made and that capgen is to have from now on: what the tool declared counts as declared by capgen, so that what the
artifact does not say goes away with the next apply.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from capgen.naming import MANAGER
from capgen.reconcile.owners import LAST_APPLIED, declared
from capgen.reconcile.paths import covers, lookup, put, without
from capgen.reconcile.plan import ABSENT, Document, FieldChange


class FieldPolicy(Struct, frozen=True):
    """For a kind's field, in the object of a name or ("") in every one of the kind."""

    kind: str
    field: str
    policy: Literal["yield", "take"]
    name: str = ""


class Settled(Struct, frozen=True):
    """A declared object after the policies: what is applied, what was left to others, and what is taken from them."""

    document: Document
    yielded: tuple[FieldChange, ...] = ()
    taken: tuple[FieldChange, ...] = ()


def settle(
    policies: Sequence[FieldPolicy], kind: str, document: Document, live: Document, fields: Sequence[FieldChange]
) -> Settled:
    """What becomes of the fields that others hold; those without a policy stay in the way.

    What is left to its holder is not declared. Where it is only a part of what the holder has as one (a metric's target,
    one rule), that is declared as it stands there, spelling and all: for the server it is one value, which is theirs.
    """
    if not policies:
        return Settled(document)
    name = document["metadata"]["name"]
    mine = [policy for policy in policies if policy.kind == kind and policy.name in ("", name)]
    taken: list[FieldChange] = []
    yielded: list[FieldChange] = []
    dropped: set[str] = set()
    for field in fields:
        policy = next((p for p in mine if field.owner and covers(p.field, field.path, document, live)), None)
        if policy is None:
            continue
        if policy.policy == "take":
            taken.append(field)
            continue
        yielded.append(field)
        if covers(policy.field, whole := field.within or field.path, document, live):
            dropped.add(whole)
    theirs = Counter(field.within for field in yielded)
    parts = Counter(field.within for field in fields)
    left: dict[str, Any] = {}
    for field in yielded:
        if (whole := field.within or field.path) in dropped:
            left[whole] = ABSENT
        elif theirs[whole] == parts[whole]:
            left[whole] = lookup(live, whole)
        else:
            left[field.path] = field.old
    for path in sorted(left, key=_numbered):
        document = put(document, path, left[path]) if left[path] is not ABSENT else document
    # From the end, and last: an item that goes moves those behind it.
    for path in sorted(left, key=_numbered, reverse=True):
        document = without(document, path) if left[path] is ABSENT else document
    return Settled(document, tuple(yielded), tuple(taken))


def _numbered(path: str) -> list[tuple[bool, int, str]]:
    """A path in the order of the places in it."""
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"\[(\d+)\]", path)]


def adopted(live: Document, managers: Collection[str], api_version: str) -> tuple[Document, tuple[str, ...]]:
    """The object as if capgen had declared what these managers did, and which of them hold anything in it, whatever
    version of the kind they wrote in.
    """
    entries = live.get("metadata", {}).get("managedFields") or []
    theirs = [entry for entry in entries if _adoptable(entry, managers)]
    if not theirs:
        return live, ()
    ours = [entry for entry in entries if entry.get("manager") == MANAGER and entry.get("operation") == "Apply"]
    fields: dict[str, Any] = {}
    for entry in (*ours, *theirs):
        fields = _union(fields, declared(str(live.get("kind", "")), entry))
    _forget(fields, ("f:metadata", "f:annotations", f"f:{LAST_APPLIED}"))
    latest = max(str(entry.get("time", "")) for entry in (*ours, *theirs))
    entry = {
        "manager": MANAGER, "operation": "Apply", "apiVersion": api_version, "time": latest,
        "fieldsType": "FieldsV1", "fieldsV1": fields,
    }  # fmt: skip
    rest = [other for other in entries if other not in theirs and other not in ours]
    metadata = {**live["metadata"], "managedFields": [*rest, entry]}
    if LAST_APPLIED in (annotations := metadata.pop("annotations", None) or {}):
        annotations = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
    metadata |= {"annotations": annotations} if annotations else {}
    return {**live, "metadata": metadata}, tuple(sorted({str(entry["manager"]) for entry in theirs}))


def adoption(live: Document, after: Document) -> list[dict[str, Any]]:
    """The JSON patch that makes it so, for the very version of the object that was looked at."""
    metadata = live["metadata"]
    patch: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        {"op": "replace", "path": "/metadata/managedFields", "value": after["metadata"]["managedFields"]},
    ]
    if LAST_APPLIED in (metadata.get("annotations") or {}):
        patch.append({"op": "remove", "path": f"/metadata/annotations/{LAST_APPLIED.replace('/', '~1')}"})
    return patch


def ways_out(managers: Collection[str]) -> str:
    """What can be done about fields that these managers hold. Who writes a subresource is a controller and goes on writing."""
    adopt = " ".join(f"--adopt {name}" for name in sorted(managers) if "(" not in name and " " not in name)
    taken = f", or take the object over ({adopt})" if adopt else ""
    return f"nothing is forced: change the spec{',' if adopt else ' or'} let them give it up{taken}"


def has_others(live: Document) -> bool:
    """Whether anybody's declarations in the object could be taken over."""
    return any(_of_others(entry) for entry in live.get("metadata", {}).get("managedFields") or ())


def _adoptable(entry: Mapping[str, Any], managers: Collection[str]) -> bool:
    return entry.get("manager") in managers and _of_others(entry)


def _of_others(entry: Mapping[str, Any]) -> bool:
    ours = entry.get("manager") == MANAGER and entry.get("operation") == "Apply"
    return not ours and not entry.get("subresource")


def _union(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _union(one[key], other[key]) for key in one.keys() & other.keys()}
    return {**one, **other, **both}


def _forget(fields: dict[str, Any], path: tuple[str, ...]) -> None:
    inside = fields
    for step in path[:-1]:
        if step not in inside:
            return
        inside[step] = dict(inside[step])
        inside = inside[step]
    inside.pop(path[-1], None)
