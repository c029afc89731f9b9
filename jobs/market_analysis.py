"""The markets of the last day in words: regime, volatility, correlation."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TypedDict

from reporter import Context, Observation, Report, job
from reporter.jobs.kit import MarketPrice, MarketPrices, correlation, market_prices, regime, volatility


@dataclass(frozen=True)
class MarketReview:
    """One market of the last day."""

    market: MarketPrices
    """The market now, and its prices of the last day."""
    regime: str | None
    """`rising`, `falling` or `sideways`; None with few prices."""
    volatility: float | None
    """The standard deviation of its changes for a day, as a share; None with few prices."""


@dataclass(frozen=True)
class MarketPair:
    """How two markets move together."""

    one: str
    """The name of a market."""
    other: str
    """The name of the other."""
    correlation: float
    """The correlation of their changes, from -1 to 1, a ratio."""
    n: int
    """From how many changes."""


class Facts(TypedDict):
    """What the report adds for its template."""

    reviews: list[MarketReview]
    """A review of each market, in the order of the config."""
    pairs: list[MarketPair]
    """The pairs of markets, those that move together most first."""


@job(covers="now", schedule="every 1h")
def market_analysis(ctx: Context) -> Iterator[Report | Observation | MarketPrice]:
    """The markets of the last day in words: regime, volatility and correlation, each with n."""
    found, seen = market_prices(ctx)
    reviews = [MarketReview(one, regime(one.samples), volatility(one.samples)) for one in found]
    pairs = []
    for one, other in combinations(found, 2):
        if known := correlation(one.samples, other.samples):
            pairs.append(MarketPair(one.quote.market, other.quote.market, *known))
    facts: Facts = {"reviews": reviews, "pairs": sorted(pairs, key=lambda pair: -abs(pair.correlation))}
    yield Report(facts=facts)
    yield from seen
