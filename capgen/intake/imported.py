"""What an import gives: the draft as files, and what is to be told about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from capgen.diagnostics import Diagnostic
from capgen.intake.changes import Difference
from capgen.intake.found import Remark


class Imported(Struct, frozen=True):
    """A draft as files, and what is to be told about it."""

    name: str
    files: Mapping[Path, str]
    counted: str
    remarks: tuple[Remark, ...]
    differences: tuple[Difference, ...]
    replaced: tuple[str, ...]
    warnings: tuple[Diagnostic, ...] = ()
    unread: tuple[str, ...] = ()
    environment: str = ""
