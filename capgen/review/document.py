"""What a review holds, before it is written as Markdown, JSON or a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from capgen.diagnostics import Diagnostic
from capgen.review.risk import Change

if TYPE_CHECKING:
    from capgen.reconcile.plan import Plan
    from capgen.simulate.alerts.result import Backtest
    from capgen.simulate.result import Comparison


class Review(Struct, frozen=True):
    """Two states of a project, compared. `unknown` says what could not be told, and why."""

    base: str
    changes: tuple[Change, ...]
    files: tuple[tuple[str, str], ...]
    """What was `added`, `changed` or `removed` below the output folder, by path."""
    alerts: tuple[int, int]
    replays: tuple[Comparison, ...]
    new: tuple[Diagnostic, ...]
    """Findings of the checks that the base does not have."""
    bounds: tuple[Diagnostic, ...]
    """Declared bounds of replays that are not kept."""
    unknown: tuple[str, ...]
    backtest: Backtest | None = None
    """The alerts before and after, over a history; None where there was none."""
    delivery: Plan | None = None
    """What applying would change in the environment's target; None where it was not asked."""
