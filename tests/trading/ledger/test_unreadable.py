"""What cannot be read in a trading database: it is counted and named, and no figure is wrong for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from reporter.errors import LedgerError
from reporter.trading.books import Book, By
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from tests.trading.ledger.databases import Native, between, native_sqlite, opened, usdt, utc
from tests.trading.ledger.dirty import freqtrade_file, without_checks

DAY = between("2026-11-27", "2026-11-28")
NEXT = between("2026-11-28", "2026-11-29")
START = (usdt("1000"),)


@pytest.fixture
def lax(new_native: Callable[[], Native]) -> Native:
    """A database with the tables of the native schema, but not its checks: one good trade of 2 USDT."""
    bot = without_checks(new_native())
    bot.trade(2, "2026-11-27 10:00:00", opened_at=bot.stamp("2026-11-27 09:00:00"))
    return bot


def book_of(bot: Native, period: object = DAY, **more: object) -> Book:
    portfolio = Portfolio([bot.settings(starting_balance=START)], now=lambda: utc("2026-11-29 09:00"))
    [book] = portfolio.performance(period, **more)  # type: ignore[arg-type]
    return book


ODD: dict[str, list[object]] = {
    "sqlite": [None, "n/a", "5,000", "-250,75", math.inf, "nan", b"\x01"],
    "postgresql": [None, math.inf, math.nan, -math.inf],
}


def test_a_result_that_is_no_number_is_neither_won_lost_nor_flat(lax: Native) -> None:
    odd = ODD["postgresql" if lax.server else "sqlite"]
    for value in odd:
        lax.trade(value, "2026-11-27 11:00:00", agent="b")
    book = book_of(lax)
    assert (book.pnl, book.trades, book.wins, book.losses, book.flat) == (usdt("2"), 1, 1, 0, 0)
    assert (book.unreadable, book.win_rate, book.worst.pnl if book.worst else None) == (len(odd), Decimal(1), usdt("2"))
    assert (book.fees, book.volume, book.drawdown, book.streaks, book.closing) == (None,) * 5
    assert book.opening == usdt("1000")


def test_a_line_without_a_trade_that_can_be_read_is_not_idle(lax: Native) -> None:
    lax.trade(None, "2026-11-27 11:00:00", agent="b")
    lines = {line.key: line for line in book_of(lax, daily=True).lines}
    assert (lines["b"].trades, lines["b"].unreadable, lines["b"].best) == (0, 1, None)
    assert lines["b"].daily == (Decimal(0),)
    assert (lines["a"].trades, lines["a"].unreadable, lines["a"].fees) == (1, 0, usdt("0"))


def test_a_result_of_before_makes_the_balances_unknown(lax: Native) -> None:
    lax.trade(None, "2026-11-01 11:00:00")
    book = book_of(lax)
    assert (book.pnl, book.fees, book.unreadable) == (usdt("2"), usdt("0"), 0)
    assert (book.opening, book.closing, book.pnl_ratio) == (None, None, None)
    [left_out] = book.left_out
    assert (left_out.trades, left_out.stray, left_out.before) == (0, 0, 1)
    [value] = left_out.first
    assert str(value) == "trades 2: pnl is empty, not a number"


@pytest.mark.parametrize("change", [{"currency": None}, {"currency": ""}, {"mode": "demo"}])
def test_a_trade_of_no_book_is_missing_from_each(lax: Native, change: dict[str, object]) -> None:
    lax.trade(5, "2026-11-27 11:00:00", **change)
    book = book_of(lax, account=True)
    assert (book.currency, book.pnl, book.trades, book.unreadable, book.closing) == ("USDT", usdt("2"), 1, 1, None)
    [value] = book.left_out[0].first
    assert (value.id, value.column) == ("2", next(iter(change)))
    assert book_of(lax, NEXT).opening is None


def test_other_ledgers_go_on_beside_one_without_a_book(lax: Native, tmp_path: Path) -> None:
    well = native_sqlite(tmp_path)
    well.trade(7, "2026-11-27 10:00:00")
    lax.run("UPDATE trades SET currency = NULL")
    [book] = Portfolio([lax.settings("odd"), well.settings("well")]).performance(DAY)
    assert (book.pnl, book.ledgers) == (usdt("7"), ("well",))
    assert book.unread[0].why == "none of its trades can be read (trades 1: currency is empty, not a name such as USDT)"
    with pytest.raises(LedgerError, match="odd: none of its trades can be read"):
        Portfolio([lax.settings("odd")]).daily_series(DAY)


@pytest.mark.parametrize(
    "closed_at",
    [None, "2026-11-28", "2026-11-28T09:00:00", 1795860000, "2026-11-32 10:00:00", "soon", "2027-11-24 10:00:00"],
)
@pytest.mark.parametrize("period", [DAY, NEXT, between("2026-10-01", "2026-10-02")])
def test_a_trade_at_no_time_is_of_no_period_and_said_in_each(tmp_path: Path, closed_at: object, period: object) -> None:
    bot = without_checks(native_sqlite(tmp_path))
    bot.trade(2, "2026-11-27 10:00:00")
    bot.add(
        "trades", {"agent": "a", "market": "m", "side": "long", "currency": "USDT", "pnl": 5, "closed_at": closed_at}
    )
    book = book_of(bot, period, daily=True)
    assert (book.pnl, book.unreadable) == (usdt("2" if period is DAY else "0"), 0)
    assert (book.opening, book.left_out[0].stray) == (None, 1)
    [value] = book.left_out[0].first
    assert (value.id, value.column, value.value) == ("2", "closed_at", None if closed_at is None else str(closed_at))


def test_all_ways_of_asking_agree_about_what_cannot_be_read(lax: Native) -> None:
    lax.trade(None, "2026-11-27 11:00:00")
    lax.trade(5, "2026-11-27 12:00:00", currency=None)
    portfolio = Portfolio([lax.settings(starting_balance=START)])
    assert (
        [trade.id for trade in portfolio.stream(DAY)] == [trade.id for trade in portfolio.closed_trades(DAY)] == ["1"]
    )
    assert [(line.pnl, line.trades) for _, _, line in portfolio.stream_days(DAY)] == [(usdt("2"), 1)]
    [series] = portfolio.daily_series(DAY, whole=True)
    assert series.pnl == (Decimal(2),)
    assert (series.unreadable, series.opening) == (2, usdt("1000"))
    splits: tuple[By, ...] = ("market", "side", "hour", "weekday", "ledger")
    for by in splits:
        [book] = portfolio.performance(DAY, by=by)
        assert (book.pnl, book.unreadable) == (usdt("2"), 2), by


def test_two_ledgers_of_which_one_has_an_unreadable_trade(lax: Native, tmp_path: Path) -> None:
    well = native_sqlite(tmp_path)
    well.trade(7, "2026-11-27 10:00:00")
    lax.trade(None, "2026-11-27 11:00:00")
    [book] = Portfolio([lax.settings("odd"), well.settings("well")]).performance(DAY, by="market")
    assert (book.pnl, book.unreadable, book.fees, book.drawdown, book.streaks) == (usdt("9"), 1, None, None, None)
    assert [line.streaks for line in book.lines] == [None]


def test_text_that_is_a_number_is_read(tmp_path: Path) -> None:
    bot = without_checks(native_sqlite(tmp_path), number="TEXT")
    for text in ("2.50", "-1e-2", " 3 "):
        bot.trade(text, "2026-11-27 10:00:00")
    book = book_of(bot)
    assert (book.pnl, book.trades, book.unreadable) == (usdt("5.49"), 3, 0)


def test_a_size_or_an_opening_that_cannot_be_read_is_not_known(tmp_path: Path) -> None:
    bot = without_checks(native_sqlite(tmp_path))
    bot.trade(2, "2026-11-27 10:00:00", size="much", opened_at="yesterday", fees="n/a")
    book = book_of(bot)
    assert (book.pnl, book.closing, book.fees, book.volume, book.holding) == (usdt("2"), usdt("1002"), None, None, None)
    assert book.best is not None
    assert (book.best.size, book.best.opened_at, book.best.fees) == (None, None, None)
    said = Portfolio([bot.settings()]).warnings()
    assert said == ["bot: trades 1: fees is 'n/a', not a number"]


@pytest.mark.parametrize("value", ["n/a", "-250,75", math.inf])
def test_a_position_without_a_value_that_can_be_read_is_without_a_price(tmp_path: Path, value: object) -> None:
    bot = without_checks(native_sqlite(tmp_path))
    bot.trade(2, "2026-11-27 10:00:00")
    row = {"agent": "a", "market": "m", "side": "long", "currency": "USDT"}
    bot.add("positions", {**row, "unrealised_pnl": 4}, {**row, "unrealised_pnl": value})
    book = book_of(bot, account=True)
    assert book.open is not None
    assert (book.open.positions, book.open.unrealised, book.open.unpriced) == (2, usdt("4"), 1)
    [cell] = book.left_out[0].first
    assert (cell.table, cell.id, cell.column) == ("positions", "2", "unrealised_pnl")
    assert (book.unreadable, book.closing) == (0, usdt("1002"))


def test_an_account_whose_worth_cannot_be_read(tmp_path: Path) -> None:
    bot = without_checks(native_sqlite(tmp_path))
    bot.trade(2, "2026-11-27 10:00:00")
    for at, worth in (("2026-11-26 23:00:00", 1000), ("2026-11-27 23:00:00", "n/a")):
        bot.add("equity", {"at": at, "currency": "USDT", "equity": worth, "deposited": 0})
    book = book_of(bot, account=True)
    assert book.equity is not None
    assert (book.equity.opening, book.equity.closing, book.equity.change) == (usdt("1000"), None, None)
    [cell] = book.left_out[0].first
    assert str(cell) == "equity 2026-11-27 23:00:00: equity is 'n/a', not a number"


def test_a_payment_that_cannot_be_read_makes_the_balances_unknown(tmp_path: Path) -> None:
    bot = without_checks(native_sqlite(tmp_path))
    bot.trade(2, "2026-11-27 10:00:00")
    for at, paid in (("2026-11-20 23:00:00", 0), ("2026-11-25 23:00:00", "1,000")):
        bot.add("equity", {"at": at, "currency": "USDT", "equity": 1000, "deposited": paid})
    book = book_of(bot)
    assert (book.pnl, book.opening, book.closing) == (usdt("2"), None, None)


def test_an_agent_whose_capital_cannot_be_read_has_none(lax: Native) -> None:
    if lax.server:
        pytest.skip("a number column of PostgreSQL holds numbers")
    lax.add("agents", {"name": "a", "currency": "USDT", "capital": "5,000"}, {"name": "z", "currency": None})
    assert [(agent.name, agent.capital) for agent in Portfolio([lax.settings()]).agents()] == [("a", None)]
    assert book_of(lax).pnl == usdt("2")


def test_freshness_is_by_the_newest_trade_that_is_not_in_the_future(lax: Native) -> None:
    lax.trade(1, "2027-11-24 10:00:00")
    [health] = Portfolio([lax.settings()], now=lambda: utc("2026-11-29 09:00")).health()
    assert (health.newest_trade_at, health.ahead_at) == (utc("2026-11-27 10:00"), utc("2027-11-24 10:00"))
    [book] = Portfolio([lax.settings()], now=lambda: utc("2026-11-27 09:59:30")).performance(DAY)
    assert (book.pnl, book.left_out[0].stray) == (usdt("2"), 1)


FREQTRADE = [
    ({"stake_currency": None}, "stake_currency is empty, not a name such as USDT", 1, 0),
    ({"close_profit_abs": None}, "close_profit_abs is empty, not a number", 1, 0),
    ({"close_profit_abs": "nan"}, "close_profit_abs is 'nan', not a number", 1, 0),
    ({"is_open": "false"}, "is_open is 'false', not 0 or 1", 1, 0),
    ({"close_date": None}, "close_date is empty, not UTC text such as 2026-10-30 23:59:59", 0, 1),
    ({"close_date": "2026-11-28"}, "close_date is '2026-11-28', not UTC text such as 2026-10-30 23:59:59", 0, 1),
    (
        {"close_date": "2027-11-24 10:00:00.000000"},
        "close_date is '2027-11-24 10:00:00.000000', not a time in the past",
        0,
        1,
    ),
]


@pytest.mark.parametrize(("change", "words", "inside", "stray"), FREQTRADE)
def test_a_trade_of_freqtrade_that_cannot_be_read(
    tmp_path: Path, change: dict[str, object], words: str, inside: int, stray: int
) -> None:
    path = freqtrade_file(tmp_path, trades=[{"close_profit_abs": 2}, {"close_profit_abs": 5, **change}])
    settings = LedgerSettings(name="ft", kind="freqtrade", url=path, starting_balance=START)
    portfolio = Portfolio([settings], now=lambda: utc("2026-11-29 09:00"))
    [book] = portfolio.performance(DAY)
    assert (book.pnl, book.trades, book.closing, book.unreadable) == (usdt("2"), 1, None, inside)
    [left_out] = book.left_out
    assert ([str(cell) for cell in left_out.first], left_out.stray) == ([f"trades 2: {words}"], stray)
    assert portfolio.warnings() == [f"ft: trades 2: {words}"]


def test_fees_and_volume_are_unknown_as_soon_as_one_order_has_no_cost(tmp_path: Path) -> None:
    orders: list[dict[str, object]] = [{"cost": None}, {"ft_order_side": "sell", "cost": 101}]
    path = freqtrade_file(tmp_path, trades=[{"close_profit_abs": 2}], orders=orders)
    portfolio = Portfolio([LedgerSettings(name="ft", kind="freqtrade", url=path)])
    [book] = portfolio.performance(DAY)
    assert (book.pnl, book.fees, book.volume, book.unreadable) == (usdt("2"), None, None, 0)
    assert portfolio.warnings() == ["ft: orders 1: cost is empty, not a number"]


def test_an_export_says_what_it_is_without(lax: Native) -> None:
    lax.trade(None, "2026-11-27 11:00:00")
    lax.trade(None, "2026-11-01 11:00:00")
    lax.add("trades", {"agent": "a", "currency": "USDT", "pnl": 5})
    [left_out] = Portfolio([lax.settings()]).left_out(DAY)
    assert (left_out.trades, left_out.stray) == (1, 1)
    assert [value.id for value in left_out.first] == ["2", "4"]


def test_a_week_has_the_same_fees_whether_its_days_are_asked_for_or_not(bot: Native) -> None:
    for day in range(20, 27):
        bot.trade(1, f"2026-11-{day} 10:00:00", fees="0.000000004", volume="0.000000004")
    week = between("2026-11-20", "2026-11-27")
    for daily in (True, False):
        [book] = Portfolio([bot.settings()]).performance(week, daily=daily)
        assert (book.fees, book.volume) == (usdt("0.00000003"), usdt("0.00000003"))


def test_one_odd_heartbeat_leaves_the_figures_as_they_are(tmp_path: Path) -> None:
    bot = without_checks(native_sqlite(tmp_path))
    bot.trade(2, "2026-11-27 10:00:00")
    bot.add("agents", {"name": "a", "currency": "USDT", "last_seen": "just now"})
    assert book_of(bot).pnl == usdt("2")


def test_a_mapping_keeps_what_cannot_be_read_to_name_it(tmp_path: Path) -> None:
    path = tmp_path / "own.sqlite"
    with closing(opened(str(path))) as connection, connection:
        connection.execute("CREATE TABLE log (id INTEGER, closed TEXT, profit TEXT)")
        rows = [(1, "2026-11-27T10:00:00Z", "2"), (2, "2026-11-27T11:00:00Z", "n/a"), (3, "soon", "5")]
        connection.executemany("INSERT INTO log VALUES (?, ?, ?)", rows)
    columns = {
        "id": "id",
        "agent": "'a'",
        "market": "'m'",
        "currency": "'USDT'",
        "closed_at": "closed",
        "pnl": "profit",
    }
    settings = LedgerSettings(name="own", kind="mapping", url=str(path), mapping={"table": "log", "columns": columns})
    portfolio = Portfolio([settings])
    [book] = portfolio.performance(DAY)
    assert (book.pnl, book.trades, book.unreadable, book.left_out[0].stray) == (usdt("2"), 1, 1, 1)
    assert portfolio.warnings() == [
        "own: trades 2: pnl is 'n/a', not a number",
        "own: trades 3: closed_at is 'soon', not UTC text such as 2026-10-30 23:59:59",
    ]


def test_what_is_left_out_is_counted_by_its_fault(lax: Native) -> None:
    for day in ("2026-11-01", "2026-11-27", "2026-11-28"):
        for _ in range(3):
            lax.trade(None, f"{day} 11:00:00")
    lax.trade(math.inf, "2026-11-27 12:00:00")
    lax.trade(5, "2026-11-27 13:00:00", currency=None)
    lax.trade(None, "2026-11-27 13:00:00", currency=None)
    lax.add("trades", {"agent": "a", "currency": "USDT", "pnl": 5})
    [left_out] = book_of(lax).left_out
    assert (left_out.trades, left_out.stray, left_out.before) == (6, 1, 3)
    counted = [(fault.trades, fault.first.column, fault.first.id) for fault in left_out.faults]
    assert counted == [(6, "pnl", "2"), (2, "currency", "12"), (1, "closed_at", "14"), (1, "pnl", "11")]
    assert [value.id for value in left_out.first] == ["2", "3", "4"]
    empty, *_, odd = str(left_out).split("; ")
    assert empty == "6 whose pnl is empty, first 2"
    assert odd.startswith("1 whose pnl is not a number, first 11: ")
    [exported] = Portfolio([lax.settings()], now=lambda: utc("2026-11-29 09:00")).left_out(DAY)
    assert [(fault.trades, fault.first.id) for fault in exported.faults] == [(3, "5"), (2, "12"), (1, "14"), (1, "11")]


def test_trades_that_are_all_named_are_not_counted_as_well(lax: Native) -> None:
    for _ in range(3):
        lax.trade(None, "2026-11-27 11:00:00")
    [left_out] = book_of(lax).left_out
    assert str(left_out) == ", ".join(f"trades {number}: pnl is empty, not a number" for number in (2, 3, 4))


def test_what_closed_after_the_period_is_not_named(lax: Native) -> None:
    lax.trade(None, "2026-11-28 11:00:00")
    lax.trade(None, "2026-11-27 11:00:00")
    [left_out] = book_of(lax).left_out
    assert [value.id for value in left_out.first] == ["3"]
    assert sum(fault.trades for fault in left_out.faults) == 1
