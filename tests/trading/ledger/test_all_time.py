"""What a book made in all time, where no roll-up is kept: right, and within a bounded room."""

from __future__ import annotations

import sqlite3
import tracemalloc
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from random import Random

from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.ledger.sources.native import ddl
from reporter.trading.trades import Money

FIRST, TRADES = datetime(2024, 1, 1, tzinfo=UTC), 20_000
ROOM = 3_000_000  # bytes; all trades at once took fifteen times as much


def test_the_past_is_gone_through_an_hour_at_a_time(tmp_path: Path) -> None:
    luck = Random(7)
    made = [luck.randint(-1000, 1000) for _ in range(TRADES)]
    moments = [FIRST + timedelta(minutes=40 * number) for number in range(TRADES)]
    with closing(sqlite3.connect(tmp_path / "bot.sqlite")) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(ddl("sqlite"))
        connection.executemany(
            "INSERT INTO trades (closed_at, agent, pnl, market, side, mode, currency) "
            "VALUES (?, 'grid', ?, 'BTC/USDT', 'long', 'live', 'USDT')",
            [(f"{at:%Y-%m-%d %H:%M:%S}", pnl) for at, pnl in zip(moments, made, strict=True)],
        )
    settings = LedgerSettings(name="bot", kind="native", url=str(tmp_path / "bot.sqlite"))
    ledger = Portfolio([settings])
    ledger.all_time(FIRST)  # what the first question alone takes
    tracemalloc.start()
    try:
        (found,) = ledger.all_time(moments[-1] + timedelta(seconds=1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        ledger.close()
    balances = list(accumulate(made, initial=0))
    deepest = max(top - now for top, now in zip(accumulate(balances, max), balances, strict=True))
    assert (found.trades, found.pnl, found.drawdown) == (
        TRADES,
        Money(Decimal(sum(made)), "USDT"),
        Money(Decimal(-deepest), "USDT"),
    )
    assert peak < ROOM
