"""How many requests are under way at once: more while the server answers well, half as many when it is strained.

Additive increase, multiplicative decrease, as TCP does it: whoever asks in parallel finds out what a server takes, and
several who ask at the same time end with equal shares.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

FIRST, MOST = 8, 32
SLOW = 1.0
"""Seconds. Kubernetes' own objective for an API server: 99 of 100 calls for one object are answered within one."""
_STRAINED = frozenset((429, 503, 504))


class Pace:
    """The bound and what is under way. `limit` is 1 to 32; a whole round of good answers raises it by one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = float(FIRST)
        self._clock, self._under_way, self._slowed = clock, 0, float("-inf")
        self._free = threading.Condition()

    @contextlib.contextmanager
    def turn(self) -> Iterator[Callable[[int], None]]:
        """Waits until one more may be under way. The caller tells the answer's status; without one it had none."""
        with self._free:
            self._free.wait_for(lambda: self._under_way < int(self.limit))
            self._under_way += 1
        begun, said = self._clock(), [0]
        try:
            yield lambda status: said.__setitem__(0, status)
        finally:
            with self._free:
                self._learn(begun, said[0])
                self._under_way -= 1
                self._free.notify_all()

    def _learn(self, begun: float, status: int) -> None:
        """Halves once for all that was under way together; grows only while at least half of it is used."""
        now = self._clock()
        if not status or status in _STRAINED or now - begun > SLOW:
            if begun >= self._slowed:
                self.limit, self._slowed = max(1.0, self.limit / 2), now
        elif self._under_way * 2 >= self.limit:
            self.limit = min(float(MOST), self.limit + 1 / self.limit)
