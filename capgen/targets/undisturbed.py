"""Who is told to end while it talks to a cluster ends in order: what it holds there is given back first.

Python calls a signal's handler in the main thread, between any two steps of it. What the handler raises there can come in the
middle of taking a lock, which nobody would give back then, and whoever needs it would wait for ever. So the main thread only
waits, at a bare lock, while the work is done in a thread of its own. No signal reaches that one; it is told by a call.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

_Out = TypeVar("_Out")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
_ONE_TELLING = 1.0
"""Seconds. timeout(1) and a terminal that is closed send the same signal twice at once."""
_GLANCE = 0.2
_INTERRUPTED = 130


def undisturbed(work: Callable[[], _Out], tell: Callable[[], object]) -> _Out:
    """What the work gives or raises. A signal that Python handles calls `tell`, and when the work has ended
    KeyboardInterrupt is raised; a second one, a second later or more, ends the process at once with 130.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()  # no signal is handled in any other
    over = threading.Lock()
    over.acquire()
    given: list[_Out] = []
    raised: list[BaseException] = []
    told: list[float] = []

    def do() -> None:
        try:
            given.append(work())
        except BaseException as error:
            raised.append(error)
        finally:
            over.release()

    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        told.append(time.monotonic())
        if len(told) == 1:
            tell()
        elif told[-1] - told[0] > _ONE_TELLING:
            os._exit(_INTERRUPTED)

    before = {number: handler for number in _SIGNALS if callable(handler := signal.getsignal(number))}
    try:
        for number in before:
            signal.signal(number, handle)
        threading.Thread(target=do).start()
        while not over.acquire(timeout=_GLANCE):
            pass  # a signal that came just before the wait, or to another thread, does not end the wait by itself
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if told:
        raise KeyboardInterrupt from (raised[0] if raised else None)
    if raised:
        raise raised[0]
    return given[0]
