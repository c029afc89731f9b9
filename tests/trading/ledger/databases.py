"""Trading databases for tests, made and written with plain drivers, and read by nothing but the code under test."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from reporter.periods.civil import Period
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.ledger.sources.native import ddl
from reporter.trading.trades import Money
from tests.support.servers import PostgreSQL

Row = Mapping[str, object]


@dataclass(frozen=True)
class Native:
    """A database of the native schema: an SQLite file, or a schema of a server."""

    url: str
    server: PostgreSQL | None = None
    schema: str = ""

    def add(self, table: str, *rows: Row) -> None:
        for row in rows:
            names, values = list(row), list(row.values())
            self.run(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' for _ in names)})", values)

    def run(self, statement: str, values: Iterable[object] = ()) -> None:
        if self.server is None:
            with closing(opened(self.url)) as connection, connection:
                connection.execute(statement, list(values))
        else:
            with psycopg.connect(self.url) as server:
                server.execute(statement.replace("?", "%s").encode(), list(values))

    def trade(self, pnl: object, closed_at: str, **more: object) -> None:
        """A closed trade; `closed_at` is UTC."""
        row = {"agent": "a", "market": "BTC-USD", "side": "long", "currency": "USDT", "fees": 0}
        self.add("trades", {**row, "pnl": pnl, "closed_at": self.stamp(closed_at), **more})

    def stamp(self, moment: str) -> str:
        """A UTC time as it is written."""
        return f"{moment}+00" if self.server else moment

    def settings(self, name: str = "bot", **more: Any) -> LedgerSettings:
        return LedgerSettings(name=name, kind="native", url=self.url, **more)


def opened(path: str) -> sqlite3.Connection:
    """A file that need not survive the machine, and is the quicker for it."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def native_sqlite(folder: Path) -> Native:
    path = folder / f"{uuid4().hex}.sqlite"
    with closing(opened(str(path))) as connection:
        connection.executescript(ddl("sqlite"))
    return Native(str(path))


def native_postgresql(server: PostgreSQL) -> Native:
    schema = server.new_schema()
    with server.connect(schema) as connection:
        connection.execute(ddl("postgresql").encode())
    return Native(server.url(schema=schema), server, schema)


def freqtrade_in(server: PostgreSQL, source: Path) -> str:
    """Copy freqtrade's SQLite tables into a PostgreSQL database, with the types that freqtrade gives them there."""
    schema = server.new_schema()
    with closing(sqlite3.connect(source)) as old, server.connect(schema) as new:
        for table in ("trades", "orders", "wallet_history"):
            (statement,) = old.execute("SELECT sql FROM sqlite_master WHERE name = ?", [table]).fetchone()
            new.execute(_for_postgresql(statement).encode())
            _copy(old, new, table)
    return server.url(schema=schema)


def _for_postgresql(statement: str) -> str:
    statement = re.sub(r"\bDATETIME\b", "TIMESTAMP", statement)
    return re.sub(r"\bFLOAT\b", "DOUBLE PRECISION", statement)


def _copy(old: sqlite3.Connection, new: psycopg.Connection[Any], table: str) -> None:
    kinds = [kind for _, _, kind, *_ in old.execute(f"PRAGMA table_info({table})")]
    with new.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
        for row in old.execute(f"SELECT * FROM {table}"):
            copy.write_row(
                [_boolean(value) if kind == "BOOLEAN" else value for kind, value in zip(kinds, row, strict=True)]
            )


def _boolean(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def usdt(amount: str) -> Money:
    return money(amount, "USDT")


def money(amount: str, currency: str) -> Money:
    return Money(Decimal(amount), currency)


def utc(text: str) -> datetime:
    """`2026-10-30` or `2026-10-30 12:00`, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def between(start: str, end: str, zone: str = "UTC") -> Period:
    return Period(utc(start), utc(end), f"{start} to {end}", zone)
