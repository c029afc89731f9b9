"""A lock that is fair: who came first has the first turn."""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """Like `threading.Lock`, which lets whoever is quickest go first, so that one of many may wait for ever."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    def acquire(self, timeout: float) -> bool:
        """Take a turn; False where it did not come within `timeout` seconds."""
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            ticket = threading.Lock()
            ticket.acquire()
            self._waiting.append(ticket)
        if ticket.acquire(timeout=timeout):
            return True
        with self._lock:
            if ticket not in self._waiting:  # the turn came this very moment
                return True
            self._waiting.remove(ticket)
            return False

    def release(self) -> None:
        """End a turn; the next one has it at once."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
