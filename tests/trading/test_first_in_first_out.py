"""Fills matched first in, first out: what each sale closes, and that no money is made or lost by it."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from reporter.trading.average_cost import Closing, OpenPosition, closings
from reporter.trading.first_in_first_out import fifo_closings
from tests.trading.test_average_cost import PRICES, SIZES, START, figures, fills


def matched(*given: tuple[str, str, str | None]) -> tuple[list[Closing], OpenPosition]:
    position = OpenPosition()
    return list(fifo_closings(fills(*given), position)), position


def test_a_sale_closes_the_oldest_first() -> None:
    first, second = matched(("1", "100", "1"), ("2", "200", "1"), ("-2", "180", "2"), ("-1", "180", "0"))[0]
    assert figures(first.entry_price, first.size, first.gross, first.fees, first.net) == "150 2 60 3.5 56.5"
    assert figures(second.entry_price, second.size, second.gross, second.fees) == "200 1 -20 0.5"
    assert first.opened_at == START
    assert (second.opened_at - START).total_seconds() == 3600


def test_a_fill_may_flip_the_side() -> None:
    [closing], position = matched(("1", "100", "0"), ("-3", "110", "3"))
    assert (closing.side, figures(closing.size, closing.gross, closing.fees)) == ("long", "1 10 1")
    assert figures(position.quantity, position.average_price, position.fees) == "-2 110 2"


def test_an_unknown_fee_makes_only_what_it_opened_unknown() -> None:
    found, _ = matched(("1", "100", None), ("1", "100", "0"), ("-1", "110", "1"), ("-1", "110", "1"))
    assert [closing.net for closing in found] == [None, 9]


@given(st.lists(st.tuples(SIZES, PRICES, st.decimals("0", "1", places=3)), max_size=30))
def test_money_is_neither_made_nor_lost(given_fills: list[tuple[Decimal, Decimal, Decimal]]) -> None:
    said = [(str(size), str(price), str(fee)) for size, price, fee in given_fills]
    found, position = matched(*said)
    cash = -sum((size * price for size, price, _ in given_fills), Decimal(0))
    fees = sum((fee for *_, fee in given_fills), Decimal(0))
    assert abs(sum(one.gross for one in found) - cash - position.cost) < Decimal("1e-15")
    assert abs(sum((one.fees or 0) for one in found) + (position.fees or 0) - fees) < Decimal("1e-15")


@given(st.lists(st.tuples(SIZES, PRICES), max_size=30))
def test_it_closes_as_much_in_the_same_moments_as_average_cost(given_fills: list[tuple[Decimal, Decimal]]) -> None:
    said = fills(*((str(size), str(price), "0") for size, price in given_fills))
    fifo, average = OpenPosition(), OpenPosition()
    one, other = list(fifo_closings(said, fifo)), list(closings(said, average))
    assert [(c.id, c.side, c.size) for c in one] == [(c.id, c.side, c.size) for c in other]
    assert fifo.quantity == average.quantity
