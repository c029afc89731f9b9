"""Computed rows are computed again when their source was written to, and not looked at when it was not."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from reporter.trading.ledger.connection import Database
from reporter.trading.ledger.derived import DerivedDatabase, DerivedRows
from tests.trading.ledger.conftest import new_native  # noqa: F401 - a fixture
from tests.trading.ledger.databases import Native, native_sqlite


class Counted:
    """A derived database of one computed agent, and how often its source was looked through."""

    def __init__(self, url: str) -> None:
        self.looks, database = 0, Database("bot", url, 10)
        self.derived = DerivedDatabase(database, lambda _: DerivedRows(), self._changed, ("trades",))

    def _changed(self, connection: Connection) -> object:
        self.looks += 1
        return connection.execute(text("SELECT sum(pnl) FROM trades")).scalar()

    def look(self, times: int = 1) -> int:
        for _ in range(times):
            with self.derived.snapshot():
                pass
        return self.looks


def settle(path: str) -> None:
    """As if the last write were a minute ago."""
    for file in (path, f"{path}-wal"):
        if Path(file).exists():
            os.utime(file, (time.time() - 60, time.time() - 60))


def test_a_source_that_was_not_written_to_is_looked_through_once(new_native: Callable[[], Native]) -> None:  # noqa: F811
    bot = new_native()
    bot.trade(2, "2026-11-27 10:00:00")
    if not bot.server:
        settle(bot.url)
    counted = Counted(bot.url)
    assert counted.look(3) == 1
    bot.trade(3, "2026-11-27 10:00:00")
    assert counted.look() == 2


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_every_write_to_a_file_is_seen(tmp_path: Path, mode: str) -> None:
    bot = native_sqlite(tmp_path)
    with closing(sqlite3.connect(bot.url, isolation_level=None)) as own:
        own.execute(f"PRAGMA journal_mode = {mode}")
        counted = Counted(bot.url)
        for number in range(1, 6):
            own.execute("INSERT INTO trades (agent, market, side, currency, pnl, closed_at) "
                        "VALUES ('a', 'M', 'long', 'USDT', 1, '2026-11-27 10:00:00')")  # fmt: skip
            if number == 3 and mode == "WAL":
                own.execute("PRAGMA wal_checkpoint(RESTART)")
            assert counted.look() == number  # a file written just now is looked through, whatever its time says
    settle(bot.url)
    assert counted.look(3) == counted.looks <= 6
