"""A ledger whose newest trade is older than it may be: its books say so, and those of other ledgers do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from reporter.periods.civil import Period
from reporter.periods.weekly_hours import weekly_hours
from reporter.trading.freshness import Freshness
from reporter.trading.freshness_rule import FreshnessRule
from reporter.trading.ledger.portfolio import Portfolio
from tests.trading.ledger.databases import Native, between, usdt, utc

MakesNatives = Callable[[], Native]
DAY = FreshnessRule(warn=timedelta(days=1))
STOCKS = FreshnessRule(
    warn=timedelta(minutes=30), fail=timedelta(hours=2), when=weekly_hours("mon-fri 09:30-16:00 America/New_York")
)
WEEK = between("2026-11-23", "2026-11-30")


def stale(
    bots: Sequence[tuple[str, Native, FreshnessRule | None]], now: str, period: Period = WEEK
) -> list[list[Freshness]]:
    """What each book says of the ledgers that it is made of."""
    settings = [bot.settings(name, fresh=rule) for name, bot, rule in bots]
    return [list(book.stale) for book in Portfolio(settings, now=lambda: utc(now)).performance(period)]


def test_an_old_trade_makes_the_books_of_its_ledger_stale(new_native: MakesNatives) -> None:
    fine, old = new_native(), new_native()
    fine.trade(1, "2026-11-27 10:00:00", currency="BTC")
    old.trade(2, "2026-11-24 10:00:00")
    of_btc, of_usdt = stale([("spot", fine, DAY), ("futures", old, DAY)], "2026-11-27 11:00")
    assert of_btc == []
    assert [(one.ledger, str(one)) for one in of_usdt] == [("futures", "newest trade 3 days, 1 hour ago, limit 1 day")]


def test_a_ledger_without_the_rule_is_never_stale(bot: Native) -> None:
    bot.trade(2, "2026-11-23 10:00:00")
    assert stale([("bot", bot, None)], "2026-11-29 11:00") == [[]]


@pytest.mark.parametrize(
    ("now", "is_stale"),
    [("2026-11-27 20:59", False), ("2026-11-28 12:00", False), ("2026-11-30 14:29", False), ("2026-11-30 14:46", True)],
)
def test_a_stock_bot_is_not_stale_for_a_weekend(bot: Native, now: str, is_stale: bool) -> None:
    bot.trade(2, "2026-11-27 20:45:00")  # a quarter of an hour before the close on Friday
    [found] = stale([("stocks", bot, STOCKS)], now, between("2026-11-23", "2026-12-01"))
    assert bool(found) is is_stale


@pytest.mark.parametrize(("day", "now"), [("2026-03-06", "2026-03-09 13:31"), ("2026-10-30", "2026-11-02 14:31")])
def test_hours_are_those_of_their_zone_after_its_clock_was_moved(bot: Native, day: str, now: str) -> None:
    """The market opens at 13:30 UTC in summer and at 14:30 in winter; the trade is of 29.5 minutes before its close."""
    bot.trade(2, f"{day} 20:30:30" if day.startswith("2026-03") else f"{day} 19:30:30")
    wide = Period(utc(day), utc(now) + timedelta(days=1), "")
    before = f"{now[:14]}{int(now[14:]) - 1:02}"
    assert stale([("stocks", bot, STOCKS)], before, wide) == [[]]
    [[found]] = stale([("stocks", bot, STOCKS)], now, wide)
    assert found.age == timedelta(minutes=30, seconds=30)


def test_a_period_with_newer_trades_than_it_is_complete(bot: Native) -> None:
    bot.trade(1, "2026-11-23 10:00:00")
    bot.trade(1, "2026-11-24 10:00:00")
    assert stale([("bot", bot, DAY)], "2026-11-29 09:00", between("2026-11-23", "2026-11-24")) == [[]]
    assert stale([("bot", bot, DAY)], "2026-11-29 09:00", between("2026-11-23", "2026-11-25")) != [[]]


def test_a_trade_of_the_future_keeps_no_ledger_fresh(bot: Native) -> None:
    bot.trade(1, "2026-11-23 10:00:00")
    bot.trade(1, "2027-11-23 10:00:00")
    [[found]] = stale([("bot", bot, DAY)], "2026-11-29 09:00")
    assert found.newest == utc("2026-11-23 10:00")


def test_of_a_ledger_without_a_trade_every_book_says_that_nobody_knows(new_native: MakesNatives) -> None:
    fine, empty = new_native(), new_native()
    fine.trade(1, "2026-11-27 10:00:00")
    [[found]] = stale([("spot", fine, DAY), ("futures", empty, DAY)], "2026-11-27 11:00")
    assert (found.ledger, found.known, found.stale) == ("futures", False, False)


def test_health_judges_by_the_same_rule(bot: Native) -> None:
    bot.trade(2, "2026-11-25 18:00:00", agent="a")
    settings = bot.settings("stocks", fresh=STOCKS, starting_balance=(usdt("100"),))
    portfolio = Portfolio([settings], now=lambda: utc("2026-11-28 12:00"))
    [health], [book] = portfolio.health(), portfolio.performance(WEEK)
    assert health.freshness == book.stale[0]
    assert health.freshness.failed


def test_a_check_of_the_rows_says_how_old_the_newest_is(bot: Native) -> None:
    bot.trade(2, "2026-11-24 10:00:00")
    now = utc("2026-11-27 11:00")
    [checks] = Portfolio([bot.settings(fresh=DAY)], now=lambda: now).check(now)
    assert checks.freshness
    assert checks.freshness.stale
    assert checks.sound
