"""Splits of a book: by agent, tag, hour …; their lines add up to the book for every history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reporter.periods.civil import Period
from reporter.trading.books import Book, By, Figures
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.trade_statistics import combined
from reporter.trading.trades import Money
from tests.support.servers import PostgreSQL
from tests.trading.ledger.databases import Native, between, native_postgresql, native_sqlite, opened, usdt, utc

MakesNatives = Callable[[], Native]
SPLITS: tuple[By, ...] = get_args(By)
DAY = between("2026-10-30", "2026-10-31")
# Berlin has 3 o'clock twice on 25 October.
AUTUMN = between("2026-10-24", "2026-10-28", "Europe/Berlin")
COLUMNS = "agent strategy market side mode currency pnl fees closed_at opened_at entry_tag exit_reason".split()  # noqa: SIM905


@dataclass(frozen=True)
class Deal:
    second: int
    cents: int
    agent: str
    mode: str
    currency: str
    side: str
    tag: str | None
    fees: int | None
    held: int | None

    def row(self) -> tuple[object, ...]:
        closed = AUTUMN.start + timedelta(seconds=self.second)
        opened = None if self.held is None else f"{closed - timedelta(seconds=self.held):%Y-%m-%d %H:%M:%S}+00"
        return (
            *(self.agent, self.tag, "m", self.side, self.mode, self.currency, self.cents / 100, self.fees),
            *(f"{closed:%Y-%m-%d %H:%M:%S}+00", opened, self.tag, self.tag),
        )


names = st.sampled_from(["a", "b", "𝔸🤖", "=1+1", "x\n# @everyone"])
tags = st.sampled_from([None, "", "t", "突破", "untagged"])
deals = st.lists(
    st.builds(
        Deal,
        second=st.integers(0, round(AUTUMN.duration.total_seconds()) - 1),
        cents=st.sampled_from([0, 0, 1, -1, 250, -990, 10**6]),
        agent=names,
        mode=st.sampled_from(["live", "paper"]),
        currency=st.sampled_from(["USDT", "BTC"]),
        side=st.sampled_from(["long", "SHORT", "Yes", "sideways"]),
        tag=tags,
        fees=st.sampled_from([None, 0, 2]),
        held=st.one_of(st.none(), st.integers(0, 10**6)),
    ),
    max_size=20,
)
few = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
many = settings(few, max_examples=40)


def fill(bot: Native, history: Sequence[Deal]) -> None:
    """Let the history be all that the bot ever did."""
    if bot.server:
        with psycopg.connect(bot.url) as server, server.cursor() as cursor:
            cursor.execute("TRUNCATE trades")
            insert = f"INSERT INTO trades ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"
            cursor.executemany(insert.encode(), [deal.row() for deal in history])
        return
    with closing(opened(bot.url)) as connection, connection:
        connection.execute("DELETE FROM trades")
        insert = f"INSERT INTO trades ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
        rows = [[v.removesuffix("+00") if isinstance(v, str) else v for v in deal.row()] for deal in history]
        connection.executemany(insert, rows)


def sums(found: Figures, days: int) -> Figures:
    """What can be added of figures."""
    return replace(combined([found], found.pnl.currency, days), best=None, worst=None, streaks=None)


def lines_sum_to_the_book(book: Book) -> None:
    days = len(book.daily)
    assert sums(combined(book.lines, book.currency, days), days) == sums(book, days)
    assert len({(line.ledger if len(book.ledgers) > 1 else "", line.key) for line in book.lines}) == len(book.lines)


def splits_agree(floor: Portfolio, period: Period) -> None:
    """In every split the parts sum to the whole, and the whole is the same."""
    by_agent = {(book.mode, book.currency): book for book in floor.performance(period, daily=True)}
    for by in SPLITS:
        for book in floor.performance(period, by=by, daily=True):
            lines_sum_to_the_book(book)
            assert whole(book) == whole(by_agent[book.mode, book.currency])


def whole(book: Book) -> Book:
    """A book without its lines. Fees and the like have more digits than are kept, and each line's sum is rounded."""

    def coarse(money: Money | None) -> Money | None:
        return money and Money(round(money.amount, 5), money.currency)

    shares = tuple(replace(share, fees=coarse(share.fees)) for share in book.shares)
    whole = replace(book, lines=(), fees=coarse(book.fees), funding=coarse(book.funding), volume=coarse(book.volume))
    return replace(whole, shares=shares)


@pytest.fixture
def sqlite(tmp_path: Path) -> tuple[Native, Native]:
    return native_sqlite(tmp_path), native_sqlite(tmp_path)


@few
@given(deals, st.integers(0, 20))
def test_parts_sum_to_the_whole_in_every_split(sqlite: tuple[Native, Native], history: list[Deal], cut: int) -> None:
    fill(sqlite[0], history[:cut])
    fill(sqlite[1], history[cut:])
    splits_agree(Portfolio([bot.settings(str(place)) for place, bot in enumerate(sqlite)]), AUTUMN)


@pytest.mark.full
@many
@given(deals, st.integers(0, 20))
def test_parts_sum_to_the_whole_in_every_split_for_long(
    sqlite: tuple[Native, Native], history: list[Deal], cut: int
) -> None:
    fill(sqlite[0], history[:cut])
    fill(sqlite[1], history[cut:])
    splits_agree(Portfolio([bot.settings(str(place)) for place, bot in enumerate(sqlite)]), AUTUMN)


@settings(few, max_examples=3)
@given(deals)
def test_both_databases_split_alike(sqlite: tuple[Native, Native], server: PostgreSQL, history: list[Deal]) -> None:
    other = native_postgresql(server)
    fill(sqlite[0], history)
    fill(other, history)
    for by in SPLITS:
        here, there = (
            Portfolio([bot.settings("bot")]).performance(AUTUMN, by=by, daily=True) for bot in (sqlite[0], other)
        )
        # A share names what its figures are made by, which is another statement in each dialect.
        assert [replace(book, shares=()) for book in here] == [replace(book, shares=()) for book in there]


@few
@given(deals)
def test_hours_and_weekdays_are_those_on_the_wall(sqlite: tuple[Native, Native], history: list[Deal]) -> None:
    fill(sqlite[0], history)
    walls = [(AUTUMN.start + timedelta(seconds=d.second)).astimezone(ZoneInfo("Europe/Berlin")) for d in history]
    floor = Portfolio([sqlite[0].settings()])
    found: dict[By, Counter[str]] = {"hour": Counter(), "weekday": Counter()}
    for by, counted in found.items():
        for book in floor.performance(AUTUMN, by=by):
            counted.update({line.key: line.trades for line in book.lines})
    assert found == {
        "hour": Counter(f"{wall:%H}:00" for wall in walls),
        "weekday": Counter(f"{wall:%A}" for wall in walls),
    }


def test_the_hour_that_is_struck_twice_is_one_line(bot: Native) -> None:
    for moment in ("2026-10-25 00:30:00", "2026-10-25 01:30:00.999999", "2026-10-25 02:00:00"):
        bot.trade(1, moment)
    (book,) = Portfolio([bot.settings()]).performance(AUTUMN, by="hour")
    assert [(line.label, line.trades) for line in book.lines] == [("02:00", 2), ("03:00", 1)]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
def test_a_year_of_hours_follows_every_change_of_the_clock(bot: Native, zone: str) -> None:
    year = between("2026-01-01", "2027-01-01", zone)
    moments = [year.start + timedelta(hours=step * 145, minutes=step) for step in range(60)]
    for moment in moments:
        bot.trade(1, f"{moment:%Y-%m-%d %H:%M:%S}")
    (book,) = Portfolio([bot.settings()]).performance(year, by="hour")
    walls = Counter(f"{moment.astimezone(ZoneInfo(zone)):%H}:00" for moment in moments)
    assert {line.key: line.trades for line in book.lines} == walls
    assert [line.key for line in book.lines] == sorted(walls)


def test_weekdays_come_in_their_order_whatever_they_made(bot: Native) -> None:
    for day, pnl in ((25, -5), (26, 1), (27, 9)):
        bot.trade(pnl, f"2026-10-{day} 12:00:00")
    (book,) = Portfolio([bot.settings()]).performance(AUTUMN, by="weekday")
    assert [(line.label, line.pnl.amount) for line in book.lines] == [
        ("Monday", Decimal(1)),
        ("Tuesday", Decimal(9)),
        ("Sunday", Decimal(-5)),
    ]


def test_what_a_trade_does_not_say_has_a_line_of_its_own(bot: Native) -> None:
    bot.trade(1, "2026-10-30 01:00:00", entry_tag="", exit_reason=None)
    bot.trade(2, "2026-10-30 01:00:00", entry_tag=None, exit_reason="roi")
    floor = Portfolio([bot.settings()])
    assert [line.key for line in floor.performance(DAY, by="entry_tag")[0].lines] == ["untagged"]
    assert [line.key for line in floor.performance(DAY, by="exit_reason")[0].lines] == ["roi", "no reason"]


def test_only_agents_are_told_apart_by_their_ledger(new_native: MakesNatives) -> None:
    first, second = new_native(), new_native()
    for bot, pnl in ((first, 1), (second, 2)):
        bot.trade(pnl, "2026-10-30 01:00:00", strategy="s", entry_tag="t")
    floor = Portfolio([first.settings("one", starting_balance=(usdt("10"),)), second.settings("two")])
    for by in ("strategy", "market", "side", "entry_tag", "hour"):
        (line,) = floor.performance(DAY, by=by)[0].lines
        assert (line.trades, line.pnl, line.ledger, line.capital) == (2, usdt("3"), "", None)
    assert [line.label for line in floor.performance(DAY)[0].lines] == ["a (two)", "a (one)"]


def test_a_ledger_that_did_not_trade_has_its_line(new_native: MakesNatives) -> None:
    busy, idle = new_native(), new_native()
    busy.trade(-1, "2026-10-30 01:00:00")
    idle.trade(1, "2026-10-01 01:00:00")
    floor = Portfolio([busy.settings("busy"), idle.settings("idle")])
    (book,) = floor.performance(DAY, by="ledger")
    assert [(line.label, line.trades, line.pnl) for line in book.lines] == [
        ("idle", 0, usdt("0")),
        ("busy", 1, usdt("-1")),
    ]


def test_of_equal_trades_of_one_moment_the_same_is_best_in_every_split(bot: Native) -> None:
    for number, (agent, tag) in enumerate((("b", "x"), ("a", "y"), ("c", "w"))):
        bot.trade(5, "2026-10-30 01:00:00", agent=agent, entry_tag=tag, market=f"M{number}")
    floor = Portfolio([bot.settings()])
    best = [floor.performance(DAY, by=by)[0].best for by in SPLITS]
    assert {trade.market for trade in best if trade} == {"M0"}


def test_three_hundred_agents_sum_to_their_book(bot: Native) -> None:
    fill(bot, [Deal(n, n * 100 - 15000, f"a{n}", "live", "USDT", "long", None, 0, None) for n in range(1, 301)])
    (book,) = Portfolio([bot.settings()]).performance(AUTUMN)
    assert (len(book.lines), book.trades, book.pnl, book.flat) == (300, 300, usdt("150"), 1)
    assert book.lines[0].best == book.best
    lines_sum_to_the_book(book)


def test_a_real_floor_sums_in_every_split(freqtrade_floor: Portfolio) -> None:
    splits_agree(freqtrade_floor, between("2026-09-01", "2026-11-01", "Europe/Berlin"))


@pytest.fixture
def freqtrade_floor(freqtrade: object) -> Portfolio:
    return Portfolio([freqtrade])  # type: ignore[list-item]


def test_the_whole_of_the_history_is_read_in_one_series(new_native: MakesNatives) -> None:
    first, second = new_native(), new_native()
    first.trade(5, "2026-10-23 21:59:59")
    first.trade(-2, "2026-10-27 12:00:00", agent="b")
    second.trade(7, "2026-10-25 23:30:00")
    settings = {"starting_balance": (usdt("100"),)}
    floor = Portfolio([first.settings("one", **settings), second.settings("two", **settings)])
    (series,) = floor.daily_series(replace(AUTUMN, start=utc("2026-10-26 23:00")), whole=True)
    assert [str(day) for day in series.days] == [f"2026-10-{day}" for day in range(23, 29)]
    assert series.pnl == (Decimal(5), Decimal(0), Decimal(0), Decimal(7), Decimal(-2), Decimal(0))
    assert (series.opening, [course.label for course in series.agents]) == (usdt("200"), ["a (one)", "a (two)", "b"])


@few
@given(deals, st.integers(0, 3))
def test_series_and_books_tell_the_same_days(sqlite: tuple[Native, Native], history: list[Deal], cut: int) -> None:
    fill(sqlite[0], history)
    floor = Portfolio([sqlite[0].settings(starting_balance=(usdt("500"),))])
    period = replace(AUTUMN, start=AUTUMN.days()[cut].start)
    books, found = floor.performance(period, daily=True), floor.daily_series(period)
    assert [(one.mode, one.currency, one.pnl, one.opening) for one in found] == [
        (book.mode, book.currency, book.daily, book.opening) for book in books
    ]
    assert all(len(series.days) == 5 - cut == len(course.pnl) for series in found for course in series.agents)


def test_a_decade_of_days_is_one_quick_question(bot: Native) -> None:
    bot.trade(1, "2016-11-01 12:00:00")
    bot.trade(2, "2026-10-30 12:00:00")
    (series,) = Portfolio([bot.settings()]).daily_series(
        between("2026-10-30", "2026-10-30 23:00", "Europe/Berlin"), whole=True
    )
    assert len(series.days) == 3651
    assert (series.pnl[0], series.pnl[-1], sum(series.pnl)) == (Decimal(1), Decimal(2), Decimal(3))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Havana", "Africa/Cairo", "Asia/Beirut", "Asia/Kolkata"])
@pytest.mark.parametrize("year", [2023, 2026])
def test_a_zones_offsets_are_known_for_every_hour_of_a_year(zone: str, year: int) -> None:
    period = between(f"{year}-01-01 00:30", f"{year + 1}-01-01", zone)
    found = period.offsets()
    for hour in range(8759):
        moment = period.start + timedelta(hours=hour)
        ahead = next(offset for since, offset in reversed(found) if since <= moment)
        assert moment.astimezone(ZoneInfo(zone)).utcoffset() == ahead, moment
