"""What a delivery target is: something that can be read, asked and written.

`read` and `rehearse` change nothing. `rehearse` lets the target judge the plan itself (a server-side dry run, a
check of the staged files) as far as rights allow; `apply` carries out the plan it is given and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from capgen.artifact import Artifact
from capgen.reconcile.outcome import Outcome
from capgen.reconcile.plan import Document, Plan


@dataclass(frozen=True, slots=True)
class LiveFile:
    """A file where an artifact wants to be. `obstacle` says why it is not capgen's to overwrite, "" if it is."""

    text: str
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class LiveFiles:
    """A folder: what stands at the wanted paths, which paths cannot be used, and what capgen wrote earlier."""

    found: Mapping[str, LiveFile] = field(default_factory=dict)
    blocked: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    """Path -> service of files that no artifact asks for any more."""


@dataclass(frozen=True, slots=True)
class LiveObjects:
    """An API server: the objects by key, and why the others could not be read or cannot be written."""

    namespace: str
    """Where objects go that name no namespace."""
    found: Mapping[str, Document] = field(default_factory=dict)
    blocked: Mapping[str, str] = field(default_factory=dict)


Live: TypeAlias = LiveFiles | LiveObjects


class Target(Protocol):
    """Where artifacts are delivered to."""

    @property
    def name(self) -> str:
        """What messages call it."""

    def read(self, desired: Sequence[Artifact]) -> Live:
        """What stands there now, as far as the artifacts care. Raises TargetError when nothing can be read."""

    def rehearse(self, plan: Plan) -> Plan:
        """The plan as the target itself sees it: verdicts made exact, refusals found before anything is written."""

    def apply(self, plan: Plan) -> Outcome:
        """Carries the plan out; every change has a result. Raises TargetError when it could not begin."""
