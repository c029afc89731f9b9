"""Work that waits for the pool: however often a turn is left out, one note of it waits."""

from __future__ import annotations

import threading
from typing import Any, cast

from reporter.scheduler.job_runs import WORKERS, JobRuns
from tests.support.clocks import HandClock


class Turns:
    """A runner that counts the notes of turns that were left out."""

    def __init__(self) -> None:
        self.noted = 0

    def skipped(self, bound: object) -> None:
        self.noted += 1


class Named:
    name = "slow"


def test_turns_left_out_while_the_pool_is_busy_are_noted_once() -> None:
    turns, free = Turns(), threading.Event()
    nothing = cast("Any", None)
    runs = JobRuns(nothing, cast("Any", turns), nothing, nothing, HandClock(), threading.Event(), nothing)
    for number in range(WORKERS):
        runs.submit(f"hangs {number}", lambda: free.wait(30))
    for _ in range(1000):
        runs.submit_skipped(cast("Any", Named()))
    free.set()
    last = runs.submit("last", lambda: None)
    assert last is not None
    last.result(30)
    runs.shut_down()
    assert turns.noted == 1
