"""Tables whose columns have names of their own: what is understood of them, and what is said of the rest."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reporter.trading.ledger.inspection import Inspection, inspect
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings

NOW = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE, BEGIN = 60_000, 1_790_812_800_000
HEADS = "nr {agent} coin quote direction qty {px_in} {px_out} {t_in} {t_out} gross commission demo why"
NAMES = {"agent": "robot", "px_in": "px_in", "px_out": "px_out", "t_in": "t_in", "t_out": "t_out"}


def orders_log(folder: Path, rows: int = 24, **names: str) -> Path:
    """A bot's table of trades whose results are before fees; every fourth is a paper trade."""
    path, columns = folder / "mybot.sqlite", HEADS.format(**{**NAMES, **names}).split()
    with closing(sqlite3.connect(path)) as bot, bot:
        bot.execute(f"CREATE TABLE orders_log ({', '.join(columns)})")
        for n in range(1, rows + 1):
            side, out = "BS"[n % 2], 100 + n % 5 - 2
            gross = 2.0 * (out - 100) * (1 if side == "B" else -1)
            opened, closed = BEGIN + n * 30 * MINUTE, BEGIN + n * 30 * MINUTE + 7 * MINUTE
            row = (n, "ab"[n % 3 == 0] * 3, ("BTC", "ETH")[n % 2], "USDT", side, 2.0, 100, out, opened, closed)
            bot.execute(f"INSERT INTO orders_log VALUES ({', '.join('?' * 14)})", (*row, gross, 0.5, n % 4 == 0, "tp"))
    return path


def looked(path: Path) -> Inspection:
    return inspect(str(path), path.stem, NOW)


@pytest.mark.parametrize(
    ("opened", "closed"),
    [
        ("t_in", "t_out"),
        ("ts_in", "ts_out"),
        ("time_in", "time_out"),
        ("in_time", "out_time"),
        ("entry_ts", "exit_ts"),
        ("t_open", "t_close"),
        ("tIn", "tOut"),
    ],
)
def test_short_names_of_both_times_are_known(tmp_path: Path, opened: str, closed: str) -> None:
    columns = looked(orders_log(tmp_path, t_in=opened, t_out=closed)).proposals[0].mapping["columns"]
    assert columns["opened_at"] == {"from": opened, "unit": "ms"}
    assert columns["closed_at"] == {"from": closed, "unit": "ms"}


def test_a_table_of_short_names_is_read_without_a_correction(tmp_path: Path) -> None:
    found = looked(orders_log(tmp_path))
    mapping = found.proposals[0].mapping
    assert mapping["net"] is False
    assert mapping["columns"]["agent"] == "robot"
    assert mapping["columns"]["market"] == 'coin + "/" + quote'
    assert mapping["columns"]["currency"] == "quote"
    assert mapping["columns"]["exit_reason"] == "why"
    assert mapping["columns"]["pnl"] == "gross"
    assert {(total.mode, total.trades) for total in found.totals} == {("live", 18), ("paper", 6)}
    assert found.sample[0][1].market == "ETH/USDT"
    assert found.checks is not None
    assert found.checks.sound


def test_a_refusal_says_what_each_table_lacks_and_which_columns_could_be_it(tmp_path: Path) -> None:
    found = looked(orders_log(tmp_path, t_in="alpha", t_out="omega"))
    assert found.proposals == []
    assert found.missing == [
        "orders_log: no column has a name of a closing time; alpha, omega could be it, by times in it"
    ]


def modes_not_mapped(path: Path, **columns: object) -> list[str]:
    """What is said of a ledger by the proposed mapping without its mode, or with that of `columns`."""
    mapping = looked(path).proposals[0].mapping
    del mapping["columns"]["mode"]
    mapping["columns"] |= columns
    [checks] = Portfolio([LedgerSettings(name="bot", kind="mapping", url=str(path), mapping=mapping)]).check(NOW)
    return [one.remedy for one in checks.findings if one.check == "mode not mapped" and one.level == "odd"]


def test_paper_trades_that_count_as_live_are_said(tmp_path: Path) -> None:
    path = orders_log(tmp_path)
    assert modes_not_mapped(path) == ["mode: not mapped, so all 24 count as live; column demo holds 0 and 1"]
    assert modes_not_mapped(path, mode={"const": "live"}) == []


def test_a_column_of_live_trades_alone_is_nothing_to_say(tmp_path: Path) -> None:
    assert modes_not_mapped(orders_log(tmp_path, rows=3)) == []


def test_the_unit_that_times_have_is_named_where_another_is_mapped(tmp_path: Path) -> None:
    path = orders_log(tmp_path)
    mapping = looked(path).proposals[0].mapping
    mapping["columns"] |= {
        name: {"from": own, "unit": "s"} for name, own in (("closed_at", "t_out"), ("opened_at", "t_in"))
    }
    [checks] = Portfolio([LedgerSettings(name="bot", kind="mapping", url=str(path), mapping=mapping)]).check(NOW)
    found = {one.check: (one.count, one.remedy) for one in checks.findings if one.count and one.level == "wrong"}
    assert found["times outside 2010 to 2100"] == (24, "name the unit of the column: `unit: ms`")
    assert "values that cannot be read" not in found
