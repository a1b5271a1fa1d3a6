"""How fast an HPA with `behavior` may change replicas: its policies, and the changes that still count against them.

Time is counted in ticks, since everything happens at one. An event counts until exactly one period later; its slot is
used again once it is strictly older than the longest period of its own direction. The controller looks at both lists
whichever way it goes, so a slot that is used again is missing for a longer period of the other direction: kept here.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from capgen.simulate.autoscaler import Behavior, Rules

Event = tuple[int, int]
"""The tick and by how many."""
_SECOND = 10**9


class RateLimits:
    """The scale events of one HPA, and what they leave room for."""

    def __init__(self, behavior: Behavior, sync: int) -> None:
        self.behavior, self.sync = behavior, sync
        self.up: list[Event] = []
        self.down: list[Event] = []

    def record(self, tick: int, before: int, after: int) -> None:
        """A change was made."""
        events, rules = (self.up, self.behavior.up) if after > before else (self.down, self.behavior.down)
        longest = max(policy.period for policy in rules.policies) * _SECOND
        old = [slot for slot, event in enumerate(events) if (tick - event[0]) * self.sync > longest]
        if old:
            events[old[-1]] = tick, abs(after - before)
        else:
            events.append((tick, abs(after - before)))

    def most(self, current: int, tick: int) -> int:
        """The most replicas that the policies allow now; never less than there are."""
        rules = self.behavior.up
        if rules.select == "Disabled":
            return current
        choose: Callable[[list[int]], int] = min if rules.select == "Min" else max
        proposed = []
        for policy in rules.policies:
            start = self._at_start(current, tick, policy.period)
            added = start + policy.value if policy.type == "Pods" else ceil(start * (1 + policy.value / 100))
            proposed.append(_int32(added, exact=policy.type == "Pods"))
        return max(choose(proposed), current)

    def fewest(self, current: int, tick: int) -> int:
        """The fewest replicas that the policies allow now; never more than there are."""
        rules = self.behavior.down
        if rules.select == "Disabled":
            return current
        choose: Callable[[list[int]], int] = max if rules.select == "Min" else min
        proposed = []
        for policy in rules.policies:
            start = self._at_start(current, tick, policy.period)
            left = start - policy.value if policy.type == "Pods" else int(start * (1 - policy.value / 100))
            proposed.append(_int32(left, exact=policy.type == "Pods"))
        return min(choose(proposed), current)

    def until(self, tick: int) -> int | None:
        """The first later tick at which an event stops counting, so that the limits change; None when none counts."""
        ends = [
            event[0] - (-period * _SECOND // self.sync)
            for period in {*_periods(self.behavior.up), *_periods(self.behavior.down)}
            for event in (*self.up, *self.down)
        ]
        return min((end for end in ends if end > tick), default=None)

    def _at_start(self, current: int, tick: int, period: int) -> int:
        """How many replicas there were when the period began."""
        span, sync = period * _SECOND, self.sync
        for at, by in self.up:
            if (tick - at) * sync < span:
                current -= by
        for at, by in self.down:
            if (tick - at) * sync < span:
                current += by
        return current


def _periods(rules: Rules) -> list[int]:
    return [policy.period for policy in rules.policies]


def _int32(value: int, *, exact: bool) -> int:
    """What Go makes of it: a sum wraps around, a double that does not fit becomes the least number there is."""
    if -(2**31) <= value < 2**31:
        return value
    return (value + 2**31) % 2**32 - 2**31 if exact else -(2**31)
