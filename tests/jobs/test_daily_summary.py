from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from pathlib import Path

import pytest

from reporter.app import demo
from reporter.delivery.outlets.discord.limits import fits
from reporter.errors import LedgerError
from reporter.messages.message import Message, Tone, plain, plain_blocks
from reporter.trading.books import Book, BookLine
from reporter.trading.exchange_rates import Rate
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.ledger.settings import LedgerSettings
from reporter.trading.targets import Targets
from reporter.trading.trades import Mode, Money
from tests.jobs.floor import (
    Closed,
    Idle,
    database,
    drawn,
    floor,
    freqtrade,
    reports,
    rows,
    shape_of,
    text_of,
    told,
    usdt,
)
from tests.support import golden
from tests.trading.ledger import dirty

MORNING = "2026-10-31 00:01:00"
HOSTILE = "x\n# @everyone **pump** ||x||"

# The day of the user's own example, in small, with a loss that is made good again and a day before it.
DAY = [
    Closed("2026-10-29 12:00:00", "Momentum_BTC_v1", "12.5"),
    Closed("2026-10-30 00:00:00", "Momentum_BTC_v1", "8.9"),
    Closed("2026-10-30 03:00:00", "Momentum_BTC_v1", "19.5"),
    Closed("2026-10-30 06:00:00", "Volume_ETH_v1", "12.3", "ETH/USDT"),
    Closed("2026-10-30 08:00:00", "Volume_ETH_v1", "0", "ETH/USDT"),
    Closed("2026-10-30 09:00:00", "Mean_Reversion_ETH", "-5.3", "ETH/USDT"),
    Closed("2026-10-30 12:00:00", "Mean_Reversion_ETH", "-2.9", "ETH/USDT"),
    Closed("2026-10-30 23:59:59.9", "Mean_Reversion_BTC", "4.9"),
    Closed("2026-10-31 00:00:00", "Mean_Reversion_BTC", "-999"),
]


def made(tmp_path: Path, *trades: Closed) -> Portfolio:
    return floor(database(tmp_path / "bot.sqlite", trades), starting=[usdt("1000")])


def field(message: Message, name: str) -> list[str]:
    """The lines of the first field of this name."""
    return next(list(plain_blocks(part.blocks)) for part in message.fields if name in plain(part.name))


def names(message: Message) -> list[str]:
    return [plain(part.name) for part in message.fields]


def test_a_day_reads_as_it_should(tmp_path: Path) -> None:
    assert golden.agrees("daily_summary", told("daily_summary", made(tmp_path, *DAY), MORNING))


def test_a_day_of_the_demo_reads_as_it_should(tmp_path: Path) -> None:
    demo.make(tmp_path / "demo.sqlite", datetime(2026, 10, 31, 0, 1, tzinfo=UTC))
    ledger = floor(tmp_path / "demo.sqlite", starting=demo.STARTING_BALANCES)
    message = told("daily_summary", ledger, MORNING)
    assert golden.agrees("daily_summary_demo", message)
    assert fits(message)


def test_a_day_of_freqtrade_reads_as_it_should(tmp_path: Path) -> None:
    message = told("daily_summary", freqtrade(tmp_path), MORNING)
    assert golden.agrees("daily_summary_freqtrade", message)
    assert fits(message)


def test_two_modes_and_two_currencies_are_four_books(tmp_path: Path) -> None:
    books = [("live", "BTC"), ("live", "USDT"), ("paper", "BTC"), ("paper", "USDT")]
    trades = [Closed("2026-10-30 01:00:00", "A", "1", mode=m, currency=c) for m, c in books for _ in range(2)]
    message = told("daily_summary", made(tmp_path, *trades), MORNING, full=True)
    assert [name for name in names(message) if "P&L" in name] == [
        f"💰 Daily P&L · {currency} · {mode}" for mode, currency in books
    ]
    opening = [
        line for part in message.fields if "P&L" in plain(part.name) for line in list(plain_blocks(part.blocks))[:1]
    ]
    assert opening == ["+2.00000000 BTC (+0.20%)", "+2.00 USDT (+0.20%)"] * 2 or opening[1].startswith("+2.00 USDT (")


def test_several_currencies_are_told_in_one_with_their_rate_where_one_is_given(tmp_path: Path) -> None:
    trades = [Closed("2026-10-30 01:00:00", "A", "2", currency=c) for c in ("BTC", "USDT", "XYZ")]
    rate = Rate("BTC", usdt("68000"), datetime(2026, 10, 30, 12, tzinfo=UTC))
    message = told("daily_summary", made(tmp_path, *trades), MORNING, rates={"BTC": rate})
    assert field(message, "All in USDT") == [
        "P&L: +136,002.00 USDT",
        "1 BTC = 68,000.00 USDT as of 2026-10-30 12:00:00 UTC",
        "Not included, without a rate: XYZ",
    ]


def test_only_who_gained_is_a_top_performer_and_only_who_lost_an_underperformer(tmp_path: Path) -> None:
    pnl = {"gains": ("1",), "nothing": ("0",), "even": ("2", "-2"), "loses": ("-1",)}
    trades = [Closed("2026-10-30 01:00:00", name, p) for name, ps in pnl.items() for p in ps]
    bot = database(tmp_path / "bot.sqlite", trades, [Idle("idle")])
    message = told("daily_summary", floor(bot), MORNING)
    assert field(message, "Top") == ["1. gains: +1.00 USDT (1 trade, 100% WR)"]
    assert field(message, "Under") == ["1. loses: -1.00 USDT (1 trade, 0% WR)", "…and 2 more: 0.00 USDT"]


def test_the_worst_comes_first_among_the_underperformers(tmp_path: Path) -> None:
    trades = [Closed("2026-10-30 01:00:00", f"agent{n}", f"-{n}") for n in range(1, 6)]
    message = told("daily_summary", made(tmp_path, *trades), MORNING, top=2)
    assert field(message, "Under")[:2] == [f"{n}. agent{6 - n}: -{6 - n}.00 USDT (1 trade, 0% WR)" for n in (1, 2)]
    assert field(message, "Under")[2] == "…and 3 more: -6.00 USDT"
    assert not any("Top" in name for name in names(message))


@pytest.mark.parametrize(
    ("live", "paper", "tone"),
    [
        (["1"], ["-5"], Tone.GOOD),
        (["-1"], ["5"], Tone.BAD),
        (["1", "-1"], ["5"], Tone.INFO),
        ([], ["5"], Tone.GOOD),
        ([], [], Tone.INFO),
    ],
)
def test_the_tone_is_that_of_real_money(tmp_path: Path, live: list[str], paper: list[str], tone: Tone) -> None:
    trades = [Closed("2026-10-30 01:00:00", "A", pnl) for pnl in live]
    trades += [Closed("2026-10-30 01:00:00", "A", pnl, mode="paper") for pnl in paper]
    assert told("daily_summary", floor(database(tmp_path / "bot.sqlite", trades)), MORNING).tone is tone


@pytest.mark.parametrize(
    ("pnl", "lines"),
    [
        (["50"], ["+50.00 USDT (100% achieved) ✅", ">50% ✅ (100.0%)", "<20.00 USDT ✅ (0.00 USDT)"]),
        (["10", "-20", "55"], ["+50.00 USDT (90% achieved)", ">50% ✅ (66.7%)", "<20.00 USDT ❌ (-20.00 USDT)"]),
        (["-10", "5"], ["+50.00 USDT (not reached: -5.00 USDT)", ">50% ❌ (50.0%)", "<20.00 USDT ✅ (-10.00 USDT)"]),
    ],
)
def test_targets_are_measured(tmp_path: Path, pnl: list[str], lines: list[str]) -> None:
    trades = [Closed(f"2026-10-30 0{hour}:00:00", "A", amount) for hour, amount in enumerate(pnl)]
    targets = Targets(daily_pnl={"USDT": usdt("50")}, drawdown={"USDT": usdt("20")}, win_rate=Decimal("0.5"))
    message = told("daily_summary", made(tmp_path, *trades), MORNING, targets=targets)
    assert [line.split(": ", 1)[1] for line in field(message, "Targets")] == lines


def test_targets_are_for_the_live_book_where_there_is_one(tmp_path: Path) -> None:
    trades = [Closed("2026-10-30 01:00:00", "A", "1", mode=mode) for mode in ("live", "paper")]
    assert names(told("daily_summary", made(tmp_path, *trades), MORNING)).count("🎯 Targets") == 1


def test_without_targets_nothing_is_said_of_them(tmp_path: Path) -> None:
    message = told("daily_summary", made(tmp_path, *DAY), MORNING, targets=Targets())
    assert "🎯 Targets" not in names(message)


def test_fees_that_the_source_does_not_know_are_not_zero(tmp_path: Path) -> None:
    trades = [Closed("2026-10-30 01:00:00", "A", "1", fees=fees) for fees in ("0.4", None)]
    assert field(told("daily_summary", made(tmp_path, *trades), MORNING), "Fees") == ["N/A"]


def test_a_balance_that_nobody_told_is_not_zero(tmp_path: Path) -> None:
    message = told("daily_summary", floor(database(tmp_path / "bot.sqlite", DAY)), MORNING)
    assert field(message, "Daily P&L")[0] == "+37.40 USDT"
    assert not [part for part in message.fields if "Balance" in plain(part.name)]


def test_a_ledger_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    ledger = floor(database(tmp_path / "bot.sqlite", DAY), tmp_path / "gone.sqlite")
    away = {"gone": datetime(2026, 10, 30, 22, 5, tzinfo=UTC)}
    message = told("daily_summary", ledger, MORNING, since=away)
    assert "⚠️ gone could not be read since 2026-10-30 22:05:00 UTC: its figures are missing" in text_of(message)
    assert field(message, "Daily P&L")[0] == "+37.40 USDT"


def test_a_floor_that_never_traded_gets_a_sentence(tmp_path: Path) -> None:
    message = told("daily_summary", floor(database(tmp_path / "bot.sqlite")), MORNING)
    assert "Nothing has been traded here yet" in text_of(message)
    assert not message.fields


def test_a_floor_without_a_ledger_gets_a_sentence() -> None:
    message = told("daily_summary", floor(), MORNING)
    assert "no trading database is named" in text_of(message)


def test_a_floor_of_which_nothing_can_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="gone"):
        told("daily_summary", floor(tmp_path / "gone.sqlite"), MORNING)


def test_a_day_without_trades_keeps_its_balance(tmp_path: Path) -> None:
    message = told("daily_summary", made(tmp_path, *DAY), "2026-11-05 00:01:00")
    assert field(message, "Balance") == ["50.90 USDT", "from 50.90 USDT"]
    assert "💤 No trade was closed. Last result: 2026-10-31" in field(message, "Daily P&L")
    assert not {"🔁 Trades", "📈 Best Trade", "🏆 Top Performers"} & set(names(message))


def test_a_floor_that_rests_for_long_says_for_how_long_at_least(tmp_path: Path) -> None:
    message = told("daily_summary", made(tmp_path, *DAY), "2027-03-01 00:01:00")
    assert "💤 No trade was closed, and none with a result in 30 days" in field(message, "Daily P&L")


def test_a_name_forges_nothing(tmp_path: Path) -> None:
    def shown(name: str) -> Message:
        trades = [Closed("2026-10-30 01:00:00", name, pnl, market=name) for pnl in ("-1", "-2")]
        return told("daily_summary", floor(database(tmp_path / f"{len(name)}.sqlite", trades)), MORNING)

    message = shown(HOSTILE)
    assert shape_of(message) == shape_of(shown("x"))
    assert text_of(message).count("x⏎# @everyone **pump** ||x||") == 5


def test_three_hundred_agents_are_one_message(tmp_path: Path) -> None:
    trades = [Closed("2026-10-30 01:00:00", f"agent_{n:03}", str(n - 150)) for n in range(300)]
    message = told("daily_summary", made(tmp_path, *trades), MORNING)
    assert len(message.fields) == 10
    assert field(message, "Top")[0].startswith("1. agent_299: +149.00 USDT")
    assert fits(message)


# The demo floor, recounted here from its rows without any of our own sums.


@pytest.fixture(scope="module")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "demo.sqlite"
    demo.make(path, datetime(2026, 10, 31, 9, 30, tzinfo=UTC))
    return path


def recounted(path: Path, book: Book, until: date) -> list[tuple[str, str, Decimal, Decimal]]:
    """Closing time, agent, P&L and fees of a book's trades up to the end of a day, in order of closing."""
    query = "SELECT closed_at, agent, pnl, fees FROM trades WHERE mode = ? AND currency = ? ORDER BY closed_at, id"
    return [
        (at, agent, Decimal(str(pnl)), Decimal(str(fees)))
        for at, agent, pnl, fees in rows(path, query, book.mode, book.currency)
        if at[:10] <= str(until)
    ]


@pytest.mark.parametrize("back", [1, 2, 7, 17, 59])
def test_the_figures_are_those_of_a_recount(demo_file: Path, back: int) -> None:
    day = date(2026, 10, 31) - timedelta(days=back)
    ledger = floor(demo_file, starting=demo.STARTING_BALANCES)
    [(report, _)] = reports("daily_summary", ledger, f"{day + timedelta(days=1)} 00:01:00")
    for book in report.books:
        trades = recounted(demo_file, book, day)
        today = [trade for trade in trades if trade[0][:10] == str(day)]
        equity = list(accumulate((pnl for _, _, pnl, _ in today), initial=Decimal(0)))
        start = next(m.amount for m in demo.STARTING_BALANCES if m.currency == book.currency)
        assert book.closing == Money(start + sum(pnl for _, _, pnl, _ in trades), book.currency)
        assert book.pnl.amount == equity[-1]
        assert (book.trades, book.wins) == (len(today), sum(pnl > 0 for _, _, pnl, _ in today))
        assert book.fees == Money(sum((fees for *_, fees in today), Decimal(0)), book.currency)
        assert book.drawdown == Money(
            min(e - p for e, p in zip(equity, accumulate(equity, max), strict=True)), book.currency
        )


def test_the_top_is_that_of_a_recount(demo_file: Path) -> None:
    [(report, _)] = reports("daily_summary", floor(demo_file), MORNING, top=8)
    live = next(section for section in report.facts["sections"] if section.book.mode is Mode.LIVE)
    made: dict[str, Decimal] = defaultdict(Decimal)
    for at, agent, pnl, _ in recounted(demo_file, live.book, date(2026, 10, 30)):
        made[agent] += pnl if at[:10] == "2026-10-30" else 0
    ranking = sorted(made, key=lambda agent: -made[agent])

    def keys(lines: list[BookLine]) -> list[str]:
        return [line.key for line in lines]

    assert keys(live.contributors.top) == [agent for agent in ranking if made[agent] > 0]
    assert keys(live.contributors.under) == [agent for agent in reversed(ranking) if made[agent] < 0]


def paying(path: Path) -> Portfolio:
    """The day with 10,000 paid in at noon and 5 taken out in the evening, as snapshots tell it."""
    with closing(sqlite3.connect(database(path / "bot.sqlite", DAY))) as connection, connection:
        connection.executemany(
            "INSERT INTO equity (at, currency, equity, deposited, unrealised) VALUES (?, 'USDT', ?, ?, 0)",
            [
                ("2026-10-01 00:00:00", 1000, 1000),
                ("2026-10-29 23:30:00", 1012.5, 0),
                ("2026-10-30 12:00:00", 11045, 10000),
                ("2026-10-30 23:59:59.95", 11054.9, -5),
            ],
        )
    return floor(path / "bot.sqlite", starting=[usdt("1000")])


def test_a_deposit_is_told_and_is_no_gain(tmp_path: Path) -> None:
    message = told("daily_summary", paying(tmp_path), MORNING)
    assert field(message, "Balance") == [
        "11,044.90 USDT",
        "from 1,012.50 USDT",
        "Deposited: 10,000.00 USDT",
        "Withdrawn: 5.00 USDT",
    ]
    lines = field(message, "Daily P&L")
    assert lines[0] == "+37.40 USDT (+0.34%)"
    assert lines[-1] == "Equity with open positions: 11,054.90 USDT (+47.40 USDT), +10.00 USDT of it unexplained"


def test_what_may_be_unrealised_is_not_called_unexplained(tmp_path: Path) -> None:
    ledger = paying(tmp_path)
    rows(tmp_path / "bot.sqlite", "UPDATE equity SET unrealised = NULL")
    *_, line = field(told("daily_summary", ledger, MORNING), "Daily P&L")
    assert line.endswith(" (+47.40 USDT), +10.00 USDT of it from what is not recorded: unrealised P&L")


def test_no_picture_shows_a_deposit_as_a_gain(tmp_path: Path) -> None:
    [picture] = drawn("daily_summary", paying(tmp_path), MORNING)
    assert "P&amp;L · USDT · live: +49.90 USDT" in picture
    assert ">balance 11,044.90 USDT<" in picture
    assert ">+10" not in picture


@pytest.mark.parametrize(("starting", "warned"), [("10000", False), ("5100", False), ("1000", True), ("20100", True)])
def test_a_balance_far_from_what_the_account_is_worth_is_warned_of(
    freqtrade_file: Path, starting: str, warned: bool
) -> None:
    settings = LedgerSettings(name="ft", kind="freqtrade", url=str(freqtrade_file), starting_balance=(usdt(starting),))
    for name, now in (("daily_summary", MORNING), ("monthly_report", "2026-11-01 00:16:00")):
        assert ("The balance is far from that" in text_of(told(name, Portfolio([settings]), now))) is warned


@pytest.fixture
def freqtrade_file(tmp_path: Path) -> Path:
    freqtrade(tmp_path)
    return tmp_path / "freqtrade.sqlite"


@pytest.mark.parametrize(("pnl", "heading"), [("4", "📈 Best Trade"), ("-4", "📉 Worst Trade"), ("0", "📈 Best Trade")])
def test_a_single_trade_is_the_best_or_the_worst_and_not_both(tmp_path: Path, pnl: str, heading: str) -> None:
    message = told("daily_summary", made(tmp_path, Closed("2026-10-30 01:00:00", "A", pnl)), MORNING)
    assert [name for name in names(message) if "Trade" in name and name != "🔁 Trades"] == [heading]


def test_small_amounts_are_shown_and_not_rounded_away(tmp_path: Path) -> None:
    trades = [
        Closed("2026-10-30 01:00:00", "A", "0.003", currency="BNB"),
        Closed("2026-10-30 02:00:00", "B", "-0.00002", currency="BNB"),
    ]
    message = told("daily_summary", made(tmp_path, *trades), MORNING)
    assert field(message, "Daily P&L")[0] == "+0.00298 BNB"
    assert field(message, "Underperformers") == ["1. B: -0.00002 BNB (1 trade, 0% WR)"]


def test_a_target_that_was_nearly_met_does_not_read_as_met(tmp_path: Path) -> None:
    trades = [Closed("2026-10-30 01:00:00", "A", "50.871"), Closed("2026-10-30 02:00:00", "A", "-0.996")]
    targets = Targets(daily_pnl={"USDT": usdt("50")}, drawdown={"USDT": usdt("1")})
    message = told("daily_summary", made(tmp_path, *trades), MORNING, targets=targets)
    assert field(message, "Targets") == [
        "Daily Target: +50.00 USDT (99.8% achieved)",
        "Max Drawdown Limit: <1.00 USDT ✅ (-0.996 USDT)",
    ]


def test_a_trade_that_closed_before_it_opened_was_held_for_an_unknown_time(tmp_path: Path) -> None:
    path = database(tmp_path / "bot.sqlite", [Closed("2026-10-30 01:00:00", "A", "4")])
    rows(path, "UPDATE trades SET opened_at = '2026-10-30 04:00:00' RETURNING id")
    assert field(told("daily_summary", floor(path), MORNING), "Best Trade") == ["+4.00 USDT", "A", "BTC/USDT"]


def test_an_unreadable_trade_is_said_beside_the_pnl(tmp_path: Path) -> None:
    path = dirty.freqtrade_file(
        tmp_path, trades=[{"close_profit_abs": 2}, {"close_profit_abs": None}, {"close_date": "soon"}]
    )
    settings = LedgerSettings(name="b", kind="freqtrade", url=path, starting_balance=(Money(Decimal(1000), "USDT"),))
    said = text_of(told("daily_summary", Portfolio([settings]), "2026-11-28 00:10"))
    assert "+2.00 USDT\n⚠️ Without 1 unreadable trade of b\n⚠️ Without 1 trade of b at an unreadable time" in said
    assert "⚠️ The first: trades 2: close_profit_abs is empty, not a number\n" in said
    assert "💼 Balance" not in said
    assert "Fees Paid\nN/A" in said
    assert "1 (1 long, 0 short)" in said
