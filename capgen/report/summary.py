"""How many findings of each severity there are, counted and said in one way by every form of report.

The closing line of a terminal, the head of a comment and the numbers in JSON come from here, so they agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from capgen.diagnostics import Diagnostic, Severity


def counts(found: Iterable[Diagnostic]) -> dict[str, int]:
    """`{"errors": 3, "warnings": 1, "notes": 0}`: always all of them, worst first."""
    by_severity = Counter(diagnostic.severity for diagnostic in found)
    return {f"{severity}s": by_severity[severity] for severity in Severity}


def summary(found: Iterable[Diagnostic]) -> str:
    """`3 errors, 1 warning`; severities that do not occur are left out, `no findings` when none does."""
    said = [f"{number} {name[:-1] if number == 1 else name}" for name, number in counts(found).items() if number]
    return ", ".join(said) or "no findings"
