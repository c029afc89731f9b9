"""Files as ledgers: CSV, JSON lines, Parquet and DuckDB's own, read by a process that can read nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from reporter.errors import LedgerError
from reporter.periods.civil import Period
from reporter.trading.ledger.files import file_kind
from reporter.trading.ledger.inspection import inspect
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from tests.support.paths import ROOT

OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10", "UTC")
SPREADSHEET = """\
Nr;Datum;Uhrzeit;Strategie;Wertpapier;Richtung;Stück;Kaufkurs;Verkaufskurs;Gebühr;Gewinn
1;24.10.2026;14:02;dax;SAP;Kauf;10;120,50;125,00;1,90;43,10
2;24.10.2026;15:02;dax;BMW;Kauf;1.000;12,50;12,40;11,90;-111,90
3;26.10.2026;09:12;mdax;SAP;Verkauf;10;125,00;120,50;2,00;43,00
"""
PLAIN = {"id": "id", "agent": "bot", "market": "pair", "side": {"const": "long"}, "currency": {"const": "USDT"},
         "closed_at": "closed", "pnl": "pnl"}  # fmt: skip
HEADER = "id,bot,pair,closed,pnl\n"


def ledger(url: str, mapping: dict[str, Any], timeout: float = 20) -> Portfolio:
    return Portfolio([LedgerSettings(name="bot", kind="mapping", url=url, mapping=mapping)], timeout=timeout)


def results(found: Portfolio) -> list[str]:
    return [
        f"{one.id} {one.agent} {one.market} {one.side} {one.pnl.amount.normalize():f} {one.pnl.currency}"
        for one in found.closed_trades(OCTOBER)
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_spreadsheets_csv_gives_figures_checked_by_hand(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "trades.csv"
    file.write_text(SPREADSHEET, encoding=encoding)
    found = ledger(str(file), yaml.safe_load((ROOT / "config" / "examples" / "csv.yaml").read_text()))
    assert results(found) == ["1 dax SAP long 43.1 EUR", "2 dax BMW long -111.9 EUR", "3 mdax SAP short 43 EUR"]
    first, _, third = found.closed_trades(OCTOBER)
    # Summer time ends in Berlin on 25 October.
    assert (first.closed_at.hour, third.closed_at.hour) == (12, 8)
    [book] = found.performance(OCTOBER)
    assert (f"{book.pnl.amount:.2f}", book.fees and f"{book.fees.amount:.2f}") == ("-25.80", "15.80")


def test_a_mapping_of_a_csv_file_is_proposed(tmp_path: Path) -> None:
    file = tmp_path / "trades.csv"
    file.write_text(SPREADSHEET)
    proposed = inspect(str(file), "trades", datetime(2026, 11, 1, tzinfo=UTC)).proposals[0].mapping
    by_hand = yaml.safe_load((ROOT / "config" / "examples" / "csv.yaml").read_text())
    assert {**proposed, "timezone": "Europe/Berlin"} == {**by_hand, "table": "file"}


def test_many_files_of_json_lines_are_one_ledger_with_an_agent_each(tmp_path: Path) -> None:
    for number, name in enumerate(("beta", "alpha"), 1):
        rows = [
            {"n": n, "coin": "BTC", "t": f"2026-10-0{n}T10:00:00+02:00", "r": {"pnl": n * number + 0.1}} for n in (1, 2)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = {
        **PLAIN,
        "id": "row_number",
        "agent": "file_name",
        "market": "coin",
        "closed_at": "t",
        "pnl": 'json(r, "pnl")',
    }
    found = ledger(f"jsonl:{tmp_path}/*.jsonl", {"columns": columns})
    assert sorted(results(found)) == [
        "1 alpha BTC long 2.1 USDT",
        "2 alpha BTC long 4.1 USDT",
        "3 beta BTC long 1.1 USDT",
        "4 beta BTC long 2.1 USDT",
    ]


def test_parquet_and_duckdb_files_keep_every_digit(tmp_path: Path) -> None:
    rows = (
        "SELECT 7 AS id, 'x' AS bot, 'BTC' AS pair, TIMESTAMPTZ '2026-10-01 10:00:00+02' AS closed, "
        "0.123456789012::DECIMAL(18,12) AS pnl"
    )
    with duckdb.connect(str(tmp_path / "bot.duckdb")) as made:
        made.execute(f"CREATE TABLE trades AS {rows}")
        made.execute(f"COPY (SELECT * FROM trades) TO '{tmp_path / 'bot.parquet'}'")
    for url, table in ((str(tmp_path / "bot.parquet"), {}), (f"duckdb:///{tmp_path}/bot.duckdb", {"table": "trades"})):
        found = ledger(url, {**table, "columns": PLAIN})
        assert results(found) == ["7 x BTC long 0.12345679 USDT"]
        assert found.closed_trades(OCTOBER)[0].closed_at.hour == 8


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM '/etc/hostname'",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
        "ATTACH '{folder}/other.duckdb'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SELECT 1; DROP VIEW file",
        "CREATE TABLE other AS SELECT 1",
    ],
)
def test_what_could_write_or_read_elsewhere_is_refused(tmp_path: Path, query: str) -> None:
    file = tmp_path / "trades.csv"
    file.write_text(HEADER + "1,a,BTC,2026-10-01,5\n")
    found = ledger(str(file), {"query": query.format(file=file, folder=tmp_path), "columns": PLAIN})
    with pytest.raises(LedgerError) as refused:
        found.closed_trades(OCTOBER)
    assert str(refused.value).startswith("bot: ")
    assert file.read_text() == HEADER + "1,a,BTC,2026-10-01,5\n"
    assert list(tmp_path.iterdir()) == [file]


def test_a_line_that_is_still_being_written_waits_for_its_end(tmp_path: Path) -> None:
    file = tmp_path / "trades.csv"
    file.write_text(HEADER + "1,a,BTC,2026-10-01,5\n2,a,BT")
    found = ledger(str(file), {"columns": PLAIN})
    assert results(found) == ["1 a BTC long 5 USDT"]
    with file.open("a") as bot:
        bot.write("C,2026-10-02,-1.5\n3,b,ETH,2026-10-03,2\n")
    assert results(found) == ["1 a BTC long 5 USDT", "2 a BTC long -1.5 USDT", "3 b ETH long 2 USDT"]


@pytest.mark.parametrize(
    ("text", "mapping", "said"),
    [
        (HEADER + "1,a\n2,a,BTC,2026-10-02,5\n", {}, "trades.csv:2: this line cannot be read"),
        (
            HEADER,
            {"pnl": "profit"},
            "there is no column profit; there are: bot, closed, file_name, id, pair, pnl, row_number",
        ),
        (None, {}, "there is no file "),
    ],
)
def test_files_that_do_not_fit_get_a_sentence(
    tmp_path: Path, text: str | None, mapping: dict[str, str], said: str
) -> None:
    file = tmp_path / "trades.csv"
    if text is not None:
        file.write_text(text)
    with pytest.raises(LedgerError) as refused:
        ledger(str(file), {"columns": {**PLAIN, **mapping}}).closed_trades(OCTOBER)
    assert said in str(refused.value)


def test_a_query_that_takes_too_long_ends(tmp_path: Path) -> None:
    file = tmp_path / "trades.csv"
    file.write_text(HEADER + "1,a,BTC,2026-10-01,5\n")
    endless = (
        "SELECT count(*) AS id, '' AS bot, '' AS pair, '' AS closed, 1 AS pnl FROM range(10000000000) a, range(10000) b"
    )
    with pytest.raises(LedgerError, match="did not answer in time"):
        ledger(str(file), {"query": endless, "columns": PLAIN}, timeout=1).closed_trades(OCTOBER)


def test_only_a_mapping_reads_files(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="files are read by `kind: mapping`, not by freqtrade"):
        Portfolio([LedgerSettings(name="x", kind="freqtrade", url="csv:trades.csv")])


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("trades.csv", ("csv", "trades.csv")),
        ("sqlite:////srv/trades.CSV.gz", ("csv", "/srv/trades.CSV.gz")),
        ("csv:/srv/*.txt", ("csv", "/srv/*.txt")),
        ("duckdb:///bot.db", ("duckdb", "bot.db")),
        ("duckdb:////srv/bot.db", ("duckdb", "/srv/bot.db")),
        ("trades.sqlite", None),
        ("postgresql://host/trades.csv", None),
    ],
)
def test_an_address_names_the_kind_of_file(url: str, kind: tuple[str, str] | None) -> None:
    assert file_kind(url) == kind
