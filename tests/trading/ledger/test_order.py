"""Figures that depend on the order of trades: streaks, over several ledgers too; and holding times."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from statistics import variance
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.trading.books import Book, RankPlace, TradeFilter, TradeOrder
from reporter.trading.ledger.path_metrics import UNITS, PathMetrics, overlaid
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.trade_statistics import deepest_fall
from reporter.trading.trades import Mode, Streaks, Trade
from tests.trading.ledger.databases import Native, between, usdt

MakesNatives = Callable[[], Native]
DAY = between("2026-10-30", "2026-10-31")
BOOK = (Mode.LIVE, "USDT")


def sign(change: int) -> int:
    return (change > 0) - (change < 0)


def recount(changes: Iterable[int]) -> Streaks:
    """The streaks, by the book."""
    runs = [(kind, len(list(run))) for kind, run in groupby(changes, sign)]
    current = runs[-1][0] * runs[-1][1] if runs else 0
    return Streaks(current, *(max((n for kind, n in runs if kind == wanted), default=0) for wanted in (1, -1)))


@given(st.lists(st.integers(-3, 3)))
def test_a_path_is_what_its_steps_come_to(changes: list[int]) -> None:
    path = PathMetrics()
    for change in changes:
        path.step(change * UNITS)
    assert path.streaks == recount(changes)
    assert path.fall == deepest_fall(Decimal(change) for change in changes)
    assert path.squares == sum(change**2 for change in changes) * UNITS**2


@given(st.lists(st.tuples(st.integers(-2, 2), st.sampled_from("ab"))))
def test_ledgers_laid_over_each_other_are_one_path_and_one_a_line(steps: list[tuple[int, str]]) -> None:
    walk = overlaid(((DAY.start, line, change) for change, line in steps), BOOK)
    assert walk.books[BOOK].streaks == recount(change for change, _ in steps)
    for (line, *_), path in walk.lines.items():
        assert path.streaks == recount(change for change, own in steps if own == line)


def test_a_flat_trade_ends_a_streak(bot: Native) -> None:
    for minute, pnl in enumerate((1, 1, 0, 1, -1, -1, -1, 0, 2, 3)):
        bot.trade(pnl, f"2026-10-30 01:{minute:02}:00")
    (book,) = Portfolio([bot.settings()]).performance(DAY)
    assert book.streaks == book.lines[0].streaks == Streaks(current=2, longest_wins=2, longest_losses=3)


def test_streaks_run_through_several_ledgers_in_the_order_of_time(new_native: MakesNatives) -> None:
    first, second = new_native(), new_native()
    for minute in range(6):
        bot, tag = (first, "even") if minute % 2 == 0 else (second, "odd")
        bot.trade(1 if minute < 4 else -1, f"2026-10-30 01:{minute:02}:00", entry_tag=tag, market="m")
    floor = Portfolio([first.settings("one"), second.settings("two")])
    (book,) = floor.performance(DAY, by="market")
    assert book.streaks == book.lines[0].streaks == Streaks(current=-2, longest_wins=4, longest_losses=2)
    (book,) = floor.performance(DAY, by="entry_tag")
    assert [line.streaks for line in book.lines] == [Streaks(-1, 2, 1)] * 2


def test_without_trades_there_is_no_streak_and_no_holding_time(bot: Native) -> None:
    (book,) = Portfolio([bot.settings(starting_balance=(usdt("1"),))]).performance(DAY)
    assert (book.streaks, book.holding, book.squares) == (Streaks(), None, Decimal(0))


def test_times_are_held_to_the_millisecond_of_those_who_say_when_they_began(bot: Native) -> None:
    for opened in ("2026-10-30 00:59:59.75", "2026-10-29 01:00:00", None, "2026-10-30 02:00:00"):
        bot.trade(1, "2026-10-30 01:00:00", opened_at=opened and bot.stamp(opened))
    (book,) = Portfolio([bot.settings()]).performance(DAY)
    assert book.holding is not None
    assert (book.holding.n, book.trades) == (2, 4)
    assert (book.holding.shortest, book.holding.longest) == (timedelta(milliseconds=250), timedelta(days=1))
    assert book.holding.average == (timedelta(days=1) + timedelta(milliseconds=250)) / 2


def test_the_spread_of_results_survives_a_mean_far_from_zero(bot: Native) -> None:
    results = [Decimal("12345678.1"), Decimal("12345678.101"), Decimal("12345678.103")]
    for result in results:
        bot.trade(float(result), "2026-10-30 01:00:00")
    (book,) = Portfolio([bot.settings()]).performance(DAY)
    spread = (Fraction(book.squares) - Fraction(book.pnl.amount) ** 2 / 3) / 2
    assert spread == variance(map(Fraction, results))


def test_sides_and_turnover_are_counted_as_the_source_says_them(bot: Native) -> None:
    for side in ("long", "BUY", "Yes", "short", "sell", "NO", "sideways"):
        bot.trade(1, "2026-10-30 01:00:00", side=side, size=-2, entry_price=10, exit_price=11, funding=-0.5)
    bot.trade(1, "2026-10-30 01:00:00", side="up", size=1, entry_price=1, exit_price=1, funding=1, volume=100)
    (book,) = Portfolio([bot.settings()]).performance(DAY)
    assert (book.longs, book.shorts, book.trades) == (4, 3, 8)
    assert (book.volume, book.funding) == (usdt("394"), usdt("-2.5"))


def test_turnover_and_funding_are_unknown_as_soon_as_one_is(bot: Native) -> None:
    known = {"size": 1, "entry_price": 2, "exit_price": 3, "funding": 0}
    bot.trade(1, "2026-10-30 01:00:00", agent="knows", **known)
    bot.trade(1, "2026-10-30 01:00:00", agent="does not", **{**known, "exit_price": None, "funding": None})
    (book,) = Portfolio([bot.settings()]).performance(DAY)
    assert (book.volume, book.funding) == (None, None)
    assert {line.key: line.volume for line in book.lines} == {"knows": usdt("5"), "does not": None}


def test_tables_of_before_are_read_without_their_later_columns(bot: Native) -> None:
    bot.trade(1, "2026-10-30 01:00:00", size=1, entry_price=2, exit_price=3)
    before = Portfolio([bot.settings()]).performance(DAY)
    later = ("trades", "funding"), ("trades", "volume"), ("trades", "leverage"), ("equity", "unrealised")
    for table, column in later:
        bot.run(f"ALTER TABLE {table} DROP COLUMN {column}")
    floor = Portfolio([bot.settings()])
    assert floor.performance(DAY) == before
    assert (before[0].volume, before[0].funding) == (usdt("5"), None)
    assert floor.performance(DAY, account=True)[0].open is not None
    assert [trade.leverage for trade in floor.closed_trades(DAY)] == [None]


def test_the_leverage_of_a_trade_is_what_the_bot_writes(bot: Native) -> None:
    for minute, leverage in enumerate((3, 2.5, None)):
        bot.trade(1, f"2026-10-30 01:{minute:02}:00", leverage=leverage)
    trades = Portfolio([bot.settings()]).closed_trades(DAY)
    assert [trade.leverage for trade in trades] == [Decimal(3), Decimal("2.5"), None]


@pytest.mark.parametrize("leverage", [0, -3, "NaN", "Infinity"])
def test_what_is_no_leverage_is_refused(bot: Native, leverage: object) -> None:
    with pytest.raises(Exception, match=r"constraint|violates"):
        bot.trade(1, "2026-10-30 01:00:00", leverage=leverage)


def test_a_floor_of_trades_alone_needs_no_other_table(bot: Native) -> None:
    bot.trade(1, "2026-10-30 01:00:00")
    bot.run("DROP TABLE equity")
    (book,) = Portfolio([bot.settings()]).performance(DAY, account=True)
    assert (book.pnl, book.equity) == (usdt("1"), None)


def test_a_split_keeps_what_order_told(bot: Native) -> None:
    for minute, (pnl, tag) in enumerate(((1, "x"), (-1, "y"), (1, "x"), (1, "y"))):
        bot.trade(pnl, f"2026-10-30 01:{minute:02}:00", entry_tag=tag)

    def told(book: Book) -> Book:
        return replace(book, lines=())

    floor = Portfolio([bot.settings()])
    (agents,), (tags,) = floor.performance(DAY), floor.performance(DAY, by="entry_tag")
    assert told(agents) == told(tags)
    assert {line.key: line.streaks for line in tags.lines} == {"x": Streaks(2, 2, 0), "y": Streaks(1, 1, 1)}


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("by", ["pnl", "fees", "held", "volume"])
def test_trades_in_an_order_come_once_page_by_page(new_native: MakesNatives, by: Any, descending: bool) -> None:
    first, second = new_native(), new_native()
    for minute in range(12):
        bot, known = (first, second)[minute % 2], minute % 4 < 3
        opened = bot.stamp(f"2026-10-{minute % 5 + 10} 01:00:00") if known else None
        more = {"fees": minute % 3, "volume": minute // 2 if known else None, "opened_at": opened}
        bot.trade(minute % 5, f"2026-10-30 01:{minute:02}:00", currency=("BTC", "USDT")[minute > 8], **more)
    floor, order = Portfolio([first.settings("one"), second.settings("two")]), TradeOrder(by, descending)
    found, places = list[Trade](), dict[str, RankPlace]()
    while page := floor.ranked_trades(DAY, 5, order, after=places).trades:
        found += [trade for trade, _ in page]
        places |= {trade.ledger: place for trade, place in page}
    assert sorted((one.ledger, one.id) for one in found) == sorted(
        (one.ledger, one.id) for one in floor.closed_trades(DAY)
    )
    assert [standing(one, order) for one in found] == sorted(standing(one, order) for one in found)


def standing(trade: Trade, order: TradeOrder) -> tuple[str, bool, Any]:
    """Where a trade stands: amounts by currency, and last those that are not known."""
    value: Any = getattr(trade, order.by)
    number = value.total_seconds() if isinstance(value, timedelta) else value and value.amount
    sign = -1 if order.descending else 1
    return "" if order.by == "held" else trade.pnl.currency, value is None, sign * (number or 0)


def test_trades_are_counted_by_agent_market_and_exit(new_native: MakesNatives) -> None:
    first, second = new_native(), new_native()
    for minute, reason in enumerate(("roi", "stop", None, "roi", "")):
        (first, second)[minute % 2].trade(minute - 1, f"2026-10-30 01:{minute:02}:00", exit_reason=reason)
    floor = Portfolio([first.settings("one"), second.settings("two")])
    assert floor.count_trades(DAY) == {"": 5}
    assert floor.count_trades(DAY, by="exit_reason") == {"roi": 2, "stop": 1, "no reason": 2}
    assert floor.count_trades(DAY, only=TradeFilter(exit_reason="no reason", result="win"), by="agent") == {"a": 2}
    assert floor.count_trades(DAY, only=TradeFilter(ledger="one")) == {"": 3}
