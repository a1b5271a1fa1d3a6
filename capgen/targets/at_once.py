"""Several things at the same time, a bounded number of them, with the results in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def at_once(
    work: Callable[[_In], _Out], items: Sequence[_In], *, workers: int, interrupted: Callable[[], object]
) -> list[_Out]:
    """The results in the order of the items. Whoever is interrupted does not begin what has not begun, and
    `interrupted` is called before what has begun is waited for.
    """
    if len(items) < 2:
        return [work(item) for item in items]
    pool = ThreadPoolExecutor(min(workers, len(items)))
    try:
        return list(pool.map(work, items))
    except BaseException:
        interrupted()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
