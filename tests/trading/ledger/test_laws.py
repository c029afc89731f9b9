"""What holds for every history, whatever its trades."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reporter.periods.civil import Period
from reporter.trading.books import Book, Figures
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.trade_statistics import combined
from tests.trading.ledger.databases import Native, between, native_sqlite, opened, usdt, utc

WHOLE = between("2026-10-24", "2026-10-27", "Europe/Berlin")
SECONDS = round(WHOLE.duration.total_seconds())

quick = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Deal:
    second: int
    cents: int
    agent: str
    fraction: str

    @property
    def closed_at(self) -> str:
        return f"{WHOLE.start + timedelta(seconds=self.second):%Y-%m-%d %H:%M:%S}{self.fraction}"


deals = st.lists(
    st.builds(
        Deal,
        second=st.integers(0, SECONDS - 1),
        cents=st.integers(-(10**6), 10**6),
        agent=st.sampled_from("abc"),
        fraction=st.sampled_from(["", ".000000", ".5"]),
    ),
    unique_by=lambda deal: deal.second,
    max_size=25,
)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Native, Native]:
    return native_sqlite(tmp_path), native_sqlite(tmp_path)


def fill(bot: Native, history: Sequence[Deal]) -> None:
    """Let the history be all that the bot ever did."""
    rows = [(deal.agent, deal.cents / 100, deal.closed_at) for deal in history]
    insert = "INSERT INTO trades (agent, pnl, closed_at, market, side, currency) VALUES (?, ?, ?, 'm', 's', 'USDT')"
    with closing(opened(bot.url)) as connection, connection:
        connection.execute("DELETE FROM trades")
        connection.executemany(insert, rows)


def book(period: Period, *bots: Native) -> Book:
    """The floor's book. A starting balance makes one even where nothing was traded."""
    floor = Portfolio([bot.settings(str(place), starting_balance=(usdt("500"),)) for place, bot in enumerate(bots)])
    (found,) = floor.performance(period, daily=True)
    return found


def figures(found: Figures) -> Figures:
    """The sums of a book alone, without what depends on how rows are numbered."""
    return replace(combined([found], "USDT", len(found.daily)), best=None, worst=None)


@quick
@given(deals, st.integers(1, SECONDS - 1))
def test_the_parts_of_a_period_add_up_to_it(two: tuple[Native, Native], history: list[Deal], cut: int) -> None:
    fill(two[0], history)
    middle = WHOLE.start + timedelta(seconds=cut)
    first, second = book(replace(WHOLE, end=middle), two[0]), book(replace(WHOLE, start=middle), two[0])
    whole = book(WHOLE, two[0])
    added = replace(combined([first, second], "USDT"), streaks=None)
    assert added == replace(combined([whole], "USDT"), daily=(), streaks=None)
    assert (first.opening, first.closing, second.closing) == (whole.opening, second.opening, whole.closing)


@quick
@given(deals, st.randoms())
def test_the_order_in_which_rows_were_written_does_not_matter(
    two: tuple[Native, Native], history: list[Deal], chance: st.DataObject
) -> None:
    fill(two[0], history)
    fill(two[1], sorted(history, key=lambda _: chance.random()))  # type: ignore[attr-defined]
    first, second = book(WHOLE, two[0]), book(WHOLE, two[1])
    assert figures(first) == figures(second)
    assert first.drawdown == second.drawdown
    assert [line.key for line in first.lines] == [line.key for line in second.lines]


@quick
@given(deals, st.integers(0, 25))
def test_how_trades_are_spread_over_ledgers_does_not_matter(
    two: tuple[Native, Native], history: list[Deal], cut: int
) -> None:
    fill(two[0], history)
    alone = book(WHOLE, two[0])
    fill(two[0], history[:cut])
    fill(two[1], history[cut:])
    spread = book(WHOLE, *two)
    assert figures(spread) == figures(alone)
    assert spread.drawdown == alone.drawdown


@quick
@given(deals)
def test_the_books_figures_are_the_sums_over_its_trades(two: tuple[Native, Native], history: list[Deal]) -> None:
    fill(two[0], history)
    found = book(WHOLE, two[0])
    results = [Decimal(deal.cents) / 100 for deal in sorted(history, key=lambda deal: deal.second)]
    levels = list(accumulate(results, initial=Decimal(0)))
    falls = [level - max(levels[: place + 1]) for place, level in enumerate(levels)]
    assert found.pnl.amount == levels[-1]
    assert found.drawdown == usdt(str(min(falls)))
    assert (found.wins, found.losses) == (sum(pnl > 0 for pnl in results), sum(pnl < 0 for pnl in results))


@quick
@given(deals)
def test_each_day_is_the_sum_over_that_days_trades(two: tuple[Native, Native], history: list[Deal]) -> None:
    fill(two[0], history)
    days = [
        sum((Decimal(deal.cents) / 100 for deal in history if day.start <= utc(deal.closed_at) < day.end), Decimal(0))
        for day in WHOLE.days()
    ]
    found = book(WHOLE, two[0])
    assert list(found.daily) == days
    assert sum(found.daily) == found.pnl.amount
