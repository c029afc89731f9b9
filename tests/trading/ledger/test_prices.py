"""Prices of open positions from outside: freqtrade's REST API, tickers and exchanges, by real servers."""

from __future__ import annotations

import json
import re
import socket
import sys
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reporter.secret import Secret
from reporter.trading.books import Open
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.prices import filled
from reporter.trading.ledger.settings import LedgerSettings, PriceSettings
from tests.probes.servers import says, serving
from tests.trading.ledger.databases import Native, between, native_sqlite, usdt, utc
from tests.trading.ledger.dirty import freqtrade_file

DAY = between("2026-11-27", "2026-11-28")
NOW = utc("2026-11-27 12:00")
TRADES: list[dict[str, object]] = [
    {"close_profit_abs": 2},
    {"is_open": 1, "close_date": None, "close_profit_abs": None},
]
PASSWORD = "a password that nobody may see"


def status(**change: Any) -> str:
    return json.dumps([{"trade_id": 2, "pair": "BTC/USDT", "profit_abs": 1.25, "current_rate": 101.5, **change}])


def open_of(path: str, prices: PriceSettings | None, kind: str = "freqtrade") -> Open:
    portfolio = Portfolio([LedgerSettings(name="ft", kind=kind, url=path, prices=prices)], now=lambda: NOW)
    [book] = portfolio.performance(DAY, account=True)
    assert book.open is not None
    return book.open


def of_freqtrade(port: int) -> PriceSettings:
    url = Secret(f"http://127.0.0.1:{port}")
    return PriceSettings(kind="freqtrade", url=url, username=Secret("user"), password=Secret(PASSWORD, "env:X"))


def test_freqtrade_says_what_its_open_trades_would_make(tmp_path: Path) -> None:
    path, seen = freqtrade_file(tmp_path, TRADES), list[bytes]()
    with serving(says(status(), seen=seen)) as port:
        settings = LedgerSettings(name="ft", kind="freqtrade", url=path, prices=of_freqtrade(port))
        portfolio = Portfolio([settings], now=lambda: NOW)
        [position] = portfolio.open_positions()
        [book] = portfolio.performance(DAY, account=True)
    assert (position.current_price, position.unrealised, position.priced_at) == (Decimal("101.5"), usdt("1.25"), NOW)
    assert book.open == Open(positions=1, unrealised=usdt("1.25"), unpriced=0, priced_at=NOW)
    [request] = seen  # asked once for both
    assert request.startswith(b"GET /api/v1/status ")
    assert b64encode(f"user:{PASSWORD}".encode()) in request


@pytest.mark.parametrize(
    ("answer", "code", "why"),
    [
        (status(), 401, "the prices' server 127.0.0.1 refuses the login (HTTP 401)"),
        (status(), 500, "the prices' server 127.0.0.1 gives HTTP 500"),
        ("<html>", 200, "the prices' server 127.0.0.1 does not answer in JSON"),
        ("[]", 200, "freqtrade's API does not know the open trade 2 (BTC/USDT): is it the same bot?"),
        (
            status(pair="ETH/USDT"),
            200,
            "freqtrade's API does not know the open trade 2 (BTC/USDT): is it the same bot?",
        ),
        (status(profit_abs=float("nan")), 200, "freqtrade knows no price of BTC/USDT now"),
        (status(profit_abs="much"), 200, "freqtrade knows no price of BTC/USDT now"),
    ],
)
def test_a_server_that_gives_no_price_leaves_it_unknown_and_says_why(
    tmp_path: Path, answer: str, code: int, why: str
) -> None:
    with serving(says(answer, status=code)) as port:
        found = open_of(freqtrade_file(tmp_path, TRADES), of_freqtrade(port))
    assert found == Open(positions=1, unrealised=None, unpriced=1, why=why)
    assert PASSWORD not in why


def test_a_server_that_is_away_is_asked_once_a_minute(tmp_path: Path) -> None:
    with serving(says(status())) as port:
        pass
    found = open_of(freqtrade_file(tmp_path, TRADES), of_freqtrade(port))
    assert (found.unrealised, found.why) == (None, "the prices' server 127.0.0.1 does not answer")


def test_without_prices_check_says_how_to_get_them(tmp_path: Path) -> None:
    path = freqtrade_file(tmp_path, TRADES)
    assert open_of(path, None).why == "freqtrade stores no price"
    [said] = Portfolio([LedgerSettings(name="ft", kind="freqtrade", url=path)]).warnings()
    assert said == "ft: freqtrade stores no price, so open positions have no P&L: name `prices` for this ledger"


@pytest.fixture
def holding(tmp_path: Path) -> Callable[..., Native]:
    """Makes a database of the native schema with one position, of size 2 at 100."""

    def make(**more: object) -> Native:
        bot = native_sqlite(tmp_path)
        row = {
            "agent": "a",
            "market": "BTC/USDT:USDT",
            "side": "long",
            "currency": "USDT",
            "size": 2,
            "entry_price": 100,
        }
        bot.add("positions", {**row, **more})
        return bot

    return make


@pytest.mark.parametrize(("side", "made"), [("long", "2.5"), ("short", "-2.5")])
def test_a_ticker_is_asked_for_the_market(holding: Callable[..., Native], side: str, made: str) -> None:
    seen = list[bytes]()
    with serving(says('{"data": [{"last": "101.25"}]}', seen=seen)) as port:
        url = Secret(f"http://127.0.0.1:{port}/t?b={{base}}&q={{quote}}&s={{symbol}}")
        prices = PriceSettings(kind="ticker", url=url, path="data.0.last")
        found = open_of(holding(side=side).url, prices, "native")
    assert (found.unrealised, found.priced_at) == (usdt(made), NOW)
    assert seen[0].startswith(b"GET /t?b=BTC&q=USDT&s=BTCUSDT ")


@pytest.mark.parametrize(
    ("answer", "more", "why"),
    [
        ('{"price": "n/a"}', {}, "the answer has no price at `price` for BTC/USDT:USDT"),
        ("[1]", {}, "the answer has no price at `price` for BTC/USDT:USDT"),
        ('{"price": 0}', {}, "the answer has no price at `price` for BTC/USDT:USDT"),
        ('{"price": 1e999}', {}, "the answer has no price at `price` for BTC/USDT:USDT"),
        ('{"price": 5}', {"size": None}, "the size or the entry price of BTC/USDT:USDT is not known"),
    ],
)
def test_a_ticker_without_a_price_is_no_price(
    holding: Callable[..., Native], answer: str, more: dict[str, object], why: str
) -> None:
    with serving(says(answer)) as port:
        prices = PriceSettings(kind="ticker", url=Secret(f"http://127.0.0.1:{port}/{{symbol}}"))
        found = open_of(holding(**more).url, prices, "native")
    assert (found.unrealised, found.unpriced, found.why) == (None, 1, why)


def test_a_stored_price_counts_first(holding: Callable[..., Native]) -> None:
    prices = PriceSettings(kind="ticker", url=Secret("http://127.0.0.1:9/{symbol}"))
    found = open_of(holding(unrealised_pnl=7).url, prices, "native")
    assert (found.unrealised, found.unpriced, found.why) == (usdt("7"), 0, "")


def test_names_of_a_market_cannot_change_the_address() -> None:
    assert filled("https://x/{market}?s={symbol}", "A/../B?c#d") == "https://x/A%2F..%2FB%3Fc%23d?s=A..%2FB%3Fc%23d"


PAIR = {
    "altname": "XBTUSDT",
    "wsname": "XBT/USDT",
    "base": "XXBT",
    "quote": "USDT",
    "pair_decimals": 1,
    "lot_decimals": 8,
}
# What Kraken answers where ccxt asks it, as much of it as ccxt reads.
KRAKEN: dict[str, dict[str, object]] = {
    "Assets": {
        "XXBT": {"altname": "XBT", "decimals": 10, "status": "enabled"},
        "USDT": {"altname": "USDT", "decimals": 8, "status": "enabled"},
    },
    "AssetPairs": {
        "XBTUSDT": PAIR | {"leverage_buy": [], "fees": [[0, 1]], "fees_maker": [[0, 1]], "status": "online"}
    },
    "Ticker": {"XBTUSDT": {part: ["101.25", "1", "1"] for part in "abcvptlh"} | {"o": "1"}},
}


def kraken(connection: socket.socket) -> None:
    name = connection.recv(4096).split(b" ")[1].partition(b"?")[0].rpartition(b"/")[2].decode()
    body = json.dumps({"error": [], "result": KRAKEN[name]})
    connection.sendall(f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())


@pytest.mark.parametrize(
    ("market", "made", "why"), [("BTC/USDT", "2.5", ""), ("X/Y", None, "kraken has no price of X/Y")]
)
def test_an_exchange_is_asked_by_ccxt_in_a_process_that_ends(
    holding: Callable[..., Native], market: str, made: str | None, why: str
) -> None:
    with serving(kraken) as port:
        prices = PriceSettings(kind="ccxt", exchange="kraken", url=Secret(f"http://127.0.0.1:{port}"))
        found = open_of(holding(market=market).url, prices, "native")
    assert (found.unrealised, found.why) == (made and usdt(made), why)
    assert "ccxt" not in sys.modules


@pytest.mark.parametrize(
    ("exchange", "why"),
    [("nobody", "ccxt cannot ask nobody for prices"), ("kraken", r"kraken does not answer by ccxt \(\w+\)")],
)
def test_an_exchange_that_cannot_be_asked_is_named(holding: Callable[..., Native], exchange: str, why: str) -> None:
    prices = PriceSettings(kind="ccxt", exchange=exchange, url=Secret("http://127.0.0.1:9"))
    found = open_of(holding().url, prices, "native")
    assert found.unpriced == 1
    assert re.fullmatch(why, found.why)
