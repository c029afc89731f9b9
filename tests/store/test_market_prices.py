from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from reporter.store import market_prices
from reporter.store.database import Store
from reporter.trading.markets import MarketPrice

NOON = datetime(2026, 10, 30, 12, tzinfo=UTC)
MONTH = timedelta(days=31)


def seen(store: Store, price: str, at: datetime, *, now: datetime | None = None, source: str = "a") -> None:
    with store.begin() as connection:
        one = MarketPrice(market="btc", source=source, at=at, price=Decimal(price))
        market_prices.save(connection, [one], now or at)


def kept(store: Store, source: str = "a") -> list[tuple[datetime, Decimal]]:
    with store.read() as connection:
        return market_prices.between(connection, "btc", source, NOON - MONTH * 2, NOON + MONTH)


def test_the_first_price_of_a_minute_is_kept_exactly(store: Store) -> None:
    seen(store, "0.1234567891", NOON + timedelta(seconds=7))
    seen(store, "2", NOON + timedelta(seconds=59))
    seen(store, "3E+4", NOON + timedelta(seconds=60))
    assert kept(store) == [
        (NOON + timedelta(seconds=7), Decimal("0.1234567891")),
        (NOON + timedelta(minutes=1), Decimal(30000)),
    ]


def test_sources_of_one_name_are_apart(store: Store) -> None:
    seen(store, "1", NOON)
    seen(store, "2", NOON, source="b")
    assert kept(store) == [(NOON, Decimal(1))]


def test_a_span_has_its_beginning_and_not_its_end(store: Store) -> None:
    for minute in range(3):
        seen(store, "1", NOON + timedelta(minutes=minute))
    with store.read() as connection:
        found = market_prices.between(connection, "btc", "a", NOON, NOON + timedelta(minutes=2))
    assert [at for at, _ in found] == [NOON, NOON + timedelta(minutes=1)]


def test_what_a_clock_ahead_of_time_kept_is_forgotten(store: Store) -> None:
    seen(store, "1", NOON)
    seen(store, "9", NOON + timedelta(days=1))
    seen(store, "2", NOON + timedelta(minutes=5))
    assert [price for _, price in kept(store)] == [1, 2]


def test_prices_go_after_a_month_or_with_all_history(store: Store) -> None:
    for days in (32, 8, 1):
        seen(store, str(days), NOON - timedelta(days=days))
    for history, left in ((timedelta(days=90), [8, 1]), (timedelta(days=7), [1])):
        with store.begin() as connection:
            market_prices.prune(connection, NOON, history)
        assert [price for _, price in kept(store)] == left
