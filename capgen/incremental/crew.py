"""Compiles shares on several cores. Processes are forked, so they start with everything that is loaded already."""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from capgen.catalog.load import Catalog
from capgen.incremental.parts import Share, shares_of
from capgen.render.templates import Templates
from capgen.yamlio import Source

PIECE = 25
"""Services a piece of work: few enough to be shared out evenly, enough to be worth the way."""

Shares = tuple[Share, ...]
_work: Callable[[Sequence[Source]], Shares | None] | None = None
"""In a forked process: what to do with a piece. Inherited, since templates cannot be sent."""


def together(pieces: Iterable[Shares | None]) -> Shares | None:
    """All of them; None when something is wrong in one."""
    shares: list[Share] = []
    for some in pieces:
        if some is None:
            return None
        shares += some
    return tuple(shares)


def compile_pieces(
    shared: Sequence[Source],
    single: Sequence[Source],
    environments: Sequence[str],
    catalog: Catalog,
    templates: Templates,
    jobs: int,
    size: int | None = None,
) -> Iterator[Shares | None]:
    """As `shares_of` piece by piece, by up to `jobs` processes and at most one piece more ahead; None of a piece in which
    something is wrong. The result does not depend on how many processes there are. `size`: the services of a piece."""
    size = size or PIECE
    pieces = [single[start : start + size] for start in range(0, len(single), size)]
    work = partial(shares_of, shared, environments=environments, catalog=catalog, templates=templates)
    # Elsewhere a fork is not safe, and a new process takes longer to start than most projects to compile.
    if min(jobs, len(pieces)) < 2 or sys.platform != "linux":
        yield from map(work, pieces)
        return
    from concurrent.futures import Future, ProcessPoolExecutor
    from multiprocessing import get_context

    # The first service here: what all need (templates, exporters) is then loaded once, and inherited.
    yield work(single[:1])
    ahead: deque[Future[Shares | None]] = deque()
    crew = ProcessPoolExecutor(min(jobs, len(pieces)), get_context("fork"), _begin, (work,))
    try:
        for piece in (single[1:size], *pieces[1:]):
            ahead.append(crew.submit(_piece, piece))
            if len(ahead) > jobs:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        crew.shutdown(cancel_futures=True)


def _begin(work: Callable[[Sequence[Source]], Shares | None]) -> None:
    global _work
    _work = work
    gc.freeze()  # what is inherited is shared as long as nobody writes to it, and the collector would


def _piece(piece: Sequence[Source]) -> Shares | None:
    return _work(piece) if _work else None
