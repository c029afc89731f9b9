"""Figures from figures."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from math import isclose, prod, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.context import Targets
from reporter.errors import CurrencyMismatchError
from reporter.metrics import (
    Basis,
    Status,
    combined,
    daily_returns,
    deepest_fall,
    expectancy,
    max_drawdown,
    profit_factor,
    sharpe,
    status,
)
from reporter.trades import Figures, Money

amounts = st.decimals(-50, 50, places=2)
series = st.lists(amounts, min_size=2, max_size=60)


def usdt(amount: str) -> Money:
    return Money(Decimal(amount), "USDT")


def figures(wins: int = 0, losses: int = 0, pnl: str = "0", profit: str = "0", loss: str = "0") -> Figures:
    return Figures(
        trades=wins + losses,
        wins=wins,
        losses=losses,
        flat=0,
        pnl=usdt(pnl),
        fees=usdt("0"),
        gross_profit=usdt(profit),
        gross_loss=usdt(loss),
    )


def decimals(*amounts: str | int) -> list[Decimal]:
    return [Decimal(amount) for amount in amounts]


def test_sharpe_is_the_textbooks() -> None:
    # Returns of 1 %, 0, -1 % and 2 % on 1000, 1010, 1010 and 999.9: mean 0.005, sample deviation 0.0129099.
    daily = decimals(10, 0, "-10.1", "19.998")
    expected = 0.005 / sqrt(((0.005**2) * 2 + 0.015**2 * 2) / 3) * sqrt(365)
    assert isclose(sharpe(daily, Decimal(1000)) or 0, expected, rel_tol=1e-12)
    assert isclose(sharpe(daily, Decimal(1000), Basis(252)) or 0, expected * sqrt(252 / 365), rel_tol=1e-12)


def test_idle_days_count_in_sharpe() -> None:
    busy, idle = decimals(10, -5, 10), decimals(10, 0, 0, -5, 0, 0, 10)
    assert sharpe(busy, Decimal(1000)) != sharpe(idle, Decimal(1000))


@pytest.mark.parametrize(
    ("daily", "capital"),
    [((), 1000), ((5,), 1000), ((0, 0, 0), 1000), ((1, 2), 0), ((1, 2), -5), ((-1000, 5, 5), 1000)],
)
def test_sharpe_without_meaning_is_none(daily: tuple[int, ...], capital: int) -> None:
    assert sharpe(decimals(*daily), Decimal(capital)) is None


def test_sharpe_of_equal_returns_is_none_whatever_floats_say() -> None:
    assert sharpe(decimals("0.1", "0.10001", "0.1000200001"), Decimal(1000)) is None


@given(series, st.sampled_from([Decimal(10), Decimal(1000)]))
def test_sharpe_does_not_depend_on_the_unit(daily: list[Decimal], scale: Decimal) -> None:
    capital = Decimal(10_000)
    first, second = sharpe(daily, capital), sharpe([pnl * scale for pnl in daily], capital * scale)
    assert first == second or isclose(first or 0, second or 0, rel_tol=1e-6)


@given(series)
def test_daily_returns_compound_to_the_whole(daily: list[Decimal]) -> None:
    capital = Decimal(10_000)
    returns = daily_returns(daily, capital)
    assert returns is not None
    assert isclose(prod(1 + one for one in returns), float((capital + sum(daily)) / capital), rel_tol=1e-9)


def test_the_start_is_a_peak() -> None:
    assert deepest_fall(decimals(-5, 3)) == -5
    assert max_drawdown(decimals(-5, 3), Decimal(100)) == Decimal("-0.05")


def test_drawdown_is_relative_to_its_own_peak() -> None:
    assert max_drawdown(decimals(100, -50), Decimal(100)) == Decimal("-0.25")
    assert max_drawdown(decimals(1, 2), Decimal(0)) is None


@given(st.lists(amounts, max_size=60))
def test_drawdown_is_never_positive_nor_below_all_losses(changes: list[Decimal]) -> None:
    fall = deepest_fall(changes)
    assert sum(change for change in changes if change < 0) <= fall <= 0


def test_profit_factor_and_expectancy() -> None:
    some = figures(3, 1, "20", "30", "-10")
    assert profit_factor(some) == 3
    assert expectancy(some) == usdt("5")


def test_what_is_undefined_is_none() -> None:
    assert profit_factor(figures(2, 0, "5", "5")) is None
    assert expectancy(figures()) is None


def test_currencies_are_never_combined() -> None:
    with pytest.raises(CurrencyMismatchError):
        combined([figures(), replace(figures(), pnl=Money(Decimal(1), "BTC"))], "USDT")


TARGETS = Targets(
    drawdown={"USDT": usdt("100")}, win_rate=Decimal("0.52"), review_win_rate=Decimal("0.45"), review_after=20
)


@pytest.mark.parametrize(
    ("some", "expected"),
    [
        (figures(), Status.HEALTHY),
        (figures(3, 1, "12.30"), Status.HEALTHY),
        (figures(1, 1, "2.10"), Status.HEALTHY),  # two trades say nothing of a rate
        (figures(10, 10, "2.10"), Status.MONITORING),  # twenty do: 50 % is below the target
        (figures(1, 1, "-8.20"), Status.MONITORING),
        (figures(42, 58, "50"), Status.UNDER_REVIEW),  # 42 % is below the limit, though it earned
        (figures(8, 11, "50"), Status.HEALTHY),
        (figures(1, 1, "-99.99"), Status.MONITORING),
        (figures(1, 1, "-100"), Status.UNDER_REVIEW),
    ],
)
def test_status(some: Figures, expected: Status) -> None:
    assert status(some, TARGETS) is expected


def test_status_without_targets_knows_only_loss() -> None:
    assert status(figures(0, 50, "-1000"), Targets()) is Status.MONITORING
    assert status(figures(0, 50, "1"), Targets()) is Status.HEALTHY
