"""A thread that never begins is told from one that waits for its turn on a busy machine."""

from __future__ import annotations

import threading

import pytest

from reporter.scheduler.beginning_threads import BEGIN_WITHIN, BeginningThreads
from tests.support.clocks import HandClock


def test_a_thread_may_wait_for_its_turn_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HandClock()
    beginning = BeginningThreads(clock)
    slow, other = threading.Thread(), threading.Thread()
    about_to_begin = [threading.current_thread(), slow]
    monkeypatch.setattr(threading, "enumerate", lambda: about_to_begin)
    assert not beginning.one_never_began()
    clock.forward(seconds=BEGIN_WITHIN - 1)
    assert not beginning.one_never_began()
    about_to_begin[1] = other  # the first one has begun
    clock.forward(seconds=BEGIN_WITHIN - 1)
    assert not beginning.one_never_began()
    clock.forward(seconds=BEGIN_WITHIN)
    assert beginning.one_never_began()
