"""The exceptions: what stops a command that is not a finding in the user's files.

    CapgenError                  exit 1   could not do it
    ├── UsageError               exit 2   the call makes no sense (click's own errors exit 2 as well)
    ├── Findings                 exit 3   carries Diagnostics
    ├── Refused                  exit 6   a guard said no; nothing was changed
    └── TargetError              exit 1   the outside (API server, disk, Prometheus) failed
        └── PartlyDone           exit 5   some of it was written, the rest is listed

Foreign exceptions are translated where they are caught, with the cause kept; only `cli` turns one into an
exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from capgen.diagnostics import Diagnostic


class CapgenError(Exception):
    """Base of all; the message says what is wrong, where, and what to do."""

    exit_code: ClassVar[int] = 1


class UsageError(CapgenError):
    """The arguments contradict one another or name what is not there."""

    exit_code = 2


class Findings(CapgenError):
    """The input has mistakes; `diagnostics` lists all of them."""

    exit_code = 3

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        first = f", the first: {diagnostics[0].message}" if diagnostics else ""
        super().__init__(f"{len(diagnostics)} findings{first}")
        self.diagnostics = tuple(diagnostics)


class Refused(CapgenError):
    """A guard refused to go on; what was there is untouched."""

    exit_code = 6


class TargetError(CapgenError):
    """The world outside failed: a server, a disk, a tool."""


class PartlyDone(TargetError):
    """Some changes were made and some were not; the message lists the rest."""

    exit_code = 5
