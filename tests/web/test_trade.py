"""One closed trade: its figures, and the candles of its market."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reporter.store import market_prices
from reporter.trading.markets import MarketPrice
from tests.jobs.floor import Closed, database
from tests.web.listener import READER, Listener, listener
from tests.web.test_api import LEDGER

MARKETS = "markets: {unseen: {ledger: floor, symbol: BTC/USDT}, btc: {ledger: floor, symbol: BTC/USDT}}\n"
TRADES = [
    Closed("2026-10-30 10:00:00", "a", "-7"),
    Closed("2026-10-30 10:00:00", "b", "3"),
    Closed("2026-10-29 11:00:00", "b", "1"),
]
CLOSED = datetime.fromisoformat("2026-10-30T10:00:00+00:00")
HEADERS = {"Authorization": f"Bearer {READER}"}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    folder = tmp_path_factory.mktemp("trade")
    database(folder / "trading.sqlite", TRADES)
    with listener(folder, LEDGER + MARKETS) as found:
        (_, market) = found.app.runtime.inputs.markets
        prices = [
            MarketPrice(
                market=market.name, source=market.source, at=CLOSED + timedelta(minutes=n), price=Decimal(price)
            )
            for n, price in ((-7, "100"), (-6, "103.5"), (0, "98.5"), (3, "99"))
        ]
        with found.store.begin() as connection:
            market_prices.save(connection, prices, found.clock.wall())
        yield found


def get(web: Listener, query: str, status: int = 200) -> Any:
    answer = web.client.get(f"/api/v1/trade?{query}", headers=HEADERS)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_of_two_trades_of_one_moment_the_id_tells_which(web: Listener) -> None:
    for id_, agent, pnl in (("1", "a", "-7"), ("2", "b", "3")):
        found = get(web, f"ledger=floor&id={id_}&closed=2026-10-30T10:00:00Z")["trade"]
        assert (found["id"], found["agent"], Decimal(found["pnl"]["amount"])) == (id_, agent, Decimal(pnl))


def test_its_candles_are_of_the_prices_that_were_seen_around_it(web: Listener) -> None:
    found = get(web, "ledger=floor&id=1&closed=2026-10-30T10:00:00Z")
    assert (found["market"], found["why"]) == ("btc", None)
    candles, width = found["candles"], timedelta(seconds=found["candle_seconds"])
    assert max(Decimal(one["high"]) for one in candles) == Decimal("103.5")
    assert min(Decimal(one["low"]) for one in candles) == Decimal("98.5")
    assert len(candles) == 2
    assert (Decimal(candles[0]["open"]), Decimal(candles[-1]["close"])) == (Decimal(100), Decimal(99))
    assert all(datetime.fromisoformat(one["began"]).timestamp() % width.total_seconds() == 0 for one in candles)


def test_where_no_price_was_seen_the_answer_says_so(web: Listener) -> None:
    found = get(web, "ledger=floor&id=3&closed=2026-10-29T11:00:00Z")
    assert (found["candles"], found["why"]) == ([], "no price of unseen was seen around it")


@pytest.mark.parametrize(
    ("query", "status", "where"),
    [
        ("ledger=floor&id=9&closed=2026-10-30T10:00:00Z", 404, "id"),
        ("ledger=other&id=1&closed=2026-10-30T10:00:00Z", 404, "id"),
        ("ledger=floor&id=1&closed=2026-10-30T10:00:00", 400, "closed"),
        ("ledger=floor&id=1&closed=9999-12-31T23:59:59.9999Z", 400, "closed"),
        ("ledger=floor&id=1&closed=0001-01-01T00:00:00%2B14:00", 400, "closed"),
        ("ledger=floor&id=1", 400, "closed"),
    ],
)
def test_what_is_no_trade_is_refused_with_its_place(web: Listener, query: str, status: int, where: str) -> None:
    assert get(web, query, status)["where"] == where


def test_a_ledger_that_cannot_be_read_has_not_lost_its_trade(tmp_path: Path) -> None:
    database(tmp_path / "trading.sqlite", TRADES)
    gone = LEDGER.replace("ledgers: {", "ledgers: {gone: {kind: native, url: gone.sqlite}, ")
    with listener(tmp_path, gone) as web:
        found = get(web, "ledger=gone&id=1&closed=2026-10-30T10:00:00Z", 503)
        assert "gone" in found["detail"]
        known = get(web, "ledger=floor&id=1&closed=2026-10-30T10:00:00Z")
        assert known["why"] == "no market of the config prices BTC/USDT"


def test_the_page_of_trades_leads_to_it_and_it_draws_the_candles(web: Listener) -> None:
    page = web.client.get("/trades", headers=HEADERS).text
    link = next(
        part.split('"')[0] for part in page.split('href="')[1:] if part.startswith("/trade?") and "id=1&" in part
    )
    one = web.client.get(link.replace("&amp;", "&"), headers=HEADERS).text
    assert one.count('class="wick"') >= 1
    assert "-7.00 USDT" in one
    assert "98.5" in one
    assert "103.5" in one
