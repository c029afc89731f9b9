"""The prices of markets that were seen: the first of each minute, for a month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, delete, select

from reporter.store.database import insert_new
from reporter.store.tables import market_prices as rows
from reporter.trading.markets import MarketPrice

KEPT = timedelta(days=31)


def save(connection: Connection, prices: Sequence[MarketPrice], now: datetime) -> None:
    """Keep these prices, and forget those of their markets that are of the future: our clock was set back."""
    for one in prices:
        future = rows.c.minute > _minute(now) + 1
        connection.execute(delete(rows).where(rows.c.market == one.market, rows.c.source == one.source, future))
    new = [
        {"market": one.market, "source": one.source, "minute": _minute(one.at), "at": one.at, "price": f"{one.price:f}"}
        for one in prices
    ]
    insert_new(connection, rows, new)


def between(
    connection: Connection, market: str, source: str, since: datetime, until: datetime
) -> list[tuple[datetime, Decimal]]:
    """The prices seen from `since` on and before `until`, oldest first."""
    wanted = (rows.c.market == market) & (rows.c.source == source)
    span = rows.c.minute.between(_minute(since), _minute(until))
    found = connection.execute(select(rows.c.at, rows.c.price).where(wanted & span).order_by(rows.c.minute))
    return [(row.at, Decimal(row.price)) for row in found if since <= row.at < until]


def prune(connection: Connection, now: datetime, history: timedelta) -> None:
    """Delete what is older than a month, or than all history."""
    connection.execute(delete(rows).where(rows.c.minute < _minute(now - min(KEPT, history))))


def _minute(moment: datetime) -> int:
    return int(moment.timestamp() // 60)
