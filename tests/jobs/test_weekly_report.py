from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from reporter.alerts.uptime import Uptime
from reporter.app import demo
from reporter.delivery.outlets.discord.limits import fits
from reporter.errors import LedgerError
from reporter.messages.message import Message, Table, plain, plain_blocks
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.targets import Targets
from reporter.trading.trades import Money
from tests.jobs.floor import Closed, Idle, database, floor, freqtrade, reports, rows, shape_of, text_of, told, usdt
from tests.support import golden

# The week from Monday 2026-10-19 to Sunday 2026-10-25.
MONDAY = "2026-10-26 00:11:00"
HOSTILE = "x\n# @everyone **pump** ||x||"


def days(agent: str, *pnl: str, monday: str = "2026-10-19", market: str = "BTC/USDT") -> list[Closed]:
    """A trade a day from Monday on; an empty text is a day without."""
    first = date.fromisoformat(monday)
    made = [(first + timedelta(days=n), amount) for n, amount in enumerate(pnl) if amount]
    return [Closed(f"{day} 12:00:00", agent, amount, market) for day, amount in made]


WEEK = [
    *days("Momentum_BTC_v1", "20", "-8", "30.5", "", "4", "-2"),
    *days("Mean_Reversion_ETH", "-3", "", "-9.5", "1", market="ETH/USDT"),
    *days("Momentum_BTC_v1", "5", "6", "", "-1", monday="2026-10-12"),
    Closed("2026-10-20 13:00:00", "Volume_ETH_v1", "0", "ETH/USDT"),
]


def made(tmp_path: Path, *trades: Closed) -> Portfolio:
    return floor(database(tmp_path / "bot.sqlite", trades), starting=[usdt("1000")])


def field(message: Message, name: str) -> list[str]:
    """The lines of the first field of this name."""
    return next(list(plain_blocks(part.blocks)) for part in message.fields if name in plain(part.name))


def names(message: Message) -> list[str]:
    return [plain(part.name) for part in message.fields]


def test_a_week_reads_as_it_should(tmp_path: Path) -> None:
    assert golden.agrees("weekly_report", told("weekly_report", made(tmp_path, *WEEK), MONDAY))


def test_a_week_of_the_demo_reads_as_it_should(tmp_path: Path) -> None:
    demo.make(tmp_path / "demo.sqlite", datetime(2026, 10, 26, 0, 11, tzinfo=UTC))
    message = told("weekly_report", floor(tmp_path / "demo.sqlite", starting=demo.STARTING_BALANCES), MONDAY)
    assert golden.agrees("weekly_report_demo", message)
    assert fits(message)


def test_a_week_of_freqtrade_reads_as_it_should(tmp_path: Path) -> None:
    message = told("weekly_report", freqtrade(tmp_path), MONDAY)
    assert golden.agrees("weekly_report_freqtrade", message)
    assert fits(message)


def test_seven_days_stand_beside_each_other_idle_ones_too(tmp_path: Path) -> None:
    message = told("weekly_report", made(tmp_path, *WEEK), MONDAY)
    [table] = [block for part in message.fields for block in part.blocks if isinstance(block, Table)]
    assert [row[:3] for row in table.rows] == [
        ("Mon", "+17.00", "2"),
        ("Tue", "-8.00", "2"),
        ("Wed", "+21.00", "2"),
        ("Thu", "+1.00", "1"),
        ("Fri", "+4.00", "1"),
        ("Sat", "-2.00", "1"),
        ("Sun", "0.00", "0"),
    ]


def test_the_days_add_up_to_the_week_and_the_parts_to_the_whole(tmp_path: Path) -> None:
    [(report, _)] = reports("weekly_report", made(tmp_path, *WEEK), MONDAY, top=1, splits=1)
    [section] = report.facts["sections"]
    nothing = usdt("0")
    agents = [line.pnl for line in (*section.contributors.top, *section.contributors.under)]
    assert sum((day.pnl for day in section.days), nothing) == section.book.pnl == usdt("33")
    assert sum(agents, section.contributors.others_pnl) == section.book.pnl
    for split in section.splits:
        assert sum((line.pnl for line in split.shown), split.others_pnl) == section.book.pnl


def test_the_best_and_the_worst_day_have_traded(tmp_path: Path) -> None:
    gains = told("weekly_report", made(tmp_path, *days("A", "5", "3", "9")), MONDAY)
    assert field(gains, "Day by Day")[-3:-1] == [
        "Best: Wed 2026-10-21, +9.00 USDT",
        "Worst: Tue 2026-10-20, +3.00 USDT",
    ]


def test_a_single_day_is_neither_the_best_nor_the_worst(tmp_path: Path) -> None:
    assert "Best:" not in text_of(told("weekly_report", made(tmp_path, *days("A", "5")), MONDAY))


def test_a_ledger_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    gone = floor(database(tmp_path / "bot.sqlite", WEEK), tmp_path / "gone.sqlite")
    assert "⚠️ gone could not be read: its figures are missing" in text_of(told("weekly_report", gone, MONDAY))


def test_the_drawdown_has_its_dates_and_says_whether_it_was_made_good(tmp_path: Path) -> None:
    lost = told("weekly_report", made(tmp_path, *days("A", "50", "-21", "-10.5")), MONDAY)
    assert field(lost, "Last 30")[-2] == (
        "Max Drawdown: -31.50 USDT (-3.0%), 2026-10-19 to 2026-10-21, not recovered yet: -31.50 USDT (-3.0%)"
    )
    (tmp_path / "bot.sqlite").unlink()
    back = told("weekly_report", made(tmp_path, *days("A", "50", "-21", "", "30")), MONDAY)
    assert field(back, "Last 30")[-2].endswith("2026-10-19 to 2026-10-20, recovered on 2026-10-22")


def test_ratios_of_few_days_are_not_shown(tmp_path: Path) -> None:
    few = told("weekly_report", made(tmp_path, *days("A", "5", "-3", "9", "2")), MONDAY)
    assert "Sharpe: N/A · Sortino: N/A (4 days with trades, too few)" in text_of(few)


@pytest.mark.parametrize(("daily", "told_so"), [("17", "2 of 7"), ("21.5", "0 of 7")])
def test_the_daily_target_is_counted(tmp_path: Path, daily: str, told_so: str) -> None:
    message = told("weekly_report", made(tmp_path, *WEEK), MONDAY, targets=Targets(daily_pnl={"USDT": usdt(daily)}))
    assert f"reached on {told_so} days" in text_of(message)


def test_uptime_names_what_was_down_and_counts_the_rest(tmp_path: Path) -> None:
    hour = timedelta(hours=1)
    fared = {
        "probe/api": Uptime("probe/api", well=99 * hour, down=hour),
        "probe/db": Uptime("probe/db", well=100 * hour),
        "probe/new": Uptime("probe/new", unobserved=100 * hour),
        "job/daily": Uptime("job/daily", down=100 * hour),
    }
    message = told("weekly_report", made(tmp_path, *WEEK), MONDAY, fared=fared)
    assert field(message, "Uptime") == ["api: 99.00%, down for 1h", "1 up all the time"]


def test_nothing_is_said_of_an_uptime_that_nobody_saw(tmp_path: Path) -> None:
    assert not [name for name in names(told("weekly_report", made(tmp_path, *WEEK), MONDAY)) if "Uptime" in name]


def test_paper_beside_live_is_told_in_brief(tmp_path: Path) -> None:
    trades = [*WEEK, Closed("2026-10-20 01:00:00", "P", "7", mode="paper")]
    message = told("weekly_report", made(tmp_path, *trades), MONDAY)
    assert field(message, "paper") == [
        "+7.00 USDT (+0.70%) · balance 1,007.00 USDT",
        "1 trade, 100.0% WR (1W/0L)",
        "🏆 P: +7.00 USDT",
    ]


def test_a_week_without_trades_keeps_its_balance(tmp_path: Path) -> None:
    message = told("weekly_report", made(tmp_path, *WEEK), "2026-11-23 00:11:00")
    assert field(message, "Balance") == ["1,043.00 USDT", "from 1,043.00 USDT"]
    assert "📆 Day by Day" not in names(message)


def test_a_floor_that_never_traded_gets_a_sentence(tmp_path: Path) -> None:
    message = told("weekly_report", floor(database(tmp_path / "bot.sqlite")), MONDAY)
    assert "Nothing has been traded here yet" in text_of(message)


def test_a_floor_of_which_nothing_can_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="gone"):
        told("weekly_report", floor(tmp_path / "gone.sqlite"), MONDAY)


def test_a_name_forges_nothing(tmp_path: Path) -> None:
    def shown(name: str) -> Message:
        trades = [*days(name, "1", "-2", market=name), *days("other", "4")]
        return told("weekly_report", floor(database(tmp_path / f"{len(name)}.sqlite", trades)), MONDAY)

    assert shape_of(shown(HOSTILE)) == shape_of(shown("x"))


def test_three_hundred_agents_are_one_message(tmp_path: Path) -> None:
    trades = [trade for n in range(300) for trade in days(f"agent_{n:03}", str(n - 150), market=f"M{n}/USDT")]
    message = told("weekly_report", made(tmp_path, *trades, *[]), MONDAY)
    assert field(message, "Under")[-1] == "…and 294 more: -147.00 USDT"
    assert fits(message)


def test_the_days_are_those_of_a_recount(tmp_path: Path) -> None:
    path = tmp_path / "demo.sqlite"
    demo.make(path, datetime(2026, 10, 26, 0, 11, tzinfo=UTC))
    [(report, _)] = reports("weekly_report", floor(path, starting=demo.STARTING_BALANCES), MONDAY)
    for section in report.facts["sections"]:
        book = section.book
        query = "SELECT closed_at, pnl FROM trades WHERE mode = ? AND currency = ?"
        trades = [(at[:10], Decimal(str(pnl))) for at, pnl in rows(path, query, book.mode, book.currency)]
        for day in section.days:
            today = [pnl for at, pnl in trades if at == day.period.label]
            before = str(date.fromisoformat(day.period.label) - timedelta(days=7))
            assert day.pnl == Money(sum(today, Decimal(0)), book.currency)
            assert (day.line.trades if day.line else 0) == len(today)
            assert day.before == Money(sum((p for at, p in trades if at == before), Decimal(0)), book.currency)


def test_an_agent_that_is_idle_takes_no_part(tmp_path: Path) -> None:
    bot = database(tmp_path / "bot.sqlite", days("A", "5"), [Idle("B")])
    message = told("weekly_report", floor(bot), MONDAY)
    assert field(message, "Top") == ["1. A: +5.00 USDT (1 trade, 100% WR)"]
