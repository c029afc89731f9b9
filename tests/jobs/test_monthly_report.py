from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from reporter.alerts.uptime import Uptime
from reporter.app import demo
from reporter.delivery.outlets.discord.limits import fits
from reporter.messages.message import Message, plain, plain_blocks
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.return_ratios import Basis
from reporter.trading.targets import Targets
from reporter.trading.trades import Money
from tests.jobs import odd
from tests.jobs.floor import Closed, Idle, database, drawn, floor, freqtrade, reports, rows, told, usdt
from tests.support import golden

FIRST = "2026-11-01 00:16:00"


def days(agent: str, pnl: dict[int, str], month: str = "2026-10", market: str = "BTC/USDT") -> list[Closed]:
    """Trades by the day of the month on which they closed."""
    return [Closed(f"{month}-{day:02} 12:00:00", agent, amount, market) for day, amount in pnl.items()]


MONTH = [
    *days("Momentum_BTC_v1", {1: "12.5", 2: "-8", 8: "30", 13: "4.5", 20: "-22", 31: "6"}),
    *days("Mean_Reversion_ETH", {2: "-3", 9: "-9.5", 23: "1.25"}, market="ETH/USDT"),
    *days("Momentum_BTC_v1", {3: "5", 17: "20"}, month="2026-09"),
    Closed("2026-10-20 13:00:00", "Volume_ETH_v1", "0", "ETH/USDT"),
]


def made(tmp_path: Path, *trades: Closed) -> Portfolio:
    return floor(database(tmp_path / "bot.sqlite", trades, [Idle("Sleeper")]), starting=[usdt("1000")])


def field(message: Message, name: str) -> list[str]:
    return next(list(plain_blocks(part.blocks)) for part in message.fields if name in plain(part.name))


def names(message: Message) -> list[str]:
    return [plain(part.name) for part in message.fields]


def test_a_month_reads_as_it_should(tmp_path: Path) -> None:
    assert golden.agrees("monthly_report", told("monthly_report", made(tmp_path, *MONTH), FIRST))


def test_a_month_of_the_demo_reads_as_it_should(tmp_path: Path) -> None:
    demo.make(tmp_path / "demo.sqlite", datetime(2026, 11, 1, 0, 16, tzinfo=UTC))
    fared = {"probe/db": Uptime("probe/db", timedelta(days=31), down=timedelta(minutes=14))}
    ledger = floor(tmp_path / "demo.sqlite", starting=demo.STARTING_BALANCES)
    message = told("monthly_report", ledger, FIRST, fared=fared)
    assert golden.agrees("monthly_report_demo", message)
    assert fits(message)


def test_a_month_of_freqtrade_reads_as_it_should(tmp_path: Path) -> None:
    message = told("monthly_report", freqtrade(tmp_path), FIRST)
    assert golden.agrees("monthly_report_freqtrade", message)
    assert fits(message)


def test_the_calendar_shows_each_day_in_its_place(tmp_path: Path) -> None:
    lines = field(told("monthly_report", made(tmp_path, *MONTH), FIRST), "Weeks")
    assert [line.split(" | ")[1] for line in lines[1:6]] == ["---▲▼··", "···▲▼··", "·▲·····", "·▼··▲··", "·····▲-"]
    assert lines[6:] == [
        "Best week: W41, +20.50 USDT",
        "Worst week: W43, -20.75 USDT",
        "Best day: 2026-10-08, +30.00 USDT",
        "Worst day: 2026-10-20, -22.00 USDT",
        "5 days won, 3 days lost, 23 without either",
        "On average +0.38 USDT a day, the month before +0.83 USDT",
    ]


@pytest.mark.parametrize(("now", "weeks"), [("2027-03-01 00:16:00", 4), ("2026-04-01 00:16:00", 6)])
def test_a_month_has_as_many_rows_as_it_needs(tmp_path: Path, now: str, weeks: int) -> None:
    month = f"{datetime.fromisoformat(now) - timedelta(days=1):%Y-%m}"
    [(report, _)] = reports("monthly_report", made(tmp_path, *days("A", {1: "1", 2: "-1"}, month)), now)
    [section] = report.facts["sections"]
    found = [day.date for week in section.weeks for day in week.days if day]
    assert len(section.weeks) == weeks
    assert found == sorted(found)
    assert len(found) == len(section.book.daily)
    assert all(
        day is None or day.date.weekday() == place for week in section.weeks for place, day in enumerate(week.days)
    )


def test_the_year_begins_in_the_week_in_which_the_last_one_ended(tmp_path: Path) -> None:
    trades = days("A", {1: "1", 4: "2", 31: "4"}, "2027-01")
    [(report, _)] = reports("monthly_report", made(tmp_path, *trades), "2027-02-01 00:16:00")
    weeks = report.facts["sections"][0].weeks
    assert [week.label for week in weeks] == ["W53", "W01", "W02", "W03", "W04"]
    assert sum((week.pnl.amount for week in weeks), Decimal(0)) == 7


def test_months_are_compared_by_sum_and_by_day(tmp_path: Path) -> None:
    message = told("monthly_report", made(tmp_path, *MONTH), FIRST)
    assert "▼ -13.25 USDT vs. the month before" in field(message, "Monthly P&L")
    assert "On average +0.38 USDT a day, the month before +0.83 USDT" in field(message, "Weeks")
    assert "100.0% (n=2) the month before" in field(message, "Win Rate")


def test_several_books_are_an_overview_and_no_details(tmp_path: Path) -> None:
    trades = [*MONTH, *(replace(trade, currency="USDC") for trade in MONTH)]
    message = told("monthly_report", made(tmp_path, *trades), FIRST)
    rows_of_books = list(plain_blocks(message.body))[1:]
    assert rows_of_books == ["USDC · live | +11.75 | N/A | 50%", "USDT · live | +11.75 | +1.15% | 50%"]
    parts = ["📆 Weeks", "🤖 Agents", "📐 Risk"]
    headings = [plain(part.name) for part in message.fields if "Targets" not in plain(part.name)]
    assert headings == ["💰 Monthly P&L · USDC · live", *parts, "💰 Monthly P&L · USDT · live", *parts]
    assert not any(word in str(message) for word in ("Best week", "Volatility", "Best Trade"))


def test_targets_are_counted_by_day(tmp_path: Path) -> None:
    targets = Targets(daily_pnl={"USDT": usdt("12")}, drawdown={"USDT": usdt("11")}, win_rate=Decimal("0.5"))
    message = told("monthly_report", made(tmp_path, *MONTH), FIRST, targets=targets)
    assert field(message, "Targets") == [
        "Daily Target: +12.00 USDT reached on 2 of 31 days",
        "Win Rate Target: >50% ❌ (50.0%)",
        "Drawdown Limit: 11.00 USDT or more lost on 2 of 31 days",
    ]


def test_a_fall_says_when_and_whether_it_was_made_good(tmp_path: Path) -> None:
    lines = field(told("monthly_report", made(tmp_path, *MONTH), FIRST), "Risk")
    assert lines[0] == (
        "Max Drawdown: -27.00 USDT (-2.6%), 2026-10-08 to 2026-10-20, not recovered by the end: -19.75 USDT (-1.9%)"
    )


def test_ratios_of_a_few_days_are_not_made(tmp_path: Path) -> None:
    lines = field(told("monthly_report", made(tmp_path, *days("A", {3: "5", 9: "-2", 12: "1"})), FIRST), "Risk")
    assert "Sharpe, Sortino, Calmar: N/A (3 days with trades, too few)" in lines


def test_a_market_that_closes_has_fewer_days(tmp_path: Path) -> None:
    message = told("monthly_report", made(tmp_path, *MONTH), FIRST, basis=Basis(days_per_year=252))
    assert plain(message.footer).startswith("Ratios: daily returns of the month's 22 days")
    assert "252 days a year, without weekends" in plain(message.footer)


def test_hours_and_weekdays_say_how_much_they_rest_on(tmp_path: Path) -> None:
    lines = field(told("monthly_report", made(tmp_path, *MONTH), FIRST), "When")
    assert lines[:2] == ["Day | P&L | n | WR", "Tue | -17.50 | 3 | 33%"]
    assert lines[-2:] == ["Best hour: 12:00, +11.75 USDT (n=9)", "Worst hour: 13:00, 0.00 USDT (n=1)"]


def test_what_was_up_is_told_worst_first(tmp_path: Path) -> None:
    fared = {
        name: Uptime(name, timedelta(days=31) - down, down=down)
        for name, down in [("probe/a", timedelta()), ("probe/b", timedelta(hours=3)), ("limit/x", timedelta(hours=9))]
    }
    lines = field(told("monthly_report", made(tmp_path, *MONTH), FIRST, fared=fared), "Uptime")
    assert lines == ["b: 99.60%, down for 3h", "1 up all the time"]


def test_the_picture_is_a_calendar_and_no_name_breaks_out_of_it(tmp_path: Path) -> None:
    [picture] = drawn("monthly_report", made(tmp_path, *MONTH), FIRST)
    assert picture.count("<rect") == 1 + 31
    assert all(text in picture for text in (">+30<", ">-22<", ">Sun<", ">+20.5<"))


def whole(lines: Iterable[Any]) -> Decimal:
    return sum((line.pnl.amount for line in lines), Decimal(0))


def cents(amount: Decimal) -> Decimal:
    """As far as a database of floats can count a fortune."""
    return round(amount, 2)


@pytest.mark.parametrize("odd_floor", odd.FLOORS)
def test_on_any_floor_the_parts_make_the_whole(tmp_path: Path, odd_floor: Callable[[Path], Portfolio]) -> None:
    ledger = odd_floor(tmp_path)
    [(report, message)] = reports("monthly_report", ledger, odd.THEN, full=True)
    assert fits(message)
    for section in report.facts["sections"]:
        pnl = cents(section.book.pnl.amount)
        assert cents(sum(section.book.daily)) == cents(whole(section.weeks)) == pnl
        parts = [section.agents, *section.splits] if section.book.trades else []
        assert all(cents(whole(part.shown) + part.others_pnl.amount) == pnl for part in parts)
        assert all(cents(whole(lines)) == pnl for lines in (section.weekdays, section.hours) if lines)
    assert len(drawn("monthly_report", ledger, odd.THEN)) <= len(report.books)


def test_the_figures_are_those_of_a_recount(tmp_path: Path) -> None:
    demo.make(tmp_path / "demo.sqlite", datetime(2026, 11, 1, 0, 16, tzinfo=UTC))
    ledger = floor(tmp_path / "demo.sqlite", starting=demo.STARTING_BALANCES)
    [(report, _)] = reports("monthly_report", ledger, FIRST)
    for section in report.facts["sections"]:
        book = section.book
        query = "SELECT closed_at, pnl FROM trades WHERE mode = ? AND currency = ? AND closed_at LIKE '2026-10%'"
        made = [
            (at[:10], Decimal(str(pnl))) for at, pnl in rows(tmp_path / "demo.sqlite", query, book.mode, book.currency)
        ]
        daily = [sum((pnl for at, pnl in made if at == f"2026-10-{day:02}"), Decimal(0)) for day in range(1, 32)]
        levels = list(accumulate(daily, initial=book.opening.amount))
        falls = [level - peak for level, peak in zip(levels, accumulate(levels, max), strict=True)]
        assert (book.trades, list(book.daily)) == (len(made), daily)
        assert section.curve.drawdown.current == Money(falls[-1], book.currency)
        assert section.curve.best_day.pnl.amount == max(daily)
        assert section.curve.worst_day.date == date(2026, 10, daily.index(min(daily)) + 1)
