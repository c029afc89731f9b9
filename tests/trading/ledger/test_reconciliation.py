"""Snapshots of the account's value compared with realised P&L; and open positions."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reporter.periods.civil import Unit, containing
from reporter.trading.books import Book, Equity, Open
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from tests.support.paths import DATA
from tests.trading.ledger.databases import Native, between, money, usdt, utc

MakesNatives = Callable[[], Native]
DAY = between("2026-10-30", "2026-10-31")


def seen(bot: Native, at: str, equity: object, **more: object) -> None:
    bot.add("equity", {"at": bot.stamp(f"2026-10-{at}:00"), "currency": "USDT", "equity": equity, **more})


def book(*bots: Native, **settings: Any) -> Book:
    floor = Portfolio([bot.settings(str(place), **settings) for place, bot in enumerate(bots)])
    (found,) = floor.performance(DAY, account=True)
    return found


def equity(*bots: Native, **settings: Any) -> Equity:
    found = book(*bots, **settings).equity
    assert found is not None
    return found


def test_what_was_earned_and_paid_in_explains_the_change(bot: Native) -> None:
    seen(bot, "29 23:55", 1000, unrealised=10)
    seen(bot, "30 12:00", 1500, unrealised=0, deposited=500)
    seen(bot, "30 23:55", 1520.5, unrealised=-7, deposited=-20)
    bot.trade(60, "2026-10-30 10:00:00")
    found = equity(bot)
    assert (found.opening, found.closing, found.change) == (usdt("1000"), usdt("1520.5"), usdt("520.5"))
    assert (found.realised, found.unrealised_change, found.deposits) == (usdt("60"), usdt("-17"), usdt("480"))
    assert (found.unexplained, found.unknown) == (usdt("-2.5"), ())


def test_realised_is_counted_between_the_snapshots_and_not_between_midnights(bot: Native) -> None:
    seen(bot, "29 23:00", 1000)
    seen(bot, "30 23:00", 1003)
    for pnl, at in ((100, "29 22:59:59"), (1, "29 23:00:01"), (2, "30 22:59:59"), (50, "30 23:00:01")):
        bot.trade(pnl, f"2026-10-{at}")
    found = equity(bot)
    assert (found.realised, found.unexplained) == (usdt("3"), usdt("0"))
    assert (found.opened_at, found.closed_at) == (utc("2026-10-29 23:00"), utc("2026-10-30 23:00"))


def test_a_trade_that_closed_in_the_moment_of_a_snapshot_is_in_it(bot: Native) -> None:
    seen(bot, "29 23:00", 1000)
    seen(bot, "30 23:00", 1050)
    bot.trade(7, "2026-10-29 23:00:00")
    bot.trade(50, "2026-10-30 23:00:00")
    assert (equity(bot).realised, equity(bot).unexplained) == (usdt("50"), usdt("0"))


def test_a_part_that_nobody_knows_is_named_and_left_in_the_rest(bot: Native) -> None:
    seen(bot, "29 23:00", 1000, unrealised=5)
    seen(bot, "30 23:00", 1010)
    found = equity(bot)
    assert (found.unrealised_change, found.unexplained, found.unknown) == (None, usdt("10"), ("unrealised P&L",))


def test_agents_accounts_are_added_unless_the_whole_has_its_own(bot: Native) -> None:
    for agent, worth in (("a", 100), ("b", 200)):
        seen(bot, "29 23:00", worth, agent=agent)
        seen(bot, "30 23:00", worth + 5, agent=agent)
        bot.trade(5, "2026-10-30 12:00:00", agent=agent)
    assert (equity(bot).closing, equity(bot).unexplained) == (usdt("310"), usdt("0"))
    seen(bot, "29 23:00", 1000)
    seen(bot, "30 23:00", 1011)
    assert (equity(bot).closing, equity(bot).realised, equity(bot).unexplained) == (usdt("1011"), usdt("10"), usdt("1"))


def test_the_oldest_of_several_accounts_says_how_old_the_figure_is(bot: Native) -> None:
    seen(bot, "30 22:00", 1, agent="a")
    seen(bot, "30 23:00", 2, agent="b")
    assert equity(bot).closed_at == utc("2026-10-30 22:00")


def test_an_account_that_is_too_young_or_long_unseen_has_no_opening(bot: Native) -> None:
    seen(bot, "22 23:59", 1000)
    seen(bot, "30 12:00", 1100)
    found = equity(bot)
    assert (found.opening, found.closing, found.change, found.unexplained) == (None, usdt("1100"), None, None)


def test_ledgers_reconcile_together_each_by_its_own_moments(new_native: MakesNatives) -> None:
    early, late = new_native(), new_native()
    for bot, hour in ((early, 20), (late, 23)):
        seen(bot, f"29 {hour}:00", 100)
        seen(bot, f"30 {hour}:00", 101)
        bot.trade(1, "2026-10-29 22:00:00")
        bot.trade(1, "2026-10-30 22:00:00")
    found = equity(early, late)
    assert (found.opening, found.closing, found.realised) == (usdt("200"), usdt("202"), usdt("2"))
    assert (found.unexplained, found.closed_at) == (usdt("0"), utc("2026-10-30 20:00"))


def test_without_every_ledgers_snapshots_there_is_no_equity(new_native: MakesNatives) -> None:
    keeps, keeps_not = new_native(), new_native()
    seen(keeps, "30 23:00", 100)
    keeps_not.trade(1, "2026-10-30 22:00:00")
    assert book(keeps, keeps_not).equity is None


def test_nothing_of_the_account_is_asked_for_unless_wanted(bot: Native) -> None:
    seen(bot, "30 23:00", 100)
    (found,) = Portfolio([bot.settings(starting_balance=(usdt("1"),))]).performance(DAY)
    assert (found.equity, found.open) == (None, None)


def test_currencies_and_modes_have_accounts_of_their_own(bot: Native) -> None:
    for currency, mode, worth in (("USDT", "live", 1), ("USDT", "paper", 2), ("BTC", "live", 3)):
        seen(bot, "30 12:00", worth, currency=currency, mode=mode)
    found = Portfolio([bot.settings()]).performance(DAY, account=True)
    assert [each.equity and each.equity.closing for each in found] == [money("3", "BTC"), usdt("1"), usdt("2")]


def test_open_positions_say_how_many_have_no_price_and_how_old_the_oldest_is(bot: Native) -> None:
    same = {"agent": "a", "market": "BTC", "side": "long", "currency": "USDT"}
    priced = [(-1.5, "2026-10-30 11:59:30"), (4, "2026-10-30 11:52:00")]
    bot.add("positions", same, *({**same, "unrealised_pnl": u, "priced_at": bot.stamp(at)} for u, at in priced))
    assert book(bot).open == Open(positions=3, unrealised=usdt("2.5"), unpriced=1, priced_at=utc("2026-10-30 11:52"))


def test_without_a_single_price_what_is_open_is_worth_nobody_knows_what(bot: Native) -> None:
    bot.add("positions", {"agent": "a", "market": "BTC", "side": "long", "currency": "USDT"})
    assert book(bot).open == Open(positions=1, unrealised=None, unpriced=1)


def test_with_nothing_open_nothing_is_unrealised(bot: Native) -> None:
    assert book(bot, starting_balance=(usdt("1"),)).open == Open(positions=0, unrealised=usdt("0"))


@pytest.mark.parametrize("day", ["2026-09-13", "2026-09-16", "2026-09-17", "2026-10-22", "2026-10-26", "2026-10-27"])
def test_freqtrades_wallet_is_explained_to_the_last_digit(freqtrade: LedgerSettings, day: str) -> None:
    (found,) = Portfolio([freqtrade]).performance(containing(Unit.DAY, utc(f"{day} 12:00"), "UTC"), account=True)
    assert found.equity is not None
    assert found.equity.unexplained == usdt("0")
    assert found.equity.realised == found.pnl
    assert found.equity.unknown == ("deposits and withdrawals",)


@pytest.mark.parametrize("day", ["2026-09-14", "2026-09-15", "2026-09-20", "2026-09-21", "2026-09-30", "2026-10-01"])
def test_a_trade_that_freqtrade_closed_at_midnight_is_in_the_wallet_of_midnight(
    freqtrade: LedgerSettings, day: str
) -> None:
    (found,) = Portfolio([freqtrade]).performance(containing(Unit.DAY, utc(f"{day} 12:00"), "UTC"), account=True)
    assert found.equity is not None
    assert found.equity.unexplained == usdt("0")


@pytest.mark.parametrize(("day", "sold"), [("2026-09-02", "1.52636596"), ("2026-09-03", "-1.52636596")])
def test_what_freqtrade_sold_of_a_trade_that_goes_on_is_explained_when_it_closes(
    freqtrade: LedgerSettings, day: str, sold: str
) -> None:
    (found,) = Portfolio([freqtrade]).performance(containing(Unit.DAY, utc(f"{day} 12:00"), "UTC"), account=True)
    assert found.equity is not None
    assert found.equity.unexplained == usdt(sold)


def test_freqtrades_wallet_of_two_months_is_explained_to_the_last_digit(
    freqtrade: LedgerSettings,
) -> None:
    period = between("2026-09-02", "2026-10-31")
    (found,) = Portfolio([freqtrade]).performance(period, account=True)
    assert found.equity is not None
    assert found.equity.unexplained == usdt("0")


def test_what_a_coin_of_a_spot_market_was_bought_for_is_not_known(tmp_path: Path) -> None:
    path = str(shutil.copy(DATA / "freqtrade.sqlite", tmp_path))
    with closing(sqlite3.connect(path)) as connection, connection:
        spot = "UPDATE wallet_history SET collateral = NULL WHERE currency <> quote_currency"
        connection.execute(f"{spot} AND timestamp LIKE '2026-10-30%'")
    period = containing(Unit.DAY, utc("2026-10-29 12:00"), "UTC")
    (found,) = Portfolio([LedgerSettings(name="ft", kind="freqtrade", url=path)]).performance(period, account=True)
    assert found.equity is not None
    assert (found.equity.unrealised_change, "unrealised P&L" in found.equity.unknown) == (None, True)
