"""hummingbot's own database gives hummingbot's own figures."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import defaultdict
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reporter.periods.civil import Period
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.trades import Mode
from tests.support.paths import DATA

OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10", "UTC")
CLOSE = Decimal("1e-8")


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / "hummingbot.expected.json").read_text())
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return Path(shutil.copy(DATA / "hummingbot.sqlite", tmp_path / "hummingbot.sqlite"))


@pytest.fixture
def portfolio(file: Path) -> Portfolio:
    return Portfolio([LedgerSettings(name="hb", kind="hummingbot", url=str(file))])


def test_a_controller_realised_what_hummingbot_says(portfolio: Portfolio, expected: dict[str, Any]) -> None:
    [live] = [book for book in portfolio.performance(OCTOBER) if book.mode is Mode.LIVE]
    made = {line.label: line.pnl.amount for line in live.lines}
    for name, figures in expected["controllers"].items():
        assert abs(made[name] - Decimal(figures["realized_pnl_quote"])) < CLOSE


def test_a_closed_trade_is_an_executor_that_did_not_leave_its_position_open(
    portfolio: Portfolio, expected: dict[str, Any]
) -> None:
    trades = portfolio.closed_trades(OCTOBER)
    for name, figures in expected["controllers"].items():
        counts = figures["close_type_counts"]
        own = [trade for trade in trades if trade.agent == name and trade.exit_reason != "held position"]
        assert len(own) == sum(counts.values()) - counts["POSITION_HOLD"]


def test_fills_give_the_average_cost_result_of_each_day(portfolio: Portfolio, expected: dict[str, Any]) -> None:
    made: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for trade in portfolio.closed_trades(OCTOBER):
        if trade.fees is not None and trade.agent.startswith("conf_"):
            day = f"{trade.closed_at:%Y-%m-%d}"
            made[trade.agent, trade.market, day] += trade.pnl.amount + trade.fees.amount
    wanted: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for market in expected["position_hold_average_cost"]:
        if market["strategy"] != "v2_with_controllers" and market["symbol"] != "BNB-USDT":
            for day, amount in market["realized_by_utc_day_before_fees"].items():
                wanted[market["config_file_path"], market["symbol"], day] += Decimal(amount)
    for key in wanted | made:
        assert abs(made[key] - wanted[key]) < Decimal("1e-6"), key


def test_leverage_is_that_of_the_executor_or_of_all_fills(file: Path) -> None:
    with closing(sqlite3.connect(file)) as bot, bot:
        known = dict(bot.execute("SELECT 'executor/' || id, json_extract(config, '$.leverage') FROM Executors"))
        spot = bot.execute("SELECT id FROM Executors WHERE close_type <> 10 LIMIT 1").fetchone()[0]
        on_spot = "json_set(config, '$.connector_name', 'binance', '$.leverage', 20)"
        bot.execute(f"UPDATE Executors SET config = {on_spot} WHERE id = ?", [spot])
        bot.execute("UPDATE TradeFill SET leverage = 3 WHERE rowid = "
                    "(SELECT min(rowid) FROM TradeFill WHERE market = 'kraken' AND symbol = 'ETH-USDT')")  # fmt: skip
    found = Portfolio([LedgerSettings(name="hb", kind="hummingbot", url=str(file))]).closed_trades(OCTOBER)
    executors = {trade.id: trade.leverage for trade in found if trade.id.startswith("executor/")}
    assert executors == {id_: known[id_] for id_ in executors} | {f"executor/{spot}": Decimal(1)}
    assert set(executors.values()) == {1, 5, 10}
    fills: dict[tuple[str, str], set[Decimal | None]] = defaultdict(set)
    for trade in found:
        if trade.agent == "conf_pure_mm_heldout.yml":
            fills[trade.market, trade.id.partition("/")[0]].add(trade.leverage)
    assert fills["BTC-USDT", "kraken"] == {Decimal(1)}
    assert fills["ETH-USDT", "kraken"] == {None}


def test_what_is_still_open_has_hummingbots_average_price(portfolio: Portfolio, expected: dict[str, Any]) -> None:
    open_now = {(one.agent, one.market): one for one in portfolio.open_positions()}
    for market in expected["position_hold_average_cost"]:
        if market["strategy"] != "v2_with_controllers":
            found = open_now[market["config_file_path"], market["symbol"]]
            assert found.size == abs(Decimal(market["net_amount_base"]))
            assert found.entry_price is not None
            assert abs(found.entry_price - Decimal(market["avg_entry_price"])) < Decimal("1e-8")


def test_paper_is_known_by_the_market(portfolio: Portfolio) -> None:
    [paper] = [book for book in portfolio.performance(OCTOBER) if book.mode is Mode.PAPER]
    assert [line.label for line in paper.lines] == ["conf_paper_heldout.yml"]


def test_a_new_fill_counts_at_the_next_look(portfolio: Portfolio, file: Path) -> None:
    before = len(portfolio.closed_trades(OCTOBER))
    with sqlite3.connect(file) as bot:
        bot.execute(
            'INSERT INTO "TradeFill" SELECT config_file_path, strategy, market, symbol, base_asset, quote_asset, '
            "timestamp + 1000, order_id, trade_type, order_type, price, amount, leverage, trade_fee, "
            "trade_fee_in_quote, 'new', position FROM \"TradeFill\" WHERE symbol = 'ETH-USDT' AND market = 'kraken' "
            "AND trade_type = 'BUY' ORDER BY timestamp DESC LIMIT 1"
        )
    bot.close()
    assert len(portfolio.closed_trades(OCTOBER)) == before + 1


def test_the_token_of_a_fee_without_a_rate_is_named(portfolio: Portfolio) -> None:
    (live,) = [book for book in portfolio.performance(OCTOBER) if book.mode is Mode.LIVE]
    assert live.unreadable == 6
    first = [str(value) for value in live.left_out[0].first]
    assert len(first) == 3
    assert [(one.token, one.trades, one.of > 6) for one in live.unrated] == [("NOSUCH", 6, True)]
    assert all(value.endswith(": pnl is 'no rate of the fee in NOSUCH', not a number") for value in first), first


def test_fees_nested_too_deep_to_be_read_end_no_report(portfolio: Portfolio, file: Path) -> None:
    with sqlite3.connect(file) as bot:
        bot.execute("""UPDATE "TradeFill" SET trade_fee = ? WHERE trade_type = 'SELL'""", ['{"a":' * 5_000])
    bot.close()
    assert portfolio.closed_trades(OCTOBER)


def test_a_database_of_another_kind_gets_a_sentence(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty.sqlite").execute("CREATE TABLE other (a)").connection.close()
    wrong = Portfolio([LedgerSettings(name="hb", kind="hummingbot", url=str(tmp_path / "empty.sqlite"))])
    [health] = wrong.health()
    assert not health.reachable
    assert "a table is missing" in str(health)
