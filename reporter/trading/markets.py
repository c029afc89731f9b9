"""Prices of markets over time: changes, what is usual, regime and correlation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from itertools import pairwise
from math import sqrt
from statistics import fmean, pstdev

PriceAt = tuple[datetime, float]

# The market's price at a moment is the last one seen before it, if it is no older than this.
NEAR = timedelta(minutes=10)

# The moves of one hour in a week: a look every five minutes.
A_WEEK = 12

# A sample stands for a moment that is so much of the span away from it.
TOLERANCE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a market's source says now."""

    market: str
    """The market's name in the config."""
    price: Decimal | None = None
    """The price; None where the source gave none."""
    volume: Decimal | None = None
    """The traded amount as the source counts it; None where it gives none."""
    liquidity: str | None = None
    """The source's word for the liquidity; None where it gives none."""
    currency: str = ""
    """The currency of the price."""
    at: datetime | None = None
    """When it was the price; None where the source does not say."""
    source: str = ""
    """What tells this source of the price from others under the same name."""
    error: str | None = None
    """Why there is no price, as a sentence without secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketPrice:
    """A price that was seen. Yield one, and it is kept with the messages of the run or not at all."""

    market: str
    """The market's name in the config."""
    source: str
    """What tells the source of the price from others under the same name."""
    at: datetime
    """When it was seen."""
    price: Decimal
    """The price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedMarket:
    """A market of the config, and which trades its price is about."""

    name: str
    """Its name in the config."""
    source: str
    """What tells the source of its price from others under the same name."""
    trades: tuple[str, ...]
    """The markets of trades that it prices, by name or pattern."""
    currency: str = ""
    """The currency of the price."""

    def prices(self, market: str) -> bool:
        """Whether its price is that of trades in this market; capitals do not matter."""
        return any(fnmatchcase(market.casefold(), one.casefold()) for one in self.trades)

    def why_not_in(self, currency: str) -> str | None:
        """Why its price says nothing of a trade whose result is in this currency; None where it does."""
        if self.currency and self.currency.casefold() != currency.casefold():
            return f"{self.name} is priced in {self.currency}, the trade in {currency}"
        return None


def change(samples: Sequence[PriceAt], now: datetime, span: timedelta) -> float | None:
    """The change of the last price since a moment a span ago, as a share; None without a sample of that moment."""
    wanted, near = now - span, span * TOLERANCE
    close = [sample for sample in samples if abs(sample[0] - wanted) <= near]
    found = min(close, key=lambda one: abs(one[0] - wanted), default=None)
    if found is None or not samples or not found[1]:
        return None
    return samples[-1][1] / found[1] - 1


def returns(samples: Sequence[PriceAt]) -> list[float]:
    """The changes from each sample to the next, as shares."""
    prices = [price for _, price in samples]
    return [after / before - 1 for before, after in pairwise(prices) if before]


def volatility(samples: Sequence[PriceAt]) -> float | None:
    """The standard deviation of the returns, as a share for a day; None with fewer than ten."""
    found = returns(samples)
    span = (samples[-1][0] - samples[0][0]).total_seconds() if samples else 0
    if len(found) < 10 or span <= 0:
        return None
    return pstdev(found) * sqrt(86_400 * len(found) / span)


def regime(samples: Sequence[PriceAt]) -> str | None:
    """`rising`, `falling` or `sideways`: whether the whole move is larger than chance makes it; None with few samples.

    A random walk of n steps ends within one standard deviation × √n of its start two times in three.
    """
    found = returns(samples)
    if len(found) < 10:
        return None
    whole, by_chance = samples[-1][1] / samples[0][1] - 1, pstdev(found) * sqrt(len(found))
    return "sideways" if abs(whole) <= by_chance else "rising" if whole > 0 else "falling"


def correlation(one: Sequence[PriceAt], other: Sequence[PriceAt]) -> tuple[float, int] | None:
    """Pearson's ratio of correlation of the returns in common minutes, and their number; None with fewer than ten."""
    second = {_minute(at): price for at, price in other}
    common = [(_minute(at), price) for at, price in one if _minute(at) in second]
    first = returns(common)
    then = returns([(at, second[at]) for at, _ in common])
    if len(first) < 10 or len(first) != len(then):
        return None
    spread = pstdev(first) * pstdev(then)
    if not spread:
        return None
    mean, other_mean = fmean(first), fmean(then)
    covariance = fmean((a - mean) * (b - other_mean) for a, b in zip(first, then, strict=True))
    return covariance / spread, len(first)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def correlation_words(ratio: float, n: int) -> str:
    """How two markets go together. Within ±2/√n two markets without any relation end 19 times in 20."""
    size = abs(ratio)
    if size <= 2 / sqrt(n):
        return "no clear relation"
    how = "closely" if size >= 0.8 else "mostly" if size >= 0.5 else "loosely"
    return f"{how} {'together' if ratio > 0 else 'against each other'}"


def volatility_word(ratio: float) -> str:
    """A volatility beside what is usual, whose ratio it is: `calm`, `as usual` or `lively`."""
    return "calm" if ratio < 2 / 3 else "lively" if ratio > 3 / 2 else "as usual"


@dataclass(frozen=True, slots=True)
class UsualMoves:
    """How far a market moves as a rule, by hour of the week: the count and the mean of the sizes of its moves."""

    hours: Mapping[int, tuple[int, float]]
    """By hour of the week, from Monday 0:00: how many moves, and their mean size as a share."""

    def of(self, hour: int) -> tuple[float, int, bool] | None:
        """The mean size as a share, from how many moves, and whether they are of this hour; None with fewer than ten.

        With fewer than ten of this hour, it is that of all hours. This is weighed in later too, as another week of this
        hour: the moves of one hour overlap, and a calm one alone would make the next week's unusual.
        """
        n, mean = self.hours.get(hour, (0, 0.0))
        count = sum(n for n, _ in self.hours.values())
        whole = sum(n * mean for n, mean in self.hours.values()) / count if count >= 10 else 0.0
        if not whole:
            return None
        return ((n * mean + A_WEEK * whole) / (n + A_WEEK), n, True) if n >= 10 else (whole, count, False)

    def after(self, hour: int, size: float, most: int = 200) -> UsualMoves:
        """With one more move; older ones fade once there are `most` of an hour. A price that stands still is no move: a
        market that is closed would make each move after it unusual."""
        if not size:
            return self
        n, mean = self.hours.get(hour, (0, 0.0))
        n = min(n + 1, most)
        return UsualMoves({**self.hours, hour: (n, mean + (size - mean) / n)})
