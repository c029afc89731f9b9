"""Checks the wall clock against clocks of other machines.

With a wrong clock, days seem to end before they do. No report of a period is made until the clock is right.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reporter.periods.clock import Clock
from reporter.periods.time_text import moment_text

log = logging.getLogger(__name__)

# A clock that somebody cares for is right within a second; a Date header counts whole ones and may travel for some.
TOLERANCE = timedelta(minutes=1)
# An earlier clock was never set: it shows the year 1970, or that in which the machine's firmware was made.
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
# Seconds. Both our clocks drift together, which only a new answer shows; in doubt one is sought more eagerly.
FRESH, EAGER = 3600.0, 60.0
# So many seconds are spent on asking: where one does not answer, the others hardly will, and the planner waits.
AT_MOST = 10.0

# Asks a clock that is not ours; None where it does not answer.
ForeignClock = Callable[[], datetime | None]


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What a foreign clock showed, and our monotonic clock (in seconds) at that moment."""

    source: str
    shown: datetime
    at: float

    def now(self, monotonic: float) -> datetime:
        """What it must show by now."""
        return self.shown + timedelta(seconds=monotonic - self.at)


def clock_doubt(wall: datetime, monotonic: float, reading: ClockReading | None) -> str | None:
    """Why a wall clock cannot be right, as a sentence; None if nothing speaks against it."""
    if reading is not None:
        right = reading.now(monotonic)
        wrong = abs(wall - right) > TOLERANCE
        return (
            f"it shows {moment_text(wall, UTC)}, and by {reading.source} it is {moment_text(right, UTC)}"
            if wrong
            else None
        )
    if wall < EARLIEST:
        return f"it shows {moment_text(wall, UTC)}, when there was no such program yet"
    return None


class ClockCheck:
    """Remembers the last foreign clock, and asks anew when that is old or does not agree with ours.

    One foreign clock that agrees suffices. With none that answers, our own is believed, unless it was never set.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reading: ClockReading | None = None
        self._asked: tuple[datetime, float] | None = None  # by our clocks, wall and monotonic
        self._doubt: str | None = None
        self._warned = False
        self._lock = threading.Lock()

    def doubt(self, clocks: Mapping[str, ForeignClock]) -> str | None:
        """Why the wall clock cannot be believed now, as a sentence; None while it can."""
        with self._lock:
            why = self._compared()
            if self._should_ask(why):
                why = self._ask(clocks)
            if bool(why) != bool(self._doubt):
                _tell_log(why)
            self._doubt = why
            return why

    def _compared(self) -> str | None:
        return clock_doubt(self._clock.wall(), self._clock.monotonic(), self._reading)

    def _should_ask(self, why: str | None) -> bool:
        """Whether nobody was asked yet, or our clock was moved since, or that is long ago."""
        if self._asked is None or (why and not self._doubt):
            return True
        wall, monotonic = self._asked
        passed = self._clock.monotonic() - monotonic
        moved = abs(self._clock.wall() - wall - timedelta(seconds=passed)) > TOLERANCE
        return moved or passed >= (FRESH if self._reading and not why else EAGER)

    def _ask(self, clocks: Mapping[str, ForeignClock]) -> str | None:
        began = self._clock.monotonic()
        self._asked = self._clock.wall(), began
        for source, ask in clocks.items():
            shown = ask()
            if shown is not None:
                self._reading = ClockReading(source, shown, self._clock.monotonic())
                if self._compared() is None:
                    return None
            if self._clock.monotonic() - began > AT_MOST:
                break
        if self._reading is None and not self._warned:
            self._warned = True
            level = logging.WARNING if clocks else logging.INFO
            log.log(level, "no clock but this machine's can be asked; it is believed")
        return self._compared()


def _tell_log(why: str | None) -> None:
    if why:
        log.error("this machine's clock cannot be right: %s. No period is reported until it is", why)
    else:
        log.info("this machine's clock is right again")
