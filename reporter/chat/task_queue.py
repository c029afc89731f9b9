"""Carries work out one after the other in threads of its own, which hold up no end of the program."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from contextlib import suppress
from queue import SimpleQueue

log = logging.getLogger(__name__)

MOST_PASSED_OVER = 4
"""So many pieces of work of a queue may hang at once; more would hold ever more threads and memory."""


class TaskQueue:
    """Work in the order of its coming. A query that hangs is not waited for: the thread ends with the process."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._turn = self._passed_over = 0
        self._thread(self._turn).start()

    def submit(self, work: Callable[[], None]) -> None:
        self._waiting.put(work)

    def pass_over(self) -> None:
        """Let the next work begin beside the one that is being done, which ends its thread."""
        with self._lock, suppress(RuntimeError):  # the machine gives no more threads
            if self._passed_over < MOST_PASSED_OVER:
                self._thread(self._turn + 1).start()
                self._turn += 1
                self._passed_over += 1

    def close(self) -> None:
        """Begin nothing more."""
        self._closed.set()
        self._waiting.put(None)

    def _thread(self, turn: int) -> threading.Thread:
        return threading.Thread(target=self._run, args=(turn,), name=self._name, daemon=True)

    def _run(self, turn: int) -> None:
        while (work := self._waiting.get()) is not None and not self._closed.is_set():
            try:
                work()
            except Exception:
                log.exception("what was asked in chat failed")
            with self._lock:
                if turn != self._turn:
                    self._passed_over -= 1
                    return


class TaskQueues:
    """A queue for each place: one that is slow holds up no other."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._queues: dict[Hashable, TaskQueue] = {}

    def submit(self, place: Hashable, work: Callable[[], None]) -> None:
        with self._lock:
            if place not in self._queues:
                self._queues[place] = TaskQueue(f"{self._name}-{place}")
            self._queues[place].submit(work)

    def close(self) -> None:
        """Begin nothing more."""
        with self._lock:
            for queue in self._queues.values():
                queue.close()
