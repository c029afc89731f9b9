"""Tables of a mapping beside that of the trades: what the account was worth, and the agents' heartbeats."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reporter.errors import LedgerError
from reporter.trading.ledger.mapping import read_mapping
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from tests.trading.ledger.databases import between, usdt, utc
from tests.trading.ledger.test_fee_rates import run, url  # noqa: F401 - a fixture

DAY = between("2026-10-30", "2026-10-31")
EQUITY = {"table": "wallet", "at": {"from": "ts", "unit": "ms"}, "currency": "coin", "equity": "total"}
HEARTBEAT = {"query": "SELECT bot, max(at) AS at FROM logs GROUP BY bot", "agent": "bot", "at": "at"}
TRADES: dict[str, Any] = {
    "table": "deals",
    "columns": {
        "id": "id", "agent": "bot", "market": {"const": "BTC-USDT"}, "currency": {"const": "USDT"},
        "closed_at": "closed", "pnl": "profit",
    },
}  # fmt: skip
TABLES = (
    "CREATE TABLE deals (id INTEGER, bot TEXT, closed TEXT, profit NUMERIC)",
    "INSERT INTO deals VALUES (1, 'a', '2026-10-30 10:00:00', 7), (2, 'b', '2026-10-30 11:00:00', -2)",
    "CREATE TABLE wallet (ts BIGINT, coin TEXT, total NUMERIC, paid NUMERIC)",
    "INSERT INTO wallet VALUES (1793318340000, 'USDT', 100, 0), (1793404740000, 'USDT', 125, 20)",
    "CREATE TABLE logs (bot TEXT, at TEXT)",
    "INSERT INTO logs VALUES ('a', '2026-10-30 11:58:00'), ('a', '2026-10-30 11:59:00'), ('c', '2026-10-30 11:59:00')",
)
NOON = utc("2026-10-30 12:00")


def ledger(url: str, **more: Any) -> Portfolio:  # noqa: F811
    settings = LedgerSettings(name="bot", kind="mapping", url=url, mapping={**TRADES, **more})
    return Portfolio([settings], now=lambda: NOON)


def test_what_the_account_was_worth_explains_the_change(url: str) -> None:  # noqa: F811
    run(url, *TABLES)
    [book] = ledger(url, equity={**EQUITY, "deposited": "paid"}).performance(DAY, account=True)
    assert book.equity
    assert (book.equity.opening, book.equity.closing) == (usdt("100"), usdt("125"))
    assert (book.equity.deposits, book.equity.unexplained) == (usdt("20"), usdt("0"))


def test_payments_that_are_not_mapped_are_named_as_unknown(url: str) -> None:  # noqa: F811
    run(url, *TABLES)
    [book] = ledger(url, equity=EQUITY).performance(DAY, account=True)
    assert book.equity
    assert "deposits and withdrawals" in book.equity.unknown


def test_an_agent_with_a_heartbeat_runs_until_it_is_silent(url: str) -> None:  # noqa: F811
    run(url, *TABLES)
    bot = ledger(url, heartbeat=HEARTBEAT)
    patience = timedelta(minutes=5)
    assert {agent.name: agent.runs(NOON, patience) for agent in bot.agents()} == {"a": True, "b": None}
    assert {agent.name: agent.runs(NOON + 2 * patience, patience) for agent in bot.agents()} == {"a": False, "b": None}


def test_a_new_snapshot_or_heartbeat_counts_at_the_next_look(url: str) -> None:  # noqa: F811
    run(url, *TABLES)
    bot = ledger(url, heartbeat=HEARTBEAT, equity=EQUITY)
    assert len(bot.equity(DAY)) == 1
    run(url, "INSERT INTO logs VALUES ('b', '2026-10-30 11:30:00')")
    assert {agent.name for agent in bot.agents() if agent.last_seen} == {"a", "b"}
    run(url, "INSERT INTO wallet VALUES (1793368800000, 'USDT', 110, 0)")
    assert len(bot.equity(DAY)) == 2


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ({"equity": {"table": "wallet", "at": "ts"}}, "mapping.equity.currency is missing: what the account is in"),
        (
            {"heartbeat": {"table": "logs", "agent": "bot", "at": "at", "pnl": "x"}},
            "mapping.heartbeat.pnl: there",
        ),
        ({"heartbeat": "logs"}, "mapping.heartbeat: name either a `table` or a read-only `query`"),
    ],
)
def test_a_mistake_is_told_with_its_place(beside: dict[str, Any], said: str) -> None:
    with pytest.raises(LedgerError) as caught:
        read_mapping({**TRADES, **beside})
    assert str(caught.value).startswith(said)


def test_a_column_or_table_that_is_not_there_gets_a_sentence(url: str) -> None:  # noqa: F811
    run(url, *TABLES)
    with pytest.raises(LedgerError, match=r"mapping.equity.equity: .*totl; did you mean `total`\?"):
        ledger(url, equity={**EQUITY, "equity": "totl"}).agents()
    with pytest.raises(LedgerError, match=r"mapping.equity.table: there is no table walet; did you mean `wallet`\?"):
        ledger(url, equity={**EQUITY, "table": "walet"}).agents()


def test_files_have_no_tables_beside(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text("id,bot,closed,profit\n")
    mapping = {"columns": TRADES["columns"], "heartbeat": HEARTBEAT}
    with pytest.raises(LedgerError, match="a table beside the trades is read from SQL databases"):
        Portfolio([LedgerSettings(name="bot", kind="mapping", url=str(tmp_path / "deals.csv"), mapping=mapping)])
