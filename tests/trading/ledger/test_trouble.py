"""What a user reads when a ledger cannot be read: which one, why, what to do, and no secret."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from inspect import signature
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from psycopg import sql
from sqlalchemy import text

from reporter.errors import LedgerError
from reporter.secret import Secret
from reporter.trading.ledger.connection import Database
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from tests.support.servers import NOBODY, PASSWORD, PostgreSQL
from tests.trading.ledger.databases import Native, between, native_postgresql, native_sqlite

DAY = between("2026-10-30", "2026-10-31")


def trouble(settings: LedgerSettings, *, timeout: float = 5) -> str:
    with pytest.raises(LedgerError) as caught:
        Portfolio([settings], timeout=timeout).performance(DAY)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def native_at(url: str) -> LedgerSettings:
    return LedgerSettings(name="bot", kind="native", url=Secret(url))


@pytest.fixture(scope="module")
def away(server: PostgreSQL) -> Native:
    """A native database on the server, shared by tests that do not fill it."""
    return native_postgresql(server)


def test_a_missing_file(tmp_path: Path) -> None:
    assert trouble(native_at(f"{tmp_path}/none.sqlite")) == f"bot: there is no file {tmp_path}/none.sqlite"
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, " * 100)
    assert trouble(native_at(f"{tmp_path}/notes.txt")) == f"bot: {tmp_path}/notes.txt is not a SQLite database"


def test_a_locked_file_fails_soon_instead_of_waiting(tmp_path: Path) -> None:
    bot = native_sqlite(tmp_path)
    with closing(sqlite3.connect(bot.url)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert trouble(bot.settings()) == f"bot: {bot.url} is locked, and after 0.5 s we do not wait any longer"


def test_a_database_of_another_kind(bot: Native) -> None:
    words = trouble(LedgerSettings(name="bot", kind="freqtrade", url=bot.url))
    assert words.startswith(("bot: a column is missing", "bot: a table is missing"))
    assert "is it the right kind of ledger" in words


def test_an_empty_database(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty.sqlite").close()
    words = trouble(native_at(f"sqlite:///{tmp_path}/empty.sqlite"))
    assert words == "bot: a table is missing (no such table: trades): is it the right kind of ledger?"


@contextmanager
def readable_by_all() -> Iterator[Path]:
    """A folder that another user may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def as_nobody(url: str) -> str:
    """What an ordinary user without rights reads."""
    if os.geteuid() != 0:
        return trouble(native_at(url))
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.setuid(NOBODY)
            os.write(writer, trouble(native_at(url)).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as words:
        return words.read()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # the fork, in a process with threads
def test_a_file_that_may_not_be_read() -> None:
    with readable_by_all() as folder:
        bot = native_sqlite(folder)
        Path(bot.url).chmod(0)
        assert f"{bot.url} cannot be opened: may this user read it, and enter {folder}?" in as_nobody(bot.url)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_folder_that_may_not_be_entered() -> None:
    with readable_by_all() as folder:
        bot = native_sqlite(folder)
        folder.chmod(0o600)
        words = as_nobody(bot.url)
        folder.chmod(0o755)
    assert f"{bot.url} cannot be opened: may this user read it, and enter {folder}?" in words


def test_a_query_that_takes_too_long(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    with (
        pytest.raises(LedgerError, match="bot: it did not answer in time"),
        Database("bot", native_sqlite(tmp_path).url, 0.2).snapshot() as connection,
    ):
        connection.execute(text(endless))


def test_a_query_that_takes_too_long_on_postgresql(away: Native) -> None:
    with (
        pytest.raises(LedgerError, match="bot: it did not answer in time"),
        Database("bot", away.url, 0.2).snapshot() as connection,
    ):
        connection.execute(text("SELECT pg_sleep(30)"))


def test_a_locked_table_fails_soon_instead_of_queueing(away: Native) -> None:
    assert away.server
    with away.server.connect(away.schema) as writer, writer.transaction():
        writer.execute("LOCK TABLE trades IN ACCESS EXCLUSIVE MODE")
        assert trouble(away.settings()).startswith("bot: it is locked, and after 0.5 s we do not wait any longer")


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    words = trouble(native_at(f"postgresql://tester:{PASSWORD}@127.0.0.1:{port}/trading"))
    assert words.startswith("bot: connection failed:")
    assert "Connection refused" in words


def test_a_server_that_does_not_answer() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql://tester:{PASSWORD}@127.0.0.1:{silent.getsockname()[1]}/trading"
        assert "timeout expired" in trouble(native_at(url), timeout=0.1)


def test_a_wrong_password(server: PostgreSQL) -> None:
    words = trouble(native_at(server.url(password="wrong-" + PASSWORD)))
    assert 'password authentication failed for user "tester"' in words
    assert "wrong-" not in words


def test_a_database_that_does_not_exist(server: PostgreSQL) -> None:
    assert 'database "nowhere" does not exist' in trouble(native_at(server.url("nowhere")))


def test_a_role_without_the_right_to_read(away: Native, server: PostgreSQL) -> None:
    stranger = new_role(away, server, "stranger")
    assert "the role may not read it: GRANT SELECT on its tables" in trouble(native_at(stranger))


def test_a_role_that_could_write_is_warned_of(away: Native, server: PostgreSQL) -> None:
    reader = new_role(away, server, "reader", "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
    (warning,) = Portfolio([away.settings()]).warnings()
    assert warning.startswith("bot: the role may write to agents, trades, positions, equity; give it SELECT alone")
    assert Portfolio([native_at(reader)]).warnings() == []
    assert Portfolio([native_at("/nowhere")]).warnings() == []


def new_role(bot: Native, server: PostgreSQL, role: str, grant: str = "") -> str:
    """Make a role that may enter the schema, and give the URL by which it does."""
    names = {"schema": sql.Identifier(bot.schema), "role": sql.Identifier(role)}
    with server.connect() as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), PASSWORD))
        admin.execute(sql.SQL("GRANT USAGE ON SCHEMA {schema} TO {role}; " + grant).format(**names))
    return server.url(schema=bot.schema, role=role)


def test_postgresql_without_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    words = trouble(native_at("postgresql://u:p@localhost/trading"))
    assert words == "bot: reading PostgreSQL needs psycopg: pip install 'reporter[postgres]'"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"oracle://u:{PASSWORD}@h/d", "oracle cannot be read, write sqlite:///FILE, postgresql://… or mysql://…"),
        (f"postgresql://u:{PASSWORD}@h:port/d", "this is neither a file nor a database URL"),
        (f"://{PASSWORD}", "this is neither a file nor a database URL"),
    ],
)
def test_settings_that_can_never_work_are_refused_at_once(url: str, words: str) -> None:
    with pytest.raises(LedgerError) as caught:
        Portfolio([native_at(url)])
    assert str(caught.value) == f"bot: {words}"


def test_an_unknown_kind_is_refused_at_once() -> None:
    with pytest.raises(
        LedgerError,
        match="bot: there is no kind of ledger 'hummingbird', only native",
    ):
        Portfolio([LedgerSettings(name="bot", kind="hummingbird", url="x.sqlite")])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE trades SET mode = 'LIVE'", "trades 1: mode is 'LIVE', not live or paper"),
        (
            "UPDATE trades SET closed_at = '2026-10-30T01:00:00Z'",
            "trades 1: closed_at is '2026-10-30T01:00:00Z', not UTC text such as 2026-10-30 23:59:59",
        ),
    ],
)
def test_a_ledger_of_which_no_trade_can_be_read(tmp_path: Path, change: str, words: str) -> None:
    bot = native_sqlite(tmp_path)
    bot.trade(1, "2026-10-30 01:00:00")
    with closing(sqlite3.connect(bot.url)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute(change)
    assert trouble(bot.settings()) == f"bot: none of its trades can be read ({words})"


def test_health_says_it_without_raising(bot: Native) -> None:
    well, gone = Portfolio([bot.settings(), LedgerSettings(name="gone", kind="native", url="/nowhere")]).health()
    assert (well.reachable, well.error, well.newest_trade_at) == (True, None, None)
    assert (gone.reachable, gone.error, gone.latency) == (False, "there is no file /nowhere", None)
    assert (well.clock is not None) == (bot.server is not None)


def test_a_secret_address_shows_in_no_repr() -> None:
    settings = native_at(f"postgresql://u:{PASSWORD}@h/d")
    assert PASSWORD not in repr(settings) + repr(Database("bot", settings.url, 1)) + repr(Portfolio([settings]))


def test_a_ledger_and_a_probe_that_begin_together_both_find_psycopg() -> None:
    """In a process of its own, for it is only loaded once."""
    looks = """
        import sys, threading
        from reporter.trading.ledger.connection import Database
        from reporter.probes.postgres_session import prepare
        begin, said = threading.Barrier(6), []
        def read() -> None:
            begin.wait()
            try:
                Database("bot", "postgresql://bot@127.0.0.1:1/bot", 2).snapshot().__enter__()
            except Exception as error:
                said.append("needs psycopg" in str(error))
        def probe() -> None:
            begin.wait()
            prepare()
        threads = [threading.Thread(target=look) for look in [read, probe] * 3]
        sys.setswitchinterval(1e-6)
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(said)
    """
    done = subprocess.run([sys.executable, "-c", dedent(looks)], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[False, False, False]", "")


@pytest.fixture
def dead_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A file on a server that is gone: opening it waits until the test is over."""
    path, over, connect = tmp_path / "nas.sqlite", threading.Event(), sqlite3.connect
    path.touch()

    def hanging(database: str, *args: Any, **given: Any) -> Any:
        if "nas.sqlite" in database:
            over.wait(60)
        return connect(database, *args, **given)

    monkeypatch.setattr(sqlite3, "connect", hanging)
    yield str(path)
    over.set()


def test_a_ledger_that_hangs_holds_up_none_of_the_others(dead_server: str, bot: Native) -> None:
    hung = LedgerSettings(name="nas", kind="native", url=Secret(dead_server))
    bot.trade(1, "2026-10-30 01:00:00")
    portfolio = Portfolio([hung, bot.settings()], timeout=6)
    away, well = portfolio.health()
    assert (away.reachable, away.error, well.reachable) == (False, "no answer within 6s", True)
    began = time.monotonic()
    assert not portfolio.health()[0].reachable
    assert [unread.ledger for unread in portfolio.performance(DAY)[0].unread] == ["nas"]
    assert portfolio.agents() == []
    assert time.monotonic() - began < 6  # nobody waits again for a ledger that hangs


def test_a_database_has_ten_seconds_unless_the_config_says_otherwise() -> None:
    assert signature(Portfolio).parameters["timeout"].default == 10
