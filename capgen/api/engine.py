"""The work of many services, done on a Dask cluster (the extra `capgen[fleet]`).

Each job is a task of its own, which reads on the worker what it needs; results come back in the order of the jobs, so
the cluster gives the bytes that one process gives. Only so many tasks are under way that every worker has some waiting, so
the client holds a window of the fleet at a time. A task of a worker that dies runs again on another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from capgen.errors import CapgenError, TargetError, UsageError

Job = TypeVar("Job")
Result = TypeVar("Result")
_RETRIES = 5
_CONNECT = "20s"


def run(work: Callable[[Job], Result], jobs: Sequence[Job], engine: str) -> Iterator[Result]:
    """The results in the order of the jobs. Raises UsageError for an engine that is none, TargetError when it fails."""
    kind, _, address = engine.partition("=")
    if kind != "dask" or "://" not in address:
        raise UsageError(f"{engine!r} is no engine; write dask=tcp://HOST:PORT")
    yield from _on_dask(work, jobs, address)


def _on_dask(work: Callable[[Job], Result], jobs: Sequence[Job], address: str) -> Iterator[Result]:
    try:
        import distributed
    except ImportError as error:
        raise CapgenError("a Dask cluster needs the extra: pip install 'capgen[fleet]'") from error
    try:
        connect: Any = distributed.Client
        client = connect(address, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise TargetError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise TargetError(f"the Dask scheduler at {address} has no workers")
        waiting: deque[Any] = deque()
        for job in jobs:
            waiting.append(client.submit(work, job, pure=False, retries=_RETRIES))
            if len(waiting) > 4 * threads:
                yield _result(distributed, waiting.popleft(), address)
        while waiting:
            yield _result(distributed, waiting.popleft(), address)


def _result(distributed: Any, future: Any, address: str) -> Any:
    """A task's result. Its own errors are raised as they are; the cluster's become TargetError."""
    try:
        return future.result()
    except CapgenError:
        raise
    except (distributed.KilledWorker, distributed.scheduler.KilledWorker, OSError) as error:
        raise TargetError(f"the Dask cluster at {address} gave up: {error}") from error
