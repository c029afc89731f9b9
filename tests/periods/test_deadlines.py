"""Work that hangs blocks one thread and nothing else."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from reporter.periods.deadlines import SideThreads


def test_work_that_hangs_is_waited_for_once_and_holds_one_thread() -> None:
    over, begun = threading.Event(), list[int]()
    threads = SideThreads("hanging")

    def hang() -> str:
        begun.append(1)
        over.wait(60)
        return "done"

    for _ in range(5):
        with pytest.raises(TimeoutError):
            threads.begin("disk", hang).result(0.05)
    assert len(begun) == 1
    assert threads.hangs("disk", 0.05)
    assert not threads.hangs("disk", 3600)
    assert threads.begin("other", lambda: 7).result(60) == 7
    last = threads.begin("disk", hang)
    over.set()
    assert last.future.result(60) == "done"
    assert not threads.hangs("disk", 0)


def test_what_work_raises_reaches_who_waits_and_the_next_one_begins_again() -> None:
    threads = SideThreads("raising")

    def fail() -> None:
        raise PermissionError("no")

    for _ in range(2):
        with pytest.raises(PermissionError, match="no"):
            threads.begin("file", fail).result(60)


def test_who_asks_for_work_that_hangs_does_not_wait_again() -> None:
    over = threading.Event()
    work = SideThreads("late").begin("x", lambda: over.wait(60))
    with pytest.raises(TimeoutError):
        work.result(0.2)
    began = time.monotonic()
    for _ in range(50):
        with pytest.raises(TimeoutError):
            work.result(0.2)
    assert time.monotonic() - began < 5  # fifty times 0.2 seconds would be ten
    over.set()


def test_a_program_ends_although_work_hangs() -> None:
    program = (
        "import time; from reporter.periods.deadlines import SideThreads as S; S('x').begin(1, lambda: time.sleep(99))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
