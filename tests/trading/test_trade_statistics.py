"""Figures computed from figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isclose, sqrt
from statistics import mean, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.errors import CurrencyMismatchError
from reporter.trading.books import Figures
from reporter.trading.targets import Targets
from reporter.trading.trade_statistics import (
    FEW,
    Status,
    average_loss,
    average_win,
    best,
    combined,
    deepest_fall,
    expectancy,
    few,
    payoff,
    profit_factor,
    sqn,
    status,
    worst,
)
from reporter.trading.trades import Holding, Mode, Money, Streaks, Trade

amounts = st.decimals(-50, 50, places=2)
results = st.lists(amounts, max_size=40)


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


def traded(pnl: Sequence[Decimal]) -> Figures:
    """The figures of trades that made this."""
    won, lost = [one for one in pnl if one > 0], [one for one in pnl if one < 0]
    return replace(
        figures(len(won), len(lost), str(sum(pnl)), str(sum(won)), str(sum(lost))),
        trades=len(pnl),
        flat=len(pnl) - len(won) - len(lost),
        squares=sum((one * one for one in pnl), Decimal(0)),
    )


def decimals(*amounts: str | int) -> list[Decimal]:
    return [Decimal(amount) for amount in amounts]


def test_the_start_is_a_peak() -> None:
    assert deepest_fall(decimals(-5, 3)) == -5


@given(st.lists(amounts, max_size=60))
def test_drawdown_is_never_positive_nor_below_all_losses(changes: list[Decimal]) -> None:
    fall = deepest_fall(changes)
    assert sum(change for change in changes if change < 0) <= fall <= 0


@given(results, results)
def test_the_fall_of_a_whole_is_as_deep_as_that_of_a_part(first: list[Decimal], second: list[Decimal]) -> None:
    assert deepest_fall([*first, *second]) <= min(deepest_fall(first), deepest_fall(second))


def test_profit_factor_and_expectancy() -> None:
    some = figures(3, 1, "20", "30", "-10")
    assert profit_factor(some) == 3
    assert expectancy(some) == usdt("5")


def test_payoff_is_the_average_win_over_the_average_loss() -> None:
    some = figures(3, 2, "20", "30", "-10")
    assert (average_win(some), average_loss(some)) == (usdt("10"), usdt("-5"))
    assert payoff(some) == 2


def test_what_is_undefined_is_none() -> None:
    only_wins, only_losses = figures(2, 0, "5", "5"), figures(0, 2, "-5", "0", "-5")
    assert (profit_factor(only_wins), average_loss(only_wins), payoff(only_wins)) == (None, None, None)
    assert (profit_factor(only_losses), average_win(only_losses), payoff(only_losses)) == (Decimal(0), None, None)
    assert (expectancy(figures()), profit_factor(figures()), payoff(figures()), sqn(figures())) == (None,) * 4


@given(st.lists(amounts, min_size=2, max_size=40))
def test_sqn_is_that_of_the_single_trades(pnl: list[Decimal]) -> None:
    found = sqn(traded(pnl))
    if len(set(pnl)) == 1:
        assert found is None
    else:
        assert isclose(found or 0, sqrt(len(pnl)) * float(mean(pnl) / stdev(pnl)), rel_tol=1e-9, abs_tol=1e-12)


def test_sqn_of_trades_that_differ_by_cents_in_millions() -> None:
    pnl = decimals("1000000.01", "1000000.02", "1000000.04")
    assert isclose(sqn(traded([one - 1_000_000 for one in pnl])) or 0, 2.6458, rel_tol=1e-4)
    assert sqn(traded(pnl)) is None  # less than the noise of a database's sums


@given(results, st.sampled_from(["0.01", "1000"]))
def test_money_in_another_unit_leaves_ratios_as_they_are(pnl: list[Decimal], scale: str) -> None:
    one, other = traded(pnl), traded([amount * Decimal(scale) for amount in pnl])
    for ratio in (profit_factor, payoff, sqn):
        first, second = ratio(one), ratio(other)
        assert (first is None) == (second is None)
        assert isclose(first or 0, second or 0, rel_tol=1e-9)


@given(st.lists(amounts, min_size=1, max_size=40), st.sampled_from(["0.01", "1000"]))
def test_money_in_another_unit_scales_amounts(pnl: list[Decimal], scale: str) -> None:
    one, other = traded(pnl), traded([amount * Decimal(scale) for amount in pnl])
    for figure in (expectancy, average_win, average_loss):
        first, second = figure(one), figure(other)
        assert (first is None) == (second is None)
        if first and second:
            assert isclose(first.amount * Decimal(scale), second.amount, rel_tol=1e-20)


@given(results, st.randoms(use_true_random=False))
def test_the_order_of_trades_does_not_matter_for_totals(pnl: list[Decimal], chance: object) -> None:
    mixed = sorted(pnl, key=lambda _: chance.random())  # type: ignore[attr-defined]
    assert combined([traded([one]) for one in mixed], "USDT") == combined([traded([one]) for one in pnl], "USDT")


@given(results, results)
def test_parts_sum_to_the_whole(first: list[Decimal], second: list[Decimal]) -> None:
    assert combined([traded(first), traded(second)], "USDT") == combined([traded([*first, *second])], "USDT")


def test_few_trades_are_marked() -> None:
    assert [few(n) for n in (0, 6, 19, 20, 400)] == [True, True, True, False, False]


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


# --- Parts taken together ---


def trade(id_: str, pnl: str, closed: datetime = datetime(2026, 10, 30, tzinfo=UTC), ledger: str = "floor") -> Trade:
    return Trade(
        id=id_,
        ledger=ledger,
        agent="a",
        strategy=None,
        market="BTC/USDT",
        side="long",
        opened_at=None,
        closed_at=closed,
        size=None,
        pnl=usdt(pnl),
        fees=None,
        mode=Mode.LIVE,
    )


def part(number: int) -> Figures:
    """Figures of which everything is known, and each is another one."""
    return Figures(
        trades=10 * number,
        wins=6 * number,
        losses=3 * number,
        flat=number,
        pnl=usdt(f"{number}.5"),
        fees=usdt(f"{number}.1"),
        gross_profit=usdt(f"{2 * number}"),
        gross_loss=usdt(f"-{number}"),
        best=trade("b", f"{number}"),
        worst=trade("w", f"-{number}"),
        daily=(Decimal(number), Decimal(2 * number)),
        funding=usdt(f"{number}.2"),
        volume=usdt(f"{number}00"),
        longs=7 * number,
        shorts=2 * number,
        squares=Decimal(5 * number),
        holding=Holding(number, number * timedelta(hours=3), number * timedelta(hours=1), number * timedelta(hours=2)),
        streaks=Streaks(-1, number, 2),
        unreadable=number,
    )


def test_one_part_alone_is_the_whole() -> None:
    assert combined([part(1)], "USDT", days=2) == part(1)


def test_the_parts_make_a_whole() -> None:
    assert combined([part(1), part(3)], "USDT", days=2) == Figures(
        trades=40,
        wins=24,
        losses=12,
        flat=4,
        pnl=usdt("5.0"),
        fees=usdt("4.2"),
        gross_profit=usdt("8"),
        gross_loss=usdt("-4"),
        best=trade("b", "3"),
        worst=trade("w", "-3"),
        daily=(Decimal(4), Decimal(8)),
        funding=usdt("4.4"),
        volume=usdt("400"),
        longs=28,
        shorts=8,
        squares=Decimal(20),
        holding=Holding(4, timedelta(hours=12), timedelta(hours=1), timedelta(hours=6)),
        streaks=None,  # nothing says how those of the two alternated
        unreadable=4,
    )


def test_nothing_is_the_whole_of_no_part() -> None:
    nothing = usdt("0")
    assert combined([], "USDT") == Figures(
        trades=0,
        wins=0,
        losses=0,
        flat=0,
        pnl=nothing,
        fees=nothing,
        gross_profit=nothing,
        gross_loss=nothing,
        funding=nothing,
        volume=nothing,
        streaks=Streaks(),
    )


@pytest.mark.parametrize("unknown", [{"fees": None}, {"funding": None}, {"volume": None}])
def test_what_is_unknown_of_one_part_is_unknown_of_the_whole(unknown: dict[str, Any]) -> None:
    found = combined([part(1), replace(part(3), **unknown)], "USDT", days=2)
    assert found == replace(combined([part(1), part(3)], "USDT", days=2), **unknown)


@pytest.mark.parametrize(
    ("idle", "streaks"),
    [
        (figures(), Streaks(-1, 1, 2)),  # without trades it interrupts nothing
        (replace(figures(), unreadable=1), None),
        (figures(1), None),
    ],
)
def test_streaks_are_known_while_one_part_alone_has_trades(idle: Figures, streaks: Streaks | None) -> None:
    assert combined([idle, part(1)], "USDT").streaks == streaks


def test_of_equal_trades_the_first_is_the_best_and_the_worst() -> None:
    later = datetime(2026, 10, 31, tzinfo=UTC)
    trades = [
        trade("10", "5"), trade("9", "5"), trade("1", "5", later), trade("8", "5", ledger="zoo"), trade("7", "4"),
        trade("20", "-5"), trade("3", "-5", later), trade("4", "-5", ledger="zoo"), trade("12", "-5"),
    ]  # fmt: skip
    assert (best(trades), worst(trades)) == (trades[1], trades[8])
    assert best([]) is worst([]) is None


@pytest.mark.parametrize(
    ("wins", "losses", "pnl", "expected"),
    [
        (0, 0, "0", "healthy"),
        (6, 4, "1", "healthy"),
        (6, 4, "-0.01", "monitoring"),
        (6, 4, "-99.99", "monitoring"),
        (6, 4, "-100", "under review"),
        (5, 5, "1", "healthy"),  # as high as its target
        (4, 6, "1", "monitoring"),
        (3, 7, "1", "monitoring"),
        (2, 8, "1", "under review"),
        (1, 8, "1", "healthy"),  # nine say nothing of a rate
    ],
)
def test_how_an_agent_stands_by_its_targets(wins: int, losses: int, pnl: str, expected: str) -> None:
    own = Targets(
        win_rate=Decimal("0.5"), review_win_rate=Decimal("0.3"), review_after=10, drawdown={"USDT": usdt("100")}
    )
    assert status(figures(wins, losses, pnl), own) == expected
    assert few(FEW - 1)
    assert not few(20)


def test_the_quality_of_trades_that_are_nearly_alike_is_exact() -> None:
    """Two trades of n and n + 2 have the mean n + 1 and the deviation sqrt(2), so their quality is n + 1."""
    for n, cents in ((10**5, "0.00"), (900_000, "0.00000001")):
        low = n + Decimal(cents)
        quality = sqn(traded([low, low + 2]))
        assert quality == pytest.approx(float(low + 1), rel=1e-12)
    assert sqn(traded(decimals(10**9, 10**9 + 2))) is None  # alike up to the noise
