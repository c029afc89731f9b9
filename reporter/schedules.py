"""When a job's turn comes: `every 30s`, `daily at 00:00`, `weekly on mon at 00:05`, `cron "0 0 * * *"`."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class ScheduleError(ValueError):
    """The text is no schedule; the message says what to write instead."""


class Schedule(Protocol):
    """A rule that yields moments."""

    def after(self, moment: datetime, zone: str) -> datetime:
        """The first moment strictly after `moment` (aware), in UTC, by the wall clock of `zone`."""

    def __str__(self) -> str:
        """The canonical text, which parses to an equal schedule."""


def parse(text: str) -> Schedule:
    """Read a schedule. Raises ScheduleError."""
    raise NotImplementedError
