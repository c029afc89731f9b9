"""A queue keeps the order, goes on after a failure, and begins nothing once it is closed."""

from __future__ import annotations

import threading
from functools import partial

from reporter.chat.task_queue import MOST_PASSED_OVER, TaskQueue, TaskQueues
from tests.support.processes import until


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
    queue.submit(partial(hang, begun, release))
    queue.submit(partial(seen.append, 1))
    assert begun.wait(10)
    queue.close()
    release.set()
    threading.Event().wait(0.05)
    assert seen == []


def test_work_that_hangs_is_passed_over_so_often_and_counts_no_more_once_it_ends() -> None:
    queue, release, seen = TaskQueue("test"), threading.Event(), list[int]()
    for _ in range(2):
        begun = [threading.Event() for _ in range(MOST_PASSED_OVER)]
        for event in begun:
            queue.submit(partial(hang, event, release))
            assert event.wait(10)
            queue.pass_over()
        queue.submit(partial(hang, last := threading.Event(), release))
        assert last.wait(10)
        queue.pass_over()  # one too many: nothing more begins until it ends
        queue.submit(partial(seen.append, 1))
        threading.Event().wait(0.05)
        assert seen == []
        release.set()
        until(lambda: seen == [1], lambda: str(seen))
        release.clear()
        seen.clear()
    queue.close()


def hang(begun: threading.Event, release: threading.Event) -> None:
    begun.set()
    release.wait(10)


def test_a_place_that_is_slow_holds_up_no_other() -> None:
    queues, release, done = TaskQueues("test"), threading.Event(), threading.Event()
    queues.submit("a", partial(hang, threading.Event(), release))
    queues.submit("b", done.set)
    assert done.wait(10)
    release.set()
    queues.close()
