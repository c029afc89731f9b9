"""Computed rows are computed again when their source was written to, and not looked at when it was not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Connection, text

from reporter.trading.ledger.connection import Database
from reporter.trading.ledger.derived import DerivedDatabase, DerivedRows, LaterRows
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from tests.support.paths import DATA, ROOT
from tests.trading.ledger.conftest import new_native  # noqa: F401 - a fixture
from tests.trading.ledger.databases import Native, native_sqlite
from tests.trading.ledger.example_databases import made


class Counted:
    """A derived database of one computed agent, and how often its source was looked through."""

    def __init__(self, url: str, **more: float) -> None:
        self.looks, database = 0, Database("bot", url, 10)
        self.derived = DerivedDatabase(database, lambda _: DerivedRows(), self._changed, ("trades",), **more)

    def _changed(self, connection: Connection) -> object:
        self.looks += 1
        return connection.execute(text("SELECT sum(pnl) FROM trades")).scalar()

    def look(self, times: int = 1) -> int:
        for _ in range(times):
            with self.derived.snapshot():
                pass
        return self.looks


def test_a_source_that_was_not_written_to_is_looked_through_once(new_native: Callable[[], Native]) -> None:  # noqa: F811
    bot = new_native()
    bot.trade(2, "2026-11-27 10:00:00")
    counted = Counted(bot.url, settled=0)
    looked = counted.look(5)
    assert looked <= 2  # a server may have had something of its own to write
    bot.trade(3, "2026-11-27 10:00:00")
    assert counted.look() > looked


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_every_write_to_a_file_is_seen(tmp_path: Path, mode: str) -> None:
    bot = native_sqlite(tmp_path)
    with closing(sqlite3.connect(bot.url, isolation_level=None)) as own:
        own.execute(f"PRAGMA journal_mode = {mode}")
        counted = Counted(bot.url, settled=0)
        for number in range(1, 6):
            own.execute("INSERT INTO trades (agent, market, side, currency, pnl, closed_at) "
                        "VALUES ('a', 'M', 'long', 'USDT', 1, '2026-11-27 10:00:00')")  # fmt: skip
            if number == 3 and mode == "WAL":
                own.execute("PRAGMA wal_checkpoint(RESTART)")
            assert counted.look(2) == number


def test_a_file_that_was_written_to_just_now_is_looked_through_again(tmp_path: Path) -> None:
    counted = Counted(native_sqlite(tmp_path).url, settled=60)
    assert counted.look(3) == 3  # another write of the same moment could have gone unseen


def test_rows_are_computed_once_the_source_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reporter.trading.ledger.sqlite_file.SMALL", 0)
    bot = native_sqlite(tmp_path)

    def compute() -> DerivedRows:
        with closing(sqlite3.connect(bot.url, timeout=0)) as own, own:
            own.execute("UPDATE trades SET pnl = 1")  # it waits for nobody
        return DerivedRows(agents=[{"name": "a", "mode": "live", "currency": "USDT"}])

    derived = DerivedDatabase(Database("bot", bot.url, 10), lambda _: compute, lambda _: 1)
    with derived.snapshot() as connection:
        assert connection.execute(text("SELECT name FROM agents")).scalars().all() == ["a"]


def test_a_spool_gives_the_rows_that_it_took_again() -> None:
    rows = [(number, str(number), None) for number in range(2500)]
    spool = LaterRows(iter(rows))
    assert list(spool) == list(spool) == rows


@pytest.mark.parametrize("kind", ["hummingbot", "mapping"])
def test_an_agent_that_does_not_trade_is_not_taken_for_a_silent_one(tmp_path: Path, kind: str) -> None:
    """A trade is no heartbeat: nobody knows whether these agents run."""
    url, mapping = str(DATA / "hummingbot.sqlite"), {}
    if kind == "mapping":
        url, mapping = str(made(tmp_path, "cents")), yaml.safe_load((ROOT / "config/examples/cents.yaml").read_text())
    bot = Portfolio([LedgerSettings(name="bot", kind=kind, url=url, mapping=mapping)])
    agents = bot.agents()
    assert agents
    assert {agent.runs(datetime(2026, 11, 30, tzinfo=UTC), timedelta(minutes=5)) for agent in agents} == {None}
