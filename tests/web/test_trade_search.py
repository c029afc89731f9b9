"""The search for trades: the same trades in whatever windows, each once, and an end when time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from reporter.app.app import App
from reporter.periods.civil import Period
from reporter.trading.books import ANY_TRADE, TradeFilter
from reporter.web.trade_search import SECONDS, SearchPage, TradeSearch
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
