"""One closed trade over REST, with the candles of its market where its prices were seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Annotated

from pydantic import AwareDatetime, Field
from typing_extensions import TypedDict

from reporter.errors import LedgerError
from reporter.messages.spreadsheet import plain as exact_text
from reporter.trading.audit import NOT_PRICED
from reporter.trading.books import TradeFilter
from reporter.trading.trades import Trade
from reporter.web.problems import ProblemError
from reporter.web.resource import EVER, Call, Query, Resource, Span, span_of
from reporter.web.wire import TradeJson

INSTANT = timedelta(milliseconds=1)
MOST_ALIKE = 1000
"""So many trades that closed within a millisecond are looked through."""
LONGEST = timedelta(days=31)
MOST_CANDLES = 120
WIDTHS = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 60, 240, 1440))
"""A candle has five prices or more: they are seen about once a minute."""
LEAST_ROOM = timedelta(hours=1)
"""Of the time before and after a trade so much is shown, or a quarter of how long it was held."""


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


@dataclass(frozen=True, slots=True)
class SeenPrices:
    """Prices around a trade, oldest first, from `since` to `until`; `why` says why there are none."""

    since: datetime
    until: datetime
    market: str | None = None
    prices: Sequence[tuple[datetime, Decimal]] = ()
    why: str | None = None

    @property
    def candle(self) -> timedelta:
        """How long a candle lasts."""
        return next((one for one in WIDTHS if (self.until - self.since) / one <= MOST_CANDLES), WIDTHS[-1])


def trade(call: Call[TradeQuery]) -> TradeAnswer:
    found = _found(call)
    seen = _seen(call, found)
    return {
        "trade": call.wire.trade(found),
        "market": seen.market,
        "candle_seconds": int(seen.candle.total_seconds()) if seen.prices else None,
        "candles": list(_candles(call, seen)),
        "why": seen.why,
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
    if unread := next((one for one in page.unread if one.ledger == query.ledger), None):
        raise ProblemError(503, f"{unread.ledger} cannot be read: {unread.why}", headers={"Retry-After": "60"})
    raise ProblemError(404, "no such trade closed at that moment", where="id", remedy="take all three from /trades")


def _seen(call: Call[TradeQuery], trade: Trade) -> SeenPrices:
    """The prices around a trade, of the first market of the config that has any for it."""
    held = trade.closed_at - (trade.opened_at or trade.closed_at)
    room = max(LEAST_ROOM, held / 4)
    none = SeenPrices(trade.closed_at - held - room, min(trade.closed_at + room, call.world.now))
    if held > LONGEST:
        return replace(none, why=f"it was held for longer than {LONGEST.days} days")
    why = list[str]()
    for market in call.world.runtime.inputs.markets:
        if not market.prices(trade.market):
            continue
        if unfit := market.why_not_in(trade.pnl.currency):
            why.append(unfit)
        elif prices := call.world.app.history.prices(market.name, market.source, none.since, none.until):
            return replace(none, market=market.name, prices=prices)
        else:
            why.append(f"no price of {market.name} was seen around it")
    return replace(none, why=why[0] if why else f"{NOT_PRICED} {trade.market}")


def _candles(call: Call[TradeQuery], seen: SeenPrices) -> Iterator[CandleJson]:
    for index, group in groupby(seen.prices, key=lambda one: (one[0] - EVER) // seen.candle):
        prices = [price for _, price in group]
        yield {
            "began": call.wire.moment(EVER + index * seen.candle),
            "open": exact_text(prices[0]),
            "high": exact_text(max(prices)),
            "low": exact_text(min(prices)),
            "close": exact_text(prices[-1]),
        }


TRADE = Resource(
    "/trade", "One closed trade, with the candles of its market", trade, TradeAnswer, TradeQuery, single=True
)
