"""Clocks that tests turn by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class HandClock:
    """A clock that stands still until it is moved; `monotonic` only ever goes forward."""

    def __init__(self, now: datetime = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)) -> None:
        self.now = now
        self._ticks = 0.0

    def wall(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        self._ticks += 0.001
        return self._ticks

    def forward(self, **span: float) -> None:
        """Let time pass: `forward(minutes=5)`."""
        passed = timedelta(**span)
        self.now += passed
        self._ticks += passed.total_seconds()

    def set_by(self, step: timedelta) -> None:
        """Set the wall clock forward or back: no time passes."""
        self.now += step
