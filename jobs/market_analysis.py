"""The markets of the last day in words: regime, volatility, correlation."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TypedDict

from reporter import Context, Observation, Report, job
from reporter.jobs.kit import (
    MarketPrice,
    MarketPrices,
    correlation,
    correlation_words,
    market_prices,
    regime,
    usual_volatility,
    volatility,
    volatility_word,
)


@dataclass(frozen=True)
class MarketReview:
    """One market of the last day."""

    market: MarketPrices
    """The market now, and its prices of the last day."""
    regime: str | None
    """`rising`, `falling` or `sideways`; None with few prices."""
    volatility: float | None
    """The standard deviation of its changes for a day, as a share; None with few prices."""
    beside: str | None
    """The volatility beside the days before: `calm`, `as usual` or `lively`; None with fewer than three days."""
    ratio: float | None
    """The volatility as a multiple of that of the days before, a ratio; None with fewer than three days."""
    days: int
    """The number of days before."""


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
    words: str
    """How they go together, such as `closely together` or `no clear relation`."""


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
    reviews = [_review(ctx, one) for one in found]
    pairs = []
    for one, other in combinations(found, 2):
        if known := correlation(one.samples, other.samples):
            pairs.append(MarketPair(one.quote.market, other.quote.market, *known, correlation_words(*known)))
    facts: Facts = {"reviews": reviews, "pairs": sorted(pairs, key=lambda pair: -abs(pair.correlation))}
    yield Report(facts=facts)
    yield from seen


def _review(ctx: Context, market: MarketPrices) -> MarketReview:
    now, usual = volatility(market.samples), usual_volatility(ctx, market)
    ratio = now / usual[0] if now is not None and usual else None
    word = volatility_word(ratio) if ratio is not None else None
    return MarketReview(market, regime(market.samples), now, word, ratio, usual[1] if usual else 0)
