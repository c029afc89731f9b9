"""Whether the figures of a trading database are stale: how old its newest trade may be, within its trading hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from reporter.periods.time_text import passed
from reporter.periods.weekly_hours import WeeklyHours
from reporter.trading.freshness import Freshness


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshnessRule:
    """How old the newest trade of a ledger may be. Only time within its trading hours counts, `when` it has any."""

    warn: timedelta
    """From this age on its figures are stale."""
    fail: timedelta | None = None
    """From this age on that is critical; None for never."""
    when: WeeklyHours | None = None
    """The trading hours; None for always."""

    def judge(self, ledger: str, newest: datetime | None, now: datetime) -> Freshness:
        """How fresh a ledger is whose newest trade closed at `newest`; None where it has no trade."""
        return Freshness(
            ledger, newest, self.age(newest, now), now, self.warn, self.fail, within_hours=self.when is not None
        )

    def age(self, newest: datetime | None, now: datetime) -> timedelta | None:
        """How much time has passed since a moment within the trading hours; None where there is no moment."""
        if newest is None or self.when is None:
            return None if newest is None else passed(newest, now)
        return self.when.between(newest, now)
