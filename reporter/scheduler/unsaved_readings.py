"""Readings that could not be saved: they wait in memory, in bounds, until the store can be written again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

from reporter.alerts.model import Observation

# At most so many readings wait; the oldest are dropped then.
MOST = 5000

# The readings of one look, when they were made, and the usual time between two looks.
Look = tuple[Sequence[Observation], datetime, timedelta | None]


class UnsavedReadings:
    """The looks that are not saved yet, the oldest first. Safe to share among threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looks: list[Look] = []

    def take(self) -> list[Look]:
        """Take all, to save them; what cannot be saved is to be put back."""
        with self._lock:
            taken, self._looks = self._looks, []
        return taken

    def put_back(self, looks: Sequence[Look]) -> None:
        with self._lock:
            self._looks = sorted([*looks, *self._looks], key=lambda look: look[1])
            while sum(len(seen) for seen, *_ in self._looks) > MOST:
                del self._looks[0]
