"""What a delivery target is: something that can be read, asked and written.

`read` and `rehearse` change nothing. `rehearse` lets the target judge the plan itself (a server-side dry run, a
check of the staged files) as far as rights allow; `apply` carries out the plan it is given and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol, TypeAlias

from msgspec import Struct, field

from capgen.artifact import Artifact
from capgen.reconcile.applyset import Inventory
from capgen.reconcile.outcome import Outcome
from capgen.reconcile.plan import Document, Plan
from capgen.reconcile.wanted import Wanted


class LiveFile(Struct, frozen=True):
    """A file where an artifact wants to be. `obstacle` says why it is not capgen's to overwrite, "" if it is."""

    text: str
    obstacle: str = ""


class LeftFile(Struct, frozen=True):
    """A file of an earlier delivery. `obstacle` says why it is not deleted, "" if it may be."""

    service: str
    text: str
    obstacle: str = ""


class LiveFiles(Struct, frozen=True):
    """A folder: what stands at the wanted paths, which paths cannot be used, and what capgen wrote earlier."""

    found: Mapping[str, LiveFile] = field(default_factory=dict)
    blocked: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, LeftFile] = field(default_factory=dict)
    """Files that capgen wrote for these services and that no artifact asks for any more."""
    managed: int = 0
    """How many files capgen has written for these services."""
    services: frozenset[str] = frozenset()
    """Everybody whose files capgen has written here."""
    reload_due: bool = False
    """Whether an earlier run put files in place and nobody was told of them."""


class LiveObjects(Struct, frozen=True):
    """An API server: the objects by key, and why the others could not be read or cannot be written."""

    namespace: str
    """Where objects go that name no namespace."""
    found: Mapping[str, Document] = field(default_factory=dict)
    """By key, of what is wanted; but for what is settled there."""
    blocked: Mapping[str, str] = field(default_factory=dict)
    inventories: Mapping[str, Inventory] = field(default_factory=dict)
    """By service, of those that are delivered here."""
    members: Mapping[str, Document] = field(default_factory=dict)
    """Every object that was seen with the label of some inventory, by key; but for what is settled."""
    unsearched: Mapping[str, str] = field(default_factory=dict)
    """Service -> why not every member of its inventory could be seen."""
    notes: tuple[str, ...] = ()
    services: frozenset[str] = frozenset()
    """Everybody who has an inventory here."""
    own: Mapping[str, str] = field(default_factory=dict)
    """Id of an inventory -> its service, of those that are this project's: what of it another service wants goes over."""
    sets: Mapping[str, str] = field(default_factory=dict)
    """Id -> service of every inventory that is here."""
    lost: frozenset[str] = frozenset()
    """Services whose inventories do not say what is there: somebody deleted or edited them, and they are written anew."""
    wanted: Wanted | None = None
    """What it was read for. What stands there as it is wanted is settled in it, and no more is known of it."""


Live: TypeAlias = LiveFiles | LiveObjects


class Target(Protocol):
    """Where artifacts are delivered to."""

    @property
    def name(self) -> str:
        """What messages call it."""

    def place(self) -> Mapping[str, str]:
        """What tells this target from every other one; a saved plan is for one place."""

    def read(self, desired: Iterable[Artifact], services: Collection[str] = (), *, whole: bool = False) -> Live:
        """What stands there now, as far as the artifacts care, and what earlier deliveries of their services left.

        `services` are looked at beside those of the artifacts. `whole`: what is as it is wanted is kept as well, for who
        asks how it is, and nothing is settled. Raises TargetError when nothing can be read.
        """

    def rehearse(self, plan: Plan) -> Plan:
        """The plan as the target itself sees it: verdicts made exact, refusals found before anything is written."""

    def apply(self, plan: Plan) -> Outcome:
        """Carries the plan out; every change has a result. Raises TargetError when it could not begin."""

    def wait(self, plan: Plan, outcome: Outcome, seconds: float) -> Outcome:
        """Waits until what is there as it is wanted is taken up, and what was deleted is gone, for so long at most; the
        outcome as it is then."""
