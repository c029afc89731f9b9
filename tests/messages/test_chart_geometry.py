"""The geometry of charts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.errors import CurrencyMismatchError
from reporter.messages.chart_geometry import (
    area,
    bands,
    clipped,
    falls,
    path,
    plain_number,
    running,
    scale,
    spread,
    text_width,
    unit,
)
from reporter.messages.formats import Formats
from reporter.trading.trades import Money

AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=4, allow_nan=False)


@given(st.lists(AMOUNTS, max_size=20), st.integers(1, 8), st.booleans(), st.booleans())
def test_an_axis_holds_every_figure_between_its_ends(
    figures: list[Decimal], ticks: int, zero: bool, snug: bool
) -> None:
    axis = scale(figures, 200, 20, ticks=ticks, zero=zero, snug=snug)
    assert axis.low < axis.high
    assert all(20 <= (axis(figure) or 0) <= 200 for figure in figures)
    assert not zero or axis.low <= 0 <= axis.high


@given(st.lists(AMOUNTS, max_size=20), st.integers(1, 8), st.booleans())
def test_its_marks_are_round_and_not_too_many(figures: list[Decimal], ticks: int, snug: bool) -> None:
    axis = scale(figures, 0, 100, ticks=ticks, snug=snug)
    assert len(axis.ticks) <= ticks + 2
    assert str(axis.step.normalize()).partition("E")[0].replace(".", "").strip("0") in {"1", "2", "25", "5"}
    assert all(tick % axis.step == 0 for tick in axis.ticks)


@pytest.mark.parametrize(
    ("figures", "zero", "low", "high"),
    [
        ([], False, "-1", "1"),
        ([0], True, "0", "1"),
        ([5], False, "4.4", "5.6"),
        ([3, 97], False, "0", "100"),
        ([-3], True, "-3", "0"),
    ],
)
def test_an_axis_ends_at_round_figures_and_is_never_empty(figures: list[int], zero: bool, low: str, high: str) -> None:
    axis = scale(figures, 0, 1, zero=zero, ticks=5)
    assert (axis.low, axis.high) == (Decimal(low), Decimal(high))


def test_money_stands_by_its_amount_and_the_unknown_nowhere() -> None:
    axis = scale([0, 10], 100, 0)
    assert axis(Money(Decimal(5), "USDT")) == 50
    assert axis(None) is None
    assert scale([None, float("nan"), 4], 0, 1, zero=True).high == 4


def test_two_currencies_have_no_axis_in_common() -> None:
    with pytest.raises(CurrencyMismatchError, match="BTC and USDT cannot stand on one axis"):
        scale([Money(Decimal(1), "USDT"), Money(Decimal(1), "BTC")], 0, 1)


def test_levels_begin_with_the_start_and_fall_from_the_highest_so_far() -> None:
    levels = running([5, -7, Money(Decimal(1), "USDT"), 3], Money(Decimal(100), "USDT"))
    assert levels == [100, 105, 98, 99, 102]
    assert falls(levels) == [0, 0, -7, -6, -3]


@given(st.lists(AMOUNTS, max_size=30))
def test_a_fall_is_never_above_zero(changes: list[Decimal]) -> None:
    depths = falls(running(changes))
    assert depths[0] == 0
    assert max(depths) <= 0


def test_points_and_bars_fill_their_axis() -> None:
    assert spread(3, 0, 10) == [0, 5, 10]
    assert (spread(1, 0, 10), spread(0, 0, 10)) == ([5], [])
    assert [(bar.start, bar.width, bar.middle) for bar in bands(2, 0, 100, gap=0.2)] == [
        (5, 40, 25),
        (pytest.approx(55), 40, 75),
    ]


def test_a_line_is_interrupted_where_a_point_is_not_known() -> None:
    assert path([0, 1, 2, 3], [4, None, 5.25, 6]) == "M0 4M2 5.2L3 6"
    assert area([0, 1], [4, 5], 9) == "M0 9L0 4L1 5L1 9Z"
    assert path([], []) == ""


@pytest.mark.parametrize(
    ("number", "written"), [(3, "3"), (2.5, "2.5"), (-0.0001, "0"), (1234567.0, "1234567"), (10.0, "10")]
)
def test_a_number_is_written_as_svg_reads_it(number: float, written: str) -> None:
    assert plain_number(number) == written


def test_a_long_name_keeps_both_its_ends() -> None:
    short = clipped("Mean_Reversion_ETH_USDT_long_variant_7", 150, 12.5)
    assert text_width(short, 12.5) <= 150
    assert (short[:5], short[-3:], short.count("…")) == ("Mean_", "t_7", 1)
    assert clipped("Momentum", 150, 12.5) == "Momentum"


@given(st.text(max_size=40), st.floats(0, 300))
def test_what_was_clipped_fits_or_is_nothing_but_the_mark(text: str, width: float) -> None:
    shown = clipped(text, width, 12)
    assert shown == "…" or text_width(shown, 12) <= width


@given(st.lists(st.decimals("-1e12", "1e12", places=12), min_size=1, max_size=9))
def test_the_figures_of_a_chart_are_short_in_its_unit(figures: list[Decimal]) -> None:
    counted = unit(figures)
    shown = [Formats().compact(counted(figure), 3, plus=True) or "" for figure in figures]
    assert max(map(len, shown)) <= 7
    assert not any(text.startswith("-") for text, figure in zip(shown, figures, strict=True) if figure >= 0)


@pytest.mark.parametrize(
    ("largest", "prefix", "shown"),
    [("1234.56", "", "1.23k"), ("0.123", "", "0.123"), ("0.0523", "m", "52.3"), ("0.00000123", "µ", "1.23")],
)
def test_small_amounts_are_counted_in_parts(largest: str, prefix: str, shown: str) -> None:
    counted = unit([Decimal(largest), None, Decimal(0)])
    assert counted(None) is None
    assert (counted.prefix, Formats().compact(counted(Decimal(largest)), 3)) == (prefix, shown)
