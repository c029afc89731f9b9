"""The checks of a ledger's rows: each trouble is found in real tables, with its first row and what mends it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reporter.trading.ledger.checks import LedgerChecks
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from tests.support.paths import DATA
from tests.trading.ledger.databases import Native

NOW = datetime(2026, 11, 1, tzinfo=UTC)
COLUMNS = {name: name for name in ("id", "agent", "market", "side", "currency", "opened_at", "closed_at", "pnl")}
SOUND = {"id": 1, "agent": "a", "market": "BTC", "side": "buy", "currency": "USD", "mode": "live", "size": 2,
         "entry_price": 100, "exit_price": 110, "fees": 1, "pnl": 19, "opened_at": "2026-10-01 10:00:00",
         "closed_at": "2026-10-01 11:00:00"}  # fmt: skip


def checked(folder: Path, *rows: dict[str, Any], **mapping: Any) -> LedgerChecks:
    """Rows of a table that a mapping reads, checked; each row is SOUND but for what it says."""
    names = list(SOUND)
    bot = sqlite3.connect(folder / "bot.sqlite")
    bot.execute(f"CREATE TABLE t ({', '.join(names)})")
    for number, row in enumerate(rows, 1):
        values = {**SOUND, "id": number, **row}
        bot.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(names))})", [values[name] for name in names])
    bot.commit()
    bot.close()
    given = {"table": "t", "columns": dict.fromkeys(names) | {name: name for name in names}, **mapping}
    settings = LedgerSettings(name="bot", kind="mapping", url=str(folder / "bot.sqlite"), mapping=given)
    [found] = Portfolio([settings]).check(NOW)
    return found


def found(checks: LedgerChecks) -> dict[str, tuple[int, str]]:
    return {one.check: (one.count, one.first) for one in checks.findings if one.count and one.level != "note"}


def test_sound_rows_have_no_trouble(tmp_path: Path) -> None:
    checks = checked(tmp_path, {}, {"side": "sell", "pnl": -21}, {"pnl": 18.999})
    assert (checks.trades, checks.open, checks.sound, checks.unread) == (3, 0, True, "")
    assert found(checks) == {}


@pytest.mark.parametrize(
    ("row", "check", "first"),
    [
        ({"closed_at": "2027-01-01 10:00:00"}, "closes in the future", "2 (2027-01-01 10:00)"),
        ({"opened_at": "2026-10-01 12:00:00"}, "close before open", "2 (2026-10-01 11:00 < 2026-10-01 12:00)"),
        ({"opened_at": 12_345_678_901}, "times outside 2010 to 2100", "2 (2361-03-21)"),
        ({"pnl": None}, "no pnl", "2"),
        ({"currency": ""}, "no currency", "2"),
        ({"fees": None}, "no fees", "2"),
        ({"entry_price": 10000, "exit_price": 11000, "pnl": 1999}, "unit jumps: price", "2 (BTC: 100, then 10000)"),
        ({"pnl": 190000}, "unit jumps: result", "2 (190000 of 200)"),
        ({"pnl": 20}, "results before fees", "2 (20, and fees of 1)"),
        ({"pnl": 5}, "results unlike their parts", "2 (5, by its prices 19)"),
    ],
)
def test_each_trouble_is_found_with_its_first_row(tmp_path: Path, row: dict[str, Any], check: str, first: str) -> None:
    checks = checked(tmp_path, {}, row)
    assert found(checks) == {check: (1, first)}


def test_a_bet_on_no_is_worth_more_where_its_own_price_grows(tmp_path: Path) -> None:
    bet = {"side": "NO", "entry_price": 0.4, "exit_price": 0.6, "size": 100}
    assert found(checked(tmp_path, {**bet, "pnl": 19}, {**bet, "pnl": -21})) == {}


def test_results_before_fees_are_wrong_where_most_are(tmp_path: Path) -> None:
    checks = checked(tmp_path, {"pnl": 20}, {"pnl": 20}, {})
    [gross] = [one for one in checks.findings if one.check == "results before fees"]
    assert (gross.level, gross.count, gross.of, checks.sound) == ("wrong", 2, 3, False)
    assert gross.remedy == "write `net: false`, and fees are taken off"


def test_what_stands_open_with_a_result_is_found(tmp_path: Path) -> None:
    checks = checked(tmp_path, {}, {"closed_at": None}, {"closed_at": None, "pnl": None})
    assert (checks.trades, checks.open) == (1, 2)
    assert found(checks) == {"open rows with a result": (1, "2")}


def test_a_column_that_no_row_has_is_only_noted(tmp_path: Path) -> None:
    checks = checked(tmp_path, {"fees": None, "pnl": 20}, {"fees": None, "pnl": 20})
    assert [one.check for one in checks.findings if one.level == "note" and one.count] == ["no fees"]
    assert checks.sound


def test_every_trade_of_a_native_ledger_is_read_once(bot: Native) -> None:
    for number in range(7):
        bot.trade(1, f"2026-10-0{number + 1} 10:00:00", opened_at=bot.stamp("2026-10-03 10:00:00"))
    seen: list[tuple[str, int, int]] = []
    [checks] = Portfolio([bot.settings()]).check(NOW, told=lambda *some: seen.append(some))
    assert (checks.trades, seen[-1]) == (7, ("bot", 7, 7))
    assert found(checks)["close before open"] == (2, "1 (2026-10-01 10:00 < 2026-10-03 10:00)")


def test_times_in_two_forms_are_a_total_that_differs_from_its_parts(new_native: Callable[[], Native]) -> None:
    bot = new_native()
    if bot.server:
        pytest.skip("a column of PostgreSQL has one type")
    bot.run("DROP TABLE trades")
    bot.run("CREATE TABLE trades (id, agent, strategy, market, side, mode, currency, size, entry_price, exit_price, "
            "pnl, fees, opened_at, closed_at, entry_tag, exit_reason, funding, volume, leverage)")  # fmt: skip
    bot.trade(5, "2026-10-01 10:00:00", id=1, mode="live")
    bot.trade(7, "9999999999", id=2, mode="live")
    [checks] = Portfolio([bot.settings()]).check(NOW)
    assert found(checks)["parts against total"] == (1, "live USDT (rows 12.00000000, reports 5.00000000)")
    assert not checks.sound


def test_freqtrades_own_file_is_sound() -> None:
    settings = LedgerSettings(name="ft", kind="freqtrade", url=str(DATA / "freqtrade.sqlite"))
    [checks] = Portfolio([settings]).check(NOW)
    assert (checks.trades, checks.open, checks.sound) == (400, 5, True)


def test_a_ledger_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    [checks] = Portfolio([LedgerSettings(name="x", kind="native", url=str(tmp_path / "no.sqlite"))]).check(NOW)
    assert "there is no file" in checks.unread
    assert not checks.sound
