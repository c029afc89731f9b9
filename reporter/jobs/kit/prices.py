"""The prices of markets: now and in the last day, and those of the moments at which trades were made."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import fmean
from typing import Any

from reporter.jobs.context import Context, History
from reporter.trading.audit import NOT_PRICED, PriceThen
from reporter.trading.markets import NEAR, MarketPrice, PriceAt, PricedMarket, Quote, change, volatility
from reporter.trading.trades import Trade

DAY = timedelta(hours=25)
MONTH = timedelta(days=31)
SPANS = {"15m": timedelta(minutes=15), "1h": timedelta(hours=1), "24h": timedelta(hours=24)}
# The days of prices that an audit has in memory.
DAYS = 100


@dataclass(frozen=True)
class MarketPrices:
    """One market now, and its prices of the last day."""

    quote: Quote
    """What its source says now."""
    samples: tuple[PriceAt, ...]
    """Moments and prices, oldest first; the last is of now where there is a price."""
    now: datetime
    """The moment of the run."""

    @property
    def changes(self) -> dict[str, float | None]:
        """The change over 15 minutes, an hour and a day, as shares; None where no price of then is known."""
        known = self.quote.price is not None
        return {name: change(self.samples, self.now, span) if known else None for name, span in SPANS.items()}


def market_prices(ctx: Context[Any]) -> tuple[list[MarketPrices], list[MarketPrice]]:
    """The markets of the config now, and their prices for the job to yield."""
    found = [_with_past(ctx, quote) for quote in ctx.quotes()]
    seen = [
        MarketPrice(market=quote.market, source=quote.source, at=quote.at or ctx.now, price=quote.price)
        for quote in (one.quote for one in found)
        if quote.price is not None
    ]
    return found, seen


def _with_past(ctx: Context[Any], quote: Quote) -> MarketPrices:
    past = ctx.history.prices(quote.market, quote.source, ctx.now - DAY, ctx.now)
    now = [] if quote.price is None else [(ctx.now, quote.price)]
    return MarketPrices(quote, tuple((at, float(price)) for at, price in [*past, *now]), ctx.now)


def usual_volatility(ctx: Context[Any], market: MarketPrices) -> tuple[float, int] | None:
    """The mean volatility of the days before the last one, as a share for a day, and their number; None with fewer than
    three. A day counts that has ten changes or more."""
    before = ctx.history.prices(market.quote.market, market.quote.source, ctx.now - MONTH, ctx.now - DAY)
    days: dict[date, list[PriceAt]] = {}
    for at, price in before:
        days.setdefault(at.date(), []).append((at, float(price)))
    found = [one for samples in days.values() if (one := volatility(samples))]
    return (fmean(found), len(found)) if len(found) >= 3 else None


class PastPrices:
    """What the markets of the config cost when trades were made: the last price seen before, at most ten minutes."""

    def __init__(self, history: History, markets: Sequence[PricedMarket]) -> None:
        self._history = history
        self._markets = markets
        self._days: dict[tuple[str, datetime], Sequence[tuple[datetime, Decimal]]] = {}

    def __call__(self, trade: Trade, at: datetime) -> PriceThen:
        """The price of a trade's market at a moment."""
        fitting = [market for market in self._markets if market.prices(trade.market)]
        found = [self._of(market, trade, at) for market in fitting]
        known = (one for one in found if one.price is not None)
        return next(known, found[0] if found else PriceThen(why=f"{NOT_PRICED} {trade.market}"))

    def _of(self, market: PricedMarket, trade: Trade, at: datetime) -> PriceThen:
        if why := market.why_not_in(trade.pnl.currency):
            return PriceThen(why=why)
        prices = self._around(market, at)
        n = bisect_right(prices, at, key=lambda one: one[0])
        if n and at - prices[n - 1][0] <= NEAR:
            return PriceThen(price=prices[n - 1][1])
        return PriceThen(why=f"no price of {market.name} was seen in the ten minutes before")

    def _around(self, market: PricedMarket, at: datetime) -> Sequence[tuple[datetime, Decimal]]:
        """The prices of the day of a moment, and of a little before."""
        day = at.replace(hour=0, minute=0, second=0, microsecond=0)
        if (market.name, day) not in self._days:
            if len(self._days) >= DAYS:
                self._days.clear()
            until = day + timedelta(days=1)
            prices = self._history.prices(market.name, market.source, day - NEAR, until)
            self._days[market.name, day] = prices
        return self._days[market.name, day]
