"""Several things at the same time, a bounded number of them, with the results in order.

Who is told to end has KeyboardInterrupt raised wherever the main thread is. Inside the locks of `threading`, which are
taken by Python code, a lock would then never be given back, and a worker would wait for it for ever. So signals wait while work
is handed out, what the main thread waits at is a bare lock, and it does nothing itself, not even a single thing.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import FrameType
from typing import TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")
_TOLD = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))


def at_once(
    work: Callable[[_In], _Out], items: Sequence[_In], *, workers: int, interrupted: Callable[[], object]
) -> list[_Out]:
    """The results in the order of the items. Whoever is interrupted does not begin what has not begun, and
    `interrupted` is called before what has begun is waited for. What one of them raises ends the others in the same way.
    """
    if not items:
        return []
    over, counting, left = threading.Lock(), threading.Lock(), len(items)
    over.acquire()

    def ended(future: Future[_Out]) -> None:
        nonlocal left
        with counting:
            left -= 1
            if over.locked() and (left == 0 or (not future.cancelled() and future.exception())):
                over.release()

    futures: list[Future[_Out]] = []
    pool = ThreadPoolExecutor(min(workers, len(items)))
    try:
        with _undisturbed():
            futures += [pool.submit(work, item) for item in items]
            for future in futures:
                future.add_done_callback(ended)
        over.acquire()
        failed = (error for future in futures if future.done() and (error := future.exception()))
        for error in failed:
            raise error
    except BaseException:
        interrupted()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [future.result() for future in futures]


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Who is told to end in the block is told so at its end. Blocking the signals would not do: they are the process's,
    and the interpreter calls the handler in the main thread whichever thread got one."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is ever interrupted
        return
    told: list[tuple[int, FrameType | None]] = []
    handlers = {number: handler for number in _TOLD if callable(handler := signal.getsignal(number))}
    for number in handlers:
        signal.signal(number, lambda *signal_and_frame: told.append(signal_and_frame))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for caught, frame in told[:1]:
            handlers[signal.Signals(caught)](caught, frame)
