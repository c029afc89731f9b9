"""Books of several currencies in one, by rates that the user gives."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from reporter.config.models import Config
from reporter.config.rates import as_rates
from reporter.trading.books import Book
from reporter.trading.exchange_rates import Rate, converted, totals
from reporter.trading.trades import Flow, Mode, Money

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
RATES = {
    "USDT": Rate("USDT", Money(Decimal(1), "USD")),
    "EUR": Rate("EUR", Money(Decimal("1.08"), "USD"), AT),
}


def book(pnl: str, currency: str, mode: Mode = Mode.LIVE, opening: str | None = "1000") -> Book:
    def money(amount: str) -> Money:
        return Money(Decimal(amount), currency)

    start = None if opening is None else money(opening)
    return Book(
        mode=mode,
        currency=currency,
        trades=3,
        wins=3,
        losses=0,
        flat=0,
        pnl=money(pnl),
        fees=None,
        gross_profit=money(pnl),
        gross_loss=money("0"),
        opening=start,
        closing=start + money(pnl) if start else None,
    )


def test_a_total_tells_its_rates_and_when_they_were_true() -> None:
    (total,) = converted([book("100", "EUR"), book("5", "USDT"), book("1", "USD")], "USD", RATES)
    assert (total.pnl, total.trades) == (Money(Decimal(114), "USD"), 9)
    assert [(rate.currency, rate.worth.amount, rate.at) for rate in total.rates] == [
        ("EUR", Decimal("1.08"), AT),
        ("USDT", Decimal(1), None),
    ]
    assert (total.opening, total.closing) == (Money(Decimal(3080), "USD"), Money(Decimal(3194), "USD"))


def test_the_percentage_of_a_total_knows_what_was_paid_in() -> None:
    paid = replace(book("100", "EUR"), flows=(Flow(Decimal(4000)), Flow(withdrawn=Decimal(2000))))
    (total,) = converted([paid, book("5", "USDT")], "USD", RATES)
    assert paid.base == Money(Decimal(5000), "EUR")  # the deposit for two days of two, the withdrawal for none
    assert total.base == Money(Decimal(6400), "USD")
    assert total.pnl_ratio == Decimal(113) / 6400


def test_a_loss_of_nothing_is_no_percentage() -> None:
    assert [book("5", "USDT", opening=opening).pnl_ratio for opening in ("0", "-10", "100")] == [
        None,
        None,
        Decimal("0.05"),
    ]


def test_live_and_paper_have_totals_of_their_own() -> None:
    found = converted([book("1", "USDT"), book("10", "USDT", Mode.PAPER), book("100", "EUR", Mode.PAPER)], "USD", RATES)
    assert [(total.mode, total.pnl.amount) for total in found] == [(Mode.LIVE, Decimal(1)), (Mode.PAPER, Decimal(118))]


def test_a_currency_without_a_rate_is_named_and_not_in_the_total() -> None:
    (total,) = converted([book("5", "USDT"), book("1", "BTC")], "USD", RATES)
    assert (total.pnl.amount, total.trades, total.missing) == (Decimal(5), 3, ("BTC",))


def test_nothing_is_converted_where_no_rate_leads_there() -> None:
    assert converted([book("5", "USD"), book("1", "BTC")], "USD", RATES) == []
    assert converted([book("5", "USDT")], "GBP", RATES) == []
    assert totals([book("5", "USDT")], {}) == []


def test_a_balance_that_is_unknown_of_one_book_is_unknown_of_all() -> None:
    (total,) = converted([book("5", "USDT"), book("1", "EUR", opening=None)], "USD", RATES)
    assert (total.opening, total.closing, total.pnl_ratio) == (None, None, None)


@given(st.lists(st.decimals(-1000, 1000, places=8), max_size=6), st.decimals("0.00001", 100000, places=5))
def test_converting_the_parts_or_their_sum_is_the_same(amounts: list[Decimal], worth: Decimal) -> None:
    rate = Rate("X", Money(worth, "USD"))
    parts = sum((rate.of(Money(amount, "X")).amount for amount in amounts), Decimal(0))
    assert parts == rate.of(Money(sum(amounts, Decimal(0)), "X")).amount


def test_the_config_gives_rates_as_amounts_with_or_without_their_time() -> None:
    said = Config.model_validate({"rates": {"USDT": "1 USD", "EUR": {"worth": "1.08 USD", "at": "2026-11-20T12:00Z"}}})
    assert as_rates(said.rates) == RATES
