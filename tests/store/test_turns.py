"""Writers of one store have their turns in the order in which they came."""

from __future__ import annotations

import threading

from reporter.store.turns import Turns
from tests.support.processes import until


def test_who_came_first_has_the_first_turn() -> None:
    turns, served = Turns(), list[int]()
    assert turns.acquire(0)

    def wait(number: int) -> None:
        assert turns.acquire(60)
        served.append(number)
        turns.release()

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(5)]
    for number, thread in enumerate(threads):
        thread.start()
        until(lambda number=number: turns.waiting == number + 1, lambda: "nobody waits")  # type: ignore[misc]
    turns.release()
    for thread in threads:
        thread.join()
    assert served == [0, 1, 2, 3, 4]


def test_a_turn_that_does_not_come_is_given_up() -> None:
    turns = Turns()
    assert turns.acquire(0)
    assert not turns.acquire(0.01)
    assert turns.waiting == 0
    turns.release()
    assert turns.acquire(0)


def test_one_who_comes_again_and_again_waits_behind_the_others() -> None:
    turns, done = Turns(), threading.Event()

    def greedy() -> None:
        while not done.is_set():
            assert turns.acquire(60)
            turns.release()

    pushing = [threading.Thread(target=greedy) for _ in range(3)]
    for thread in pushing:
        thread.start()
    for _ in range(50):
        assert turns.acquire(60)
        turns.release()
    done.set()
    for thread in pushing:
        thread.join()
