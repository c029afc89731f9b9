"""Each market: price, change over 15 minutes, an hour and a day, volume. A board each, edited."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TypedDict

from pydantic import Field

from reporter import Context, Observation, Params, Report, Tone, job
from reporter.jobs.kit import JobState, MarketPrices, market_prices

REFRESH = timedelta(minutes=15)


class Parameters(Params):
    """`markets` gives markets a channel of their own, by name: `{btc: market-btc}`."""

    markets: dict[str, str] = Field(default_factory=dict)

    def channels(self) -> list[str]:
        return list(self.markets.values())


class Facts(TypedDict):
    """What the report adds for its template."""

    market: MarketPrices
    """The market now, and its prices of the last day."""


@job(covers="now", schedule="every 5m", params=Parameters)
def market_update(ctx: Context[Parameters]) -> Iterator[Report | Observation | JobState]:
    """Each market of `markets:` in a board: price, change over 15 minutes, an hour and a day, volume, liquidity."""
    found, state = market_prices(ctx)
    for market in found:
        facts: Facts = {"market": market}
        moved = market.changes["15m"] or 0
        tone = Tone.GOOD if moved > 0 else Tone.BAD if moved < 0 else Tone.INFO
        channel = ctx.params.markets.get(market.quote.market)
        yield Report(facts=facts, tone=tone, slot=market.quote.market, refresh=REFRESH, channel=channel)
    yield state
