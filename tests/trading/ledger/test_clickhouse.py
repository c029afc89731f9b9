"""ClickHouse as a ledger, against its own engine in a process of its own (chdb), behind the protocol of a server."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from reporter.errors import LedgerError
from reporter.periods.civil import Period
from reporter.trading.ledger.clickhouse import ClickHouse, acting
from reporter.trading.ledger.inspection import inspect
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from tests.trading.ledger.databases import usdt

# An interpreter that has chdb-core, 530 MB, if ours has not: CHDB_PYTHON=/path/to/python.
PYTHON = os.environ.get("CHDB_PYTHON") or (sys.executable if find_spec("chdb") else None)
OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10", "UTC")
COLUMNS = {"id": "id", "agent": "bot", "market": "pair", "currency": {"const": "USDT"}, "closed_at": "closed",
           "pnl": "pnl", "side": "side", "fees": "fee"}  # fmt: skip


class Server:
    def __init__(self, port: int) -> None:
        self.port = port

    def run(self, sql: str) -> None:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/", data=f"-- owner\n{sql}".encode())
        urllib.request.urlopen(request).read()


class Bot:
    """A database that a bot writes to."""

    def __init__(self, server: Server) -> None:
        self.server, self.name = server, f"d{uuid4().hex[:8]}"
        self.url = f"clickhouse://127.0.0.1:{server.port}/{self.name}"
        server.run(f"CREATE DATABASE {self.name} ENGINE = Atomic")
        server.run(
            f"CREATE TABLE {self.name}.trades (id UUID, bot LowCardinality(String), pair String, "
            "side Enum8('buy' = 1, 'sell' = 2), closed Nullable(DateTime64(3, 'Asia/Tokyo')), pnl Decimal(18, 8), "
            "fee Nullable(Float64)) ENGINE = ReplacingMergeTree ORDER BY id"
        )
        self.add("'grid', 'BTC/USDT', 'buy', toDateTime64('2026-10-02 08:30:00.250', 3, 'UTC'), 12.34567891, 0.1")
        self.add("'mean', 'ETH/USDT', 'sell', toDateTime64('2026-10-03 10:00:00', 3, 'UTC'), -5, NULL")

    def add(self, values: str) -> None:
        self.server.run(f"INSERT INTO {self.name}.trades SELECT generateUUIDv4(), {values}")

    def portfolio(self, **mapping: Any) -> Portfolio:
        given = {"columns": COLUMNS, **({} if "query" in mapping else {"table": f"{self.name}.trades"}), **mapping}
        return Portfolio([LedgerSettings(name="bot", kind="mapping", url=self.url, mapping=given)])


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if PYTHON is None:
        pytest.skip("ClickHouse's engine is not installed: name a Python with chdb-core in CHDB_PYTHON")
    program = Path(__file__).parents[2] / "support" / "clickhouse_server.py"
    with subprocess.Popen([PYTHON, str(program)], stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            yield Server(int(process.stdout.readline()))
        finally:
            process.terminate()


@pytest.fixture
def bot(server: Server) -> Bot:
    return Bot(server)


def test_a_mapping_reads_its_types_to_the_last_digit(bot: Bot) -> None:
    [book] = bot.portfolio().performance(OCTOBER)
    assert (book.pnl, book.trades, {line.key for line in book.lines}) == (usdt("7.34567891"), 2, {"grid", "mean"})
    first, second = bot.portfolio().closed_trades(OCTOBER)
    assert (first.side, first.closed_at) == ("long", datetime(2026, 10, 2, 8, 30, 0, 250_000, tzinfo=UTC))
    assert (second.side, second.fees, first.fees) == ("short", None, usdt("0.1"))


def test_a_row_that_comes_or_changes_counts_at_the_next_look(bot: Bot) -> None:
    found = bot.portfolio()
    assert found.performance(OCTOBER)[0].trades == 2
    bot.add("'grid', 'BTC/USDT', 'buy', toDateTime64('2026-10-04 00:00:00', 3, 'UTC'), 1, NULL")
    assert found.performance(OCTOBER)[0].trades == 3
    bot.server.run(f"ALTER TABLE {bot.name}.trades UPDATE pnl = 0 WHERE bot = 'grid' SETTINGS mutations_sync = 1")
    assert found.performance(OCTOBER)[0].pnl == usdt("-5")


def test_a_query_gives_rows_and_sums_are_made_there(bot: Bot) -> None:
    query = f"SELECT * REPLACE (pnl * 2 AS pnl) FROM {bot.name}.trades FINAL WHERE bot = 'mean';"
    assert bot.portfolio(query=query).performance(OCTOBER)[0].pnl == usdt("-10")


def test_a_mapping_is_proposed_for_its_tables(bot: Bot) -> None:
    found = inspect(bot.url, "bot", datetime(2026, 11, 2, tzinfo=UTC))
    assert found.kind is None
    assert found.proposals[0].mapping["columns"]["pnl"] == "pnl"


@pytest.mark.parametrize("sql", ["SELECT 1 INTO OUTFILE '/tmp/x'", "SELECT * FROM url('http://a.example', CSV)",
                                 "SELECT * FROM /* */ file ('/etc/passwd')", "SELECT 1 SETTINGS max_execution_time = 0",
                                 "SELECT sleep(3)", "INSERT INTO t VALUES (1)"])  # fmt: skip
def test_what_could_write_or_reach_others_is_refused(sql: str) -> None:
    found = Portfolio([LedgerSettings(name="bot", kind="mapping", url="clickhouse://127.0.0.1:1/d",
                                      mapping={"query": sql, "columns": COLUMNS})])  # fmt: skip
    with pytest.raises(LedgerError):
        found.performance(OCTOBER)
    assert acting(sql) or sql.startswith("INSERT")


def test_the_engine_itself_refuses_what_would_write(bot: Bot) -> None:
    database = ClickHouse("bot", bot.url, 10)
    with pytest.raises(LedgerError, match="would have written"), database.snapshot() as look:
        look._client.command(f"INSERT INTO {bot.name}.trades (bot) SELECT 'x'")


@pytest.mark.parametrize(("sql", "word"), [("SELECT url, 'file(' FROM t -- remote(", None), ("SELECT s3 ('x')", "s3")])
def test_the_words_of_a_statement_are_told_from_its_texts(sql: str, word: str | None) -> None:
    assert acting(sql) == word


def test_what_cannot_be_read_says_why(bot: Bot) -> None:
    with pytest.raises(LedgerError, match="bot: a table is missing"):
        bot.portfolio(table=f"{bot.name}.gone").performance(OCTOBER)
    with pytest.raises(LedgerError, match="ClickHouse is read by `kind: mapping`"):
        Portfolio([LedgerSettings(name="bot", kind="native", url=bot.url)])
