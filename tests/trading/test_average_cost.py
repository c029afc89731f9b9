"""Fills matched by average cost: the sum of all closings and of what is open is what the fills say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from reporter.trading.average_cost import Closing, Fill, OpenPosition, closings

START = datetime(2026, 10, 1, tzinfo=UTC)


def fills(*given: tuple[str, str, str | None]) -> list[Fill]:
    return [
        Fill(str(number), START + timedelta(hours=number), Decimal(size), Decimal(price), fee and Decimal(fee))  # type: ignore[arg-type]
        for number, (size, price, fee) in enumerate(given)
    ]


def matched(*given: tuple[str, str, str | None]) -> tuple[list[Closing], OpenPosition]:
    position = OpenPosition()
    return list(closings(fills(*given), position)), position


def figures(*values: Decimal | None) -> str:
    return " ".join("None" if value is None else f"{value.normalize():f}" for value in values)


def test_a_sale_realises_the_difference_to_the_average_price() -> None:
    [closing], position = matched(("1", "100", "1"), ("1", "200", "1"), ("-1", "180", "2"))
    assert closing.side == "long"
    assert figures(closing.entry_price, closing.gross, closing.fees, closing.net) == "150 30 3 27"
    assert figures(position.quantity, position.average_price) == "1 150"


def test_a_fill_may_flip_the_side() -> None:
    [closing], position = matched(("1", "100", "0"), ("-3", "110", "3"))
    assert figures(closing.size, closing.gross, closing.fees) == "1 10 1"
    assert figures(position.quantity, position.average_price, position.fees) == "-2 110 2"


def test_an_unknown_fee_makes_its_results_unknown_until_the_position_is_closed() -> None:
    found, _ = matched(("2", "100", None), ("-1", "110", "1"), ("-1", "110", "1"), ("1", "100", "0"), ("-1", "99", "0"))
    assert [closing.net for closing in found] == [None, None, -1]
    assert [closing.gross for closing in found] == [10, 10, -1]


SIZES = st.decimals("-5", "5", places=2).filter(bool)
PRICES = st.decimals("1", "500", places=2)


@given(st.lists(st.tuples(SIZES, PRICES, st.decimals("0", "1", places=3)), max_size=30))
def test_money_is_neither_made_nor_lost(given_fills: list[tuple[Decimal, Decimal, Decimal]]) -> None:
    found, position = matched(*((str(size), str(price), str(fee)) for size, price, fee in given_fills))
    cash = -sum((size * price for size, price, _ in given_fills), Decimal(0))
    fees = sum((fee for *_, fee in given_fills), Decimal(0))
    assert abs(sum(closing.gross for closing in found) - cash - position.cost) < Decimal("1e-15")
    known = sum((closing.fees or Decimal(0) for closing in found), Decimal(0)) + (position.fees or Decimal(0))
    assert abs(known - fees) < Decimal("1e-15")


def test_a_token_without_a_price_is_named_until_its_position_is_closed() -> None:
    bought, *others = fills(
        ("2", "100", None), ("-1", "110", "1"), ("-1", "120", "1"), ("1", "100", "1"), ("-1", "110", "1")
    )
    found = list(closings([replace(bought, unpriced="BNB"), *others], OpenPosition()))
    assert [(one.unpriced, one.fees) for one in found] == [("BNB", None), ("BNB", None), ("", Decimal(2))]
    sold = replace(fills(("-1", "110", None))[0], unpriced="ETH")
    [closing] = closings([*fills(("1", "100", "1")), sold], OpenPosition())
    assert (closing.unpriced, closing.fees) == ("ETH", None)


def test_a_fill_by_itself_has_a_side_and_a_size() -> None:
    bought, sold = fills(("1.5", "100", "1"), ("-2", "110", None))
    row = {"id": "0", "at": START, "side": "buy", "size": Decimal("1.5"), "price": Decimal(100), "fees": Decimal(1)}
    assert bought.as_row() == row
    assert (sold.as_row()["side"], sold.as_row()["size"]) == ("sell", Decimal(2))
    assert OpenPosition().average_price is None
