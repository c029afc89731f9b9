"""The output of `reporter export`, and that a spreadsheet opens it safely."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import stat
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.cli.export import run
from reporter.errors import LedgerError, ReporterError
from reporter.messages.spreadsheet import FORMULA, as_csv, harmless, plain, sheet
from reporter.trading.ledger.portfolio import Portfolio
from tests.support.stage import Stage
from tests.trading.ledger.conftest import bot, new_native  # noqa: F401 - fixtures
from tests.trading.ledger.databases import Native, between, native_sqlite
from tests.trading.ledger.dirty import without_checks

CONFIG = """\
version: 1
timezone: Europe/Berlin
store: env:STORE
ledgers:
  one: {kind: native, url: env:ONE}
  two: {kind: native, url: env:TWO}
channels: {screen: {kind: console}}
"""
Says = pytest.CaptureFixture[str]


@pytest.fixture
def floor(stage: Stage, tmp_path: Path) -> Stage:
    """Two ledgers with a trade in each of the two hours that Berlin had at 2 o'clock, and one on the day after."""
    one, two = native_sqlite(tmp_path), native_sqlite(tmp_path)
    one.trade("0.123456789", "2026-10-25 00:30:00", agent="=1+1", fees=None, entry_tag="@everyone", size=0.0000001)
    two.trade(-2, "2026-10-25 01:30:00", agent="b", opened_at="2026-10-25 01:00:00.5", mode="paper")
    one.trade(5, "2026-10-26 12:00:00", agent="=1+1", funding=-0.25, volume=1200)
    stage.environ |= {"ONE": one.url, "TWO": two.url}
    stage.write("config/reporter.yaml", CONFIG)
    return stage


def export(stage: Stage, what: str, **options: object) -> int:
    asked = {"first": "2026-10-01", "last": None, "format": "csv", "out": None, "ledger": None, **options}
    return run(stage.app, argparse.Namespace(what=what, **asked))


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_trades_come_in_order_with_the_zones_time_and_every_digit(floor: Stage, capsys: Says) -> None:
    assert export(floor, "trades") == 0
    first, second, third = table(capsys.readouterr().out)
    assert [first["closed_at"], second["closed_at"]] == ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"]
    assert (first["pnl"], first["size"], first["currency"]) == ("0.12345679", "0.0000001", "USDT")
    assert (second["ledger"], second["mode"], second["held_seconds"]) == ("two", "paper", "1799.5")
    assert (third["funding"], third["volume"]) == ("-0.25", "1200")


def test_what_is_unknown_is_empty_and_not_nothing(floor: Stage, capsys: Says) -> None:
    export(floor, "trades", last="2026-10-25")
    first, second = table(capsys.readouterr().out)
    assert (first["fees"], first["opened_at"], first["held_seconds"]) == ("", "", "")
    assert second["fees"] == "0"


def test_fees_without_a_rate_are_counted_with_their_token(stage: Stage, tmp_path: Path, capsys: Says) -> None:
    (tmp_path / "deals.csv").write_text(
        "id,closed,profit,fee,token\n1,2026-10-30 10:00:00,5,0.1,KCS\n2,2026-10-30 11:00:00,5,1,USDT\n"
    )
    columns = (
        "{id: id, agent: {const: a}, market: {const: BTC-USDT}, currency: {const: USDT}, closed_at: closed, "
        "pnl: profit, fees: fee, fee_token: token}"
    )
    stage.environ["DEALS"] = str(tmp_path / "deals.csv")
    ledgers = f"ledgers: {{deals: {{kind: mapping, url: env:DEALS, mapping: {{columns: {columns}}}}}}}\n"
    stage.on_screen("  daily_summary: {}")
    config = stage.folder / "config/reporter.yaml"
    config.write_text(config.read_text() + ledgers)
    said = "deals: fees: 1 of 2 trades without a rate of KCS, first 1"
    assert export(stage, "daily", first="2026-10-30", last="2026-10-30") == 0
    assert said in capsys.readouterr().err
    stage.run("daily_summary", at="2026-10-30")
    stage.deliver()
    assert said in stage.screen.getvalue()


def test_what_cannot_be_read_is_left_out_and_named(stage: Stage, tmp_path: Path, capsys: Says) -> None:
    one = without_checks(native_sqlite(tmp_path))
    one.trade(2, "2026-10-25 10:00:00")
    one.trade("n/a", "2026-10-25 11:00:00")
    stage.environ |= {"ONE": one.url, "TWO": native_sqlite(tmp_path).url}
    stage.write("config/reporter.yaml", CONFIG)
    export(stage, "trades")
    said = capsys.readouterr()
    assert [row["pnl"] for row in table(said.out)] == ["2"]
    assert said.err == "one: without 1 unreadable trade: trades 2: pnl is 'n/a', not a number\n"


def test_many_that_cannot_be_read_are_counted_by_what_is_wrong(stage: Stage, tmp_path: Path, capsys: Says) -> None:
    one = without_checks(native_sqlite(tmp_path))
    for _ in range(4):
        one.trade("n/a", "2026-10-25 11:00:00")
    one.trade(1, "2026-10-25 11:00:00", currency=None)
    stage.environ |= {"ONE": one.url, "TWO": native_sqlite(tmp_path).url}
    stage.write("config/reporter.yaml", CONFIG)
    export(stage, "trades")
    said = "4 whose pnl is not a number, first 1: 'n/a'; 1 whose currency is empty, first 5"
    assert capsys.readouterr().err == f"one: without 5 unreadable trades: {said}\n"


def test_no_cell_of_text_is_a_formula(floor: Stage, capsys: Says) -> None:
    export(floor, "trades")
    first, second, _ = table(capsys.readouterr().out)
    assert (first["agent"], first["entry_tag"]) == ("'=1+1", "'@everyone")
    assert second["pnl"] == "-2"


def test_json_is_an_object_a_line_with_exact_amounts(floor: Stage, capsys: Says) -> None:
    export(floor, "trades", format="json", ledger=["one"])
    first, second = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (first["agent"], first["pnl"], first["fees"]) == ("=1+1", "0.12345679", None)
    assert second["closed_at"] == "2026-10-26T13:00:00+01:00"


@pytest.mark.parametrize(("sign", "between"), [(".", ","), (",", ";")])
def test_a_sheet_reads_as_spreadsheets_do(floor: Stage, tmp_path: Path, sign: str, between: str) -> None:
    style = f"format: {{thousands: none, decimal: '{sign}'}}\n"
    floor.write("config/reporter.yaml", CONFIG + style)
    target = tmp_path / "out.csv"
    export(floor, "trades", format="sheet", out=str(target))
    assert target.read_bytes().startswith(b"\xef\xbb\xbfclosed_at" + between.encode())
    first, second, _ = csv.DictReader(io.StringIO(target.read_text("utf-8-sig")), delimiter=between)
    assert (first["closed_at"], second["closed_at"]) == ("2026-10-25 02:30:00", "2026-10-25 02:30:00")
    assert (first["pnl"], first["agent"], first["fees"]) == (f"0{sign}12345679", "'=1+1", "")


def test_a_long_number_that_is_a_name_is_text_in_a_sheet() -> None:
    target = io.StringIO(newline="")
    as_csv([["9007199254740993", "12345"]], ["id", "agent"], ZoneInfo("UTC"), target, sheet("."))
    assert target.getvalue().endswith("\r\n'9007199254740993,12345\r\n")


def test_days_are_those_of_the_zone_and_sum_to_the_trades(floor: Stage, capsys: Says) -> None:
    export(floor, "daily")
    found = table(capsys.readouterr().out)
    assert [(row["day"], row["agent"], row["mode"], row["trades"], row["pnl"]) for row in found] == [
        ("2026-10-25", "'=1+1", "live", "1", "0.12345679"),
        ("2026-10-25", "b", "paper", "1", "-2"),
        ("2026-10-26", "'=1+1", "live", "1", "5"),
    ]


def test_a_file_is_there_whole_or_not_at_all(floor: Stage, tmp_path: Path, capsys: Says) -> None:
    target = tmp_path / "out.csv"
    target.write_text("the one of before")
    floor.environ["TWO"] = "/nowhere"
    with pytest.raises(LedgerError, match="two: there is no file"):
        export(floor, "trades", out=str(target))
    assert (target.read_text(), list(tmp_path.glob("*.part"))) == ("the one of before", [])
    export(floor, "trades", out=str(target), ledger=["one"])
    assert len(table(target.read_text())) == 2
    assert capsys.readouterr().err == f"2 trades in {target}\n"


def test_an_export_writes_through_no_link_that_somebody_planted(floor: Stage, tmp_path: Path) -> None:
    precious, target = tmp_path / "precious", tmp_path / "out.csv"
    precious.write_text("keys")
    for planted in (target, tmp_path / "out.csv.part"):
        planted.symlink_to(precious)
    export(floor, "trades", out=str(target))
    assert precious.read_text() == "keys"
    assert len(table(target.read_text())) == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_a_device_stays_a_device(floor: Stage, tmp_path: Path) -> None:
    device = tmp_path / "null"
    os.mknod(device, 0o666 | stat.S_IFCHR, Path(os.devnull).stat().st_rdev)
    export(floor, "trades", out=str(device))
    assert stat.S_ISCHR(device.stat().st_mode)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ledger": ["on"]}, "there is no ledger on: did you mean one"),
        ({"first": "tomorrow"}, "is no date"),
        ({"first": "2026-11-01"}, "nothing lies between 2026-11-01 and now"),
        ({"first": "2026-10-02", "last": "2026-10-01"}, "nothing lies between 2026-10-02 and 2026-10-01"),
        ({"out": "/nowhere/out.csv"}, "/nowhere/out.csv cannot be written"),
    ],
)
def test_what_cannot_be_exported_is_said(floor: Stage, options: dict[str, object], says: str) -> None:
    with pytest.raises(ReporterError, match=says):
        export(floor, "trades", **options)


def test_steps_lose_and_double_nothing(new_native: Callable[[], Native]) -> None:  # noqa: F811
    bot = new_native()  # noqa: F811
    for number in range(23):
        bot.trade(number, f"2026-10-30 01:00:{number // 4:02}", agent=f"a{number}")
    (reader,) = Portfolio([bot.settings()])._readers
    found = [trade.agent for trade in reader.stream(between("2026-10-30", "2026-10-31"), batch=5)]
    assert found == [f"a{number}" for number in range(23)]


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_its_worth_without_exponent(number: Decimal) -> None:
    assert Decimal(plain(number)) == number
    assert "E" not in plain(number)


@given(st.text())
def test_every_text_is_harmless_and_comes_back(text: str) -> None:
    target = io.StringIO(newline="")
    as_csv([[text]], ["text"], ZoneInfo("UTC"), target)
    ((_,), (cell,)) = csv.reader(io.StringIO(target.getvalue(), newline=""))
    assert not cell.startswith(FORMULA)
    assert cell == harmless(text)
    assert cell.removeprefix("'") == text.removeprefix("'") or not text.startswith(FORMULA)
