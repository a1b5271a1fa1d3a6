"""How fast an HPA with `behavior` may change replicas: its policies, and the changes that still count against them.

Time is counted in ticks, since everything happens at one. An event counts until exactly one period later; its slot is
used again once it is strictly older than the longest period of its own direction. The controller looks at both lists
whichever way it goes, so a slot that is used again is missing for a longer period of the other direction: kept here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import ceil

from capgen.simulate.autoscaler import Behavior, Rules

Event = tuple[int, int]
"""The tick and by how many."""
_SECOND = 10**9
_WRAPS = 2**31


class _Direction:
    """The policies of one direction, and what was changed in it."""

    def __init__(self, rules: Rules, sign: int, sync: int) -> None:
        self.disabled = rules.select == "Disabled"
        # Max is the greatest change: upwards the highest number, downwards the lowest.
        self.choose: Callable[[Iterable[int]], int] = max if (rules.select == "Max") == (sign > 0) else min
        self.policies = [
            (
                policy.type == "Pods",
                sign * policy.value,
                1 + sign * (policy.value / 100),
                (policy.period * _SECOND - 1) // sync,
            )
            for policy in rules.policies
        ]
        self.longest = max(policy.period for policy in rules.policies) * _SECOND
        self.events: list[Event] = []


class RateLimits:
    """The scale events of one HPA, and what they leave room for."""

    def __init__(self, behavior: Behavior, sync: int) -> None:
        self.sync = sync
        self.up, self.down = _Direction(behavior.up, 1, sync), _Direction(behavior.down, -1, sync)
        self.latest = -_WRAPS
        """The tick of the last change."""
        self.ends = {
            -(-policy.period * _SECOND // sync) for rules in (behavior.up, behavior.down) for policy in rules.policies
        }
        """How many ticks after a change it counts no more, by each of the policies."""

    def record(self, tick: int, before: int, after: int) -> None:
        """A change was made."""
        direction = self.up if after > before else self.down
        events, event = direction.events, (tick, abs(after - before))
        self.latest = tick
        oldest_kept = tick - direction.longest // self.sync
        for slot in range(len(events) - 1, -1, -1):
            if events[slot][0] < oldest_kept:
                events[slot] = event
                return
        events.append(event)

    def most(self, current: int, tick: int) -> int:
        """The most replicas that the policies allow now; never less than there are."""
        return current if self.up.disabled else max(self._limit(self.up, current, tick, ceil), current)

    def fewest(self, current: int, tick: int) -> int:
        """The fewest replicas that the policies allow now; never more than there are."""
        return current if self.down.disabled else min(self._limit(self.down, current, tick, int), current)

    def _limit(self, direction: _Direction, current: int, tick: int, whole: Callable[[float], int]) -> int:
        if len(direction.policies) == 1:
            return self._allowed(direction.policies[0], current, tick, whole)
        return direction.choose([self._allowed(policy, current, tick, whole) for policy in direction.policies])

    def _allowed(
        self, policy: tuple[bool, int, float, int], current: int, tick: int, whole: Callable[[float], int]
    ) -> int:
        of_pods, by, factor, span = policy
        first = tick - span
        start = current if self.latest < first else self._at_start(current, first)
        limit = start + by if of_pods else whole(start * factor)
        return limit if -_WRAPS <= limit < _WRAPS else _wrapped(limit, exact=of_pods)

    def until(self, tick: int) -> int | None:
        """The first later tick at which an event stops counting, so that the limits change; None when none counts."""
        ends = [event[0] + after for after in self.ends for event in (*self.up.events, *self.down.events)]
        return min((end for end in ends if end > tick), default=None)

    def _at_start(self, current: int, first: int) -> int:
        """How many replicas there were when the period began whose first tick that is."""
        for at, by in self.up.events:
            if at >= first:
                current -= by
        for at, by in self.down.events:
            if at >= first:
                current += by
        return current


def _wrapped(value: int, *, exact: bool) -> int:
    """What Go makes of it: a sum wraps around, a double that does not fit becomes the least number there is."""
    return (value + _WRAPS) % (2 * _WRAPS) - _WRAPS if exact else -_WRAPS
