"""A large invented history in the native schema: the same trades for SQLite and PostgreSQL on every machine."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from reporter.periods.civil import Period
from reporter.trading.ledger.sources.native import ddl
from tests.support.servers import PostgreSQL

AGENTS = [f"agent-{number:02}" for number in range(20)]
BEGAN, DAYS = datetime(2024, 11, 1), 730  # noqa: DTZ001 - written as UTC
COLUMNS = (
    "id, agent, strategy, market, side, mode, currency, size, entry_price, exit_price, pnl, fees, funding, opened_at, "
    "closed_at, entry_tag, exit_reason"
)
Row = tuple[object, ...]


def trades(count: int) -> Iterator[Row]:
    """So many trades of 20 agents, the first of them the busiest, over 730 days, in the order in which they closed."""
    chance = random.Random(20261101)
    moments = sorted(chance.random() * DAYS for _ in range(count))
    busy = [1 / (place + 1) for place in range(len(AGENTS))]
    for number, (moment, agent) in enumerate(zip(moments, chance.choices(AGENTS, busy, k=count), strict=True), 1):
        closed = BEGAN + timedelta(days=moment)
        yield _trade(chance, number, agent, closed, closed - timedelta(seconds=chance.expovariate(1 / 3600)))


def _trade(chance: random.Random, number: int, agent: str, closed: datetime, opened: datetime) -> Row:
    size, entry = round(chance.uniform(0.1, 5), 3), round(chance.uniform(10, 500), 2)
    pnl = round(chance.gauss(0.05, 4), 4) if chance.random() > 0.01 else 0
    prices = (size, entry, round(entry + pnl / size, 2))
    money = (pnl, round(size * entry * 0.001, 4), round(chance.gauss(0, 0.01), 4))
    words = (chance.choice([None, "ema_cross", "rsi_low", "breakout"]), chance.choice(["roi", "stop_loss", "signal"]))
    market, side = f"M{chance.randrange(50)}/USDT", chance.choice(["long", "short"])
    times = (f"{opened:%Y-%m-%d %H:%M:%S.%f}", f"{closed:%Y-%m-%d %H:%M:%S.%f}")
    return (number, agent, agent[-1], market, side, "live", "USDT", *prices, *money, *times, *words)


def sqlite_history(path: Path, count: int) -> str:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = WAL")  # a scan of all may then take longer than 2 s
        connection.executescript(ddl("sqlite"))
        marks = ", ".join("?" * len(COLUMNS.split(",")))
        connection.executemany(f"INSERT INTO trades ({COLUMNS}) VALUES ({marks})", trades(count))
        connection.executemany("INSERT INTO agents (name, currency) VALUES (?, 'USDT')", [(name,) for name in AGENTS])
        connection.commit()
        connection.execute("ANALYZE")
    return str(path)


def postgresql_history(server: PostgreSQL, count: int) -> str:
    url = server.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute(ddl("postgresql").encode())
        with connection.cursor().copy(f"COPY trades ({COLUMNS}) FROM STDIN".encode()) as copy:
            for row in trades(count):
                copy.write_row(row)
        connection.cursor().executemany(
            "INSERT INTO agents (name, currency) VALUES (%s, 'USDT')", [(a,) for a in AGENTS]
        )
        connection.execute("VACUUM ANALYZE")
    return url


def day(number: int, days: int = 1) -> Period:
    """So many days (UTC) from that one of the history on."""

    start = BEGAN.replace(tzinfo=UTC) + timedelta(days=number)
    return Period(start, start + timedelta(days=days), f"{start:%Y-%m-%d}", "UTC")
