"""Several things at the same time, a bounded number of them, with the results in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def at_once(
    work: Callable[[_In], _Out], items: Sequence[_In], *, workers: int, failed: Callable[[], object] = lambda: None
) -> list[_Out]:
    """The results in the order of the items. What one of them raises is raised when those that have begun have ended:
    no other one begins, and `failed` is called before the rest is waited for.
    """
    if len(items) < 2:
        return [work(item) for item in items]
    pool = ThreadPoolExecutor(min(workers, len(items)))
    futures: list[Future[_Out]] = []
    try:
        futures += [pool.submit(work, item) for item in items]
        ended, _ = wait(futures, return_when=FIRST_EXCEPTION)
        for future in futures:
            if future in ended:
                future.result()
    except BaseException:
        for future in futures:
            future.cancel()
        failed()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [future.result() for future in futures]
