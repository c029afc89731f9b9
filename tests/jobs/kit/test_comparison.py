"""A book compared with its agents, the period before and its targets."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.jobs.kit.comparison import ENOUGH_DAYS, change_from, contributors, daily_history, target_progress
from reporter.trading.books import Book, BookLine, Series
from reporter.trading.targets import Targets
from reporter.trading.trades import Mode, Money

NOTHING = Money(Decimal(0), "USDT")
AMOUNTS = st.lists(st.decimals(-1000, 1000, places=2), max_size=12)


def usdt(amount: str | Decimal) -> Money:
    return Money(Decimal(amount), "USDT")


def line(key: str, pnl: Decimal, trades: int = 1) -> BookLine:
    return BookLine(
        key=key,
        ledger="bot",
        label=key,
        trades=trades,
        wins=int(pnl > 0),
        losses=int(pnl < 0),
        flat=int(not pnl),
        pnl=usdt(pnl),
        fees=None,
        gross_profit=NOTHING,
        gross_loss=NOTHING,
    )


def book(*pnl: str | Decimal, ledgers: tuple[str, ...] = ("bot",), drawdown: str = "0") -> Book:
    lines = tuple(line(f"agent {n}", Decimal(amount)) for n, amount in enumerate(pnl))
    return Book(
        mode=Mode.LIVE,
        currency="USDT",
        trades=len(lines),
        wins=sum(one.wins for one in lines),
        losses=sum(one.losses for one in lines),
        flat=sum(one.flat for one in lines),
        pnl=sum((one.pnl for one in lines), NOTHING),
        fees=None,
        gross_profit=NOTHING,
        gross_loss=NOTHING,
        drawdown=usdt(drawdown),
        daily=tuple(one.pnl.amount for one in lines),
        lines=lines,
        ledgers=ledgers,
    )


@given(AMOUNTS, st.integers(1, 5))
def test_who_is_named_and_all_others_make_what_the_book_made(pnl: list[Decimal], count: int) -> None:
    whole = book(*pnl)
    found = contributors(whole, count)
    assert sum((one.pnl for one in (*found.top, *found.under)), found.others_pnl) == whole.pnl
    assert sorted(one.key for one in (*found.top, *found.under, *found.others)) == sorted(o.key for o in whole.lines)
    assert all(one.pnl.amount > 0 for one in found.top)
    assert all(one.pnl.amount < 0 for one in found.under)


@given(AMOUNTS, st.integers(1, 5))
def test_nobody_who_is_left_out_did_better_or_worse_than_who_is_named(pnl: list[Decimal], count: int) -> None:
    found = contributors(book(*pnl), count)
    others = [one.pnl.amount for one in found.others]
    assert len(found.top) <= count >= len(found.under)
    assert all(one.pnl.amount >= max(others, default=-9999) for one in found.top if len(found.top) == count)
    assert all(one.pnl.amount <= min(others, default=9999) for one in found.under if len(found.under) == count)


def test_who_did_not_trade_carried_nothing() -> None:
    whole, rested = book("5"), line("idle", Decimal(0), trades=0)
    assert contributors(replace(whole, lines=(*whole.lines, rested)), 3).idle == [rested]


def test_a_period_is_compared_with_one_of_the_same_ledgers_only() -> None:
    now = book("5", "-1")
    made = change_from(now, book("2"))
    assert made is not None
    assert (made.pnl, made.trades, made.win_rate) == (usdt("2"), 1, Decimal("-0.5"))
    assert change_from(now, book("2", ledgers=("bot", "other"))) is None
    assert change_from(now, None) is None


def test_a_win_rate_is_compared_only_with_another() -> None:
    made = change_from(book("5"), book())
    assert made is not None
    assert made.win_rate is None


@pytest.mark.parametrize(
    ("pnl", "achieved", "win_rate_met", "drawdown_kept", "days_reached"),
    [(["60"], "1.2", True, True, 1), (["-10", "5"], "-0.1", False, True, 0), ([], "0", None, True, None)],
)
def test_goals_are_measured_where_there_is_something_to_measure(
    pnl: list[str], achieved: str, win_rate_met: bool | None, drawdown_kept: bool, days_reached: int | None
) -> None:
    targets = Targets(daily_pnl={"USDT": usdt("50")}, drawdown={"USDT": usdt("20")}, win_rate=Decimal("0.5"))
    found = target_progress(book(*pnl, drawdown="-10"), targets)
    assert (found.achieved, found.win_rate_met, found.drawdown_kept) == (Decimal(achieved), win_rate_met, drawdown_kept)
    assert found.days_reached == days_reached
    assert bool(found)


def test_without_targets_there_are_no_goals() -> None:
    found = target_progress(book("5"), Targets())
    assert not found
    assert (found.achieved, found.win_rate_met, found.drawdown_kept, found.days_reached) == (None, None, None, None)


def series(*pnl: str, opening: str | None = "100", ledgers: tuple[str, ...] = ("bot",)) -> Series:
    days = tuple(date(2026, 10, 1) + timedelta(days=n) for n in range(len(pnl)))
    made = tuple(map(Decimal, pnl))
    start = usdt(opening) if opening else None
    return Series(mode=Mode.LIVE, currency="USDT", days=days, pnl=made, opening=start, ledgers=ledgers)


def test_a_trail_ends_where_the_book_stands() -> None:
    found = daily_history(series("5", "0", "-2", "0"))
    assert (found.made, found.stands, found.busy, found.last_busy) == (usdt("3"), usdt("103"), 2, date(2026, 10, 3))
    assert daily_history(series("5", opening=None)).stands is None
    assert daily_history(series("0", "0")).last_busy is None


def test_a_trail_of_nothing_to_begin_with_stands_all_the_same() -> None:
    assert daily_history(series("5", opening="0")).stands == usdt("5")


@pytest.mark.parametrize(("before", "after", "shown"), [(20, 10, 10), (28, 2, 7), (0, 30, 30), (30, 0, 30), (0, 3, 3)])
def test_what_is_drawn_begins_with_the_first_day_that_had_a_result(before: int, after: int, shown: int) -> None:
    found = daily_history(series(*["0"] * before, *["2"] * after))
    assert len(found.drawn.days) == shown
    assert (found.drawn.days[-1:], found.drawn.capital) == (found.curve.days[-1:], found.curve.capital)


def test_a_trail_belongs_to_the_book_of_its_mode_currency_and_ledgers() -> None:
    found = daily_history(series("5", ledgers=("bot", "other")))
    assert found.belongs_to(book("5"))
    assert not found.belongs_to(book("5", ledgers=("third",)))


@pytest.mark.parametrize("busy", [ENOUGH_DAYS - 1, ENOUGH_DAYS])
def test_ratios_want_enough_days_with_trades(busy: int) -> None:
    assert daily_history(series(*["1"] * busy, *["0"] * 20)).enough == (busy >= ENOUGH_DAYS)
