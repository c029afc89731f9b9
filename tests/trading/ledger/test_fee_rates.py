"""Fees in another token: by the rate of their moment, or unknown, with the token named and how many trades that is."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from reporter.errors import LedgerError
from reporter.trading.books import Book
from reporter.trading.ledger.mapping import read_mapping
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.trades import Money
from tests.support.paths import ROOT
from tests.support.servers import PostgreSQL
from tests.trading.ledger.databases import between, usdt, utc

DAY = between("2026-10-30", "2026-10-31")
TRADES = {
    "table": "deals",
    "net": False,
    "columns": {
        "id": "id", "agent": {"const": "a"}, "market": {"const": "BTC-USDT"}, "currency": {"const": "USDT"},
        "closed_at": "closed", "pnl": "profit", "fees": "fee", "fee_token": "token",
    },
}  # fmt: skip
BY_TABLE = {
    "table": "prices", "token": "coin", "currency": {"const": "USDT"}, "at": "moment", "worth": "price",
    "max_age": "6h",
}  # fmt: skip
BY_HAND = {"BNB": {"2026-10-30 00:00": "600 USDT", "2026-10-30 12:00": "500 USDT"}}
TABLES = (
    "CREATE TABLE deals (id INTEGER, closed TEXT, profit NUMERIC, fee NUMERIC, token TEXT)",
    "CREATE TABLE prices (coin TEXT, moment TEXT, price NUMERIC)",
    "INSERT INTO prices VALUES ('BNB', '2026-10-30 00:00:00', 600), ('BNB', '2026-10-30 12:00:00', 500)",
    "INSERT INTO deals VALUES (1, '2026-10-30 01:00:00', 10, 0.01, 'BNB'), (2, '2026-10-30 13:00:00', 10, 0.01, 'bnb')",
    "INSERT INTO deals VALUES (3, '2026-10-30 14:00:00', 10, 1, 'USDT'), (4, '2026-10-30 15:00:00', 10, 1, NULL)",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("server")
        return server.url(schema=server.new_schema())
    return str(tmp_path / "bot.sqlite")


def run(url: str, *statements: str) -> None:
    if "://" in url:
        import psycopg  # noqa: PLC0415

        with psycopg.connect(url) as server:
            for statement in statements:
                server.execute(statement.encode())
        return
    with closing(sqlite3.connect(url)) as file, file:
        for statement in statements:
            file.execute(statement)


def ledger(url: str, **more: Any) -> Portfolio:
    return Portfolio([LedgerSettings(name="bot", kind="mapping", url=url, mapping={**TRADES, **more})])


def book(of: Portfolio) -> Book:
    [found] = of.performance(DAY)
    return found


@pytest.mark.parametrize("rates", [BY_TABLE, BY_HAND], ids=["table", "by hand"])
def test_a_fee_counts_by_the_rate_of_its_moment(url: str, rates: dict[str, Any]) -> None:
    run(url, *TABLES)
    found = book(ledger(url, rates=rates))
    assert (found.trades, found.pnl, found.fees) == (4, usdt("27"), usdt("13"))
    assert found.unrated == ()


def test_without_a_rate_the_result_is_unknown_and_the_token_named(url: str) -> None:
    run(url, *TABLES, "INSERT INTO deals VALUES (5, '2026-10-30 16:00:00', 9, 0.1, 'KCS')")
    bot = ledger(url, rates=BY_TABLE)
    found = book(bot)
    assert (found.trades, found.unreadable, found.pnl, found.fees) == (4, 1, usdt("27"), None)
    [one] = found.unrated
    assert (one.ledger, one.token, one.trades, one.of, one.first) == ("bot", "KCS", 1, 5, "5")
    assert str(one) == "fees: 1 of 5 trades without a rate of KCS, first 5"
    assert bot.unrated(DAY) == [one]
    assert [str(value) for value in found.left_out[0].first] == [
        "trades 5: pnl is 'no rate of the fee in KCS', not a number"
    ]


def test_a_result_that_is_net_counts_though_its_fee_is_unknown(url: str) -> None:
    run(url, *TABLES)
    found = book(ledger(url, net=True))
    assert (found.trades, found.pnl, found.fees) == (4, usdt("40"), None)
    assert [str(one) for one in found.unrated] == ["fees: 2 of 4 trades without a rate of BNB, first 1"]


def test_a_rate_that_is_too_old_or_of_later_is_none(url: str) -> None:
    run(url, *TABLES, "UPDATE prices SET moment = '2026-10-30 06:00:00' WHERE price = 600",
        "INSERT INTO deals VALUES (5, '2026-10-30 18:00:01', 9, 0.1, 'BNB')")  # fmt: skip
    assert [str(one) for one in book(ledger(url, rates=BY_TABLE)).unrated] == [
        "fees: 2 of 5 trades without a rate of BNB, first 1"
    ]


def test_a_rate_that_is_corrected_counts_at_the_next_look(url: str) -> None:
    run(url, *TABLES)
    bot = ledger(url, rates=BY_TABLE)
    assert book(bot).fees == usdt("13")
    run(url, "UPDATE prices SET price = 700 WHERE price = 600")
    assert book(bot).fees == usdt("14")


def test_fills_have_fees_in_other_tokens_too(tmp_path: Path) -> None:
    file = str(tmp_path / "bot.sqlite")
    run(
        file,
        "CREATE TABLE fills (id TEXT, at TEXT, side TEXT, size NUMERIC, price NUMERIC, fee NUMERIC, token TEXT)",
        "INSERT INTO fills VALUES ('b1', '2026-10-30 01:00:00', 'buy', 2, 100, 0.01, 'BNB'),"
        " ('s1', '2026-10-30 02:00:00', 'sell', 1, 110, 0.02, 'BNB'),"
        " ('s2', '2026-10-30 03:00:00', 'sell', 1, 110, 5, 'XYZ')",
    )
    columns = {
        "id": "id", "agent": {"const": "a"}, "market": {"const": "SOL-USDT"}, "currency": {"const": "USDT"},
        "at": "at", "side": "side", "quantity": "size", "price": "price", "fees": "fee", "fee_token": "token",
    }  # fmt: skip
    mapping = {"table": "fills", "unit": "fill", "columns": columns, "rates": BY_HAND}
    bot = Portfolio([LedgerSettings(name="bot", kind="mapping", url=file, mapping=mapping)])
    found = book(bot)
    assert (found.trades, found.unreadable, found.pnl) == (1, 1, usdt("-5"))  # 10, less 3 for half of b1 and 12 for s1
    assert [str(one) for one in found.unrated] == ["fees: 1 of 2 trades without a rate of XYZ, first s2"]


def test_rates_by_hand_serve_files(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text(
        "id,closed,profit,fee,token\n1,2026-10-30 01:00:00,10,0.01,BNB\n2,2026-10-30 01:00:00,10,0.01,KCS\n"
    )
    mapping = {**{key: value for key, value in TRADES.items() if key != "table"}, "rates": {"BNB": "600 USDT"}}
    bot = Portfolio([LedgerSettings(name="bot", kind="mapping", url=str(tmp_path / "deals.csv"), mapping=mapping)])
    found = book(bot)
    assert (found.pnl, found.unreadable) == (Money(usdt("4").amount, "USDT"), 1)
    assert [one.token for one in found.unrated] == ["KCS"]


def test_the_rates_of_the_docs_are_read() -> None:
    page = (ROOT / "docs" / "databases.md").read_text("utf-8")
    said = [
        yaml.safe_load(block)["rates"]
        for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
        if "\nrates:" in block
    ]
    by_table, by_hand = (read_mapping({**TRADES, "rates": one}) for one in said)
    assert by_table.beside["rates"].max_age == timedelta(days=1)
    assert by_hand.rates.worth("bnb", "USDT", utc("2026-10-01 12:00")) == Decimal("601.5")
    assert by_hand.rates.worth("BNB", "USDT", utc("2026-09-30")) is None
    assert by_hand.rates.worth("USDC", "USDT", utc("2020-01-01")) == 1


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ({"BNB": 600}, "mapping.rates.BNB: write what one is worth, such as `600 USDT`"),
        ({"BNB": {"someday": "600 USDT"}}, "mapping.rates.BNB: 'someday' is not a time"),
        ({"table": "prices", "token": "coin"}, "mapping.rates.currency is missing: what it is worth something in"),
        ({"table": "prices", "coin": "c"}, "mapping.rates.coin: there is no such key; there are: table, query, token"),
        ({**BY_TABLE, "max_age": "long"}, "mapping.rates.max_age: write such as `1d`"),
        ([], "mapping.rates: write such as `BNB: 600 USDT`, or a `table` with `token`, `at` and `worth`"),
    ],
)
def test_a_mistake_in_rates_is_told_with_its_place(rates: Any, said: str) -> None:
    with pytest.raises(LedgerError) as caught:
        read_mapping({**TRADES, "rates": rates})
    assert str(caught.value).startswith(said)


def test_rates_need_a_token_and_tokens_need_fees() -> None:
    columns = {key: value for key, value in TRADES["columns"].items() if key != "fee_token"}  # type: ignore[attr-defined]
    with pytest.raises(LedgerError, match="they are for fees in other tokens: map `fee_token`"):
        read_mapping({**TRADES, "columns": columns, "rates": BY_HAND})
