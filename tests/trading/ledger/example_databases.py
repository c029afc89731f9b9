"""A database for each mapping of config/examples, in the shape that the example describes, with a few dozen rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

START = datetime(2026, 10, 2, 9, 30, tzinfo=UTC)
Rows = Iterator[tuple[Any, ...]]


def _moments() -> Iterator[tuple[int, datetime, datetime]]:
    for number in range(1, 31):
        opened = START + timedelta(hours=11 * number)
        yield number, opened, opened + timedelta(minutes=37 + number)


def _settled_bets() -> Rows:
    for number, opened, closed in _moments():
        status = ["WON", "LOST", "LOST", "WON", "PENDING", "VOIDED"][number % 6]
        stake, payout = 10 + number, {"WON": 25 + number, "LOST": 0, "VOIDED": 10 + number}.get(status)
        settled = None if status == "PENDING" else closed.strftime("%Y-%m-%dT%H:%M:%SZ")
        outcome = ["YES", "NO"][number % 2]
        yield (number, f"0x{number:04x}", outcome, 2 * stake, 0.5, stake, payout, status, f"{opened:%Y-%m-%d}", settled)


def _cents() -> Rows:
    berlin = ZoneInfo("Europe/Berlin")
    for number, opened, closed in _moments():
        local = [f"{at.astimezone(berlin):%Y-%m-%d %H:%M}" for at in (opened, closed)]
        action = "ERROR" if number % 9 == 0 else "CLOSE"
        config = f"conf_{['momentum', 'grid'][number % 2]}.yml"
        side, paper, result = [1, -1][number % 2], number % 4 == 0, 997 * number - 9000
        yield f"u{number}", config, "BTC-USD", side, int(paper), *local, result, 100 + number, action


def _fills() -> Rows:
    for number, opened, _ in _moments():
        side, stamp = ["BUY", "SELL"][number % 2], int(opened.timestamp() * 1000)
        size, price = (1 + number % 3) * 10**8, (3000 + 17 * number) * 10**8
        meta = json.dumps({"quote": "USDT", "fee": number / 10, "maker": True})
        yield f"f{number}", ["grid", "mean"][number % 4 // 2], "ETH/USDT", side, size, price, stamp, meta


def _decimal_text() -> Rows:
    for number, opened, closed in _moments():
        done, side = number % 7 != 0, ["LONG", "SHORT"][number % 2]
        stamps = [str(int(at.timestamp()) * 10**9) for at in (opened, closed)]
        result = f"{number - 12}.{number:08d} {['USDT', 'USDC'][number % 3 == 0]}"
        prices = (100.0 + number, 101.0 + number if done else None)
        yield (
            f"p{number}",
            "ema",
            "ETHUSDT-PERP.BINANCE",
            side,
            "1.50",
            *prices,
            result,
            stamps[0],
            stamps[1] if done else None,
        )


def _mixed_times() -> Rows:
    for number, opened, closed in _moments():
        seconds, iso = int(closed.timestamp()), closed.isoformat()
        stored = [seconds, seconds * 1000, iso][number % 3]
        yield (
            1 + number % 2,
            "BTC",
            ["buy", "sell"][number % 2],
            100 * number,
            number / 4 - 3,
            int(opened.timestamp()),
            stored,
        )


TABLES: dict[str, tuple[str, Callable[[], Rows]]] = {
    "settled_bets": (
        (
            "CREATE TABLE bets (id INTEGER PRIMARY KEY, market_id TEXT, outcome TEXT, shares REAL, price REAL, "
            "stake REAL, payout REAL, status TEXT, placed_at TEXT, resolved_at TEXT)"
        ),
        _settled_bets,
    ),
    "cents": (
        (
            "CREATE TABLE trade_log (uuid TEXT PRIMARY KEY, config_file TEXT, ticker TEXT, direction INTEGER, "
            "dry_run INTEGER, opened TEXT, closed TEXT, pnl_cents INTEGER, fee_cents INTEGER, action TEXT)"
        ),
        _cents,
    ),
    "fills": (
        (
            "CREATE TABLE fills (id TEXT PRIMARY KEY, strategy TEXT, symbol TEXT, side TEXT, qty INTEGER, "
            "price INTEGER, ts INTEGER, meta TEXT)"
        ),
        _fills,
    ),
    "decimal_text": (
        (
            "CREATE TABLE position (position_id TEXT PRIMARY KEY, strategy_id TEXT, instrument_id TEXT, side TEXT, "
            "quantity TEXT, avg_px_open REAL, avg_px_close REAL, realized_pnl TEXT, ts_opened TEXT, ts_closed TEXT)"
        ),
        _decimal_text,
    ),
    "mixed_times": (
        "CREATE TABLE trades (agent_id INTEGER, pair TEXT, side TEXT, size_usd REAL, pct REAL, opened, closed)",
        _mixed_times,
    ),
}


def made(folder: Path, example: str) -> Path:
    """The database of an example, beside tables that every bot has."""
    create, rows = TABLES[example]
    path = folder / f"{example}.sqlite"
    with closing(sqlite3.connect(path)) as bot, bot:
        bot.execute("PRAGMA synchronous = OFF")
        bot.execute("CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT)")
        bot.execute("INSERT INTO settings VALUES ('version', '3')")
        bot.execute(
            "CREATE TABLE candles (pair TEXT, ts INTEGER, open REAL, high REAL, low REAL, close REAL, volume REAL)"
        )
        bot.execute("INSERT INTO candles VALUES ('BTC/USDT', 1790812800, 1, 2, 0.5, 1.5, 10)")
        bot.execute(create)
        if example == "mixed_times":
            bot.execute("CREATE TABLE agents (id INTEGER PRIMARY KEY, name TEXT)")
            bot.executemany("INSERT INTO agents VALUES (?, ?)", [(1, "alpha"), (2, "beta")])
        values = list(rows())
        table = create.split()[2]
        bot.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values[0]))})", values)
    return path
