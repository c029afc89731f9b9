"""MySQL and MariaDB as a ledger: the same figures as elsewhere, and nothing that could be written."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from reporter.app import demo
from reporter.errors import LedgerError
from reporter.periods.civil import Period
from reporter.trading.books import By
from reporter.trading.ledger.connection import Database
from reporter.trading.ledger.inspection import inspect
from reporter.trading.ledger.mysql import acting, wide_rights
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.ledger.sources.native import ddl
from reporter.trading.trades import Money
from tests.support.paths import DATA, ROOT
from tests.support.servers import PASSWORD, ROLE, MariaDB
from tests.trading.ledger.example_databases import TABLES, made

FREQTRADE = DATA / "freqtrade.sqlite"
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
WEEKS = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 29, tzinfo=UTC), "weeks", "Europe/Berlin")
OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10", "UTC")
COLUMNS = {"id": "id", "agent": "bot", "market": "pair", "side": "side", "currency": {"const": "USDT"},
           "closed_at": "closed", "pnl": "pnl", "mode": "paper"}  # fmt: skip


class Bot:
    """A database that a bot writes to."""

    def __init__(self, server: MariaDB) -> None:
        self.server, self.name = server, server.new_database()
        self.url = server.url(self.name)

    def run(self, *statements: str) -> None:
        with self.server.connect(self.name) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def fill(self) -> None:
        self.run(
            "CREATE TABLE trades (id BIGINT PRIMARY KEY, bot VARCHAR(20), pair VARCHAR(20), side VARCHAR(5), "
            "paper BIT(1), closed TIMESTAMP NULL, pnl DECIMAL(20, 10))",
            "SET time_zone = '+02:00'",
            "INSERT INTO trades VALUES (1, 'grid', 'BTC/USDT', 'buy', 0, '2026-10-02 01:30:00', 12.3456789012), "
            "(2, 'grid', 'BTC/USDT', 'sell', 1, '2026-10-03 10:00:00', -5), "
            "(3, 'mean', 'ETH/USDT', 'buy', 0, NULL, NULL)",
        )

    def portfolio(self, timeout: float = 10, **mapping: Any) -> Portfolio:
        given = {"columns": COLUMNS, **({} if "query" in mapping else {"table": "trades"}), **mapping}
        return Portfolio([LedgerSettings(name="bot", kind="mapping", url=self.url, mapping=given)], timeout=timeout)


@pytest.fixture
def bot(mysql: MariaDB) -> Bot:
    return Bot(mysql)


def test_a_mapping_reads_decimals_flags_and_times_of_another_zone(bot: Bot) -> None:
    bot.fill()
    found = bot.portfolio()
    trades = [
        (one.id, one.mode.value, f"{one.pnl.amount:f}", f"{one.closed_at:%d %H:%M}")
        for one in found.closed_trades(OCTOBER)
    ]
    assert trades == [("1", "live", "12.34567890", "01 23:30"), ("2", "paper", "-5.00000000", "03 08:00")]
    assert [one.id for one in found.open_positions()] == ["3"]
    bot.run("UPDATE trades SET pnl = 7 WHERE id = 2")
    assert [str(book.pnl.amount.normalize()) for book in found.performance(OCTOBER)] == ["12.3456789", "7"]


@pytest.fixture(scope="module")
def native(mysql: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> tuple[Portfolio, Portfolio]:
    """The demo's floor on SQLite and on MariaDB."""
    path = tmp_path_factory.mktemp("floor") / "floor.sqlite"
    demo.make(path, NOW)
    bot = Bot(mysql)
    bot.run(*filter(str.strip, re.sub("--.*", "", ddl("mysql")).split(";")))
    copied(path, bot, ("agents", "trades", "positions", "equity"))
    return both("native", str(path), bot.url)


@pytest.fixture(scope="module")
def freqtrade(mysql: MariaDB) -> tuple[Portfolio, Portfolio]:
    """freqtrade's own file, and its rows on MariaDB."""
    bot = Bot(mysql)
    with closing(sqlite3.connect(FREQTRADE)) as file:
        for table in ("trades", "orders", "wallet_history"):
            (created,) = file.execute("SELECT sql FROM sqlite_master WHERE name = ?", [table]).fetchone()
            bot.run(
                re.sub(r"VARCHAR(?!\()|FLOAT|DATETIME", lambda found: TYPES[found[0]], created)
                + " CHARACTER SET utf8mb4"
            )
    copied(FREQTRADE, bot, ("trades", "orders", "wallet_history"))
    return both("freqtrade", str(FREQTRADE), bot.url)


# Those of freqtrade's models there, but for FLOAT, which has six digits.
TYPES = {"VARCHAR": "VARCHAR(190)", "FLOAT": "DOUBLE", "DATETIME": "DATETIME(6)"}


def copied(path: Path, bot: Bot, tables: Sequence[str]) -> None:
    with closing(sqlite3.connect(path)) as file, bot.server.connect(bot.name) as connection:
        for table in tables:
            rows = file.execute(f"SELECT * FROM {table}")
            names, marks = (
                ", ".join(f"`{one[0]}`" for one in rows.description),
                ", ".join(["%s"] * len(rows.description)),
            )
            connection.cursor().executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows.fetchall())
        connection.commit()


def both(kind: str, *urls: str) -> tuple[Portfolio, Portfolio]:
    start = tuple(Money(Decimal(10_000), currency) for currency in ("USDT", "USDC"))
    one, two = (Portfolio([LedgerSettings(name="bot", kind=kind, url=url, starting_balance=start)]) for url in urls)
    return one, two


@pytest.mark.parametrize("kind", ["native", "freqtrade"])
@pytest.mark.parametrize("by", ["agent", "market", "side", "exit_reason", "weekday", "hour"])
def test_native_tables_and_freqtrades_give_what_they_give_on_sqlite(
    request: pytest.FixtureRequest, kind: str, by: By
) -> None:
    sqlite, mysql = request.getfixturevalue(kind)
    assert mysql.performance(WEEKS, by=by, daily=True, account=True) == sqlite.performance(
        WEEKS, by=by, daily=True, account=True
    )
    assert mysql.daily_series(WEEKS, whole=True) == sqlite.daily_series(WEEKS, whole=True)
    assert mysql.closed_trades(WEEKS) == sqlite.closed_trades(WEEKS)
    assert mysql.all_time(WEEKS.end) == sqlite.all_time(WEEKS.end)


@pytest.mark.parametrize("kind", ["native", "freqtrade"])
def test_they_are_in_good_health_there(request: pytest.FixtureRequest, kind: str) -> None:
    sqlite, mysql = request.getfixturevalue(kind)
    (here,), (there,) = sqlite.health(), mysql.health()
    assert (there.reachable, there.newest_trade_at) == (True, here.newest_trade_at)
    assert abs(there.clock - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.parametrize("example", ["cents", "mixed_times"])
def test_the_examples_give_the_figures_that_they_give_elsewhere(bot: Bot, tmp_path: Path, example: str) -> None:
    mapping = yaml.safe_load((ROOT / "config" / "examples" / f"{example}.yaml").read_text())
    create, rows = TABLES[example]
    if example == "mixed_times":
        bot.run(
            "CREATE TABLE agents (id INTEGER PRIMARY KEY, name TEXT)",
            "INSERT INTO agents VALUES (1, 'alpha'), (2, 'beta')",
        )
        create = "CREATE TABLE trades (rowid INTEGER AUTO_INCREMENT PRIMARY KEY, agent_id INTEGER, pair TEXT, "
        create += "side TEXT, size_usd REAL, pct REAL, opened TEXT, closed TEXT)"
    bot.run(create.replace("TEXT PRIMARY KEY", "VARCHAR(40) PRIMARY KEY"))
    names = "" if example == "cents" else "(agent_id, pair, side, size_usd, pct, opened, closed)"
    with bot.server.connect(bot.name) as connection, connection.cursor() as cursor:
        values = list(rows())
        cursor.executemany(
            f"INSERT INTO {create.split()[2]} {names} VALUES ({', '.join(['%s'] * len(values[0]))})", values
        )
    there, here = (
        Portfolio([LedgerSettings(name="bot", kind="mapping", url=url, mapping=mapping)]).performance(OCTOBER)
        for url in (bot.url, str(made(tmp_path, example)))
    )
    assert [(book.trades, book.pnl, book.mode) for book in there] == [
        (book.trades, book.pnl, book.mode) for book in here
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO trades (id) VALUES (9)",
        "DELETE FROM trades",
        "CREATE TABLE other (id INT)",
        "CREATE TEMPORARY TABLE other (id INT)",
        "SET SESSION TRANSACTION READ WRITE",
        "COMMIT",
        "WITH a AS (SELECT 1) DELETE FROM trades",
        "SELECT 1; DELETE FROM trades",
        "SELECT 'x' INTO OUTFILE '/tmp/reporter-mysql'",
        "SELECT 1 /*! INTO @x */",
        "SELECT * FROM trades FOR UPDATE",
        "SELECT GET_LOCK('x', 1)",
        "CALL sleep(1)",
        "LOCK TABLES trades WRITE",
    ],
)
def test_what_could_write_or_lock_is_refused(bot: Bot, statement: str) -> None:
    bot.fill()
    with pytest.raises(LedgerError), Database("bot", bot.url, 5).snapshot() as connection:
        connection.exec_driver_sql(statement)
    with bot.server.connect(bot.name) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM trades")
        assert cursor.fetchone() == (3,)


def test_the_session_itself_refuses_what_a_function_would_write(bot: Bot) -> None:
    bot.fill()
    bot.run("CREATE FUNCTION harmless() RETURNS INT BEGIN DELETE FROM trades; RETURN 1; END")
    with pytest.raises(LedgerError, match="a statement that would have written was refused"):
        bot.portfolio(query="SELECT harmless() AS id, bot, pair, side, closed, pnl, paper FROM trades").closed_trades(
            OCTOBER
        )


def test_a_question_that_takes_too_long_ends(bot: Bot) -> None:
    bot.fill()
    endless = "WITH RECURSIVE n AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM n) SELECT max(n.id) AS id, "
    endless += "'' AS bot, '' AS pair, '' AS side, '' AS closed, 0 AS pnl, 0 AS paper FROM n, n AS b, n AS c"
    with pytest.raises(LedgerError, match="did not answer in time"):
        bot.portfolio(timeout=0.5, query=endless).closed_trades(OCTOBER)


@pytest.mark.parametrize(
    ("role", "password", "database", "said"),
    [
        (ROLE, "wrong", None, "the account or its password is refused"),
        (ROLE, PASSWORD, "nowhere", "there is no such database"),
        (ROLE, PASSWORD, None, "there is no table trades; there are: none"),
    ],
)
def test_what_cannot_be_read_says_why(bot: Bot, role: str, password: str, database: str | None, said: str) -> None:
    bot.url = bot.server.url(database or bot.name, role=role, password=password)
    with pytest.raises(LedgerError) as refused:
        bot.portfolio().closed_trades(OCTOBER)
    assert said in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_a_mapping_is_proposed_for_its_tables(bot: Bot) -> None:
    bot.fill()
    found = inspect(bot.url, "bot", datetime(2026, 11, 1, tzinfo=UTC))
    assert (found.kind, found.proposals[0].table, found.trouble) == (None, "trades", "")
    assert [(one.mode, one.trades) for one in found.totals] == [("live", 1), ("paper", 1)]


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("SELECT 'INTO OUTFILE', \"for update\", `into` FROM t -- INTO x\n# INTO y", None),
        ("SELECT 1 INTO/**/OUTFILE 'x'", "INTO"),
        ("SELECT 'a\\' INTO OUTFILE ' FROM t", None),
        ("SELECT 1 /*M!100100 INTO @x */", "/*M!"),
        ("SELECT sleep (5)", "SLEEP"),
    ],
)
def test_the_words_of_a_statement_are_told_from_its_texts(statement: str, word: str | None) -> None:
    assert acting(statement) == word


def test_an_account_that_could_write_is_warned_of(bot: Bot) -> None:
    bot.fill()
    [warning] = bot.portfolio().warnings()
    assert warning.startswith("bot: the account has more than the right to read (ALL PRIVILEGES): ")
    bot.run(f"CREATE USER reader@'%' IDENTIFIED BY '{PASSWORD}'", f"GRANT SELECT ON {bot.name}.* TO reader@'%'")
    bot.url = bot.server.url(bot.name, role="reader")
    assert bot.portfolio().warnings() == []
    bot.run("DROP USER reader@'%'")


def test_rights_that_are_too_wide_are_named() -> None:
    assert wide_rights(["GRANT USAGE ON *.* TO `a`@`%`", "GRANT SELECT, SHOW VIEW ON `db`.* TO `a`@`%`"]) == []
    wide = ["GRANT SELECT (`id`), INSERT, FILE ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*x'"]
    assert wide_rights(wide) == ["FILE", "INSERT"]
