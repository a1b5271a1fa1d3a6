"""Signals while a cluster is talked to: nothing is torn apart in the middle, and nobody waits for ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from capgen.targets.undisturbed import undisturbed


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, "it is as it was before"
    signal.signal(signal.SIGINT, before)


def test_what_the_work_gives_or_raises_is_given_or_raised() -> None:
    assert undisturbed(lambda: threading.current_thread(), print) is not threading.main_thread()
    with pytest.raises(ZeroDivisionError):
        undisturbed(lambda: 1 // 0, print)


def test_who_is_told_to_end_is_told_by_a_call_and_ends_when_the_work_has() -> None:
    told, done = threading.Event(), []

    def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)  # as timeout(1) does
        assert told.wait(10)
        done.append(1)

    with pytest.raises(KeyboardInterrupt):
        undisturbed(work, told.set)
    assert done


def test_a_signal_that_another_thread_got_is_heard_too() -> None:
    told, heard = threading.Event(), []

    def work() -> None:
        threading.Event().wait(0.2)  # until the main thread waits
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        heard.append(told.wait(10))

    with pytest.raises(KeyboardInterrupt):
        undisturbed(work, told.set)
    assert heard == [True]


def test_a_second_signal_ends_it_at_once() -> None:
    program = (
        "import os, signal, threading\n"
        "from capgen.targets import undisturbed as module\n"
        "module._ONE_TELLING = 0\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "told = threading.Event()\n"
        "def work():\n"
        "    os.kill(os.getpid(), signal.SIGINT); told.wait()\n"
        "    os.kill(os.getpid(), signal.SIGINT); threading.Event().wait()\n"
        "module.undisturbed(work, told.set)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 130


def test_another_thread_does_the_work_itself() -> None:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(undisturbed(threading.current_thread, print)))
    thread.start()
    thread.join()
    assert found == [thread]
