"""The wall clock and the monotonic clock: the only module that reads them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What planner, judge and delivery know of time. Tests pass their own."""

    def wall(self) -> datetime:
        """The present moment, aware, in UTC. It can step in either direction."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment. It never goes back."""


class SystemClock:
    """The machine's own clock."""

    def wall(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
