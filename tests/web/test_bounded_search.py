"""The search for trades: the same trades in whatever windows, each once, and an end when time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from reporter.app.app import App
from reporter.periods.civil import Period
from reporter.trading.books import ANY_TRADE, TradeFilter, TradeOrder
from reporter.web.bounded_search import (
    COUNT_SECONDS,
    FIRST_SORTED,
    SAMPLED,
    SECONDS,
    SearchPage,
    SortedPage,
    TradeCount,
    TradeSearch,
)
from tests.jobs.floor import Closed, database
from tests.operations.floors import AGENTS, CONFIG
from tests.support.stage import Stage

MOMENTS = [f"2026-{month:02}-{day:02} 12:00:00" for month in range(1, 11) for day in (3, 17)]
SINCE = datetime(2026, 8, 1, tzinfo=UTC)
NAMES = [agent.name for agent in AGENTS]
SPREAD = [Closed(at, NAMES[number % 5 == 0], f"{number - 7}") for number, at in enumerate(MOMENTS)]
FILTERS = [ANY_TRADE, TradeFilter(agent=NAMES[1]), TradeFilter(result="win"), TradeFilter(agent="nobody")]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    stage = Stage(tmp_path)
    stage.write("config/reporter.yaml", CONFIG)
    database(tmp_path / "trading.sqlite", SPREAD, AGENTS)
    yield stage.app
    stage.close()


def pages(app: App, only: TradeFilter, limit: int, clock: Callable[[], float]) -> Iterator[SearchPage]:
    period = Period(SINCE, app.clock.wall(), "", "UTC")
    searched = TradeSearch(app.runtime.inputs.ledger, period, only, clock)
    page = searched.page(limit)
    yield page
    while page.end:
        page = searched.page(limit, page.place, page.end)
        yield page


def wanted(app: App, only: TradeFilter) -> list[str]:
    period = Period(SINCE, app.clock.wall(), "", "UTC")
    return [trade.id for trade in app.runtime.inputs.ledger.newest_trades(period, 1000, only=only).trades]


@pytest.mark.parametrize("only", FILTERS, ids=["any", "agent", "wins", "nobody"])
@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize("step", [0.0, SECONDS], ids=["quick", "slow"])
def test_every_trade_is_found_once_in_order(app: App, only: TradeFilter, limit: int, step: float) -> None:
    ticks = count()
    found = list(pages(app, only, limit, lambda: next(ticks) * step))
    assert [trade.id for page in found for trade in page.trades] == wanted(app, only)
    assert max(len(page.trades) for page in found) <= limit
    assert not found[-1].out_of_time


def test_a_search_that_takes_long_says_how_far_it_came(app: App) -> None:
    ticks = count()
    first = next(pages(app, TradeFilter(agent="nobody"), 10, lambda: next(ticks) * SECONDS))
    assert (first.trades, first.out_of_time) == ((), True)
    assert first.end is not None
    assert first.end < app.clock.wall()


def sorted_pages(
    app: App, order: TradeOrder, only: TradeFilter, limit: int, clock: Callable[[], float]
) -> Iterator[SortedPage]:
    period = Period(SINCE, app.clock.wall(), "", "UTC")
    searched = TradeSearch(app.runtime.inputs.ledger, period, only, clock)
    page = searched.sorted_page(limit, order)
    yield page
    while page.place:
        page = searched.sorted_page(limit, order, page.place, (page.start, page.end))
        yield page


@pytest.mark.parametrize("only", FILTERS, ids=["any", "agent", "wins", "nobody"])
@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize("by", ["pnl", "fees"])
@pytest.mark.parametrize("descending", [True, False])
def test_sorted_trades_are_found_once_in_their_order(
    app: App, only: TradeFilter, limit: int, by: Any, descending: bool
) -> None:
    pages = list(sorted_pages(app, TradeOrder(by, descending), only, limit, lambda: 0.0))
    found = [trade for page in pages for trade in page.trades]
    assert sorted(trade.id for trade in found) == sorted(wanted(app, only))
    values = [getattr(trade, by).amount for trade in found]
    assert values == sorted(values, reverse=descending)
    assert max(len(page.trades) for page in pages) <= limit
    assert all(page.whole for page in pages)


def test_of_equal_trades_the_newest_comes_first_on_each_page(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.write("config/reporter.yaml", CONFIG)
    database(tmp_path / "trading.sqlite", [Closed(at, NAMES[0], "1") for at in MOMENTS], AGENTS)
    pages = sorted_pages(stage.app, TradeOrder("pnl"), ANY_TRADE, 2, lambda: 0.0)
    assert [trade.id for page in pages for trade in page.trades] == wanted(stage.app, ANY_TRADE)
    stage.close()


@pytest.mark.parametrize(("minutes", "first"), [(1, timedelta(days=249 * 100 / 1440)), (10, FIRST_SORTED)])
def test_the_first_window_that_is_sorted_is_narrow_where_trades_are_dense(
    tmp_path: Path, minutes: int, first: timedelta
) -> None:
    stage = Stage(tmp_path)
    stage.write("config/reporter.yaml", CONFIG)
    last = datetime(2026, 10, 29, tzinfo=UTC)
    moments = [f"{last - timedelta(minutes=minutes * number):%Y-%m-%d %H:%M:%S}" for number in range(SAMPLED + 50)]
    moments.append("2026-01-01 00:00:00")
    database(tmp_path / "trading.sqlite", [Closed(at, NAMES[0], "1") for at in moments], AGENTS)
    ticks = count()
    period = Period(datetime(2026, 1, 1, tzinfo=UTC), last + timedelta(seconds=1), "", "UTC")
    searched = TradeSearch(stage.app.runtime.inputs.ledger, period, ANY_TRADE, lambda: next(ticks) * SECONDS)
    page = searched.sorted_page(10, TradeOrder("pnl"))
    assert (page.end - page.start, page.whole) == (first, False)
    stage.close()


def test_what_takes_long_to_sort_is_sorted_among_the_newest(app: App) -> None:
    ticks = count()
    pages = list(sorted_pages(app, TradeOrder("pnl"), ANY_TRADE, 1, lambda: next(ticks) * SECONDS))
    found = [trade.closed_at for page in pages for trade in page.trades]
    assert not pages[0].whole
    assert {(page.start, page.end) for page in pages} == {(pages[0].start, pages[0].end)}
    assert 0 < len(found) < len(wanted(app, ANY_TRADE))
    assert min(found) >= pages[0].start


def test_trades_are_counted_by_name_within_a_time(app: App) -> None:
    period = Period(SINCE, app.clock.wall(), "", "UTC")
    search = TradeSearch(app.runtime.inputs.ledger, period, ANY_TRADE, lambda: 0.0)
    number = len(wanted(app, ANY_TRADE))
    assert search.count() == TradeCount({"": number}, whole=True)
    own = len(wanted(app, TradeFilter(agent=NAMES[1])))
    assert search.count("agent").numbers == {NAMES[0]: number - own, NAMES[1]: own}
    ticks = count()
    slow = TradeSearch(app.runtime.inputs.ledger, period, ANY_TRADE, lambda: next(ticks) * COUNT_SECONDS)
    assert not slow.count("market").whole
