"""Deposits and withdrawals are capital, and never a gain or a loss."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from reporter.periods.civil import Period
from reporter.trading.books import Book
from reporter.trading.equity_curve import curve_of, curve_of_series
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.trades import Flow
from tests.trading.ledger.databases import Native, between, usdt, utc

DAYS = between("2026-10-28", "2026-10-31")
START = (usdt("1000"),)
MakesNatives = Callable[[], Native]


def seen(bot: Native, at: str, deposited: object = 0, **more: object) -> None:
    row = {"at": bot.stamp(f"2026-10-{at}:00"), "currency": "USDT", "equity": 1, "deposited": deposited}
    bot.add("equity", {**row, **more})


def book(*bots: Native, period: Period = DAYS, **asked: Any) -> Book:
    floor = Portfolio([bot.settings(str(place), starting_balance=START) for place, bot in enumerate(bots)])
    (found,) = floor.performance(period, daily=True, **asked)
    return found


def flow(deposited: str = "0", withdrawn: str = "0") -> Flow:
    return Flow(Decimal(deposited), Decimal(withdrawn))


def test_a_balance_holds_what_was_paid_in_and_not_what_was_taken_out(bot: Native) -> None:
    seen(bot, "01 00:00")
    seen(bot, "20 00:00", 500)
    seen(bot, "29 12:00", 9000)
    seen(bot, "30 12:00", -300)
    bot.trade(50, "2026-10-29 18:00:00")
    found = book(bot)
    assert (found.opening, found.closing) == (usdt("1500"), usdt("10250"))
    assert found.flows == (flow(), flow("9000"), flow(withdrawn="300"))
    assert (found.flow.net, found.pnl) == (Decimal(8700), usdt("50"))


def test_a_deposit_is_capital_from_its_day_on_and_a_withdrawal_until_its_end(bot: Native) -> None:
    seen(bot, "01 00:00")
    seen(bot, "29 12:00", 9000)
    seen(bot, "30 12:00", -5000)
    for pnl, at in ((10, "28"), (100.1, "29"), (101.101, "30")):
        bot.trade(pnl, f"2026-10-{at} 18:00:00")
    found = book(bot)
    returns = curve_of(found, DAYS, found.opening).returns
    assert returns == pytest.approx([0.01, 0.01, 100.101 / 10110.1 + 1 / 10110.1], rel=1e-12)
    assert found.base == usdt("7000")  # 1000 for three days, 9000 more for two; what left was there until the end


def test_what_the_first_snapshot_calls_a_deposit_is_the_starting_balance(bot: Native) -> None:
    seen(bot, "27 00:00", 1000)
    seen(bot, "29 00:00", 0)
    bot.trade(5, "2026-10-29 18:00:00")
    assert (book(bot).opening, book(bot).flows) == (usdt("1000"), ())


def test_a_snapshot_of_midnight_tells_of_the_day_before(bot: Native) -> None:
    seen(bot, "28 00:00")
    seen(bot, "29 00:00", 100)
    seen(bot, "31 00:00", -40)
    bot.trade(5, "2026-10-29 18:00:00")
    assert book(bot).flows == (flow("100"), flow(), flow(withdrawn="40"))
    assert book(bot, period=between("2026-10-29", "2026-10-31")).opening == usdt("1100")


def test_days_of_payments_are_those_of_the_zone(bot: Native) -> None:
    seen(bot, "01 00:00")
    seen(bot, "29 02:00", 100)  # 22:00 of the 28th in New York
    bot.trade(5, "2026-10-29 18:00:00")
    period = Period(utc("2026-10-28 04:00"), utc("2026-10-30 04:00"), "two days", "America/New_York")
    assert book(bot, period=period).flows == (flow("100"), flow())


def test_agents_payments_count_unless_the_whole_account_has_its_own(bot: Native) -> None:
    for agent in ("a", "b"):
        seen(bot, "01 00:00", agent=agent)
        seen(bot, "29 12:00", 100, agent=agent)
    bot.trade(5, "2026-10-29 18:00:00")
    assert book(bot).flow == flow("200")
    seen(bot, "01 00:00")
    seen(bot, "29 12:00", 150)
    assert book(bot).flow == flow("150")


def test_payments_of_another_mode_or_currency_are_in_their_own_books(bot: Native) -> None:
    for more in ({"mode": "paper"}, {"currency": "BTC"}, {}):
        seen(bot, "01 00:00", **more)
    seen(bot, "29 12:00", 70, mode="paper")
    seen(bot, "29 12:00", 2, currency="BTC")
    bot.trade(5, "2026-10-29 18:00:00")
    bot.trade(5, "2026-10-29 18:00:00", mode="paper")
    live, paper = Portfolio([bot.settings(starting_balance=START)]).performance(DAYS)
    assert (live.flow, paper.flow, paper.closing) == (flow(), flow("70"), usdt("1075"))


def test_an_agent_on_the_starting_balance_has_its_payments_and_one_with_capital_has_none(bot: Native) -> None:
    bot.add("agents", {"name": "own", "currency": "USDT", "capital": 200})
    seen(bot, "01 00:00")
    seen(bot, "20 00:00", 500)
    seen(bot, "29 12:00", 100)
    for agent in ("own", "shared"):
        bot.trade(5, "2026-10-29 18:00:00", agent=agent)
    lines = {line.key: (line.capital, line.flows) for line in book(bot).lines}
    assert lines == {"own": (usdt("200"), ()), "shared": (usdt("1500"), (flow(), flow("100"), flow()))}


def test_ledgers_payments_are_added(new_native: MakesNatives) -> None:
    one, other = new_native(), new_native()
    for bot, amount in ((one, 100), (other, -30)):
        seen(bot, "01 00:00")
        seen(bot, "29 12:00", amount)
        bot.trade(5, "2026-10-29 18:00:00")
    found = book(one, other)
    assert (found.flows[1], found.opening, found.closing) == (flow("100", "30"), usdt("2000"), usdt("2080"))


def test_a_series_has_the_payments_of_its_days(bot: Native) -> None:
    seen(bot, "01 00:00")
    seen(bot, "20 00:00", 500)
    seen(bot, "29 12:00", 100)
    bot.trade(16, "2026-10-29 18:00:00")
    (series,) = Portfolio([bot.settings(starting_balance=START)]).daily_series(DAYS)
    (course,) = series.agents
    assert (series.opening, series.flows) == (usdt("1500"), (flow(), flow("100"), flow()))
    assert curve_of_series(series).returns == curve_of_series(series, agent=course).returns == [0.0, 0.01, 0.0]
    (whole,) = Portfolio([bot.settings(starting_balance=START)]).daily_series(DAYS, whole=True)
    assert (whole.opening, whole.flows) == (usdt("1500"), (flow("100"), flow()))


def test_without_a_starting_balance_or_a_table_of_snapshots_nothing_was_paid(bot: Native) -> None:
    seen(bot, "01 00:00")
    seen(bot, "29 12:00", 100)
    bot.trade(5, "2026-10-29 18:00:00")
    (found,) = Portfolio([bot.settings()]).performance(DAYS)
    assert (found.flows, found.opening) == ((), None)
    bot.run("DROP TABLE equity")
    assert book(bot).opening == usdt("1000")


def test_ten_days_of_payments_are_one_period_or_ten(bot: Native) -> None:
    seen(bot, "01 00:00")
    for day in (3, 9, 10):
        seen(bot, f"{day:02} 12:00", 100 * day - 950)
        bot.trade(day, f"2026-10-{day:02} 18:00:00")
    both = between("2026-10-01", "2026-10-11")
    whole = book(bot, period=both)
    days = [book(bot, period=day) for day in both.days()]
    assert [one.flow for one in days] == list(whole.flows)
    assert all(one.closing == two.opening for one, two in pairwise(days))
    assert (days[0].opening, days[-1].closing) == (whole.opening, whole.closing)


def test_freqtrade_tells_of_no_payment(freqtrade: LedgerSettings) -> None:
    (found,) = Portfolio([freqtrade]).performance(between("2026-10-01", "2026-10-31"))
    assert found.flows == ()
    assert found.base == found.opening


def test_a_table_of_an_earlier_day_tells_of_payments_too(bot: Native) -> None:
    seen(bot, "01 00:00")
    seen(bot, "29 12:00", 100)
    bot.run("ALTER TABLE equity DROP COLUMN unrealised")
    bot.trade(5, "2026-10-29 18:00:00")
    assert book(bot).flow == book(bot, account=True).flow == flow("100")
