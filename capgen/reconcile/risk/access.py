"""Risks of rights: a role that allows more, and an account that is given one."""

from __future__ import annotations

import json
from collections.abc import Iterator

from capgen.reconcile.plan import ABSENT, FieldChange


def risks(kind: str, field: FieldChange) -> Iterator[tuple[str, str]]:
    """What is risky about a field of a Role or a RoleBinding: what is added, or is another."""
    if kind == "Role" and field.path.startswith(".rules") and field.new is not ABSENT:
        yield f"gives other rights: {_short(field.new)}", ""
    if kind == "Role" and "resourceNames" in field.path and field.new is ABSENT:
        yield f"gives more rights: not on {_short(field.old)} alone", ""
    if kind == "RoleBinding" and field.path.startswith(".subjects") and field.new is not ABSENT:
        yield f"gives the rights to {_short(field.new)}", ""


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
