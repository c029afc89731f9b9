"""A real freqtrade database, held to freqtrade's own figures and to a recount in plain Python."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from reporter.periods.civil import Period, Unit, containing
from reporter.trading.books import Book
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.trades import Mode
from tests.support.paths import DOCS
from tests.trading.ledger.databases import between, usdt, utc

ALL = between("2026-09-01", "2026-11-01")
FIGURES = (DOCS / "figures.md").read_text(encoding="utf-8")
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]


def exact(value: float) -> Decimal:
    return round(Decimal(repr(value)), 8)


def day(text: str, zone: str) -> Period:
    noon = datetime.combine(date.fromisoformat(text), datetime.min.time().replace(hour=12), ZoneInfo(zone))
    return containing(Unit.DAY, noon.astimezone(UTC), zone)


@pytest.fixture
def floor(freqtrade: LedgerSettings) -> Portfolio:
    return Portfolio([freqtrade])


def only(books: list[Book]) -> Book:
    (book,) = books
    return book


@pytest.fixture(scope="module")
def recount(freqtrade_file: Path) -> list[sqlite3.Row]:
    """The closed trades as they stand in the file, oldest first."""
    with closing(sqlite3.connect(freqtrade_file)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute("SELECT * FROM trades WHERE is_open = 0 ORDER BY close_date, id").fetchall()


def of_day(recount: list[sqlite3.Row], text: str) -> list[sqlite3.Row]:
    return [row for row in recount if row["close_date"].startswith(text)]


@pytest.fixture(scope="module")
def utc_days(freqtrade: LedgerSettings, expected: Any) -> dict[str, Book]:
    """The book of each day in UTC, asked a day at a time."""
    floor = Portfolio([freqtrade])
    return {text: only(floor.performance(day(text, "UTC"))) for text in expected["daily"]["UTC"]}


def test_days_in_utc_are_those_of_freqtrades_own_command(utc_days: dict[str, Book], expected: Any) -> None:
    known = {row["date"]: (exact(row["abs_profit"]), row["trade_count"]) for row in expected["profit_days"]}
    assert {text: (book.pnl.amount, book.trades) for text, book in utc_days.items()} == known


def test_each_trade_has_the_leverage_that_freqtrade_stores(floor: Portfolio, recount: list[sqlite3.Row]) -> None:
    known = {str(row["id"]): row["leverage"] for row in recount}
    found = {trade.id: trade.leverage for trade in floor.closed_trades(ALL)}
    assert found == known
    assert set(known.values()) == {1, 2, 3, 5}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_each_civil_day_has_freqtrades_profit_and_count(freqtrade_file: Path, expected: Any, zone: str) -> None:
    floor = Portfolio([LedgerSettings(name="ft", kind="freqtrade", url=str(freqtrade_file))])
    for text, known in expected["daily"][zone].items():
        book = only(floor.performance(day(text, zone)))
        assert (book.pnl.amount, book.trades) == (exact(known["abs_profit"]), known["trade_count"]), text


@pytest.mark.parametrize("text", ["2026-10-24", "2026-10-25", "2026-10-26"])
def test_the_day_of_25_hours_is_whole(floor: Portfolio, expected: Any, text: str) -> None:
    book, known = only(floor.performance(day(text, "Europe/Berlin"))), expected["daily"]["Europe/Berlin"][text]
    assert (book.pnl.amount, book.trades) == (exact(known["abs_profit"]), known["trade_count"])


@pytest.mark.parametrize("zone", ZONES)
def test_the_daily_series_has_every_civil_day_in_one_query(floor: Portfolio, expected: Any, zone: str) -> None:
    days = expected["daily"][zone]
    period = Period(day(min(days), zone).start, day(max(days), zone).end, "all", zone)
    book = only(floor.performance(period, daily=True))
    idle = {one.label: Decimal(0) for one in period.days()}
    assert book.daily == tuple((idle | {text: exact(known["abs_profit"]) for text, known in days.items()}).values())
    assert [sum(series) for series in zip(*(line.daily for line in book.lines), strict=True)] == list(book.daily)


@pytest.mark.parametrize("unit", [Unit.WEEK, Unit.MONTH])
def test_weeks_and_months_agree_with_freqtrade(floor: Portfolio, expected: Any, unit: Unit) -> None:
    for known in expected[f"profit_{unit}s"]:
        book = only(floor.performance(containing(unit, utc(known["date"]), "UTC")))
        assert (book.pnl.amount, book.trades) == (exact(known["abs_profit"]), known["trade_count"]), known["date"]


def test_lines_are_the_strategies_of_the_day(utc_days: dict[str, Book], expected: Any) -> None:
    by_day: dict[str, dict[str, tuple[Decimal, int]]] = defaultdict(dict)
    for key, known in expected["daily_by_strategy"].items():
        text, strategy = key.split("|")
        by_day[text][strategy] = exact(known["abs_profit"]), known["trade_count"]
    for text, known in by_day.items():
        lines = utc_days[text].lines
        assert {line.key: (line.pnl.amount, line.trades) for line in lines if line.trades} == known


def test_markets_agree_with_freqtrade(floor: Portfolio, expected: Any) -> None:
    lines = only(floor.performance(ALL, by="market")).lines
    known = [(row["pair"], exact(row["profit_abs"]), row["count"]) for row in expected["performance_by_pair"]]
    assert [(line.key, line.pnl.amount, line.trades) for line in lines] == known


def test_wins_losses_and_flat_trades_are_told_apart(floor: Portfolio, expected: Any) -> None:
    book, sums = only(floor.performance(ALL)), expected["sums"]
    assert (book.wins, book.losses, book.flat) == (sums["wins_gt0"], sums["losses_lt0"], sums["draws_eq0"])
    assert book.gross_profit + book.gross_loss == book.pnl


def test_drawdown_is_freqtrades(floor: Portfolio, expected: Any) -> None:
    assert only(floor.performance(ALL)).drawdown == usdt(str(-exact(expected["max_drawdown_abs"])))


def test_best_and_worst_trade_of_each_day_and_strategy(utc_days: dict[str, Book], recount: list[sqlite3.Row]) -> None:
    for text, book in utc_days.items():
        rows = of_day(recount, text)
        extremes = [choose(rows, key=lambda row: row["close_profit_abs"]) for choose in (max, min)]
        assert [trade.id for trade in (book.best, book.worst) if trade] == [str(row["id"]) for row in extremes]
        for line in book.lines:
            own = [row["close_profit_abs"] for row in rows if row["strategy"] == line.key]
            assert (line.best.pnl.amount if line.best else None) == (exact(max(own)) if own else None)


def test_fees_are_what_every_filled_order_cost(
    floor: Portfolio, recount: list[sqlite3.Row], freqtrade_file: Path
) -> None:
    rates = {row["id"]: (row["is_short"], row["fee_open"], row["fee_close"]) for row in recount}
    paid = 0.0
    with closing(sqlite3.connect(freqtrade_file)) as connection:
        for trade, side, cost in connection.execute("SELECT ft_trade_id, ft_order_side, cost FROM orders WHERE filled"):
            if trade in rates:
                short, entry, leave = rates[trade]
                paid += cost * (entry if side == ("sell" if short else "buy") else leave)
    fees = only(floor.performance(ALL)).fees
    assert fees is not None
    assert abs(fees.amount - Decimal(paid)) < Decimal("1e-6")
    assert f"{fees.amount:.2f} USDT" in FIGURES


def test_balance_is_the_starting_balance_and_what_was_realised(floor: Portfolio, recount: list[sqlite3.Row]) -> None:
    for text in ("2026-09-01", "2026-09-15", "2026-10-25", "2026-10-31"):
        book = only(floor.performance(day(text, "UTC")))
        before = sum((exact(row["close_profit_abs"]) for row in recount if row["close_date"] < text), Decimal(10000))
        assert book.opening == usdt(str(before))
        assert book.closing == usdt(str(before + book.pnl.amount))


def test_partial_exits_of_open_trades_are_no_results(floor: Portfolio, expected: Any) -> None:
    assert only(floor.performance(ALL)).pnl.amount == exact(expected["sums"]["close_profit_abs_closed"])
    positions = floor.open_positions()
    assert len(positions) == expected["sums"]["open"]
    assert all(position.current_price is None and position.unrealised is None for position in positions)


def test_trades_come_oldest_first_with_all_they_say(floor: Portfolio, recount: list[sqlite3.Row]) -> None:
    trades = floor.closed_trades(ALL)
    assert [trade.id for trade in trades] == [str(row["id"]) for row in recount]
    first, row = trades[0], recount[0]
    assert (first.closed_at, first.opened_at) == (utc(row["close_date"]), utc(row["open_date"]))
    assert (first.market, first.side, first.agent) == ("XRP/USDT:USDT", "short", "TrendFollow")
    assert floor.closed_trades(ALL, limit=3) == trades[:3]


def test_equity_is_the_wallets_worth_each_day(floor: Portfolio, expected: Any) -> None:
    points = floor.equity(ALL)
    known = expected["wallet_history"]
    assert len(points) == known["rows"]
    assert (points[0].equity.amount, points[-1].equity.amount) == (
        exact(known["first_total"]),
        exact(known["last_total"]),
    )


def test_a_strategy_that_did_not_trade_has_a_line_of_zeros(floor: Portfolio) -> None:
    book = only(floor.performance(between("2026-10-31 12:00", "2026-10-31 13:00")))
    assert [(line.key, line.trades, line.win_rate) for line in book.lines] == [
        ("MeanReversion", 0, None),
        ("TrendFollow", 0, None),
        ("VolBreakout", 0, None),
    ]


def test_the_agents_are_the_strategies(floor: Portfolio) -> None:
    assert [agent.name for agent in floor.agents()] == ["MeanReversion", "TrendFollow", "VolBreakout"]


def test_health_tells_the_newest_trade(floor: Portfolio) -> None:
    (health,) = floor.health()
    assert health.reachable
    assert health.newest_trade_at == utc("2026-10-31 00:09:38.284")
    assert health.latency is not None


def test_dry_runs_are_paper_by_setting_or_file_name(freqtrade_file: Path, tmp_path: Path) -> None:
    dry = tmp_path / "tradesv3.dryrun.sqlite"
    dry.write_bytes(freqtrade_file.read_bytes())
    by_name = LedgerSettings(name="dry", kind="freqtrade", url=str(dry))
    assert only(Portfolio([by_name]).performance(ALL)).mode is Mode.PAPER
    assert only(Portfolio([replace(by_name, mode=Mode.LIVE)]).performance(ALL)).mode is Mode.LIVE


def test_an_older_database_without_wallet_history_has_no_equity(freqtrade_file: Path, tmp_path: Path) -> None:
    old = tmp_path / "tradesv3.sqlite"
    old.write_bytes(freqtrade_file.read_bytes())
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("DROP TABLE wallet_history")
    floor = Portfolio([LedgerSettings(name="old", kind="freqtrade", url=str(old))])
    assert floor.equity(ALL) == []


def test_trades_without_a_strategy_are_a_group_of_their_own(freqtrade_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "tradesv3.sqlite"
    path.write_bytes(freqtrade_file.read_bytes())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE trades SET strategy = NULL WHERE strategy = 'TrendFollow'")
        connection.execute("UPDATE trades SET strategy = '' WHERE strategy = 'VolBreakout'")
    floor = Portfolio([LedgerSettings(name="ft", kind="freqtrade", url=str(path))])
    for by in ("agent", "strategy"):
        lines = only(floor.performance(ALL, by=by)).lines
        assert [(line.key, line.trades) for line in lines] == [("MeanReversion", 185), ("unnamed", 215)]
