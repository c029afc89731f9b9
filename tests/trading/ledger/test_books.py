"""Books of the native schema: what is added together, and what never is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from reporter.errors import LedgerError
from reporter.trading.books import By
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.trades import Mode
from tests.trading.ledger.databases import Native, between, money, usdt, utc

DAY = between("2026-10-30", "2026-10-31")
NOWHERE = LedgerSettings(name="gone", kind="native", url="/nowhere/gone.sqlite")
BY: tuple[By, ...] = ("strategy", "market", "side")
MakesNatives = Callable[[], Native]


def test_currencies_and_modes_are_never_added(new_native: MakesNatives) -> None:
    first, second = new_native(), new_native()
    for bot, scale in ((first, 1), (second, 10)):
        bot.trade(1 * scale, "2026-10-30 01:00:00", currency="USDT", mode="live")
        bot.trade(2 * scale, "2026-10-30 02:00:00", currency="BTC", mode="live")
        bot.trade(3 * scale, "2026-10-30 03:00:00", currency="USDT", mode="paper")
        bot.trade(4 * scale, "2026-10-30 04:00:00", currency="BTC", mode="paper")
    books = Portfolio([first.settings("one"), second.settings("two")]).performance(DAY)
    assert [(book.mode, book.pnl, book.trades) for book in books] == [
        (Mode.LIVE, money("22", "BTC"), 2),
        (Mode.LIVE, money("11", "USDT"), 2),
        (Mode.PAPER, money("44", "BTC"), 2),
        (Mode.PAPER, money("33", "USDT"), 2),
    ]
    assert all(book.ledgers == ("one", "two") for book in books)


def test_daily_series_of_several_ledgers_are_added(new_native: MakesNatives) -> None:
    first, second = new_native(), new_native()
    first.trade(5, "2026-10-30 01:00:00")
    second.trade(-2, "2026-10-30 23:59:59")
    second.trade(7, "2026-11-01 00:00:00")
    floor = Portfolio([first.settings("one"), second.settings("two")])
    (book,) = floor.performance(between("2026-10-30", "2026-11-02"), daily=True)
    assert book.daily == (Decimal(3), Decimal(0), Decimal(7))
    assert {line.label: line.daily for line in book.lines} == {
        "a (one)": (Decimal(5), Decimal(0), Decimal(0)),
        "a (two)": (Decimal(-2), Decimal(0), Decimal(7)),
    }


def test_drawdown_across_ledgers_follows_the_order_of_their_trades(new_native: MakesNatives) -> None:
    first, second = new_native(), new_native()
    first.trade(10, "2026-10-30 01:00:00")
    second.trade(-4, "2026-10-30 02:00:00")
    first.trade(-3, "2026-10-30 03:00:00")
    second.trade(9, "2026-10-30 04:00:00")
    (book,) = Portfolio([first.settings("one"), second.settings("two")]).performance(DAY)
    assert book.drawdown == usdt("-7")


def test_drawdown_counts_from_the_start_of_the_period(bot: Native) -> None:
    bot.trade(100, "2026-10-29 12:00:00")
    bot.trade(-5, "2026-10-30 01:00:00")
    bot.trade(3, "2026-10-30 02:00:00")
    (book,) = Portfolio([bot.settings()]).performance(DAY)
    assert book.drawdown == usdt("-5")


def test_an_agents_ledger_is_shown_only_where_names_clash(new_native: MakesNatives) -> None:
    first, second = new_native(), new_native()
    first.trade(1, "2026-10-30 01:00:00", agent="same", mode="live")
    first.trade(2, "2026-10-30 01:00:00", agent="own")
    second.trade(3, "2026-10-30 01:00:00", agent="same", mode="paper")
    books = Portfolio([first.settings("one"), second.settings("two")]).performance(DAY)
    assert [[line.label for line in book.lines] for book in books] == [["own", "same (one)"], ["same (two)"]]


def test_midnight_belongs_to_the_day_that_begins(bot: Native) -> None:
    bot.trade(1, "2026-10-29 23:59:59.999999")
    bot.trade(10, "2026-10-30 00:00:00")
    bot.trade(100, "2026-10-30 00:00:00.000000")
    bot.trade(1000, "2026-10-30 23:59:59.5")
    bot.trade(10000, "2026-10-31 00:00:00")
    bot.trade(100000, "2026-10-31 00:00:00.000000")
    (book,) = Portfolio([bot.settings()]).performance(DAY)
    assert book.pnl == usdt("1110")


def test_a_period_may_end_within_a_second(bot: Native) -> None:
    bot.trade(1, "2026-10-30 12:00:00")
    bot.trade(10, "2026-10-30 12:00:00.25")
    bot.trade(100, "2026-10-30 12:00:00.500000")
    (book,) = Portfolio([bot.settings()]).performance(between("2026-10-30", "2026-10-30 12:00:00.5"))
    assert book.pnl == usdt("11")


def test_the_noise_of_floats_is_neither_won_nor_lost(bot: Native) -> None:
    bot.trade(0.1, "2026-10-30 01:00:00")
    bot.trade(0.2, "2026-10-30 02:00:00")
    bot.trade(0.1 + 0.2 - 0.3, "2026-10-30 03:00:00")
    (book,) = Portfolio([bot.settings()]).performance(DAY)
    assert (book.wins, book.losses, book.flat) == (2, 0, 1)
    assert book.pnl == usdt("0.3")


def test_of_equal_trades_the_first_is_best_and_worst(bot: Native) -> None:
    for second in (3, 1, 2):
        bot.trade(5, f"2026-10-30 00:00:0{second}", market=f"M{second}")
    (book,) = Portfolio([bot.settings()]).performance(DAY)
    assert [trade.market for trade in (book.best, book.worst) if trade] == ["M1", "M1"]


def test_fees_are_unknown_as_soon_as_one_is(bot: Native) -> None:
    bot.trade(1, "2026-10-30 01:00:00", agent="knows", fees=0.25)
    bot.trade(1, "2026-10-30 01:00:00", agent="does not", fees=None)
    (book,) = Portfolio([bot.settings()]).performance(DAY)
    assert book.fees is None
    assert {line.key: line.fees for line in book.lines} == {"knows": usdt("0.25"), "does not": None}


def test_balances_start_from_the_starting_balance(bot: Native) -> None:
    bot.trade(-10, "2026-10-29 01:00:00")
    bot.trade(5, "2026-10-30 01:00:00")
    (book,) = Portfolio([bot.settings(starting_balance=(usdt("1000"),))]).performance(DAY)
    assert (book.opening, book.closing) == (usdt("990"), usdt("995"))
    assert book.pnl_ratio == Decimal(5) / 990


def test_a_starting_balance_of_one_mode_is_not_the_others(bot: Native) -> None:
    bot.trade(1, "2026-10-30 01:00:00", mode="live")
    bot.trade(1, "2026-10-30 01:00:00", mode="paper")
    settings = bot.settings(starting_balance=(usdt("1000"),), mode=Mode.LIVE)
    live, paper = Portfolio([settings]).performance(DAY)
    assert (live.opening, paper.opening) == (usdt("1000"), None)


def test_a_balance_is_unknown_when_one_ledgers_is(new_native: MakesNatives) -> None:
    known, unknown = new_native(), new_native()
    known.trade(1, "2026-10-30 01:00:00")
    unknown.trade(1, "2026-10-30 01:00:00")
    floor = Portfolio([known.settings("one", starting_balance=(usdt("1000"),)), unknown.settings("two")])
    (book,) = floor.performance(DAY)
    assert (book.opening, book.closing, book.pnl) == (None, None, usdt("2"))


def test_a_ledger_that_cannot_be_read_is_named_on_every_book(bot: Native) -> None:
    bot.trade(1, "2026-10-30 01:00:00", mode="live")
    bot.trade(1, "2026-10-30 01:00:00", mode="paper")
    for book in Portfolio([bot.settings(), NOWHERE]).performance(DAY):
        assert [(one.ledger, one.why) for one in book.unread] == [("gone", "there is no file /nowhere/gone.sqlite")]
        assert book.ledgers == ("bot",)


def test_a_balance_without_an_unread_ledgers_part_is_not_shown(bot: Native) -> None:
    bot.trade(1, "2026-10-30 01:00:00")
    gone = LedgerSettings(name="gone", kind="native", url="/nowhere", starting_balance=(usdt("500"),))
    (book,) = Portfolio([bot.settings(starting_balance=(usdt("1000"),)), gone]).performance(DAY)
    assert book.opening is None


def test_no_ledger_at_all_is_an_error() -> None:
    with pytest.raises(LedgerError, match="gone: there is no file"):
        Portfolio([NOWHERE]).performance(DAY)
    with pytest.raises(LedgerError, match="no ledger is configured"):
        Portfolio([]).agents()


def test_a_starting_balance_alone_makes_a_book(bot: Native) -> None:
    (book,) = Portfolio([bot.settings(starting_balance=(usdt("1000"),))]).performance(DAY, daily=True)
    assert (book.trades, book.win_rate, book.opening, book.closing) == (0, None, usdt("1000"), usdt("1000"))
    assert (book.drawdown, book.daily, book.lines) == (usdt("0"), (Decimal(0),), ())


def test_an_agent_without_trades_has_a_line_of_zeros(bot: Native) -> None:
    bot.add("agents", {"name": "idle", "currency": "USDT", "mode": "live"})
    bot.trade(-1, "2026-10-30 01:00:00", agent="busy")
    (book,) = Portfolio([bot.settings()]).performance(DAY, daily=True)
    assert [(line.key, line.trades, line.pnl, line.daily) for line in book.lines] == [
        ("idle", 0, usdt("0"), (Decimal(0),)),
        ("busy", 1, usdt("-1"), (Decimal(-1),)),
    ]


def test_ratios_are_taken_of_allocated_capital_or_else_the_starting_balance(bot: Native) -> None:
    bot.add("agents", {"name": "a", "currency": "USDT", "capital": 50}, {"name": "b", "currency": "USDT"})
    settings = bot.settings(starting_balance=(usdt("1000"),), capital={"c": usdt("70")})
    bot.trade(1, "2026-10-30 01:00:00", agent="c")
    (book,) = Portfolio([settings]).performance(DAY)
    assert {line.key: (line.capital, line.capital_basis) for line in book.lines} == {
        "a": (usdt("50"), "allocated capital"),
        "b": (usdt("1000"), "starting balance"),
        "c": (usdt("70"), "allocated capital"),
    }


def test_lines_may_be_strategies_markets_or_sides(bot: Native) -> None:
    bot.trade(1, "2026-10-30 01:00:00", strategy="s", market="BTC", side="YES")
    bot.trade(2, "2026-10-30 01:00:00", strategy=None, market="ETH", side="NO")
    floor = Portfolio([bot.settings()])
    keys = [[line.key for line in floor.performance(DAY, by=by)[0].lines] for by in BY]
    assert keys == [["unnamed", "s"], ["ETH", "BTC"], ["NO", "YES"]]


def test_trades_of_several_ledgers_come_in_order(new_native: MakesNatives) -> None:
    first, second = new_native(), new_native()
    first.trade(1, "2026-10-30 01:00:00")
    second.trade(2, "2026-10-30 02:00:00")
    first.trade(3, "2026-10-30 03:00:00")
    floor = Portfolio([first.settings("one"), second.settings("two")])
    found = [(trade.ledger, int(trade.pnl.amount)) for trade in floor.closed_trades(DAY)]
    assert found == [("one", 1), ("two", 2), ("one", 3)]
    assert len(floor.closed_trades(DAY, limit=2)) == 2


def test_positions_keep_their_price_and_its_age(bot: Native) -> None:
    priced = {"unrealised_pnl": -1.5, "current_price": "0.000000012", "priced_at": bot.stamp("2026-10-30 11:59:30")}
    same = {"agent": "a", "market": "BTC", "side": "long", "currency": "USDT", "mode": "paper", "size": 2}
    bot.add("positions", {**same, **priced}, same)
    known, unknown = Portfolio([bot.settings()]).open_positions()
    assert (known.unrealised, known.current_price) == (usdt("-1.5"), Decimal("1.2e-8"))
    assert (known.priced_at, known.mode) == (utc("2026-10-30 11:59:30"), Mode.PAPER)
    assert (unknown.unrealised, unknown.priced_at) == (None, None)


def test_agents_and_equity_say_what_the_bot_wrote(bot: Native) -> None:
    seen = bot.stamp("2026-10-30 12:00:00")
    bot.add("agents", {"name": "a", "currency": "USDT", "capital": 50, "status": "active", "last_seen": seen})
    bot.add("equity", {"at": seen, "currency": "USDT", "equity": 1050.25})
    floor = Portfolio([bot.settings()])
    (agent,), (point,) = floor.agents(), floor.equity(DAY)
    assert (agent.capital, agent.status, agent.last_seen) == (usdt("50"), "active", utc("2026-10-30 12:00"))
    assert (point.equity, point.at, point.agent) == (usdt("1050.25"), utc("2026-10-30 12:00"), None)


def test_threads_may_share_a_floor(bot: Native) -> None:
    bot.trade(5, "2026-10-30 01:00:00")
    floor = Portfolio([bot.settings()])
    with ThreadPoolExecutor(8) as pool:
        books = list(pool.map(lambda _: floor.performance(DAY, daily=True), range(24)))
    assert books == [books[0]] * 24


def test_names_come_back_as_they_were_written(bot: Native) -> None:
    name = "x\n# @everyone **pump** ||x|| 中文 \\' \"; DROP TABLE trades; --"
    bot.trade(1, "2026-10-30 01:00:00", agent=name)
    (book,) = Portfolio([bot.settings()]).performance(DAY)
    assert book.lines[0].label == name
