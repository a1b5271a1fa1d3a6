"""What an API server never changes in an object that stands: only another object in its place has it otherwise.

Told before anything is tried. Deleting and making again is for a person to decide, object by object, since for a moment
nothing is there, and whatever others put into the object goes with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capgen.reconcile import owners
from capgen.reconcile.paths import covers
from capgen.reconcile.plan import Document, FieldChange

_FIXED: Mapping[str, tuple[str, ...]] = {"RoleBinding": (".roleRef",)}
_FIXED_BY_ITSELF: Mapping[str, tuple[str, ...]] = {"ConfigMap": (".data", ".binaryData", ".immutable")}
"""Fixed in an object that says `immutable: true`."""


def fixed_field(kind: str, live: Document, fields: Sequence[FieldChange]) -> str:
    """The first field among those that would change which the server keeps as it is, "" when it changes all."""
    fixed = _FIXED.get(kind, ()) + (_FIXED_BY_ITSELF.get(kind, ()) if live.get("immutable") is True else ())
    return next((field.path for field in fields if any(covers(path, field.path) for path in fixed)), "")


def why_not_replaced(key: str, field: str, live: Document, allowed: bool) -> str:
    """Why an object with a fixed field to change is not deleted and made again; "" when it may be."""
    if others := sorted({holder.manager for holder in owners.others(owners.holders(live))}):
        return (
            f"{field} cannot be changed in place, and {' and '.join(others)} holds fields in it too: delete it by hand"
        )
    if not allowed:
        return f"{field} cannot be changed in place: --replace {key} has it deleted and made again"
    return ""
