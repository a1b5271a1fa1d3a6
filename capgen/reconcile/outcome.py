"""What became of a plan: a final state for each thing, also for what was never tried."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from capgen.errors import CapgenError, PartlyDone, TargetError
from capgen.reconcile.plan import FieldChange


class State(StrEnum):
    """How one change ended."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    UNCHANGED = "unchanged"
    PENDING = "pending"
    """Its deletion was accepted and waits for a finalizer, or it was deleted to be made again and is not yet; the
    inventory keeps it.
    """
    NOT_READY = "not-ready"
    """It is there as it is wanted, and no controller took it up while the run waited."""
    CONFLICT = "conflict"
    FAILED = "failed"
    NOT_TRIED = "not-tried"


_WRITTEN = frozenset((State.CREATED, State.UPDATED, State.DELETED, State.PENDING, State.NOT_READY))
_OPEN = frozenset((State.PENDING, State.NOT_READY, State.CONFLICT, State.FAILED, State.NOT_TRIED))


class Result(Struct, frozen=True):
    """One object or file; `fields` says what was in the way of a conflict."""

    key: str
    state: State
    reason: str = ""
    fields: tuple[FieldChange, ...] = ()
    refused: tuple[str, ...] = ()
    """The fields that the server does not take as they are."""

    @property
    def is_open(self) -> bool:
        """Whether something is left to be done about it."""
        return self.state in _OPEN


class Outcome(Struct, frozen=True):
    """The results in the plan's order, those of which it tells no more first, and the troubles that belong to no single one (a reload that failed)."""

    target: str
    results: tuple[Result, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What whoever ran it has to know, though nothing failed."""

    def of(self, *states: State) -> tuple[Result, ...]:
        """The results with one of the states."""
        return tuple(result for result in self.results if result.state in states)

    @property
    def wrote(self) -> bool:
        """Whether anything on the target is different now, or is there and not yet at work."""
        return any(result.state in _WRITTEN for result in self.results)

    def error(self) -> CapgenError | None:
        """None when all was done; PartlyDone or TargetError, listing what was not, otherwise."""
        open_ends = [f"{r.key}: {r.state}{': ' + r.reason if r.reason else ''}" for r in self.of(*_OPEN)]
        lines = [*open_ends, *self.problems]
        if not lines:
            return None
        listed = "\n  ".join(lines)
        if self.wrote:
            return PartlyDone(f"{self.target} is only partly as wanted:\n  {listed}")
        return TargetError(f"nothing was changed on {self.target}:\n  {listed}")
