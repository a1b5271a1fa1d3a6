"""Several things at the same time: results in order, and an end for all when one of them fails."""

from __future__ import annotations

import threading

import pytest

from capgen.targets.at_once import at_once


def test_results_stand_in_the_order_of_the_items() -> None:
    assert at_once(lambda n: n * n, range(20), workers=4) == [n * n for n in range(20)]


def test_what_one_raises_is_raised_and_ends_the_others() -> None:
    failed, begun = threading.Event(), []

    def work(n: int) -> int:
        begun.append(n)
        if n == 3:
            raise ValueError("the fourth")
        if n > 3:
            failed.wait(10)
        return n

    with pytest.raises(ValueError, match="the fourth"):
        at_once(work, range(1000), workers=2, failed=failed.set)
    assert failed.is_set() and len(begun) < 8
