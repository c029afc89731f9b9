"""The native schema: what its document says, and what its checks refuse."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.queries import newest, trades
from reporter.trading.ledger.sources.native import ddl, native
from tests.support.paths import DOCS
from tests.trading.ledger.databases import Native, between, native_sqlite, usdt

DOCUMENT = (DOCS / "native-schema.md").read_text(encoding="utf-8")
DAY = between("2026-10-30", "2026-10-31")


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_document_holds_the_statements_word_for_word(dialect: str) -> None:
    assert f"```sql\n{ddl(dialect)}```" in DOCUMENT


def test_the_document_explains_every_column() -> None:
    columns = set(re.findall(r"^    (\w+) +(?:text|numeric|bigint|timestamptz)", ddl("postgresql"), re.MULTILINE))
    tables = "\n".join(line for line in DOCUMENT.splitlines() if line.startswith("|"))
    assert columns - set(re.findall(r"`(\w+)`", tables)) == set()


def test_both_dialects_have_the_same_columns() -> None:
    def columns(dialect: str) -> list[str]:
        return re.findall(r"^(?:CREATE TABLE|CREATE INDEX|   ) (\w+)", ddl(dialect), re.MULTILINE)

    assert columns("sqlite") == columns("postgresql")


@pytest.mark.parametrize(
    "moment",
    [
        "2026-10-30T00:00:00",
        "2026-10-30 00:00:00Z",
        "2026-10-30 00:00:00.5+00:00",
        "2026-02-30 00:00:00",
        "2026-10-30 24:00:00",
        "2026-10-30 00:00:005",
        "2026-10-30",
        "now",
        1793318400,
        "",
    ],
)
def test_sqlite_refuses_times_that_would_sort_wrongly(tmp_path: Path, moment: object) -> None:
    row = {"agent": "a", "market": "m", "side": "s", "currency": "USDT", "pnl": 1, "closed_at": moment}
    with pytest.raises(sqlite3.Error):
        native_sqlite(tmp_path).add("trades", row)


@pytest.mark.parametrize("moment", ["2026-10-30 00:00:00", "2026-10-30 23:59:59.9999999", "2024-02-29 12:00:00.5"])
def test_sqlite_takes_times_with_and_without_a_fraction(tmp_path: Path, moment: str) -> None:
    bot = native_sqlite(tmp_path)
    bot.trade(1, moment)
    assert len(Portfolio([bot.settings()]).closed_trades(between("2024-01-01", "2027-01-01"))) == 1


@pytest.mark.parametrize("change", [{"mode": "demo"}, {"currency": ""}, {"pnl": None}, {"pnl": "NaN"}, {"agent": None}])
def test_rows_that_could_not_be_counted_are_refused(bot: Native, change: dict[str, object]) -> None:
    with pytest.raises(Exception, match=r"constraint|violates"):
        bot.trade(**{"pnl": 1, "closed_at": "2026-10-30 01:00:00", **change})  # type: ignore[arg-type]


@pytest.mark.parametrize("statement", [trades(native("sqlite"), DAY), newest(native("sqlite"))])
def test_a_days_report_uses_the_index(tmp_path: Path, statement: object) -> None:
    bot = native_sqlite(tmp_path)
    with closing(sqlite3.connect(bot.url)) as connection:
        sql = str(statement.compile(compile_kwargs={"literal_binds": True}))  # type: ignore[attr-defined]
        (step,) = connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
    assert "INDEX trades_closed_at" in step[3]


def test_defaults_are_live_and_now(bot: Native) -> None:
    bot.add("agents", {"name": "a", "currency": "USDT"})
    bot.trade(1, "2026-10-30 01:00:00")
    (book,) = Portfolio([bot.settings()]).performance(DAY)
    assert (book.mode, book.pnl) == ("live", usdt("1"))
