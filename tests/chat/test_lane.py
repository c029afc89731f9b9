"""A lane keeps the order, goes on after a failure, and begins nothing once it is closed."""

from __future__ import annotations

import threading
from functools import partial

from reporter.chat.lane import Lane


def fail() -> None:
    raise ValueError


def test_work_is_done_in_order_and_a_failure_ends_nothing() -> None:
    lane, done, seen = Lane("test"), threading.Event(), list[int]()
    for number in range(3):
        lane.submit(partial(seen.append, number))
        lane.submit(fail)
    lane.submit(done.set)
    assert done.wait(10)
    assert seen == [0, 1, 2]
    lane.close()


def test_a_closed_lane_begins_nothing_more() -> None:
    lane, begun, release, seen = Lane("test"), threading.Event(), threading.Event(), list[int]()

    def hang() -> None:
        begun.set()
        release.wait(10)

    lane.submit(hang)
    lane.submit(partial(seen.append, 1))
    assert begun.wait(10)
    lane.close()
    release.set()
    threading.Event().wait(0.05)
    assert seen == []
