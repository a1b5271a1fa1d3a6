"""Risk of a dashboard: a panel that somebody looks for at night and does not find."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from capgen.reconcile.summary import panel_titles


def risks(old: Any, new: Any) -> Iterator[tuple[str, str]]:
    """The panels that go from a dashboard in classic JSON; nothing for other values."""
    if not isinstance(old, str) or not isinstance(new, str):
        return
    before, after = panel_titles(old), panel_titles(new)
    if before is None or after is None:
        return
    for title in before:
        if title not in after:
            yield "a panel goes:", title
