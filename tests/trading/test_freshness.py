"""How old the newest trade of a ledger may be: ages count only within trading hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reporter.periods.weekly_hours import weekly_hours
from reporter.trading.freshness_rule import FreshnessRule

HOUR = timedelta(hours=1)
STOCKS = FreshnessRule(warn=HOUR, fail=3 * HOUR, when=weekly_hours("mon-fri 09:30-16:00 America/New_York"))
FRIDAY = datetime(2026, 11, 27, 20, 30, tzinfo=UTC)  # half an hour before the market closes


def test_without_hours_every_hour_counts() -> None:
    found = FreshnessRule(warn=24 * HOUR).judge("bot", FRIDAY, FRIDAY + 72 * HOUR)
    assert found.stale
    assert not found.failed
    assert str(found) == "newest trade 3 days ago, limit 1 day"


def test_a_weekend_makes_no_ledger_stale() -> None:
    for hours in range(66):  # up to Monday, 09:30 in New York
        assert not STOCKS.judge("stocks", FRIDAY, FRIDAY + hours * HOUR).stale
    assert STOCKS.judge("stocks", FRIDAY, datetime(2026, 11, 30, 15, 1, tzinfo=UTC)).stale


def test_what_was_stale_at_the_close_stays_so_and_grows_no_older() -> None:
    noon, evening = datetime(2026, 11, 27, 17, tzinfo=UTC), datetime(2026, 11, 27, 21, tzinfo=UTC)
    at_close, on_sunday = (STOCKS.judge("stocks", noon, now) for now in (evening, evening + 40 * HOUR))
    assert at_close.stale
    assert at_close.age == on_sunday.age == 4 * HOUR
    assert str(on_sunday) == "newest trade 1 day, 20 hours ago (4h of trading hours), limit 3h"


@pytest.mark.parametrize(("hours", "stale", "failed"), [(0.9, False, False), (1, True, False), (3, True, True)])
def test_a_limit_is_reached_by_its_very_age(hours: float, stale: bool, failed: bool) -> None:
    found = FreshnessRule(warn=HOUR, fail=3 * HOUR).judge("bot", FRIDAY, FRIDAY + hours * HOUR)
    assert (found.stale, found.failed) == (stale, failed)


def test_a_ledger_without_a_trade_is_not_stale_but_unknown() -> None:
    found = STOCKS.judge("stocks", None, FRIDAY)
    assert not found.stale
    assert not found.known
    assert str(found) == "no trade yet, so whether it is fresh (limit 1h) is not known"


def test_a_trade_of_a_clock_ahead_is_no_age() -> None:
    assert FreshnessRule(warn=HOUR).judge("bot", FRIDAY + HOUR, FRIDAY).age == timedelta()
