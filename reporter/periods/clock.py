"""The wall clock and the monotonic clock: the only module that reads them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol

# The wall clock is steered by fractions of a second. From so many seconds on, it was set.
CLOCK_STEP = 5.0


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


class ClockSteps:
    """Says by how much the wall clock was set since it was last asked: what the monotonic clock cannot account for.

    `asleep` says how many seconds this machine has slept; by default sleep counts as a step.
    """

    def __init__(self, clock: Clock, asleep: Callable[[], float] = lambda: 0.0) -> None:
        self._clock = clock
        self._asleep = asleep
        self._lock = threading.Lock()
        self._offset = self._present_offset()

    def since_last(self) -> timedelta:
        """The step since the last call; zero for the small corrections of a clock that is steered."""
        with self._lock:
            step = self._present_offset() - self._offset
            self._offset += step
        return timedelta(seconds=step) if abs(step) >= CLOCK_STEP else timedelta()

    @contextmanager
    def taken(self) -> Iterator[timedelta]:
        """The step since the last call; it counts again at the next one if it could not be taken into account."""
        step = self.since_last()
        try:
            yield step
        except BaseException:
            with self._lock:
                self._offset -= step.total_seconds()
            raise

    def _present_offset(self) -> float:
        return self._clock.wall().timestamp() - self._clock.monotonic() - self._asleep()


def seconds_asleep() -> float:
    """How many seconds this machine has slept since it was started; 0 where the system does not say."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
