"""Carries work out one after the other in a thread of its own, which holds up no end of the program."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

log = logging.getLogger(__name__)


class TaskQueue:
    """Work in the order of its coming. A query that hangs is not waited for: the thread ends with the process."""

    def __init__(self, name: str) -> None:
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._closed = threading.Event()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, work: Callable[[], None]) -> None:
        self._waiting.put(work)

    def close(self) -> None:
        """Begin nothing more."""
        self._closed.set()
        self._waiting.put(None)

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None and not self._closed.is_set():
            try:
                work()
            except Exception:
                log.exception("what was asked in chat failed")
