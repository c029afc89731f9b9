"""Work that is done at most once at a time, by name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class InProgress:
    """The names of the work that is under way. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: set[str] = set()

    def begin(self, name: str) -> bool:
        """Take a name; False if it is taken."""
        with self._lock:
            free = name not in self._names
            self._names.add(name)
            return free

    def end(self, name: str) -> None:
        with self._lock:
            self._names.discard(name)

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Hold a name for a block; yields False, and holds nothing, if it is taken."""
        free = self.begin(name)
        try:
            yield free
        finally:
            if free:
                self.end(name)

    @property
    def names(self) -> frozenset[str]:
        with self._lock:
            return frozenset(self._names)
