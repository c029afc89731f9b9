"""How old the newest trade of a trading database is beside how old it may be, in words and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from reporter.periods.time_text import duration_text, passed


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the newest trade of a ledger is beside how old it may be."""

    ledger: str
    """The name of the ledger in the config."""
    newest: datetime | None
    """When its newest trade closed; None where it has none, and nobody can say whether it is fresh."""
    age: timedelta | None
    """How much time has passed since then within the trading hours; None where it has no trade."""
    now: datetime
    """The moment of looking."""
    warn: timedelta
    """From this age on its figures are stale."""
    fail: timedelta | None = None
    """From this age on that is critical; None for never."""
    within_hours: bool = False
    """Whether it has trading hours."""

    @property
    def known(self) -> bool:
        """Whether there is a trade to go by."""
        return self.age is not None

    @property
    def stale(self) -> bool:
        """Whether the newest trade is as old as it may not be."""
        return self.age is not None and self.age >= self.warn

    @property
    def failed(self) -> bool:
        """Whether it is so old that this is critical."""
        return self.age is not None and self.fail is not None and self.age >= self.fail

    @property
    def limit(self) -> timedelta:
        """The limit: the graver of those that are reached, else the first one."""
        return self.fail if self.failed and self.fail else self.warn

    def __str__(self) -> str:
        """`newest trade 3 days ago, limit 1 day`; with trading hours also how much of them that is."""
        limit = duration_text(self.limit)
        if self.newest is None:
            return f"no trade yet, so whether it is fresh (limit {limit}) is not known"
        inside = f" ({_coarse(self.age or timedelta())} of trading hours)" if self.within_hours else ""
        return f"newest trade {_coarse(passed(self.newest, self.now))} ago{inside}, limit {limit}"


def _coarse(span: timedelta) -> str:
    """To the hour, and below it to the minute: what says it need not change more often."""
    step = timedelta(hours=1) if span >= timedelta(hours=1) else timedelta(minutes=1)
    return duration_text(span // step * step)
