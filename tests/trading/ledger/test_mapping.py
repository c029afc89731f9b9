"""Other people's tables by a mapping: figures checked by hand, and mistakes with the place and the remedy."""

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
from hypothesis import given
from hypothesis import strategies as st

from reporter.app.home import FolderHome
from reporter.errors import ConfigError, LedgerError
from reporter.periods.civil import Period
from reporter.trading.ledger.expressions import parse
from reporter.trading.ledger.mapping import moment_of, read_mapping
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from tests.support.clocks import HandClock
from tests.support.paths import ROOT

OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10", "UTC")
EXAMPLES = ROOT / "config" / "examples"


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    return found


def portfolio(folder: Path, mapping: dict[str, Any], *statements: str) -> Portfolio:
    bot = sqlite3.connect(folder / "bot.sqlite")
    for statement in statements:
        bot.execute(statement)
    bot.commit()
    bot.close()
    url = str(folder / "bot.sqlite")
    return Portfolio([LedgerSettings(name="bot", kind="mapping", url=url, mapping=mapping)])


def results(found: Portfolio) -> list[tuple[str, str, str, str, str]]:
    return [
        (
            trade.agent,
            trade.market,
            trade.side,
            f"{trade.pnl.amount.normalize():f} {trade.pnl.currency}",
            trade.mode.value,
        )
        for trade in sorted(found.closed_trades(OCTOBER), key=lambda trade: str(trade.id))
    ]


def test_settled_bets(tmp_path: Path) -> None:
    found = portfolio(
        tmp_path,
        example("settled_bets"),
        "CREATE TABLE bets (id, market_id, outcome, shares, price, stake, payout, status, placed_at, resolved_at)",
        "INSERT INTO bets VALUES (1, 'rain', 'YES', 100, 0.4, 40, 100, 'WON', '2026-10-01', '2026-10-02T10:00:00Z')",
        "INSERT INTO bets VALUES (2, 'rain', 'NO', 50, 0.6, 30, 0, 'LOST', '2026-10-01', '2026-10-02 10:00:00')",
        "INSERT INTO bets VALUES (3, 'snow', 'YES', 10, 0.5, 5, NULL, 'PENDING', '2026-10-01', NULL)",
        "INSERT INTO bets VALUES (4, 'hail', 'YES', 10, 0.5, 5, 5, 'VOIDED', '2026-10-01', '2026-10-02')",
    )
    assert results(found) == [
        ("polymarket", "rain/YES", "long", "60 USDC", "live"),
        ("polymarket", "rain/NO", "short", "-30 USDC", "live"),
    ]
    [position] = found.open_positions()
    assert (position.market, position.size) == ("snow/YES", Decimal(10))


def test_whole_cents_before_fees_in_local_time(tmp_path: Path) -> None:
    found = portfolio(
        tmp_path,
        example("cents"),
        "CREATE TABLE trade_log (uuid TEXT, config_file TEXT, ticker TEXT, direction INTEGER, dry_run INTEGER, "
        "opened TEXT, closed TEXT, pnl_cents INTEGER, fee_cents INTEGER, action TEXT)",
        "INSERT INTO trade_log VALUES ('a', 'conf_momentum.yml', 'BTC-USD', 1, 0, '2026-10-24 23:00', "
        "'2026-10-25 00:30', 1234, 100, 'CLOSE')",
        "INSERT INTO trade_log VALUES ('b', 'conf_momentum.yml', 'BTC-USD', -1, 1, '', '2026-10-26 12:00', -50, 1, '')",
        "INSERT INTO trade_log VALUES ('c', 'conf_momentum.yml', 'BTC-USD', -1, 1, NULL, NULL, NULL, NULL, 'ERROR')",
    )
    assert results(found) == [
        ("momentum", "BTC/USD", "long", "11.34 USD", "live"),
        ("momentum", "BTC/USD", "short", "-0.51 USD", "paper"),
    ]
    [first] = [trade for trade in found.closed_trades(OCTOBER) if trade.id == "a"]
    assert first.closed_at == datetime(2026, 10, 24, 22, 30, tzinfo=UTC)


def test_fills_are_matched_by_average_cost(tmp_path: Path) -> None:
    rows = [("b", 2, "BUY", 1, 100, 0.5), ("a", 1, "BUY", 1, 50, 0.5), ("c", 3, "SELL", 3, 80, 3.0)]
    fills = [
        f"INSERT INTO fills VALUES ('{name}', 'grid', 'ETH/USDT', '{side}', {qty * 10**8}, {price * 10**8}, "
        f'{1790812800000 + hour * 3600000}, \'{{"quote": "USDT", "fee": {fee}}}\')'
        for name, hour, side, qty, price, fee in rows
    ]
    create = "CREATE TABLE fills (id TEXT, strategy TEXT, symbol TEXT, side TEXT, qty, price, ts INTEGER, meta TEXT)"
    found = portfolio(tmp_path, example("fills"), create, *fills)
    # (80 - 75) x 2 - fees of both buys (1) - two thirds of the sale's fee (2)
    assert results(found) == [("grid", "ETH/USDT", "long", "7 USDT", "live")]
    [position] = found.open_positions()
    assert (position.side, position.size, position.entry_price) == ("short", Decimal(1), Decimal(80))


def test_fills_are_matched_first_in_first_out_where_that_is_said(tmp_path: Path) -> None:
    rows = ["('1', '01.10.2026', '10:00', 'buy', 1, 100, 1)", "('2', '01.10.2026', '11:00', 'buy', 1, 200, 1)"]
    rows.append("('3', '01.10.2026', '12:00', 'sell', 1, 180, 2)")
    mapping = {"table": "fills", "unit": "fill", "match": "fifo", "columns": OF_FILLS}
    found = portfolio(tmp_path, mapping, FILLS, f"INSERT INTO fills VALUES {', '.join(rows)}")
    assert results(found) == [("grid", "ETH/USDT", "long", "77 USDT", "live")]
    [position] = found.open_positions()
    assert (position.size, position.entry_price) == (Decimal(1), Decimal(200))


FILLS = "CREATE TABLE fills (id TEXT, day TEXT, clock TEXT, side TEXT, qty REAL, price REAL, fee REAL)"
OF_FILLS = {
    "id": "id",
    "agent": {"const": "grid"},
    "market": {"const": "ETH/USDT"},
    "currency": {"const": "USDT"},
    "at": {"from": 'day + " " + clock', "format": "%d.%m.%Y %H:%M"},
    "side": "side",
    "quantity": "qty",
    "price": "price",
    "fees": "fee",
}


def from_fills(folder: Path, fills: Sequence[tuple[object, ...]], **more: object) -> Portfolio:
    rows = [f"INSERT INTO fills VALUES {fill}" for fill in fills]
    return portfolio(folder, {"table": "fills", "unit": "fill", "columns": OF_FILLS} | more, FILLS, *rows)


def test_fills_of_one_order_are_each_their_own_though_they_have_one_id_and_the_newest_comes_first(
    tmp_path: Path,
) -> None:
    sold = [("order 2", "30.10.2026", "11:00", "sell", 1, price, 0) for price in (12, 12)]
    found = from_fills(tmp_path, [*sold, ("order 1", "30.10.2026", "09:30", "buy", 3, 10, 0)])
    assert [(trade.id, trade.pnl.amount) for trade in found.closed_trades(OCTOBER)] == [
        ("order 2", Decimal(2)),
        ("order 2#2", Decimal(2)),
    ]
    (position,) = found.open_positions()
    assert (position.side, position.size) == ("long", Decimal(1))


def test_two_rows_with_one_id_are_one_sentence_that_says_what_to_write(tmp_path: Path) -> None:
    columns = {"agent": {"const": "a"}, "market": {"const": "m"}, "currency": {"const": "USD"}, "closed_at": "at"}
    mapping = {"table": "t", "columns": {"id": "id", **columns, "pnl": "pnl"}}
    rows = [f"INSERT INTO t VALUES (7, '2026-10-0{day} 10:00', {day})" for day in (1, 2)]
    found = portfolio(tmp_path, mapping, "CREATE TABLE t (id, at, pnl)", *rows)
    with pytest.raises(LedgerError, match=r"^bot: two trades have the id '7': map `id` to what differs in each row"):
        found.performance(OCTOBER)
    mapping["columns"]["id"] = 'text(id) + "/" + at'  # type: ignore[index]
    (book,) = portfolio(tmp_path, mapping).performance(OCTOBER)
    assert book.pnl.amount == 3


def test_positions_of_two_strategies_in_one_market_are_two(tmp_path: Path) -> None:
    fills = [(name, "30.10.2026", "09:30", "buy", 1, 10, 0) for name in ("grid-1", "trend-1")]
    found = from_fills(tmp_path, fills, columns={**OF_FILLS, "strategy": 'match(id, "^([a-z]+)")'})
    assert [position.strategy for position in found.open_positions()] == ["grid", "trend"]


def test_what_was_sold_and_never_bought_is_a_trade_without_a_result_where_there_are_no_shorts(tmp_path: Path) -> None:
    fills = [
        ("a", "02.10.2026", "09:00", "sell", 2, 10, 1),
        ("b", "03.10.2026", "09:00", "buy", 1, 10, 1),
        ("c", "04.10.2026", "09:00", "sell", 4, 20, 4),
    ]
    found = from_fills(tmp_path, fills, shorts=False)
    # 20 - 10 - the fee of the buy - a quarter of the sale's fee
    assert [(trade.id, trade.pnl.amount) for trade in found.closed_trades(OCTOBER)] == [("c", Decimal(8))]
    (book,) = found.performance(OCTOBER)
    assert (book.trades, book.unreadable, book.fees) == (1, 2, None)
    assert str(book.left_out[0].first[0]) == "trades a/unmatched: pnl is empty, not a number"
    assert found.open_positions() == []


def test_decimal_texts_with_their_currency(tmp_path: Path) -> None:
    opened, closed = 1790812800 * 10**9, 1790816400 * 10**9
    found = portfolio(
        tmp_path,
        example("decimal_text"),
        "CREATE TABLE position (position_id TEXT, strategy_id TEXT, instrument_id TEXT, side TEXT, quantity TEXT, "
        "avg_px_open REAL, avg_px_close REAL, realized_pnl TEXT, ts_opened TEXT, ts_closed TEXT)",
        "INSERT INTO position VALUES ('1', 's', 'ETHUSDT', 'LONG', '1.50', 1, 2, '12.34567891 USDT', "
        f"'{opened}', '{closed}')",
        f"INSERT INTO position VALUES ('2', 's', 'ETHUSDT', 'SHORT', '2', 1, 2, '-1 BTC', '{opened}', NULL)",
    )
    assert results(found) == [("s", "ETHUSDT", "long", "12.34567891 USDT", "live")]
    assert [position.side for position in found.open_positions()] == ["short"]


def test_leverage_is_read_where_it_is_mapped_and_a_number(tmp_path: Path) -> None:
    columns = {"agent": {"const": "a"}, "market": {"const": "m"}, "currency": {"const": "USD"}, "closed_at": "at"}
    mapping = {"table": "t", "columns": {"id": "id", **columns, "pnl": "pnl", "leverage": "lev"}}
    levers = ["3", 2.5, "isolated", None, 0]
    values = [(n, f"2026-10-02 10:0{n}", 1, lever) for n, lever in enumerate(levers)]
    with closing(sqlite3.connect(tmp_path / "bot.sqlite")) as bot, bot:
        bot.execute("CREATE TABLE t (id, at, pnl, lev)")
        bot.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", values)
    found = portfolio(tmp_path, mapping).closed_trades(OCTOBER)
    assert [trade.leverage for trade in found] == [Decimal(3), Decimal("2.5"), None, None, None]


def test_a_query_and_times_of_every_kind(tmp_path: Path) -> None:
    found = portfolio(
        tmp_path,
        example("mixed_times"),
        "CREATE TABLE agents (id INTEGER, name TEXT)",
        "CREATE TABLE trades (agent_id INTEGER, pair TEXT, side TEXT, size_usd REAL, pct REAL, opened, closed)",
        "INSERT INTO agents VALUES (1, 'alpha')",
        "INSERT INTO trades VALUES (1, 'BTC', 'buy', 200, 1.5, 1790812800, 1790816400000)",
        "INSERT INTO trades VALUES (2, 'BTC', 'sell', 100, -2, 0, '2026-10-05T10:00:00+02:00')",
    )
    assert results(found) == [
        ("alpha", "BTC", "long", "3 USDT", "live"),
        ("unnamed", "BTC", "short", "-2 USDT", "live"),
    ]


def test_an_edit_in_the_middle_counts_at_the_next_look(tmp_path: Path) -> None:
    columns = {"id": "id", "pnl": "pnl", "closed_at": "closed", "currency": "cur", "agent": "cur", "market": "cur"}
    rows = (f"INSERT INTO t VALUES ({day}, {day}, '2026-10-0{day} 10:00:00', 'USDT')" for day in range(1, 6))
    create = "CREATE TABLE t (id INTEGER, pnl REAL, closed TEXT, cur TEXT)"
    found = portfolio(tmp_path, {"table": "t", "columns": columns}, create, *rows)
    [book] = found.performance(OCTOBER)
    assert book.pnl.amount == 15
    with sqlite3.connect(tmp_path / "bot.sqlite") as bot:
        bot.execute("UPDATE t SET pnl = 2.5 WHERE id = 3")
    bot.close()
    [book] = found.performance(OCTOBER)
    assert book.pnl.amount == Decimal("14.5")


def test_a_mapping_in_a_file_of_its_own_is_read_from_the_home(tmp_path: Path) -> None:
    portfolio(tmp_path, example("cents"), "CREATE TABLE trade_log (uuid TEXT)")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "mine.yaml").write_text((EXAMPLES / "cents.yaml").read_text())
    config = tmp_path / "config" / "reporter.yaml"
    ledger = "ledgers: {bot: {kind: mapping, url: bot.sqlite, mapping: %s}}\nchannels: {screen: {kind: console}}"
    config.write_text(ledger % "config/mine.yaml")
    runtime = FolderHome(tmp_path, clock=HandClock()).build()
    [health] = runtime.inputs.ledger.health()
    assert "there is no column" in str(health.error)
    runtime.close()
    config.write_text(ledger % "config/missing.yaml")
    with pytest.raises(ConfigError, match=r"missing\.yaml cannot be read: No such file"):
        FolderHome(tmp_path, clock=HandClock()).build()


COLUMNS = dict.fromkeys(("id", "agent", "market", "currency", "closed_at", "pnl"), "a")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "name either a `table` or a read-only `query`"),
        ({"table": "t", "unit": "row", "columns": COLUMNS}, "mapping.unit: write `trade`"),
        ({"table": "t", "columns": COLUMNS, "shorts": False}, "mapping.shorts: write `false`, with `unit: fill`"),
        ({"table": "t", "columns": COLUMNS, "match": "fifo"}, "mapping.match: write `average` (cost) or `fifo`, with"),
        ({"table": "t", "colums": {}}, "mapping.colums: there is no such key"),
        ({"table": "t", "columns": {"pnl": "a"}}, "mapping.columns.id is missing: a trade needs it"),
        ({"table": "t", "columns": {**COLUMNS, "profit": "a"}}, "mapping.columns.profit: there is no such column"),
        ({"table": "t", "columns": {**COLUMNS, "pnl": "profti"}}, "there is no column profti; did you mean `profit`?"),
        ({"table": "t", "columns": {**COLUMNS, "pnl": "a +"}}, "`a +` is no expression"),
        ({"table": "t", "columns": {**COLUMNS, "pnl": "open('/etc/passwd')"}}, "there is no function open"),
        ({"table": "t", "columns": {**COLUMNS, "pnl": "a.__class__"}}, "Attribute is not part of the language"),
        ({"table": "t", "columns": {**COLUMNS, "pnl": {"from": "a", "scale": "x"}}}, "`scale` is a number"),
        ({"table": "t", "columns": {**COLUMNS, "closed_at": {"from": "a", "unit": "h"}}}, "write s, ms, us or ns"),
    ],
)
def test_a_mistake_says_where_and_what_to_write(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(LedgerError) as refused:
        read_mapping(wrong, ["a", "profit"])
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"table": "trads", "columns": COLUMNS}, "there is no table trads; did you mean `trades`?"),
        ({"query": "DELETE FROM trades", "columns": COLUMNS}, "write one SELECT statement"),
        ({"query": "SELECT 1; DROP TABLE trades", "columns": COLUMNS}, "write one SELECT statement"),
        ({"table": "trades", "columns": COLUMNS | {"mode": "1 + 'x'"}}, "is not a number"),
    ],
)
def test_a_database_that_does_not_fit_gets_a_sentence(tmp_path: Path, mapping: dict[str, Any], said: str) -> None:
    found = portfolio(tmp_path, mapping, "CREATE TABLE trades (a TEXT)", "INSERT INTO trades VALUES ('x')")
    [health] = found.health()
    with pytest.raises(LedgerError) as refused:
        found.closed_trades(OCTOBER)
    assert said in str(refused.value)
    assert health.ledger == "bot"


@pytest.mark.parametrize(
    ("stored", "moment"),
    [
        (1790812800, datetime(2026, 10, 1, tzinfo=UTC)),
        ("1790812800000", datetime(2026, 10, 1, tzinfo=UTC)),
        (1790812800.5, datetime(2026, 10, 1, 0, 0, 0, 500000, tzinfo=UTC)),
        ("2026-10-01", datetime(2026, 10, 1, tzinfo=UTC)),
        ("20261001", datetime(2026, 10, 1, tzinfo=UTC)),
        ("2026-10-01T02:00:00+02:00", datetime(2026, 10, 1, tzinfo=UTC)),
        (0, None),
    ],
)
def test_a_time_is_understood(stored: object, moment: datetime | None) -> None:
    assert moment_of(stored) == moment


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("a * 2 + 1", Decimal(5)),
        ("a / 0", None),
        ("missing + 1", None),
        ("coalesce(missing, t)", "x y"),
        ("upper(t) + '!'", "X Y!"),
        ("1 if a > 1 and t != 'z' else 0", Decimal(1)),
        ("match(t, '^(.) ')", "x"),
        ("json(j, 'b.0.c')", 7),
        ("a in (1, 2)", True),
        ("missing is null", True),
        ("column('odd name')", "o"),
    ],
)
def test_an_expression_is_worked_out(written: str, value: object) -> None:
    row = {"a": 2, "t": "x y", "missing": None, "j": '{"b": [{"c": 7}]}', "odd name": "o"}
    assert parse(written, row).evaluate(row) == value


@given(st.text(max_size=60))
def test_whatever_is_written_is_an_expression_or_one_sentence(written: str) -> None:
    try:
        expression = parse(written)
    except LedgerError:
        return
    try:
        expression.evaluate(dict.fromkeys(expression.columns, "1"))
    except ValueError:
        return


def test_the_mapping_of_the_page_about_your_own_bot_reads_such_a_table(tmp_path: Path) -> None:
    page = (ROOT / "docs/your-bot.md").read_text("utf-8")
    (block,) = [one for one in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "orders_log" in one]
    with closing(sqlite3.connect(tmp_path / "bot.sqlite")) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "CREATE TABLE orders_log (nr INTEGER PRIMARY KEY, robot, coin, quote, direction, qty, px_in, px_out, "
            "t_in, t_out, gross, commission, demo, why)"
        )
        closed = int(datetime(2026, 10, 30, 12, tzinfo=UTC).timestamp() * 1000)
        connection.executemany(
            "INSERT INTO orders_log VALUES (?, 'alpha', 'BTC', 'USDT', ?, 0.01, 60000, ?, ?, ?, ?, 0.25, ?, ?)",
            [
                (1, "B", 60100, closed - 60_000, closed, 1.0, 0, "tp"),
                (2, "S", 60100, closed - 60_000, closed + 1, -1.0, 1, "sl"),
                (3, "B", None, closed, None, None, 0, None),
            ],
        )
    settings = LedgerSettings(
        name="mine", kind="mapping", url=str(tmp_path / "bot.sqlite"), mapping=yaml.safe_load(block)
    )
    with closing(Portfolio([settings])) as ledger:
        october = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10", "UTC")
        found = {book.mode.value: book.pnl.amount for book in ledger.performance(october)}
        (trade, _), (position,) = ledger.closed_trades(october), ledger.open_positions()
    assert found == {"live": Decimal("0.75"), "paper": Decimal("-1.25")}
    assert (trade.market, trade.side, trade.exit_reason, trade.held) == ("BTC/USDT", "long", "tp", timedelta(minutes=1))
    assert (position.agent, position.entry_price) == ("alpha", Decimal(60000))
