"""Each market: price, change over 15 minutes, an hour and a day, volume, signals. A board each, edited."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TypedDict

from pydantic import Field

from reporter import Context, Observation, Params, Report, Tone, job
from reporter.jobs.kit import MarketPrice, MarketPrices, Signal, latest_signals, market_prices

REFRESH = timedelta(minutes=15)


class Parameters(Params):
    """`markets` gives markets a channel of their own, by name: `{btc: market-btc}`. A signal of an agent is
    shown for `signals_minutes`."""

    markets: dict[str, str] = Field(default_factory=dict)
    signals_minutes: float = Field(60, gt=0, le=1440)

    def channels(self) -> list[str]:
        return list(self.markets.values())


class Facts(TypedDict):
    """What the report adds for its template."""

    market: MarketPrices
    """The market now, and its prices of the last day."""
    signals: list[Signal]
    """What agents think of it, by the events `signal_generated` of the last hour; the newest of each."""


@job(covers="now", schedule="every 5m", params=Parameters)
def market_update(ctx: Context[Parameters]) -> Iterator[Report | Observation | MarketPrice]:
    """Each market of `markets:` in a board: price, change over 15 minutes, an hour and a day, volume, liquidity."""
    found, seen = market_prices(ctx)
    signals = ctx.history.signals(ctx.now - timedelta(minutes=ctx.params.signals_minutes))
    priced = {market.name: market for market in ctx.markets}
    for market in found:
        name = market.quote.market
        facts: Facts = {"market": market, "signals": latest_signals(signals, name, priced.get(name))}
        moved = market.changes["15m"] or 0
        tone = Tone.GOOD if moved > 0 else Tone.BAD if moved < 0 else Tone.INFO
        channel = ctx.params.markets.get(name)
        yield Report(facts=facts, tone=tone, slot=name, refresh=REFRESH, channel=channel)
    yield from seen
