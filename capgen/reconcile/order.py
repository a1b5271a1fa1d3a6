"""Which changes may go out together, and which make no sense any more once another one has failed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from capgen.reconcile.kinds import KINDS
from capgen.reconcile.manifest import place_of
from capgen.reconcile.plan import Action, Change, Plan


def waves(plan: Plan) -> tuple[tuple[Change, ...], ...]:
    """The changes to objects in groups: those of a group do not need one another, a later group may.

    Deletions come last, in the opposite order. What is extra is left alone, and what is of no known kind cannot
    be written.
    """
    written = [c for c in plan.changes if c.kind in KINDS and c.action is not Action.EXTRA]
    written.sort(key=_turn)
    return tuple(tuple(group) for _, group in groupby(written, key=_turn))


def _turn(change: Change) -> tuple[bool, int]:
    order = KINDS[change.kind].order
    if change.orphans:
        return False, order - 1  # what follows it is of the same order
    return (True, -order) if change.action is Action.DELETE else (False, order)


def missing_for(change: Change, failed: Iterable[Change]) -> str:
    """The key of a failed change that this one cannot do without, or "".

    Its own namespace always counts; other kinds count when they belong to the same service and namespace, as
    the table of kinds says. Whatever is independent goes on. What is left over goes when all that replaces it is
    there: a deletion needs every other change to its service.
    """
    needs, home = KINDS[change.kind].needs, place_of(change.key)[1]
    for other in failed:
        if change.follows == other.key:
            return other.key
        if change.orphans and other.kind != "Namespace":
            continue
        if change.action is Action.DELETE and other.service == change.service and other.action is not Action.DELETE:
            return other.key
        if other.kind == "Namespace" and other.key == f"Namespace/{home}":
            return other.key
        if other.kind in needs and other.service == change.service and place_of(other.key)[1] == home:
            return other.key
    return ""
