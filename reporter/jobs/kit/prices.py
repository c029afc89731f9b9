"""The prices that a job of markets saw: those of the last day, kept from one run to the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reporter.jobs.context import Context, JobState
from reporter.trading.markets import PriceAt, Quote, change

DAY = timedelta(hours=25)
SPANS = {"15m": timedelta(minutes=15), "1h": timedelta(hours=1), "24h": timedelta(hours=24)}


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


def market_prices(ctx: Context[Any]) -> tuple[list[MarketPrices], JobState]:
    """The markets of the config now, and the state for the job to yield."""
    state = ctx.state("prices")
    kept: dict[str, list[list[Any]]] = state.value or {}
    found = [_with_past(quote, kept.get(quote.market, []), ctx.now) for quote in ctx.quotes()]
    value = {one.quote.market: [[at.isoformat(), price] for at, price in one.samples] for one in found}
    return found, JobState(name=state.name, value=value, version=state.version)


def _with_past(quote: Quote, kept: Sequence[Sequence[Any]], now: datetime) -> MarketPrices:
    past: Iterable[PriceAt] = ((datetime.fromisoformat(at), float(price)) for at, price in kept)
    samples = [one for one in past if now - DAY <= one[0] < now]
    samples += [(now, float(quote.price))] if quote.price is not None else []
    return MarketPrices(quote, tuple(samples), now)
