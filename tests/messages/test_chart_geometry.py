"""The geometry of charts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.errors import CurrencyMismatchError
from reporter.messages.chart_geometry import (
    Band,
    ChartUnit,
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


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("il.", 0.93), ("r-_", 1.44), ("m%", 1.86), ("漢", 1.1), ("e\u0301", 0.59), ("A", 0.66), ("a9", 1.18)],
)
def test_a_text_is_as_wide_as_its_letters(text: str, width: float) -> None:
    assert text_width(text, 1) == pytest.approx(width)
    assert text_width(text, 12) == pytest.approx(12 * width)


@pytest.mark.parametrize(
    ("letters", "shown"),
    [(10, "abcdefghij"), (9, "abcde…hij"), (5, "abc…j"), (3, "ab…"), (2, "a…"), (1, "…"), (0, "…")],
)
def test_what_is_cut_keeps_three_fifths_at_its_begin(letters: int, shown: str) -> None:
    """Each of these letters is 0.59 wide but `i`, `j` and `f`, and the mark 0.93; there is room for so many and it."""
    room = {10: 10.0}.get(letters, text_width(shown, 1))
    assert clipped("abcdefghij", room, 1) == shown


@pytest.mark.parametrize(
    ("figures", "options", "ticks"),
    [
        ([3, 97], {"ticks": 5}, [0, 20, 40, 60, 80, 100]),
        ([3, 97], {"ticks": 5, "snug": True}, [20, 40, 60, 80]),
        ([20, 80], {"ticks": 3, "snug": True}, [20, 40, 60, 80]),
        ([3, 97], {}, [0, 25, 50, 75, 100]),
        ([0, 40], {}, [0, 10, 20, 30, 40]),
        ([5], {"zero": True}, [0, 2, 4, 6]),
        ([0], {}, [-1, -0.5, 0, 0.5, 1]),
        ([7], {"ticks": 0}, [6, 8]),
    ],
)
def test_the_marks_of_an_axis(figures: list[int], options: dict[str, Any], ticks: list[float]) -> None:
    assert [float(tick) for tick in scale(figures, 0, 100, **options).ticks] == ticks


@pytest.mark.parametrize(
    ("figures", "zero", "low", "high"),
    [([20], False, 18, 22), ([-20], False, -22, -18), ([0], False, -1, 1), ([0], True, 0, 1), ([20], True, 0, 20)],
)
def test_figures_that_are_all_the_same_have_a_tenth_on_both_sides(
    figures: list[int], zero: bool, low: int, high: int
) -> None:
    axis = scale(figures, 0, 1, zero=zero, snug=True)
    assert [int(axis.low), int(axis.high)] == [low, high]


def test_a_figure_stands_where_its_share_of_the_axis_is() -> None:
    axis = scale([0, 10], 100, 20, ticks=5)
    assert [axis(figure) for figure in (0, 2.5, 10)] == [100, 80, 20]
    assert [axis(odd) for odd in (None, float("inf"), float("nan"))] == [None] * 3


def test_bars_leave_three_tenths_free_and_points_begin_at_the_start() -> None:
    assert bands(1, 10, 110) == [Band(25, 70)]
    assert bands(0, 10, 110) == []
    assert spread(2, 10, 110) == [10, 110]
    assert area([0, 1, 2, 3], [4, None, 5, 6], 9) == "M0 9L0 4L0 9ZM2 9L2 5L3 6L3 9Z"


@pytest.mark.parametrize(
    ("largest", "prefix", "exponent", "decimals"),
    [
        ("1234", "", 0, 2),
        ("0.1", "", 0, 3),
        ("0.099", "m", 3, 2),
        ("0.001", "m", 3, 2),
        ("0.00099", "µ", 6, 2),
        ("1e-9", "n", 9, 2),
        ("1e-12", "n", 9, 5),
    ],
)
def test_the_unit_of_a_chart(largest: str, prefix: str, exponent: int, decimals: int) -> None:
    assert unit([Decimal(largest), Decimal(0)]) == ChartUnit(prefix, exponent, decimals)
    assert unit([]) == unit([None]) == ChartUnit("", 0, 2)


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
