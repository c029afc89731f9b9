"""Attempts to write through a read-only connection: in one statement, in several, and by SQL's own means."""

from __future__ import annotations

import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url, text

from reporter.errors import LedgerError
from reporter.trading.ledger.connection import Database
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.sources.native import ddl
from tests.support.servers import PostgreSQL
from tests.trading.ledger.databases import Native, between, native_postgresql, native_sqlite, usdt

INSERT = """INSERT INTO trades (agent, market, side, currency, pnl, closed_at)
VALUES ('e', 'm', 's', 'USDT', 1, '2026-10-30 01:00:00')"""
DAY = between("2026-10-30", "2026-10-31")

EVERYWHERE = [
    INSERT,
    "UPDATE trades SET pnl = 0",
    "DELETE FROM trades",
    "DROP TABLE trades",
    "CREATE TABLE mine (x INTEGER)",
    "CREATE TEMPORARY TABLE mine (x INTEGER)",
]
SQLITE = [
    "ATTACH 'FOLDER/escaped.sqlite' AS other",
    "COMMIT; VACUUM INTO 'FOLDER/escaped.sqlite'",
    "VACUUM INTO 'FOLDER/escaped.sqlite'",
    "PRAGMA query_only = 0",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA user_version = 7",
    "PRAGMA writable_schema = 1",
    "SELECT load_extension('FOLDER/escaped')",
]
POSTGRESQL = [
    f"COMMIT; BEGIN READ WRITE; {INSERT}; COMMIT",
    f"SELECT 1; COMMIT; BEGIN READ WRITE; {INSERT}; COMMIT",
    "SET default_transaction_read_only = off",
    "SET TRANSACTION READ WRITE",
    "BEGIN READ WRITE",
    "WITH gone AS (DELETE FROM trades RETURNING 1) SELECT * FROM gone",
    "SELECT set_config('transaction_read_only', 'off', true)",
    "SELECT nextval('trades_id_seq')",
    "COPY trades TO PROGRAM 'touch FOLDER/escaped.sqlite'",
    "DO $$ BEGIN DELETE FROM trades; END $$",
]


def run(database: Database, *statements: str) -> None:
    with database.snapshot() as connection:
        for statement in statements:
            _run(connection, statement)


def _run(connection: Connection, statement: str) -> None:
    result = connection.execute(text(statement))
    if result.returns_rows:
        result.all()


def refused(bot: Native, folder: Path, *statements: str) -> None:
    bot.trade(1, "2026-10-30 01:00:00")
    with pytest.raises(LedgerError):
        run(Database("bot", bot.url, 5), *(statement.replace("FOLDER", str(folder)) for statement in statements))
    (book,) = Portfolio([bot.settings()]).performance(DAY)
    assert (book.trades, book.pnl) == (1, usdt("1"))
    assert not list(folder.glob("escaped*"))


@pytest.mark.parametrize("statement", EVERYWHERE)
def test_nothing_writes(bot: Native, tmp_path: Path, statement: str) -> None:
    refused(bot, tmp_path, statement)


@pytest.mark.parametrize("statement", SQLITE)
def test_sqlite_has_no_way_round(tmp_path: Path, statement: str) -> None:
    refused(native_sqlite(tmp_path), tmp_path, statement)


@pytest.mark.parametrize(
    "second", ["VACUUM INTO 'FOLDER/escaped.sqlite'", "ATTACH 'FOLDER/escaped.sqlite' AS x", INSERT]
)
def test_sqlite_has_none_outside_the_transaction_either(tmp_path: Path, second: str) -> None:
    refused(native_sqlite(tmp_path), tmp_path, "COMMIT", second)


@pytest.fixture(scope="module")
def writable(server: PostgreSQL) -> Native:
    """The role that reads it is a superuser: only our own door stands before it."""
    return native_postgresql(server)


@pytest.mark.parametrize("statement", POSTGRESQL)
def test_postgresql_has_no_way_round(writable: Native, tmp_path: Path, statement: str) -> None:
    writable.run("DELETE FROM trades")
    refused(writable, tmp_path, statement)


def test_a_connection_that_served_before_is_still_read_only(writable: Native, tmp_path: Path) -> None:
    database = Database("bot", writable.url, 5)
    for _ in range(3):
        run(database, "SELECT count(*) FROM trades")
        with database.snapshot() as connection:
            assert connection.execute(text("SHOW transaction_read_only")).scalar() == "on"
            assert connection.execute(text("SHOW transaction_isolation")).scalar() == "repeatable read"


def test_a_look_sees_one_state_of_the_database(bot: Native) -> None:
    bot.trade(1, "2026-10-30 01:00:00")
    count = text("SELECT count(*) FROM trades")
    with ExitStack() as running:
        if bot.server is None:
            opened = running.enter_context(closing(sqlite3.connect(bot.url)))
            opened.execute("PRAGMA journal_mode = WAL")
            opened.execute("SELECT * FROM trades").fetchall()  # now its log is there
        connection = running.enter_context(Database("bot", bot.url, 5).snapshot())
        first = connection.execute(count).scalar()
        bot.trade(2, "2026-10-30 02:00:00")
        assert connection.execute(count).scalar() == first == 1


def test_a_small_file_without_wal_is_read_in_a_copy_and_its_bot_writes_at_once(tmp_path: Path) -> None:
    bot = native_sqlite(tmp_path)
    bot.trade(1, "2026-10-30 01:00:00")
    count = text("SELECT count(*) FROM trades")
    with Database("bot", bot.url, 5).snapshot() as connection, closing(sqlite3.connect(bot.url, timeout=0)) as writer:
        assert connection.execute(count).scalar() == 1
        writer.execute("DELETE FROM trades")
        writer.commit()  # it waits for nobody
        assert connection.execute(count).scalar() == 1


def test_a_copy_of_a_file_whose_bot_is_writing_has_what_is_finished(tmp_path: Path) -> None:
    bot = native_sqlite(tmp_path)
    bot.trade(1, "2026-10-30 01:00:00")
    with closing(sqlite3.connect(bot.url, isolation_level=None)) as writer:
        for statement, trades in (("BEGIN", 1), ("DELETE FROM trades", 1), ("COMMIT", 0)):
            writer.execute(statement)
            with Database("bot", bot.url, 5).snapshot() as connection:
                assert connection.execute(text("SELECT count(*) FROM trades")).scalar() == trades


def test_a_long_look_at_a_large_file_without_wal_lets_its_bot_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reporter.trading.ledger.sqlite_file.SMALL", 0)
    bot = native_sqlite(tmp_path)
    endless = "WITH RECURSIVE n(i) AS (SELECT count(*) FROM trades UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(run, Database("bot", bot.url, 30), endless)
        time.sleep(0.5)
        bot.trade(1, "2026-10-30 01:00:00")  # which gives up after five seconds
        with pytest.raises(LedgerError, match=r"not in WAL mode is read for 2 s at most"):
            looking.result()


def test_a_look_takes_one_core_of_a_server(server: PostgreSQL) -> None:
    with Database("bot", server.url(), 5).snapshot() as connection:
        for name, value in (("max_parallel_workers_per_gather", "0"), ("jit", "off")):
            assert connection.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar() == value


SESSIONS = "SELECT pid, state FROM pg_stat_activity WHERE application_name = 'reporter' AND datname = %s"


@pytest.fixture(scope="module")
def own_database(server: PostgreSQL) -> Native:
    """A database that no other test reads."""
    bot = Native(server.new_database(), server)
    bot.run(ddl("postgresql"))
    return bot


@pytest.fixture
def alone(own_database: Native, monkeypatch: pytest.MonkeyPatch) -> Native:
    """The same, whose session is kept for as long as a test may take."""
    monkeypatch.setattr("reporter.trading.ledger.sessions.IDLE", 300)
    return own_database


def sessions(bot: Native) -> list[tuple[int, str]]:
    assert bot.server
    with bot.server.connect() as connection:
        return connection.execute(SESSIONS, [make_url(bot.url).database]).fetchall()


def eventually(bot: Native, expected: list[tuple[int, str]]) -> bool:
    end = time.monotonic() + 60
    while sessions(bot) != expected and time.monotonic() < end:
        time.sleep(0.05)
    return sessions(bot) == expected


def test_looks_that_follow_each_other_share_a_session_with_no_transaction_open(alone: Native) -> None:
    with closing(Portfolio([alone.settings()])) as floor:
        floor.performance(DAY)
        kept = sessions(alone)
        floor.performance(DAY)
        assert sessions(alone) == kept == [(kept[0][0], "idle")]
    assert eventually(alone, [])


def test_a_session_ends_soon_after_the_last_look(alone: Native, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reporter.trading.ledger.sessions.IDLE", 0.05)
    Portfolio([alone.settings()]).performance(DAY)
    assert eventually(alone, [])


def test_a_session_in_which_something_failed_serves_no_other_look(alone: Native) -> None:
    with closing(Database("bot", alone.url, 5)) as database:
        with pytest.raises(LedgerError, match="a table is missing"):
            run(database, "SELECT * FROM nowhere")
        assert eventually(alone, [])
        run(database, "SELECT count(*) FROM trades")


def test_a_session_that_the_server_ended_is_replaced_unnoticed(alone: Native) -> None:
    assert alone.server
    with closing(Portfolio([alone.settings()])) as floor:
        floor.performance(DAY)
        ((pid, _),) = sessions(alone)
        with alone.server.connect() as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", [pid])
        assert floor.performance(DAY) == []


def test_a_forked_process_leaves_the_session_of_its_parent_alone(alone: Native) -> None:
    with closing(Database("bot", alone.url, 5)) as database:
        run(database, "SELECT count(*) FROM trades")
        kept = sessions(alone)
        child = os.fork()
        if not child:
            try:
                run(database, "SELECT count(*) FROM trades")
                database.close()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        run(database, "SELECT count(*) FROM trades")
        assert sessions(alone) == kept
