"""Waiting for controllers: objects that were written are looked at until each says that it was taken up."""

from __future__ import annotations

import time
from collections.abc import Mapping

from capgen.errors import TargetError
from capgen.reconcile.health import health
from capgen.reconcile.outcome import Outcome, State
from capgen.reconcile.plan import Change, Plan
from capgen.targets.objects import path_of
from capgen.targets.wire import Wire

_PAUSE = 1.0


def wait_for(wire: Wire, plan: Plan, outcome: Outcome, seconds: float) -> tuple[str, ...]:
    """What was not taken up within the time, each with what is known of it."""
    written = {result.key for result in outcome.of(State.CREATED, State.UPDATED)}
    open_ends = [change for change in plan.changes if change.key in written]
    end = time.monotonic() + seconds
    while True:
        told = dict(zip((c.key for c in open_ends), wire.at_once(lambda c: _missing(wire, c), open_ends), strict=True))
        open_ends = [change for change in open_ends if told[change.key]]
        if not open_ends or wire.is_over or time.monotonic() + _PAUSE > end:
            return tuple(f"{c.key} was written and is not ready after {seconds:g} s: {told[c.key]}" for c in open_ends)
        wire.rest(_PAUSE)


def _missing(wire: Wire, change: Change) -> str:
    """What an object still lacks, "" when nothing."""
    if not isinstance(change.after, Mapping):
        return ""
    try:
        answer = wire.request("GET", path_of(change.kind, change.after), {})
    except TargetError as error:
        return str(error)
    if answer.status != 200:
        return answer.message
    seen = health(change.kind, answer.document)
    return "" if seen.ready is not False else "; ".join(seen.told)
