"""Risk and return of an equity curve."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from math import isclose, prod, sqrt
from operator import mul

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.periods.civil import Unit, containing
from reporter.trading.equity_curve import Curve, DateSpan, Day, Drawdown, curve, curve_of, trading_days
from reporter.trading.return_ratios import (
    NO_FLOW,
    Basis,
    annual_return,
    calmar,
    cvar,
    daily_returns,
    max_drawdown,
    sharpe,
    sortino,
    var,
    volatility,
)
from reporter.trading.trade_statistics import combined, deepest_fall
from reporter.trading.trades import Flow, Money

THOUSAND = Decimal(1000)
MONDAY = date(2026, 10, 26)
WORKDAYS = Basis(252)

amounts = st.decimals(-50, 50, places=2)
series = st.lists(amounts, min_size=2, max_size=60)


def usdt(amount: str | int | Decimal) -> Money:
    return Money(Decimal(amount), "USDT")


def decimals(*amounts: str | int) -> list[Decimal]:
    return [Decimal(amount) for amount in amounts]


def course(*daily: str | int, capital: str | None = "1000", basis: Basis = WORKDAYS) -> Curve:
    """The curve of these days from a Monday on."""
    days = [MONDAY + timedelta(days=n) for n in range(len(daily))]
    return curve(days, decimals(*daily), usdt(capital) if capital else None, "USDT", basis)


def falling(*daily: str | int, capital: str | None = "1000") -> Drawdown:
    return course(*daily, capital=capital, basis=Basis()).drawdown


# Their mean is 0.005, their sample deviation 0.0129099.
TEXTBOOK = [0.01, 0.0, -0.01, 0.02]
DEVIATION = sqrt(((0.005**2) * 2 + 0.015**2 * 2) / 3)


def test_a_return_is_a_share_of_the_equity_that_the_day_began_with() -> None:
    daily = decimals(10, 0, "-10.1", "19.998")
    assert daily_returns(daily, THOUSAND) == pytest.approx(TEXTBOOK, rel=1e-15)


@pytest.mark.parametrize(("daily", "capital"), [((1, -2), 0), ((1, -2), -5), ((-9, 5, 5), 9), ((), 0)])
def test_there_is_no_return_on_nothing(daily: tuple[int, ...], capital: int) -> None:
    assert daily_returns(decimals(*daily), Decimal(capital)) == []


def test_sharpe_is_the_textbooks() -> None:
    assert isclose(sharpe(TEXTBOOK) or 0, 0.005 / DEVIATION * sqrt(365), rel_tol=1e-12)
    assert isclose(sharpe(TEXTBOOK, WORKDAYS) or 0, 0.005 / DEVIATION * sqrt(252), rel_tol=1e-12)
    assert isclose(volatility(TEXTBOOK) or 0, DEVIATION * sqrt(365), rel_tol=1e-12)


def test_riskless_money_earns_every_day() -> None:
    basis = Basis(365, Decimal("0.04"))
    assert isclose((1 + basis.a_day) ** 365, 1.04)
    assert isclose(sharpe(TEXTBOOK, basis) or 0, (0.005 - basis.a_day) / DEVIATION * sqrt(365), rel_tol=1e-12)


def test_sortino_divides_by_what_all_days_lost() -> None:
    downside = sqrt(0.01**2 / 4)  # one day of four lost 1 %
    assert isclose(sortino(TEXTBOOK) or 0, 0.005 / downside * sqrt(365), rel_tol=1e-12)
    assert sortino([0.01, 0, 0.005]) is None


def test_riskless_money_makes_an_idle_day_a_loss() -> None:
    assert sortino([0.01, 0, 0.005], Basis(365, Decimal("0.04"))) is not None


def test_calmar_is_the_year_over_the_deepest_fall() -> None:
    returns = daily_returns(decimals(100, -110, 65), THOUSAND)
    assert isclose(annual_return(returns) or 0, 1.055 ** (365 / 3) - 1, rel_tol=1e-12)
    assert isclose(calmar(returns) or 0, (1.055 ** (365 / 3) - 1) / 0.1, rel_tol=1e-12)
    assert calmar([0.1, 0.0, 0.2]) is None


def test_a_year_beyond_all_numbers_is_none() -> None:
    assert annual_return([100.0, 0.1]) is None
    assert calmar([100.0, -0.1]) is None


def test_a_year_of_a_last_day_that_lost_more_than_there_was_is_none() -> None:
    assert annual_return([0.1, -1.2]) is None
    assert annual_return([0.1, -1.0]) == -1


@pytest.mark.parametrize("ratio", [sharpe, sortino, volatility, annual_return, calmar, var, cvar])
def test_ratios_of_fewer_than_two_days_are_none(ratio: Callable[[list[float]], float | None]) -> None:
    assert (ratio([]), ratio([-0.1])) == (None, None)


def test_sharpe_of_equal_returns_is_none_whatever_floats_say() -> None:
    returns = daily_returns(decimals("0.1", "0.10001", "0.1000200001"), THOUSAND)
    assert len(set(returns)) > 1
    assert sharpe(returns) is None
    assert volatility(returns) == 0


def test_idle_days_count_in_sharpe() -> None:
    assert course(10, -5, 10).sharpe != course(10, 0, -5, 0, 10).sharpe


def test_value_at_risk_lies_between_the_worst_days_of_thirty() -> None:
    returns = [share * sign / 1000 for share in range(1, 16) for sign in (-1, 1)]
    assert var(returns[:19]) is cvar(returns[:19]) is None
    assert isclose(var(returns) or 0, -0.014 + 0.001 * 0.45, rel_tol=1e-12)
    assert isclose(cvar(returns) or 0, (-0.015 - 0.014) / 2, rel_tol=1e-12)


@given(series, st.sampled_from(["10", "1000"]))
def test_ratios_do_not_depend_on_the_unit_of_money(daily: list[Decimal], scale: str) -> None:
    first = course(*map(str, daily), capital="10000")
    scaled = (str(pnl * Decimal(scale)) for pnl in daily)
    second = course(*scaled, capital=str(10_000 * Decimal(scale)))
    for ratio in (sharpe, sortino, calmar, volatility, annual_return, max_drawdown):
        one, other = ratio(first.returns), ratio(second.returns)
        assert (one is None) == (other is None)
        assert isclose(one or 0, other or 0, rel_tol=1e-6, abs_tol=1e-9)
    assert second.drawdown.amount.amount == first.drawdown.amount.amount * Decimal(scale)


@given(series)
def test_the_sign_of_a_year_is_that_of_its_days(daily: list[Decimal]) -> None:
    yearly, total = annual_return(daily_returns(daily, Decimal(10_000))), sum(daily, Decimal(0))
    assert yearly is not None
    if abs(total) >= Decimal("0.01"):
        assert (yearly > 0) == (total > 0)


@given(st.lists(amounts, min_size=20, max_size=60))
def test_the_mean_of_the_tail_is_no_better_than_its_edge(daily: list[Decimal]) -> None:
    returns = daily_returns(daily, Decimal(10_000))
    edge, mean = var(returns), cvar(returns)
    assert edge is not None
    assert mean is not None
    assert min(returns) - 1e-15 <= mean <= edge + 1e-15


@given(series)
def test_daily_returns_compound_to_the_whole(daily: list[Decimal]) -> None:
    capital = Decimal(10_000)
    assert isclose(
        prod(1 + one for one in daily_returns(daily, capital)), float((capital + sum(daily)) / capital), rel_tol=1e-9
    )


def test_a_fall_has_its_dates() -> None:
    found = falling(50, -100, -5, 20, 85, 10, -2)
    assert (found.amount, found.share) == (usdt(-105), Decimal("-0.1"))
    assert found.span == DateSpan(date(2026, 10, 26), date(2026, 10, 28), date(2026, 10, 30), date(2026, 11, 1))
    assert found.span.days == 4
    assert (found.current, found.current_share) == (usdt(-2), Decimal(-2) / 1060)


def test_a_fall_from_the_start_began_the_day_before() -> None:
    found = falling(-120, 40)
    assert found.span == DateSpan(date(2026, 10, 25), MONDAY, None, date(2026, 10, 27))
    assert found.span.days == 2
    assert (found.amount, found.current) == (usdt(-120), usdt(-80))


def test_a_fall_begins_on_the_last_day_of_its_peak() -> None:
    span = falling(10, 0, 0, -5).span
    assert span is not None
    assert (span.peak, span.trough) == (date(2026, 10, 28), date(2026, 10, 29))


def test_the_deepest_fall_is_that_of_the_largest_share() -> None:
    # 100 of 1000 are more than 150 of 3000.
    found = falling(-100, 2100, -150)
    assert (found.amount, found.share) == (usdt(-100), Decimal("-0.1"))
    assert found.current == usdt(-150)


def test_without_capital_the_deepest_fall_is_that_of_the_largest_amount() -> None:
    found = falling(-100, 2100, -150, capital=None)
    assert (found.amount, found.share, found.current_share) == (usdt(-150), None, None)


@pytest.mark.parametrize("daily", [(), (0, 0), (5, 0, 7)])
def test_what_never_fell_has_no_dates(daily: tuple[int, ...]) -> None:
    found = falling(*daily)
    assert (found.amount, found.share, found.current, found.span) == (usdt(0), Decimal(0), usdt(0), None)


def test_the_start_is_a_peak() -> None:
    assert isclose(max_drawdown([-0.05, 0.03]), -0.05)
    assert isclose(max_drawdown([1.0, -0.25]), -0.25)
    assert max_drawdown([0.1, 0.0]) == max_drawdown([]) == 0


@given(st.lists(amounts, max_size=40), st.sampled_from(["10000", None]))
def test_a_drawdown_is_no_gain_and_the_present_one_no_deeper(daily: list[Decimal], capital: str | None) -> None:
    found = falling(*map(str, daily), capital=capital)
    assert found.current <= usdt(0) >= found.amount
    if capital is None:
        assert found.amount.amount == deepest_fall(daily) <= found.current.amount
    else:
        assert found.share is not None
        assert found.current_share is not None
        assert isclose(found.share, max_drawdown(daily_returns(daily, Decimal(10_000))), abs_tol=1e-15, rel_tol=1e-9)
        assert found.share <= found.current_share
    assert (found.span is None) == (not found.amount)


@given(st.lists(amounts, max_size=40))
def test_a_fall_recovers_when_its_peak_is_reached_again(daily: list[Decimal]) -> None:
    found = falling(*map(str, daily))
    if found.span:
        assert found.span.peak < found.span.trough <= found.span.end
        assert found.span.recovered is None or found.span.trough < found.span.recovered
        assert found.span.recovered or found.current


def test_a_weekend_counts_with_the_monday_after() -> None:
    found = course(1, 2, 4, 8, 16, 32, 64, 128)
    assert [day.pnl.amount for day in found.days] == decimals(1, 2, 4, 8, 16, 32 + 64 + 128)
    assert [day.date.weekday() for day in found.days] == [0, 1, 2, 3, 4, 0]
    assert found.n == 6


def test_a_weekend_at_the_end_counts_with_the_friday_before() -> None:
    assert course(1, 2, 4, 8, 16, 32, 64).days[-1] == Day(date(2026, 10, 30), usdt(16 + 32 + 64))


def test_a_year_of_all_weekdays_makes_good_for_its_holidays() -> None:
    traded = [0.011 * (-1) ** day + day * 1e-5 for day in range(252)]
    whole = [*traded[:126], *[0.0] * 9, *traded[126:]]
    for ratio in (sharpe, sortino, volatility):
        fits, usual, without = ratio(whole, Basis(261)), ratio(whole, WORKDAYS), ratio(traded, WORKDAYS)
        assert fits == pytest.approx(without, rel=2e-3)
        assert usual == pytest.approx(sqrt(252 / 261) * (without or 0), rel=2e-3)


def test_a_market_that_never_closes_has_its_weekends() -> None:
    assert course(*range(7), basis=Basis()).n == 7
    assert course(*range(7), basis=Basis(366)).n == 7


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.lists(amounts, max_size=30))
def test_leaving_weekends_out_loses_nothing(first: date, daily: list[Decimal]) -> None:
    days = [Day(first + timedelta(days=n), Money(pnl, "USDT")) for n, pnl in enumerate(daily)]
    kept = trading_days(days, WORKDAYS)
    assert all(day.date.weekday() < 5 for day in kept)
    if kept:
        assert sum(day.pnl.amount for day in kept) == sum(daily)


def test_the_best_and_the_worst_day_are_days_with_a_result() -> None:
    losing = course(-3, 0, -1, -3)
    assert losing.best_day == Day(date(2026, 10, 28), usdt(-1))
    assert losing.worst_day == Day(MONDAY, usdt(-3))
    assert (course(0, 0).best_day, course().worst_day) == (None, None)


def test_a_curve_knows_its_ratios() -> None:
    basis = Basis(252, Decimal("0.01"))
    found = course(*range(-10, 30), basis=basis)
    assert len(found.returns) == found.n == 30
    for ratio in (sharpe, sortino, calmar, volatility, annual_return):
        assert getattr(found, ratio.__name__) == ratio(found.returns, basis) is not None
    assert (found.var, found.cvar) == (var(found.returns), cvar(found.returns))


def test_a_curve_without_capital_has_no_ratios_but_amounts() -> None:
    found = course(*range(-10, 20), capital=None)
    ratios = [found.sharpe, found.sortino, found.calmar, found.volatility, found.annual_return, found.var, found.cvar]
    assert ratios == [None] * 7
    assert found.drawdown.amount < usdt(0)


def test_the_curve_of_a_book_needs_its_days() -> None:
    week = containing(Unit.WEEK, datetime(2026, 10, 28, tzinfo=UTC), "Europe/Berlin")
    with pytest.raises(ValueError, match="daily=True"):
        curve_of(combined([], "USDT"), week, usdt(1000))
    found = curve_of(combined([], "USDT", 7), week, usdt(1000))
    assert [day.date for day in found.days] == [MONDAY + timedelta(days=n) for n in range(7)]


def paying(*days: tuple[str, str], capital: str = "1000") -> Curve:
    """The curve of days of (P&L, payment): above 0 paid in, below 0 taken out."""
    pnl, paid = ([Decimal(one) for one in column] for column in zip(*days, strict=True))
    dates = [MONDAY + timedelta(days=n) for n in range(len(days))]
    flows = [Flow(max(one, Decimal(0)), max(-one, Decimal(0))) for one in paid]
    return curve(dates, pnl, usdt(capital), "USDT", Basis(), flows=flows)


def test_a_deposit_is_there_from_the_beginning_of_its_day_and_a_withdrawal_until_its_end() -> None:
    found = paying(("10", "0"), ("110.1", "10000"), ("111.2", "-9000"), ("21.2", "0"))
    assert found.returns == pytest.approx([10 / 1000, 110.1 / 11010, 111.2 / 11120.1, 21.2 / 2231.3], rel=1e-12)
    assert found.levels == decimals("1000", "1010", "11120.1", "2231.3", "2252.5")


rates = st.lists(st.decimals("-0.2", "0.2", places=3), min_size=2, max_size=40)


@given(rates, st.data())
def test_whoever_makes_the_same_of_each_dollar_has_the_same_ratios_whatever_is_paid(
    daily: list[Decimal], data: st.DataObject
) -> None:
    worth, days = Decimal(1000), []
    for rate in daily:
        paid = data.draw(st.sampled_from([Decimal(0), Decimal(5000), -worth / 2]))
        base = worth + max(paid, Decimal(0))
        days.append((str(base * rate), str(paid)))
        worth = base * (1 + rate) - max(-paid, Decimal(0))
    found, alone = paying(*days), paying(*((str(rate), "0") for rate in _compounded(daily)), capital="1")
    assert found.returns == pytest.approx(alone.returns, rel=1e-9, abs=1e-15)
    shares = found.drawdown.share, found.drawdown.current_share
    assert shares == pytest.approx(
        (alone.drawdown.share, alone.drawdown.current_share), rel=Decimal("1e-9"), abs=Decimal("1e-15")
    )


def _compounded(rates: list[Decimal]) -> list[Decimal]:
    """What each day makes of one dollar that nobody adds to."""
    levels = list(accumulate((1 + rate for rate in rates), mul, initial=Decimal(1)))
    return [rate * level for rate, level in zip(rates, levels, strict=False)]


def test_a_deposit_makes_no_loss_good() -> None:
    fall = paying(("-50", "0"), ("0", "10000"), ("100", "0")).drawdown
    assert (fall.amount, fall.share) == (usdt("-50"), Decimal("-0.05"))
    assert fall.span == DateSpan(date(2026, 10, 25), MONDAY, None, date(2026, 10, 28))
    assert fall.current_share is not None
    assert isclose(fall.current_share, 0.95 * (1 + 100 / 10950) - 1, rel_tol=1e-9)
    assert isclose(fall.current.amount, 11050 - 11050 / (1 + fall.current_share), rel_tol=1e-9)


def test_a_withdrawal_is_no_loss() -> None:
    found = paying(("50", "0"), ("0", "-1000"), ("5", "0"))
    assert (found.drawdown.amount, found.drawdown.span, found.falls) == (usdt(0), None, decimals(0, 0, 0, 0))
    assert found.sharpe == pytest.approx(sharpe([0.05, 0, 0.1]))


def test_an_account_begins_with_its_first_deposit_and_ends_with_its_last_withdrawal() -> None:
    found = paying(("-10", "100"), ("10", "-100"), capital="0")
    assert (found.returns, found.drawdown.share) == ([-0.1, 10 / 90], Decimal("-0.1"))
    emptied = paying(("10", "-1010"), ("0", "0"), ("-5", "0"))
    assert (emptied.returns, emptied.drawdown.share, emptied.drawdown.amount) == ([], None, usdt(-5))


def test_what_is_paid_on_a_weekend_is_paid_on_the_monday_after() -> None:
    dates = [MONDAY + timedelta(days=n) for n in range(4, 8)]
    paid = [Flow(), Flow(Decimal(500)), Flow(Decimal(500), Decimal(20)), Flow()]
    found = curve(dates, decimals(0, 3, 4, 13), usdt(1000), "USDT", WORKDAYS, flows=paid)
    assert found.days[-1] == Day(MONDAY + timedelta(days=7), usdt(20), Flow(Decimal(1000), Decimal(20)))
    assert found.returns == pytest.approx([0, 0.01])


def test_two_days_are_enough_for_a_deviation() -> None:
    """0.02 and -0.01: their mean is 0.005, their sample deviation 0.03 / sqrt(2), what they lost 0.01 / sqrt(2)."""
    two, year = [0.02, -0.01], sqrt(252)
    found = [ratio(two, WORKDAYS) or 0 for ratio in (sharpe, sortino, volatility)]
    assert found == pytest.approx([0.005 / 0.03 * sqrt(2) * year, 0.005 / 0.01 * sqrt(2) * year, 0.03 / sqrt(2) * year])


def test_days_and_payments_are_as_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        daily_returns(decimals(1, 2), THOUSAND, [NO_FLOW])


def test_a_market_that_never_closes_is_the_usual_one() -> None:
    assert Basis().usual
    assert not any(one.usual for one in (WORKDAYS, Basis(risk_free=Decimal("0.01"))))


@pytest.mark.parametrize(("days", "risk", "tail"), [(20, -0.9525, -1.0), (21, -0.95, -0.975), (19, None, None)])
def test_the_tail_of_twenty_days_is_the_worst_and_of_one_more_the_two_worst(
    days: int, risk: float | None, tail: float | None
) -> None:
    returns = [-1 + number / 20 for number in range(days)]
    assert (var(returns), cvar(returns)) == (
        (None, None) if risk is None or tail is None else (pytest.approx(risk), pytest.approx(tail))
    )
