"""Databases that nobody has configured: known software is recognised, and a mapping is proposed for the rest."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from reporter.errors import LedgerError
from reporter.trading.ledger.candidates import meaning
from reporter.trading.ledger.inspection import ALL_TIME, Inspection, inspect, with_contract
from reporter.trading.ledger.mapping_text import as_yaml
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from tests.support.paths import DATA, ROOT
from tests.trading.ledger.databases import Native
from tests.trading.ledger.example_databases import TABLES, made

NOW = datetime(2026, 11, 1, tzinfo=UTC)
# What a person has to put right in each proposal: at most one thing.
CORRECTIONS: dict[str, dict[str, Any]] = {
    "settled_bets": {"agent": {"const": "polymarket"}},
    "cents": {"timezone": "Europe/Berlin"},
    "fills": {},
    "decimal_text": {},
    "mixed_times": {"currency": {"const": "USDT"}},
}


def looked(path: Path) -> Inspection:
    return inspect(str(path), path.stem, NOW)


def read(path: Path, mapping: dict[str, Any]) -> tuple[Any, Any]:
    """All that a mapping makes of a database, but for what says why a trade was closed."""
    found = Portfolio([LedgerSettings(name="bot", kind="mapping", url=str(path), mapping=mapping)])
    trades = [
        (one.id, one.agent, one.market, one.side, one.pnl, one.mode, one.opened_at, one.closed_at, one.size, one.fees)
        for one in found.closed_trades(ALL_TIME)
    ]
    return trades, [(one.market, one.side, one.size, one.currency) for one in found.open_positions()]


@pytest.mark.parametrize("example", TABLES)
def test_a_proposal_needs_at_most_one_correction(tmp_path: Path, example: str) -> None:
    path = made(tmp_path, example)
    proposed = looked(path).proposals[0].mapping
    correction = CORRECTIONS[example]
    assert len(correction) <= 1
    for key, value in correction.items():
        (proposed if key == "timezone" else proposed["columns"])[key] = value
    by_hand = yaml.safe_load((ROOT / "config" / "examples" / f"{example}.yaml").read_text())
    trades, positions = read(path, by_hand)
    assert len(trades) > 10
    assert read(path, proposed) == (trades, positions)


@pytest.mark.parametrize("example", TABLES)
def test_a_proposal_is_written_as_yaml_that_reads_as_itself(tmp_path: Path, example: str) -> None:
    path = made(tmp_path, example)
    proposed = looked(path).proposals[0].mapping
    assert read(path, yaml.safe_load(as_yaml(proposed))) == read(path, proposed)


def test_a_column_that_is_lost_or_has_another_type_makes_the_ledger_unread(tmp_path: Path) -> None:
    path = made(tmp_path, "cents")
    found = looked(path)
    mapping = with_contract(found.proposals[0], found.tables)
    assert mapping["contract"]["pnl_cents"] == "INTEGER"
    assert len(read(path, mapping)[0]) == 27
    with closing(sqlite3.connect(path)) as bot, bot:
        bot.execute("ALTER TABLE trade_log ADD COLUMN note TEXT")
    assert len(read(path, mapping)[0]) == 27
    with closing(sqlite3.connect(path)) as bot, bot:
        bot.execute("ALTER TABLE trade_log DROP COLUMN pnl_cents")
        bot.execute("ALTER TABLE trade_log ADD COLUMN pnl_cents TEXT")
    with pytest.raises(
        LedgerError, match="the column pnl_cents was INTEGER when the mapping was made, and is TEXT now"
    ):
        read(path, mapping)
    with closing(sqlite3.connect(path)) as bot, bot:
        bot.execute("ALTER TABLE trade_log DROP COLUMN pnl_cents")
    with pytest.raises(LedgerError, match="the column pnl_cents is gone"):
        read(path, mapping)


def test_what_was_guessed_is_said(tmp_path: Path) -> None:
    doubts = " ".join(looked(made(tmp_path, "cents")).proposals[0].doubts)
    assert "nothing says whether pnl_cents is net of fee_cents" in doubts
    assert "closed, opened name none and are taken as UTC" in doubts


def test_freqtrade_and_hummingbot_are_recognised_with_their_totals() -> None:
    freqtrade = looked(DATA / "freqtrade.sqlite")
    [total] = freqtrade.totals
    assert (freqtrade.kind, total.trades, f"{total.pnl:.8f}") == ("freqtrade", 400, "-115.95181996")
    assert (total.wins, total.flat) == (232, 2)
    hummingbot = looked(DATA / "hummingbot.sqlite")
    assert (hummingbot.kind, [total.mode for total in hummingbot.totals]) == ("hummingbot", ["live", "paper"])


def test_our_own_schema_is_recognised(bot: Native) -> None:
    bot.trade(5, "2026-10-01 10:00:00")
    found = inspect(bot.url, "bot", NOW)
    assert (found.kind, [(one.trades, str(one.pnl)) for one in found.totals]) == ("native", [(1, "5.00000000")])


def proposed(folder: Path, create: str, *rows: tuple[Any, ...]) -> dict[str, Any]:
    with closing(sqlite3.connect(folder / "bot.sqlite")) as bot, bot:
        bot.execute(create)
        bot.executemany(f"INSERT INTO {create.split()[2]} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    found = looked(folder / "bot.sqlite")
    assert not found.trouble
    return found.proposals[0].mapping


def test_a_text_nested_too_deep_to_be_read_is_only_a_text(tmp_path: Path) -> None:
    create = "CREATE TABLE deals (id, bot, pair, pnl, currency, closed_at, raw)"
    rows = [(n, "a", "BTC/USDT", n, "USDT", f"2026-10-01T10:0{n}:00Z", '{"a":' * 10_000) for n in range(1, 9)]
    assert proposed(tmp_path, create, *rows)["columns"]["pnl"] == "pnl"


def test_results_that_their_prices_prove_to_be_gross_are(tmp_path: Path) -> None:
    create = "CREATE TABLE deals (id, bot, pair, side, qty, entry_price, exit_price, pnl, fee, closed_at)"
    rows = [(n, "a", "BTC/USDT", "LONG", 2, 100, 100 + n, 2 * n, 1, f"2026-10-01T10:0{n}:00Z") for n in range(1, 9)]
    assert proposed(tmp_path, create, *rows)["net"] is False


def test_an_id_stays_one_where_the_ends_of_the_sample_overlap(tmp_path: Path) -> None:
    create = "CREATE TABLE closed_deals (deal_ref TEXT, bot_nm, instr, pnl, ts_close_ms)"
    rows = [(f"D{n}", "a", "BTCUSD", n, 1790812800000 + n) for n in range(700)]
    assert proposed(tmp_path, create, *rows)["columns"]["id"] == "deal_ref"


def test_a_column_of_1_and_minus_1_is_the_side_whatever_its_name(tmp_path: Path) -> None:
    create = "CREATE TABLE trades (id, bot, pair, sgn, pnl, closed_at)"
    rows = [(n, "a", "BTC/USDT", (-1) ** n, n, f"2026-10-01T10:{n}:00Z") for n in range(10, 20)]
    mapping = proposed(tmp_path, create, *rows)
    assert mapping["columns"]["side"] == {"from": "sgn", "words": {"1": "long", "-1": "short"}}
    assert "side: sgn holds 1 and -1; 1 is taken as long" in looked(tmp_path / "bot.sqlite").proposals[0].doubts


def test_a_row_that_closes_a_trade_has_its_exit_price_and_open_rows_have_none(tmp_path: Path) -> None:
    create = "CREATE TABLE trades (id, agent_id, ticker, action, shares, price, pnl_usd, timestamp)"
    actions = ["BUY", "SELL", "HOLD"]
    rows = [
        (n, "a", "NVDA", actions[n % 3], 5, 100 + n, n if n % 3 == 1 else None, f"2026-10-01T10:{n}:00Z")
        for n in range(10, 40)
    ]
    mapping = proposed(tmp_path, create, *rows)
    assert mapping["where"] == 'action in ("BUY", "SELL") and pnl_usd is not null'
    assert (mapping["columns"]["side"], mapping["columns"]["exit_price"]) == ({"const": "long"}, "price")


def test_a_zone_that_another_column_proves_is_taken(tmp_path: Path) -> None:
    create = "CREATE TABLE trade_log (id, bot, pair, side, pnl, closed, created_at TEXT DEFAULT CURRENT_TIMESTAMP)"
    rows = [(n, "a", "BTC/USDT", "buy", n, f"2026-{m}-05 1{n}:00:00", f"2026-{m}-05 1{n - u}:00:01")
            for n, (m, u) in enumerate([("08", 2), ("09", 2), ("11", 1), ("12", 1)], 3)]  # fmt: skip
    mapping = proposed(tmp_path, create, *rows)
    assert (mapping["timezone"], mapping["columns"]["closed_at"]) == ("Europe/Berlin", "closed")


def test_a_flag_that_is_mostly_zero_is_no_time(tmp_path: Path) -> None:
    create = "CREATE TABLE trades (id, strategy, pair, side, profit, fee, is_open, opened_at, closed_at)"
    stamps = [(f"2026-10-{day:02} 10:00:00", f"2026-10-{day:02} 11:00:00") for day in range(1, 29)]
    rows = [
        (n, "ema", "ETH/USDC", "buy", None if n % 14 == 1 else n, 1, int(n % 14 == 1), opened, closed)
        for n, (opened, closed) in enumerate(stamps)
    ]
    mapping = proposed(tmp_path, create, *rows)
    assert (mapping["open"], mapping["columns"]["opened_at"]) == ("is_open == 1", "opened_at")


def test_whether_money_was_real_may_stand_in_the_table_of_the_bots(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "bot.sqlite")) as bot, bot:
        bot.execute("CREATE TABLE bots (id INTEGER PRIMARY KEY, name TEXT, paper INTEGER)")
        bot.execute("INSERT INTO bots VALUES (1, 'north', 0), (2, 'south', 1)")
    create = "CREATE TABLE deals (deal_id, bot_id, market, direction, pnl_cents, close_ts)"
    rows = [(n, 1 + n % 2, "DAX", "long", 100 * n, 1790812800 + n) for n in range(1, 9)]
    mapping = proposed(tmp_path, create, *rows)
    assert "a.paper AS bot_paper" in mapping["query"]
    assert mapping["columns"]["mode"]["from"] == "bot_paper"


def test_bets_in_a_bookmakers_words_are_found(tmp_path: Path) -> None:
    create = "CREATE TABLE wagers (wager_id, model, event, selection, stake, returned, result, placed, settled)"
    results = [("win", 21), ("loss", 0), ("pending", None), ("void", 10)] * 3
    rows = [
        (
            f"w{n}",
            "elo",
            "A v B",
            "home",
            10,
            back,
            word,
            "2026-10-01T10:00Z",
            None if back is None else f"2026-10-11T10:{n}Z",
        )
        for n, (word, back) in enumerate(results, 10)
    ]
    mapping = proposed(tmp_path, create, *rows)
    assert (mapping["open"], mapping["where"]) == ('result == "pending"', 'result != "void"')
    assert mapping["columns"]["market"] == 'event + "/" + selection'
    assert mapping["columns"]["pnl"].endswith("- stake")


def test_rows_that_count_for_nothing_are_left_out_and_flags_are_words(tmp_path: Path) -> None:
    create = "CREATE TABLE trades (id, bot, ticker, is_short, is_live, profit_usd, closed_time_ms, status, deleted_at)"
    words = ["closed", "cancelled", "closed", "rejected"] * 3
    rows = [(n, "a", "NVDA", n % 2, 1, n, 1790812800000 + n, word, None) for n, word in enumerate(words)]
    mapping = proposed(tmp_path, create, *rows)
    assert mapping["where"] == 'deleted_at is null and status not in ("cancelled", "rejected")'
    assert mapping["columns"]["side"]["words"]["1"] == "short"
    assert mapping["columns"]["mode"]["words"]["1"] == "live"
    assert mapping["columns"]["currency"] == {"const": "USD"}


def test_leverage_is_proposed_where_a_column_has_its_name(tmp_path: Path) -> None:
    create = "CREATE TABLE trades (id, bot, ticker, side, leverage, pnl, currency, closed_at)"
    rows = [(n, "a", "NVDA", "long", 1 + n % 5, n - 4, "USD", f"2026-10-0{n}T10:00Z") for n in range(1, 9)]
    assert proposed(tmp_path, create, *rows)["columns"]["leverage"] == "leverage"


def test_the_token_of_a_fee_is_not_taken_for_the_currency(tmp_path: Path) -> None:
    rows = [(n, f"2026-10-{n:02} 10:00:00", "BTC/USDT", n - 5, 0.01, ("BNB", "USDT")[n % 2]) for n in range(1, 12)]
    with sqlite3.connect(tmp_path / "bot.sqlite") as bot:
        bot.execute("CREATE TABLE t (id, closed_at, symbol, pnl, fee_paid, fee_currency)")
        bot.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", rows)
    bot.close()
    found = inspect(str(tmp_path / "bot.sqlite"), "bot", NOW).proposals[0]
    assert found.mapping["columns"]["fee_token"] == "fee_currency"
    assert found.mapping["columns"]["currency"] != "fee_currency"
    assert "fee_token: a fee in another token than the currency needs `rates`, else it is unknown" in found.doubts


def test_headers_of_other_languages_are_understood(tmp_path: Path) -> None:
    names = '"Nr.", "Strategie", "Wertpapier", "Richtung", "Gewinn/Verlust", "Gebühr", "Währung", "Schluss"'
    create = f"CREATE TABLE export ({names})"
    sides = ["Kauf", "Verkauf"]
    rows = [(n, "dax", "SAP", sides[n % 2], n - 4, 1, "EUR", f"2026-10-0{n} 10:00") for n in range(1, 9)]
    mapping = proposed(tmp_path, create, *rows)
    assert mapping["columns"]["pnl"] == 'column("Gewinn/Verlust")'
    assert mapping["columns"]["fees"] == 'column("Gebühr")'
    assert mapping["columns"]["currency"] == 'column("Währung")'


def test_tables_without_trades_make_no_proposal(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x.sqlite")) as bot, bot:
        bot.execute("CREATE TABLE settings (key TEXT, value TEXT)")
        bot.execute("INSERT INTO settings VALUES ('a', 'b')")
        bot.execute("CREATE TABLE candles (ts INTEGER, open REAL, close REAL, volume REAL)")
        bot.execute("INSERT INTO candles VALUES (1790812800, 1, 2, 3)")
    found = looked(tmp_path / "x.sqlite")
    assert (found.kind, found.proposals) == (None, [])


@pytest.mark.parametrize(
    ("name", "base", "currency", "unit"),
    [
        ("pnl_usd", "pnl", "USD", ""),
        ("closeTimeMs", "close_time", "", "ms"),
        ("Gebühr (EUR)", "gebuhr", "EUR", ""),
        ("realizedPnl", "realized_pnl", "", ""),
        ("id", "id", "", ""),
    ],
)
def test_a_name_is_taken_apart(name: str, base: str, currency: str, unit: str) -> None:
    found = meaning(name)
    assert (found.base, found.currency, found.unit) == (base, currency, unit)
