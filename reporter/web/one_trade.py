"""One closed trade over REST, with the candles of its market where its prices were seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Annotated

from pydantic import AwareDatetime, Field
from typing_extensions import TypedDict

from reporter.errors import LedgerError
from reporter.trading.audit import NOT_PRICED
from reporter.trading.books import TradeFilter
from reporter.trading.markets import PricedMarket
from reporter.trading.trades import Trade
from reporter.web.problems import ProblemError
from reporter.web.resource import EVER, Call, Query, Resource, Span, span_of
from reporter.web.wire import TradeJson, number

INSTANT = timedelta(milliseconds=1)
MOST_ALIKE = 1000
"""So many trades that closed within a millisecond are looked through."""
LONGEST = timedelta(days=31)
MOST_CANDLES = 120
WIDTHS = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 60, 240, 1440))
"""A candle has five prices or more: they are seen about once a minute."""
LEAST_ROOM = timedelta(hours=1)
"""Of the time before and after a trade so much is shown, or a quarter of how long it was held."""

PricePoint = tuple[datetime, Decimal]


class TradeQuery(Query):
    ledger: Annotated[str, Field(max_length=200)]
    id: Annotated[str, Field(max_length=200)]
    closed: Annotated[AwareDatetime, Field(description="When it closed, as `/trades` says")]


class CandleJson(TypedDict):
    """Of the prices that were seen, about one a minute."""

    began: str
    open: str
    high: str
    low: str
    close: str


class TradeAnswer(TypedDict):
    """`market` is the market of the config that prices the trade; `why` says why there are no candles."""

    trade: TradeJson
    market: str | None
    candle_seconds: int | None
    candles: list[CandleJson]
    why: str | None


def trade(call: Call[TradeQuery]) -> TradeAnswer:
    found = _found(call)
    market, why = _market(call.world.runtime.inputs.markets, found)
    width, candles = (None, list[CandleJson]())
    if market:
        width, candles, why = _candles(call, found, market)
    return {
        "trade": call.wire.trade(found),
        "market": market.name if market else None,
        "candle_seconds": int(width.total_seconds()) if width else None,
        "candles": candles,
        "why": why,
    }


def _found(call: Call[TradeQuery]) -> Trade:
    query, ledger = call.query, call.world.runtime.inputs.ledger
    try:
        moment = replace(span_of(call.world, Span(), start=EVER), start=query.closed, end=query.closed + INSTANT)
        page = ledger.newest_trades(moment, MOST_ALIKE, only=TradeFilter(ledger=query.ledger))
    except LedgerError as error:
        raise ProblemError(503, f"the ledger cannot be read: {error}", headers={"Retry-After": "60"}) from None
    except (OverflowError, ValueError):
        raise ProblemError(400, "no trade closed at such a moment", where="closed") from None
    if found := next((one for one in page.trades if one.id == query.id), None):
        return found
    raise ProblemError(404, "no such trade closed at that moment", where="id", remedy="take all three from /trades")


def _market(markets: Sequence[PricedMarket], trade: Trade) -> tuple[PricedMarket | None, str | None]:
    own, fitting = trade.pnl.currency.casefold(), [market for market in markets if market.prices(trade.market)]
    for market in fitting:
        if not market.currency or market.currency.casefold() == own:
            return market, None
    if fitting:
        return None, f"{fitting[0].name} is priced in {fitting[0].currency}, the trade in {trade.pnl.currency}"
    return None, f"{NOT_PRICED} {trade.market}"


def _candles(
    call: Call[TradeQuery], trade: Trade, market: PricedMarket
) -> tuple[timedelta | None, list[CandleJson], str | None]:
    held = trade.closed_at - (trade.opened_at or trade.closed_at)
    if held > LONGEST:
        return None, [], f"it was held for longer than {LONGEST.days} days"
    room = max(LEAST_ROOM, held / 4)
    since, until = trade.closed_at - held - room, min(trade.closed_at + room, call.world.now)
    prices = call.world.app.history.prices(market.name, market.source, since, until)
    if not prices:
        return None, [], f"no price of {market.name} was seen around it"
    width = next((one for one in WIDTHS if (until - since) / one <= MOST_CANDLES), WIDTHS[-1])
    return width, list(_drawn(call, prices, width)), None


def _drawn(call: Call[TradeQuery], prices: Sequence[PricePoint], width: timedelta) -> Iterator[CandleJson]:
    for number_of, group in groupby(prices, key=lambda one: (one[0] - EVER) // width):
        seen = [price for _, price in group]
        yield {
            "began": call.wire.moment(EVER + number_of * width),
            "open": number(seen[0]) or "",
            "high": number(max(seen)) or "",
            "low": number(min(seen)) or "",
            "close": number(seen[-1]) or "",
        }


TRADE = Resource(
    "/trade", "One closed trade, with the candles of its market", trade, TradeAnswer, TradeQuery, single=True
)
