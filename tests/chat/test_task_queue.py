"""A queue keeps the order, goes on after a failure, and begins nothing once it is closed."""

from __future__ import annotations

import threading
from functools import partial

from reporter.chat.task_queue import TaskQueue


def fail() -> None:
    raise ValueError


def test_work_is_done_in_order_and_a_failure_ends_nothing() -> None:
    queue, done, seen = TaskQueue("test"), threading.Event(), list[int]()
    for number in range(3):
        queue.submit(partial(seen.append, number))
        queue.submit(fail)
    queue.submit(done.set)
    assert done.wait(10)
    assert seen == [0, 1, 2]
    queue.close()


def test_a_closed_queue_begins_nothing_more() -> None:
    queue, begun, release, seen = TaskQueue("test"), threading.Event(), threading.Event(), list[int]()

    def hang() -> None:
        begun.set()
        release.wait(10)

    queue.submit(hang)
    queue.submit(partial(seen.append, 1))
    assert begun.wait(10)
    queue.close()
    release.set()
    threading.Event().wait(0.05)
    assert seen == []
