"""jesse's own tables: results from executed orders, as jesse computes them, on PostgreSQL and in a file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from reporter.periods.civil import Period
from reporter.trading.ledger.inspection import inspect
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.trades import Trade
from tests.trading.ledger.databases import Native

OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10", "UTC")
NOON = 1_790_856_000_000  # 2026-10-01 12:00 UTC
# As peewee makes them of jesse 3.5.3's models, without their indexes.
CLOSED_TRADE = """
    id UUID PRIMARY KEY, session_id UUID NOT NULL, strategy_name VARCHAR(255) NOT NULL, symbol VARCHAR(255) NOT NULL,
    exchange VARCHAR(255) NOT NULL, type VARCHAR(255) NOT NULL, timeframe VARCHAR(255) NOT NULL,
    opened_at BIGINT NOT NULL, closed_at BIGINT, leverage INTEGER NOT NULL, created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL, session_mode VARCHAR(255) NOT NULL, soft_deleted_at BIGINT
"""
ORDER = """
    id UUID PRIMARY KEY, trade_id UUID, session_id UUID NOT NULL, exchange_id VARCHAR(255), vars TEXT NOT NULL,
    symbol VARCHAR(255) NOT NULL, exchange VARCHAR(255) NOT NULL, side VARCHAR(255) NOT NULL,
    type VARCHAR(255) NOT NULL, reduce_only BOOLEAN NOT NULL, qty DOUBLE PRECISION NOT NULL,
    filled_qty DOUBLE PRECISION NOT NULL, price DOUBLE PRECISION, status VARCHAR(255) NOT NULL,
    created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, executed_at BIGINT, canceled_at BIGINT,
    session_mode VARCHAR(255) NOT NULL, jesse_submitted BOOLEAN NOT NULL, submitted_via VARCHAR(255),
    order_exist_in_exchange BOOLEAN NOT NULL, fee DOUBLE PRECISION
"""


class Jesse:
    """A database that jesse could have written, with hours since 2026-10-01 12:00 as times."""

    def __init__(self, native: Native) -> None:
        self.native, self.count = native, 0
        native.run(f"CREATE TABLE closedtrade ({CLOSED_TRADE})")
        native.run(f'CREATE TABLE "order" ({ORDER})')

    def trade(self, side: str, *orders: tuple[Any, ...], closed: int | None = 1, **more: Any) -> str:
        trade = self._id()
        row = {
            "id": trade, "session_id": self._id(), "strategy_name": "Trend", "symbol": "BTC-USDT", "exchange": "Bybit",
            "type": side, "timeframe": "1h", "opened_at": NOON, "leverage": 1, "created_at": NOON, "updated_at": NOON,
            "closed_at": None if closed is None else NOON + closed * 3_600_000, "session_mode": "livetrade",
        }  # fmt: skip
        self.native.add("closedtrade", {**row, **more})
        for order in orders:
            self.order(trade, *order)
        return trade

    def order(self, trade: str, side: str, size: float, price: float | None, fee: float | None = 0.5,
              status: str = "EXECUTED") -> None:  # fmt: skip
        kept = {
            "id": self._id(), "trade_id": trade, "session_id": self._id(), "vars": "{}", "symbol": "BTC-USDT",
            "exchange": "Bybit", "side": side, "type": "MARKET", "reduce_only": False, "qty": size, "price": price,
            "filled_qty": size, "status": status, "created_at": NOON, "updated_at": NOON, "executed_at": NOON,
            "session_mode": "livetrade", "jesse_submitted": True, "order_exist_in_exchange": True, "fee": fee,
        }  # fmt: skip
        self.native.add('"order"', kept)

    def _id(self) -> str:
        self.count += 1
        return str(UUID(int=self.count))

    def portfolio(self) -> Portfolio:
        return Portfolio([LedgerSettings(name="jesse", kind="jesse", url=self.native.url)])


@pytest.fixture
def jesse(new_native: Callable[[], Native]) -> Jesse:
    native = new_native()
    for table in ("trades", "positions", "agents", "equity"):
        native.run(f"DROP TABLE {table}")
    return Jesse(native)


def figures(trade: Trade) -> tuple[str, ...]:
    fees = None if trade.fees is None else trade.fees.amount
    found = trade.size, trade.entry_price, trade.exit_price, trade.pnl.amount, fees
    return tuple("-" if one is None else f"{round(one, 8).normalize():f}" for one in found)


def test_results_follow_from_executed_orders(jesse: Jesse) -> None:
    jesse.trade("long", ("buy", 1, 100, 0.1), ("buy", 2, 110, 0.2), ("sell", -3, 120, 0.3), ("buy", 9, 1, 1, "ACTIVE"))
    jesse.trade("short", ("sell", -2, 50, 0.1), ("buy", 0.5, 40, 0.1), ("buy", 1.5, 60, 0.1), closed=2)
    long, short = jesse.portfolio().closed_trades(OCTOBER)
    # 3 x (120 - 106.666…) - 0.6, and 2 x (50 - 55) - 0.3
    assert figures(long) == ("3", "106.66666667", "120", "39.4", "0.6")
    assert figures(short) == ("2", "50", "55", "-10.3", "0.3")
    assert (long.agent, long.market, long.pnl.currency, short.side) == ("Trend", "BTC-USDT", "USDT", "short")
    assert long.closed_at == datetime(2026, 10, 1, 13, tzinfo=UTC)


def test_the_leverage_is_the_one_that_jesse_stores(jesse: Jesse) -> None:
    jesse.trade("long", ("buy", 1, 100), ("sell", 1, 110), leverage=5)
    assert [trade.leverage for trade in jesse.portfolio().closed_trades(OCTOBER)] == [Decimal(5)]


def test_what_jesse_hides_does_not_count_and_paper_is_apart(jesse: Jesse) -> None:
    pair = ("buy", 1, 100), ("sell", 1, 110)
    jesse.trade("long", *pair, soft_deleted_at=NOON)
    jesse.trade("long", *pair, session_mode="backtest")
    jesse.trade("long", *pair, session_mode="papertrade")
    jesse.trade("long", *pair)
    books = jesse.portfolio().performance(OCTOBER)
    assert [f"{book.mode.value} {book.trades} {book.pnl.amount:f}" for book in books] == [
        "live 1 9.00000000",
        "paper 1 9.00000000",
    ]


def test_an_open_trade_is_a_position_of_what_is_left(jesse: Jesse) -> None:
    jesse.trade("short", ("sell", 3, 100), ("buy", 1, 90), closed=None)
    jesse.trade("long", closed=None)
    [position] = jesse.portfolio().open_positions()
    assert (position.side, position.size, position.entry_price) == ("short", Decimal(2), Decimal(100))


def test_a_fee_that_is_not_stored_is_unknown_and_the_result_is_jesses(jesse: Jesse) -> None:
    jesse.trade("long", ("buy", 1, 100, None), ("sell", 1, 110, 0.5))
    [trade] = jesse.portfolio().closed_trades(OCTOBER)
    assert figures(trade) == ("1", "100", "110", "9.5", "-")


def test_an_order_that_is_filled_in_later_counts_at_the_next_look(jesse: Jesse) -> None:
    trade = jesse.trade("long", ("buy", 1, 100, 0), ("sell", 1, 110, 0))
    portfolio = jesse.portfolio()
    assert portfolio.performance(OCTOBER)[0].pnl.amount == 10
    jesse.native.run("UPDATE \"order\" SET price = 120 WHERE trade_id = ? AND side = 'sell'", [trade])
    assert portfolio.performance(OCTOBER)[0].pnl.amount == 20


def test_its_tables_are_recognised(jesse: Jesse) -> None:
    jesse.trade("long", ("buy", 1, 100), ("sell", 1, 110))
    found = inspect(jesse.native.url, "jesse", datetime(2026, 11, 1, tzinfo=UTC))
    assert (found.kind, [one.trades for one in found.totals], found.trouble) == ("jesse", [1], "")
