"""The plan: for each thing that is wanted, what would be done to it and why. Frozen data, made by pure functions.

The report shows this value and a target carries out this value, so that what was read is what is done. A plan
knows objects of an API server and files of a folder under the same names; only `key` and the values differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Any, Final, TypeAlias

from msgspec import Struct, field


class Absent(Enum):
    """The type of ABSENT, which is not None: a field that says null is there."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent.ABSENT

Document: TypeAlias = Mapping[str, Any]
"""A Kubernetes object as plain data."""


class Action(StrEnum):
    """What a plan would do to one thing."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    """Somebody else holds what would change; nothing is written."""
    BLOCKED = "blocked"
    """It cannot be written as things are: `reason` says what is missing."""
    DELETE = "delete"
    """capgen wrote it earlier, and nothing asks for it any more."""
    EXTRA = "extra"
    """It is left over as well, and is left alone: `reason` says why."""


class Verdict(StrEnum):
    """How sure a change is."""

    EXACT = "exact"
    """The target itself was asked, or it is a matter of bytes."""
    ESTIMATED = "estimated"
    """Told from declared fields and field owners alone, without rights to ask."""
    UNVERIFIED = "unverified"
    """Nobody could be asked yet: `reason` says why."""


class FieldChange(Struct, frozen=True):
    """One difference: `path` as the API server spells it (`.spec.groups[name="cpu"].rules`), or lines of a file.

    `old` and `new` are plain data, text, or ABSENT. `owner` is who else holds the field and `since` when they
    took it (RFC 3339), both "" when nobody does. `within` is the value that has one owner and of which this is a part,
    "" where it is that value itself.
    """

    path: str
    old: Any
    new: Any
    owner: str = ""
    since: str = ""
    within: str = ""


class Change(Struct, frozen=True):
    """What would be done to one object (`key` is `Kind/namespace/name`) or one file (`key` is its path)."""

    key: str
    action: Action
    kind: str
    service: str
    path: str
    """The artifact's path; "" for what no artifact asks for."""
    before: Document | str | None = None
    after: Document | str | None = None
    fields: tuple[FieldChange, ...] = ()
    reason: str = ""
    verdict: Verdict = Verdict.EXACT
    takes: bool = False
    """Whether fields are taken from others, as the environment says; of a version that has not moved since."""
    adopts: tuple[str, ...] = ()
    """Managers whose declarations become capgen's before it is applied."""
    mutated: tuple[FieldChange, ...] = ()
    """Declared fields to which the server gave another value when it was asked: `old` is declared, `new` is its own."""
    replaces: bool = False
    """Whether it is deleted and made again, since the server does not change it in place."""
    orphans: bool = False
    """Whether what it owns is to stay when it is deleted."""
    follows: str = ""
    """The key of what has to be gone before this is written."""
    refused: tuple[str, ...] = ()
    """Fields that the server did not take as they are when it was asked."""

    @property
    def writes(self) -> bool:
        """Whether carrying it out changes the target."""
        return self.action in (Action.CREATE, Action.UPDATE, Action.DELETE)


class Plan(Struct, frozen=True):
    """All changes to one target, in the order in which they are carried out."""

    target: str
    changes: tuple[Change, ...]
    """What of it is unchanged is among them where there is more to tell of it, or a file's text to keep."""
    notes: tuple[str, ...] = ()
    """What a reader has to know that belongs to no single change."""
    managed: int = 0
    """How many objects or files of these services capgen has delivered so far."""
    wide: frozenset[str] = frozenset()
    """Services whose inventories name more places than have anything: a run was killed before it ended."""
    reload_due: bool = False
    """Whether who reads the files has still to be told of those of an earlier run."""
    unsearched: frozenset[str] = frozenset()
    """Services of which not everything could be seen; what their inventories say stays as it is."""
    unchanged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The keys of what else is as it is wanted, by service."""

    @property
    def services(self) -> frozenset[str]:
        """Whose artifacts it is made of."""
        return frozenset(self.unchanged) | {change.service for change in self.changes if change.path}

    @property
    def wanted(self) -> frozenset[str]:
        """The keys of all that artifacts ask for."""
        return frozenset(key for keys in self.unchanged.values() for key in keys) | {
            change.key for change in self.changes if change.path
        }

    def of(self, *actions: Action) -> tuple[Change, ...]:
        """The changes with one of the actions."""
        return tuple(change for change in self.changes if change.action in actions)

    @property
    def is_clean(self) -> bool:
        """Whether the target is already as wanted: nothing to write, and nothing in the way."""
        return not self.of(Action.CREATE, Action.UPDATE, Action.DELETE, Action.CONFLICT, Action.BLOCKED)


def stays(change: Change) -> bool:
    """Whether a thing is as it is wanted, and there is nothing else to tell of it."""
    return change.action is Action.UNCHANGED and not change.reason and not change.mutated


def kept(plan: Plan) -> tuple[str, ...]:
    """The keys of all that stays."""
    known = [change.key for change in plan.changes if stays(change)]
    return tuple(sorted([*known, *(key for keys in plan.unchanged.values() for key in keys)]))
