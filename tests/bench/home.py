"""Homes to measure in: the stock jobs, ten Discord channels, and a trading database with two months of history."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from reporter.app import demo
from reporter.periods.clock import SystemClock
from reporter.trading.ledger.sources import native
from tests.support.discord import LocalDiscord
from tests.support.servers import PostgreSQL

CHANNELS = 10
TABLES = ("agents", "trades", "positions", "equity")

CONFIG = """\
version: 1
store: state.sqlite
ledgers:
  floor: {{kind: native, url: "env:LEDGER", starting_balance: [{balances}]}}
discord: {{base_url: "{base_url}"}}
channels:
{channels}
jobs:
  health_probe: {{channel: channel-0, enabled: {probing}}}
  agent_performance: {{channel: channel-1}}
  daily_summary: {{channel: channel-2}}
  weekly_leaderboard: {{channel: channel-3}}
"""


@dataclass(frozen=True)
class Home:
    """A folder and the environment that its config refers to."""

    folder: Path
    environ: dict[str, str]

    @property
    def arguments(self) -> list[str]:
        return ["--home", str(self.folder)]


def make_home(folder: Path, ledger: str, discord: LocalDiscord, *, probing: bool = True, more: str = "") -> Home:
    """Lay out a home whose ledger is at that URL and whose channels are the local Discord's."""
    (folder / "config").mkdir(parents=True)
    names = [f"channel-{number}" for number in range(CHANNELS)]
    webhooks = {f"WEBHOOK_{name[-1]}": discord.webhook(f"{folder.name}-{name}") for name in names}
    entries = [f'  {name}: {{webhook: "env:{secret}"}}' for name, secret in zip(names, webhooks, strict=True)]
    text = CONFIG.format(
        balances=", ".join(f"{money.amount} {money.currency}" for money in demo.STARTING_BALANCES),
        base_url=discord.base_url,
        channels="\n".join(entries),
        probing=str(probing).lower(),
    )
    (folder / "config" / "reporter.yaml").write_text(text + more)
    return Home(folder, {"LEDGER": ledger, "HOME": str(folder), **webhooks})


def sqlite_floor(path: Path) -> str:
    """The demo's trading floor as a SQLite file."""
    demo.make(path, SystemClock().wall())
    return f"sqlite:///{path}"


def postgresql_floor(server: PostgreSQL, source: Path) -> str:
    """The same floor in a PostgreSQL database."""
    url = server.new_database()
    with psycopg.connect(url, autocommit=True) as target, closing(sqlite3.connect(source)) as database:
        target.execute("SET TIME ZONE 'UTC'")
        target.execute(native.ddl("postgresql").encode())
        for table in TABLES:
            _copy(database, target, table)
    return url


def _copy(source: sqlite3.Connection, target: psycopg.Connection[Any], table: str) -> None:
    rows = source.execute(f"SELECT * FROM {table}")
    columns = [column[0] for column in rows.description]
    insert = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join([sql.Placeholder()] * len(columns)),
    )
    with target.cursor() as cursor:
        cursor.executemany(insert, rows.fetchall())
