"""Waiting for controllers: objects that are as they are wanted are looked at until each says that it was taken up, and
deleted ones until they are gone.

What an earlier run wrote is waited for as well: a run that is repeated since the wait was over says what the first one said.
"""

from __future__ import annotations

import time
from functools import partial

from msgspec.structs import replace

from capgen.errors import TargetError
from capgen.reconcile.health import health, is_awaited
from capgen.reconcile.kinds import KINDS
from capgen.reconcile.manifest import place_of
from capgen.reconcile.outcome import Outcome, Result, State
from capgen.reconcile.plan import Action, Plan
from capgen.targets.listing import collection, quoted
from capgen.targets.objects import meta
from capgen.targets.wire import Wire

_PAUSE = 1.0
_THERE = (State.CREATED, State.UPDATED, State.UNCHANGED)


def wait_for(wire: Wire, plan: Plan, outcome: Outcome, seconds: float) -> Outcome:
    """The outcome when all was taken up or the time is over: what was not is not ready, with what is known of it."""
    deleted = {change.key: str(meta(change.before, "uid")) for change in plan.of(Action.DELETE)}
    going = [r for r in outcome.of(State.PENDING) if r.key in deleted]
    open_ends = [r for r in outcome.of(*_THERE) if is_awaited(place_of(r.key)[0])] + going
    ends: dict[str, Result] = {}
    end = time.monotonic() + seconds
    while open_ends:
        seen = wire.at_once(partial(_now, wire, deleted, seconds), open_ends)
        ends |= {result.key: result for result in seen}
        open_ends = [r for r, now in zip(open_ends, seen, strict=True) if now.state in (State.NOT_READY, State.PENDING)]
        if wire.is_over or time.monotonic() + _PAUSE > end:
            break
        wire.rest(_PAUSE)
    return replace(outcome, results=tuple(ends.get(result.key, result) for result in outcome.results))


def _now(wire: Wire, deleted: dict[str, str], seconds: float, result: Result) -> Result:
    """What an object's result is by now."""
    kind, home = place_of(result.key)
    path = f"{collection(KINDS[kind], home)}/{quoted(result.key.rpartition('/')[2])}"
    try:
        answer = wire.request("GET", path, {})
    except TargetError as error:
        return _late(result, seconds, str(error))
    if result.state is State.PENDING:
        gone = answer.status == 404 or (answer.status == 200 and meta(answer.document, "uid") != deleted[result.key])
        return Result(result.key, State.DELETED) if gone else result
    if answer.status != 200:
        return _late(result, seconds, answer.message)
    seen = health(kind, answer.document)
    return _late(result, seconds, "; ".join(seen.told)) if seen.ready is False else result


def _late(result: Result, seconds: float, why: str) -> Result:
    if result.state is State.PENDING:
        return result
    done = "" if result.state is State.UNCHANGED else f"{result.state}, "
    return replace(result, state=State.NOT_READY, reason=f"{done}waited {seconds:g} s: {why}")
