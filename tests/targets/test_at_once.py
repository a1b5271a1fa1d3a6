"""Whoever is told to end while work is handed out ends, and no worker is left behind with a lock that nobody gives back."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from capgen.targets.at_once import at_once


def test_results_stand_in_the_order_of_the_items() -> None:
    assert at_once(lambda n: n * n, range(20), workers=4, interrupted=lambda: None) == [n * n for n in range(20)]


def test_what_one_raises_is_raised_and_ends_the_others() -> None:
    told = []

    def work(n: int) -> int:
        if n == 3:
            raise ValueError("the fourth")
        return n

    with pytest.raises(ValueError, match="the fourth"):
        at_once(work, range(8), workers=2, interrupted=lambda: told.append(1))
    assert told == [1]


def test_who_can_be_interrupted_works_on_nothing_itself() -> None:
    assert threading.main_thread() not in at_once(
        lambda _: threading.current_thread(), [1], workers=4, interrupted=print
    )


def test_a_signal_waits_until_all_is_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    handed, told = [], []
    submit = ThreadPoolExecutor.submit

    def interrupting(pool: ThreadPoolExecutor, *arguments: Any) -> Any:
        handed.append(arguments)
        os.kill(os.getpid(), signal.SIGINT)
        return submit(pool, *arguments)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupting)
    try:
        with pytest.raises(KeyboardInterrupt):
            at_once(str, [1, 2, 3], workers=2, interrupted=lambda: told.append(1))
    finally:
        signal.signal(signal.SIGINT, before)
    assert (len(handed), told) == (3, [1])
