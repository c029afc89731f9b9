from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import sqrt
from pathlib import Path
from statistics import mean, stdev

import pytest

from reporter.app import demo
from reporter.delivery.outlets.discord.limits import fits
from reporter.errors import LedgerError
from reporter.messages.message import Message, plain, plain_blocks
from reporter.trading.return_ratios import Basis
from tests.jobs.floor import Closed, Idle, database, floor, freqtrade, reports, rows, shape_of, text_of, told
from tests.support import golden

# The week from Monday 2026-10-19 to Sunday 2026-10-25.
MONDAY = "2026-10-26 00:06:00"
HOSTILE = "x\n# @everyone **pump** ||x||"


def week(agent: str, *pnl: str, monday: str = "2026-10-19", currency: str = "USDT") -> list[Closed]:
    """A trade a day from Monday on."""
    days = [date.fromisoformat(monday) + timedelta(days=n) for n in range(len(pnl))]
    return [Closed(f"{day} 12:00:00", agent, amount, currency=currency) for day, amount in zip(days, pnl, strict=True)]


RACE = [
    *week("Momentum_BTC_v1", "100", "-20", "154.5"),
    *week("Volume_ETH_v1", "80", "76.3"),
    *week("Momentum_ETH_v2", "89.2"),
    *week("Mean_Reversion_BTC", "40", "49.2"),
    *week("Mean_Reversion_ETH", *["-7.6"] * 3, "5", *["-3"] * 3),
    *week("Momentum_BTC_v1", "1", monday="2026-10-12"),
    *week("Volume_ETH_v1", "9", monday="2026-10-12"),
    *week("Mean_Reversion_ETH", "-1", monday="2026-10-12"),
]
LAST = week("Volume_BTC_v1", "-120")


def body(message: Message) -> list[str]:
    """All lines of the message's fields."""
    return [line for part in message.fields for line in plain_blocks(part.blocks)]


def heads(message: Message) -> list[str]:
    """The first line of each place."""
    return [line for line in body(message) if not line.startswith(("P&L", "Status"))]


def test_a_week_reads_as_it_should(tmp_path: Path) -> None:
    """As in the floor's own example, the last of six places is under review."""
    agents = [Idle("Momentum_BTC_v1", capital="2500"), Idle("Volume_ETH_v1", capital="1500"), Idle("Volume_BTC_v2")]
    message = told("weekly_leaderboard", floor(database(tmp_path / "bot.sqlite", [*RACE, *LAST], agents)), MONDAY)
    assert golden.agrees("weekly_leaderboard", message)


def test_a_week_of_the_demo_reads_as_it_should(tmp_path: Path) -> None:
    demo.make(tmp_path / "demo.sqlite", datetime(2026, 10, 26, 0, 6, tzinfo=UTC))
    message = told("weekly_leaderboard", floor(tmp_path / "demo.sqlite", starting=demo.STARTING_BALANCES), MONDAY)
    assert golden.agrees("weekly_leaderboard_demo", message)
    assert fits(message)


def test_a_week_of_freqtrade_reads_as_it_should(tmp_path: Path) -> None:
    message = told("weekly_leaderboard", freqtrade(tmp_path), MONDAY)
    assert golden.agrees("weekly_leaderboard_freqtrade", message)
    assert fits(message)


def test_equals_share_a_place(tmp_path: Path) -> None:
    trades = [*week("A", "5"), *week("B", "3", "2"), *week("C", "1")]
    message = told("weekly_leaderboard", floor(database(tmp_path / "bot.sqlite", trades)), MONDAY)
    assert [line.split()[0] for line in heads(message)] == ["🥇", "🥇", "🥉"]


def test_the_change_of_rank_is_told(tmp_path: Path) -> None:
    before = [(name, "2026-10-12", pnl) for name, pnl in (("up", "1"), ("down", "9"), ("same", "-5"), ("gone", "5"))]
    now = [(name, "2026-10-19", pnl) for name, pnl in (("up", "9"), ("down", "5"), ("same", "1"), ("fresh", "-5"))]
    trades = [trade for name, monday, pnl in before + now for trade in week(name, pnl, monday=monday)]
    message = told("weekly_leaderboard", floor(database(tmp_path / "bot.sqlite", trades)), MONDAY)
    assert heads(message) == ["🥇 up ▲2", "🥈 down ▼1", "🥉 same ▲1", "4️⃣ fresh new", "💤 1 without a trade"]


def test_the_first_week_has_no_change_of_rank(tmp_path: Path) -> None:
    message = told("weekly_leaderboard", floor(database(tmp_path / "bot.sqlite", week("A", "5"))), MONDAY)
    assert heads(message) == ["🥇 A"]


def test_who_did_not_trade_has_no_place(tmp_path: Path) -> None:
    bot = database(tmp_path / "bot.sqlite", week("A", "-5"), [Idle("B"), Idle("C")])
    assert heads(told("weekly_leaderboard", floor(bot), MONDAY)) == ["🥇 A", "💤 2 without a trade"]


@pytest.mark.parametrize(
    ("capital", "pnl", "shown"),
    [
        ("1000", ["10", "10", "10", "10", "9"], "8.39 (5 days)"),
        ("1000", ["10", "10", "10", "10"], "N/A"),
        ("1000", ["0"], "N/A"),
        (None, ["10"] * 5, "N/A"),
        ("5", ["-10"] * 5, "N/A"),
    ],
)
def test_a_sharpe_ratio_that_says_nothing_is_not_shown(
    tmp_path: Path, capital: str | None, pnl: list[str], shown: str
) -> None:
    bot = database(tmp_path / "bot.sqlite", week("A", *pnl), [Idle("A", capital=capital)])
    assert body(told("weekly_leaderboard", floor(bot), MONDAY))[1].endswith(f"Sharpe: {shown}")


def test_the_capital_that_ratios_are_of_is_named(tmp_path: Path) -> None:
    trades = [*week("A", "5"), *week("B", "3")]
    bot = database(tmp_path / "bot.sqlite", trades, [Idle("A", capital="1000")])
    message = told("weekly_leaderboard", floor(bot, starting=demo.STARTING_BALANCES), MONDAY)
    assert "last 30 days on allocated capital or starting balance, annualised" in text_of(message)


def test_who_is_under_review_is_named_below_the_places_too(tmp_path: Path) -> None:
    trades = [*week("A", "5"), *week("B", "-1"), *week("C", "-200")]
    message = told("weekly_leaderboard", floor(database(tmp_path / "bot.sqlite", trades)), MONDAY, top=1)
    assert heads(message) == ["🥇 A", "…and 2 more: -201.00 USDT", "⚠️ Under Review among them: C"]


def test_currencies_have_rankings_of_their_own(tmp_path: Path) -> None:
    trades = [*week("A", "5"), *week("A", "0.1", currency="BTC"), *week("B", "-0.2", currency="BTC")]
    message = told("weekly_leaderboard", floor(database(tmp_path / "bot.sqlite", trades)), MONDAY)
    assert heads(message) == ["🥇 A", "🥈 B", "🥇 A"]


def test_a_week_without_trades_says_so(tmp_path: Path) -> None:
    message = told("weekly_leaderboard", floor(database(tmp_path / "bot.sqlite", [], [Idle("A")])), MONDAY)
    assert body(message) == ["No trade was closed in this week."]


def test_a_floor_that_never_traded_gets_a_sentence(tmp_path: Path) -> None:
    message = told("weekly_leaderboard", floor(database(tmp_path / "bot.sqlite")), MONDAY)
    assert "Nothing has been traded here yet" in text_of(message)
    assert not message.fields


def test_a_floor_without_a_ledger_gets_a_sentence() -> None:
    message = told("weekly_leaderboard", floor(), MONDAY)
    assert "no trading database is named" in text_of(message)


def test_a_floor_of_which_nothing_can_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="gone"):
        told("weekly_leaderboard", floor(tmp_path / "gone.sqlite"), MONDAY)


def test_a_ledger_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    ledger = floor(database(tmp_path / "bot.sqlite", RACE), tmp_path / "gone.sqlite")
    assert "⚠️ gone could not be read" in text_of(told("weekly_leaderboard", ledger, MONDAY))


def test_a_name_forges_nothing(tmp_path: Path) -> None:
    def shown(name: str) -> Message:
        bot = database(tmp_path / f"{len(name)}.sqlite", week(name, "-200"))
        return told("weekly_leaderboard", floor(bot), MONDAY)

    message = shown(HOSTILE)
    assert shape_of(message) == shape_of(shown("x"))
    assert heads(message) == ["🥇 x⏎# @everyone **pump** ||x|| ⚠️"]


def test_three_hundred_agents_are_one_message(tmp_path: Path) -> None:
    trades = [trade for n in range(300) for trade in week(f"agent_{n:03}", str(150 - n))]
    message = told("weekly_leaderboard", floor(database(tmp_path / "bot.sqlite", trades)), MONDAY)
    assert len(body(message)) == 22
    assert "…and 290 more" in text_of(message)
    assert fits(message)


def test_the_ratios_are_those_of_a_recount(tmp_path: Path) -> None:
    path = tmp_path / "demo.sqlite"
    demo.make(path, datetime(2026, 10, 26, 0, 6, tzinfo=UTC))
    [(report, _)] = reports("weekly_leaderboard", floor(path), MONDAY)
    capital = dict(rows(path, "SELECT name, capital FROM agents"))
    days = [str(date(2026, 9, 26) + timedelta(days=n)) for n in range(30)]
    for place in [place for section in report.facts["sections"] for place in section.places]:
        trades = rows(path, "SELECT closed_at, pnl FROM trades WHERE agent = ?", place.line.key)
        equity, returns = float(capital[place.line.key]), []
        for day in days:
            made = sum(pnl for at, pnl in trades if at[:10] == day)
            returns.append(made / equity)
            equity += made
        assert place.sharpe == pytest.approx(mean(returns) / stdev(returns) * sqrt(365))
        assert place.line.pnl.amount == sum(Decimal(str(pnl)) for at, pnl in trades if days[-7] <= at[:10] <= days[-1])


@pytest.mark.parametrize(
    ("basis", "said"),
    [
        (Basis(), ""),
        (Basis(252), "Ratios: 252 days a year, without weekends"),
        (Basis(365, Decimal("0.0425")), "Ratios: 365 days a year, risk-free rate 4.25%"),
    ],
)
def test_an_unusual_year_of_the_ratios_is_named(tmp_path: Path, basis: Basis, said: str) -> None:
    bot = database(tmp_path / "bot.sqlite", RACE, [Idle("Momentum_BTC_v1", capital="2500")])
    footer = plain(told("weekly_leaderboard", floor(bot), MONDAY, basis=basis).footer)
    assert footer.endswith(said or "annualised")
