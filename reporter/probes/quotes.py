"""Asks the sources of markets for their prices: JSON over HTTP, a query, or what a ledger traded at."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import httpx
from sqlalchemy import text

from reporter.config.markets import MarketConfig
from reporter.errors import LedgerError, ReporterError
from reporter.http_client import CUT, PLACEHOLDER, BoundedTransport, Bounds, HidingTransport
from reporter.periods.deadlines import SideThreads
from reporter.periods.time_text import duration_text
from reporter.probes.jsonpath import NOTHING, found
from reporter.probes.ledgers import Ledgers
from reporter.secret import Secret, masked
from reporter.trading.ledger.connection import Database
from reporter.trading.ledger.prices import WORKING, PriceSource
from reporter.trading.ledger.queries import LARGEST
from reporter.trading.ledger.settings import PriceSettings
from reporter.trading.ledger.sqlite_file import undisturbed
from reporter.trading.markets import Quote

BOUNDS = Bounds(seconds=8, size=2_000_000)
SECONDS = 8.0
# What is smaller or as large is no price; a float still holds the rest.
SMALLEST = Decimal("1e-18")
# An older price of a position says nothing of now.
OLD = timedelta(hours=1)
_LONG_AGO = datetime.fromtimestamp(0, UTC)


class Quotes:
    """The markets of a config. Asked at once, each within some seconds; one that fails leaves the others alone."""

    def __init__(self, markets: Mapping[str, MarketConfig], ledgers: Ledgers, now: Callable[[], datetime]) -> None:
        """`now` is the wall clock."""
        self._markets = markets
        self._now = now
        self._ledgers = ledgers
        self._threads = SideThreads("market")
        self._exchanges: dict[tuple[str | None, Secret | None], PriceSource] = {
            (market.exchange, market.url): PriceSource(
                PriceSettings(kind="ccxt", exchange=market.exchange, url=market.url), now
            )
            for market in markets.values()
            if market.exchange
        }

    def ask(self) -> list[Quote]:
        """A quote of each market, with a price or with the reason why there is none."""
        work = [(name, self._threads.begin(name, self._asking(name))) for name in self._markets]
        quotes = []
        for name, asked in work:
            try:
                quotes.append(asked.result(self._patience(name)))
            except TimeoutError:
                why = f"no answer within {self._patience(name):g} s"
                quotes.append(Quote(market=name, source=self._markets[name].source, error=why))
        return quotes

    def _patience(self, name: str) -> float:
        return (WORKING if self._markets[name].exchange else SECONDS) + 1

    def _asking(self, name: str) -> Callable[[], Quote]:
        return lambda: self._quote(name, self._markets[name])

    def _quote(self, name: str, market: MarketConfig) -> Quote:
        try:
            if market.exchange:
                price = self._of_exchange(market)
                return Quote(market=name, price=price, currency=market.currency, source=market.source)
            if market.symbol:
                price, at = self._traded_at(str(market.ledger), market.symbol)
                return Quote(market=name, price=price, at=at, currency=market.currency, source=market.source)
            data = _from_http(market.url) if market.url else self._from_query(market)
            return _read(name, market, data)
        except (ReporterError, httpx.HTTPError, ValueError) as error:
            why = masked(str(error) or type(error).__name__, 200)
            return Quote(market=name, currency=market.currency, source=market.source, error=why)

    def _of_exchange(self, market: MarketConfig) -> Decimal:
        """The last price of a market; the exchange is asked for all of its markets at once."""
        place = (market.exchange, market.url)
        wanted = {str(one.symbol) for one in self._markets.values() if (one.exchange, one.url) == place}
        price = _price(self._exchanges[place].of_exchange(sorted(wanted)).get(str(market.symbol)))
        if price is None:
            raise LedgerError(f"{market.exchange} has no price of {market.symbol}")
        return price

    def _traded_at(self, ledger: str, symbol: str) -> tuple[Decimal, datetime]:
        """The newest price of a ledger's open positions in a market, and when it was one. Raises LedgerError."""
        now = self._now()
        held = [one for one in self._ledgers.only(ledger).open_positions() if one.market == symbol]
        prices = [(one.priced_at, price) for one in held if (price := _price(one.current_price))]
        if not prices:
            raise LedgerError(f"no open position of {ledger} in {symbol} has a price")
        at, price = max(prices, key=lambda one: one[0] or _LONG_AGO)
        if at and now - at > OLD:
            raise LedgerError(f"the newest price of {symbol} is {duration_text(now - at)} old")
        return price, min(at or now, now)

    def _from_query(self, market: MarketConfig) -> Any:
        database = Database(str(market.ledger), self._ledgers.url(market.ledger), SECONDS)

        query = text(str(market.query))
        if database.dialect == "postgresql":  # whose driver else fetches every row
            query = query.execution_options(stream_results=True, max_row_buffer=1)

        def ask() -> Any:
            with database.snapshot() as connection:
                return connection.execute(query).mappings().first()

        row = undisturbed(ask)
        if row is None:
            raise LedgerError("the query gives no row")
        return dict(row)


def _from_http(url: Secret) -> Any:
    with httpx.Client(transport=HidingTransport(url, url, BoundedTransport(url.reveal(), BOUNDS))) as client:
        response = client.get(PLACEHOLDER)
    if response.status_code != 200:
        raise ReporterError(f"the source answers with status {response.status_code}")
    if response.extensions.get(CUT):
        raise ReporterError(f"the answer is longer than {BOUNDS.size // 1_000_000} MB")
    try:
        return json.loads(response.content, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise ReporterError("the answer is not JSON") from None


def _read(name: str, market: MarketConfig, data: Any) -> Quote:
    price = _price(found(data, market.price))
    if price is None:
        raise ReporterError(f"there is no price at `{market.price}` of the answer")
    liquidity = found(data, market.liquidity) if market.liquidity else NOTHING
    return Quote(
        market=name,
        price=price,
        volume=_number(found(data, market.volume)) if market.volume else None,
        liquidity=None if liquidity in (NOTHING, None) else str(liquidity)[:40],
        currency=market.currency,
        source=market.source,
    )


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < LARGEST else None


def _price(value: Any) -> Decimal | None:
    number = _number(value)
    return number if number is not None and number >= SMALLEST else None
