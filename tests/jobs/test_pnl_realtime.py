from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reporter.app import demo
from reporter.delivery.outlets.discord.limits import fits
from reporter.messages.message import Message, plain, plain_blocks
from reporter.trading.ledger.portfolio import Portfolio
from reporter.trading.targets import RiskLimits, Targets
from tests.jobs import odd
from tests.jobs.floor import Closed, database, floor, pay, reports, text_of, told, usdt
from tests.support import golden
from tests.support.discord.local import LocalDiscord
from tests.support.stage import Stage

NOON = "2026-10-30 14:45:00"
LIMITED = Targets(drawdown={"USDT": usdt("10")}, limits=RiskLimits(daily_loss={"USDT": usdt("100")}))

DAY = [
    Closed("2026-10-29 10:00:00", "Momentum_BTC_v1", "12.5"),
    Closed("2026-10-29 14:45:00", "Momentum_BTC_v1", "-500"),
    Closed("2026-10-30 00:00:00", "Momentum_BTC_v1", "8.9"),
    Closed("2026-10-30 06:00:00", "Volume_ETH_v1", "28.6", "ETH/USDT"),
    Closed("2026-10-30 09:00:00", "Mean_Reversion_ETH", "-4.2", "ETH/USDT"),
]
HELD = [("7.3", "2026-10-30 14:44:00"), ("5", "2026-10-30 14:38:00")]


def made(tmp_path: Path, *held: tuple[str | None, str | None], trades: list[Closed] = DAY) -> Portfolio:
    """A floor with these open positions: what each would make, and when it was priced."""
    path = database(tmp_path / "bot.sqlite", trades)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO positions (agent, market, side, currency, unrealised_pnl, priced_at) "
            "VALUES ('A', 'BTC/USDT', 'long', 'USDT', ?, ?)",
            held,
        )
    return floor(path, starting=[usdt("1000")])


def field(message: Message, name: str) -> list[str]:
    return next(list(plain_blocks(part.blocks)) for part in message.fields if name in plain(part.name))


def test_a_day_so_far_reads_as_it_should(tmp_path: Path) -> None:
    assert golden.agrees("pnl_realtime", told("pnl_realtime", made(tmp_path, *HELD), NOON, targets=LIMITED))


def test_a_day_of_the_demo_reads_as_it_should(tmp_path: Path) -> None:
    demo.make(tmp_path / "demo.sqlite", datetime.fromisoformat(NOON).replace(tzinfo=UTC))
    ledger = floor(tmp_path / "demo.sqlite", starting=demo.STARTING_BALANCES)
    message = told("pnl_realtime", ledger, NOON, targets=LIMITED)
    assert golden.agrees("pnl_realtime_demo", message)
    assert fits(message)


def test_balance_is_what_the_day_began_with_and_all_it_made(tmp_path: Path) -> None:
    lines = field(told("pnl_realtime", made(tmp_path, *HELD), NOON), "USDT")
    assert lines == [
        "Current Balance: 558.10 USDT",
        "Starting Balance: 512.50 USDT",
        "Total P&L: +45.60 USDT (+8.90%)",
        "Unrealised P&L: +12.30 USDT (2 open positions)",
        "Realised P&L: +33.30 USDT",
        "▲ +20.80 USDT vs. yesterday at this time",
    ]


def test_what_has_no_price_is_not_zero(tmp_path: Path) -> None:
    lines = field(told("pnl_realtime", made(tmp_path, (None, None), (None, None)), NOON), "USDT")
    assert lines[0] == "Current Balance: 545.80 USDT, without what is open"
    assert "Total P&L: N/A" in lines
    assert "Unrealised P&L: N/A (2 open positions)" in lines
    assert "⚠️ 2 of 2 without a price" in lines


def test_some_without_a_price_are_counted_out_and_told(tmp_path: Path) -> None:
    lines = field(told("pnl_realtime", made(tmp_path, *HELD, (None, None)), NOON), "USDT")
    assert "Unrealised P&L: +12.30 USDT (3 open positions)" in lines
    assert "⚠️ 1 of 3 without a price, not counted" in lines


@pytest.mark.parametrize(("minute", "warned"), [(36, False), (34, True)])
def test_old_prices_are_told(tmp_path: Path, minute: int, warned: bool) -> None:
    message = told("pnl_realtime", made(tmp_path, ("1", f"2026-10-30 14:{minute}:00")), NOON)
    assert plain(message.footer).startswith(f"priced {45 - minute}m ago")
    assert ("⚠️ Prices are old" in text_of(message)) is warned


def test_prices_of_unknown_age_are_told(tmp_path: Path) -> None:
    message = told("pnl_realtime", made(tmp_path, ("1", None)), NOON)
    assert "age of prices not known" in plain(message.footer)


@pytest.mark.parametrize(("now", "compared"), [
    ("2026-10-29 10:00:00", "+12.50 USDT"),  # a trade of that very moment is yet to come
    ("2026-10-29 10:00:01", "0.00 USDT"),
])  # fmt: skip
def test_yesterday_counts_up_to_the_same_time(tmp_path: Path, now: str, compared: str) -> None:
    trades = [Closed("2026-10-28 10:00:00", "A", "12.5"), Closed("2026-10-29 09:00:00", "A", "12.5")]
    lines = field(told("pnl_realtime", made(tmp_path, trades=trades), now), "USDT")
    assert lines[-1] == f"{'▬' if compared == '0.00 USDT' else '▲'} {compared} vs. yesterday at this time"


def test_another_day_knows_nothing_of_what_is_open_now(tmp_path: Path) -> None:
    ledger = made(tmp_path, *HELD)
    lines = field(told("pnl_realtime", ledger, NOON, at="2026-10-29 12:00:00"), "USDT")
    assert lines == [
        "Ending Balance: 512.50 USDT",
        "Starting Balance: 1,000.00 USDT",
        "Realised P&L: -487.50 USDT (-48.75%)",
        "▼ -487.50 USDT vs. the day before",
    ]


def test_a_deposit_of_today_is_in_the_balance_and_in_no_gain(tmp_path: Path) -> None:
    made(tmp_path, *HELD)
    ledger = floor(pay(tmp_path / "bot.sqlite", ("2026-10-30 10:00:00", "4000")), starting=[usdt("1000")])
    assert field(told("pnl_realtime", ledger, NOON), "USDT")[:4] == [
        "Current Balance: 4,558.10 USDT",
        "Starting Balance: 512.50 USDT",
        "Deposited: 4,000.00 USDT",
        "Total P&L: +45.60 USDT (+1.01%)",
    ]


def test_limits_say_how_much_of_them_is_used(tmp_path: Path) -> None:
    trades = [Closed(f"2026-10-30 0{hour}:00:00", "A", pnl) for hour, pnl in enumerate(["5", "-90", "4"])]
    message = told("pnl_realtime", made(tmp_path, trades=trades), NOON, targets=LIMITED)
    assert field(message, "Limits") == [
        "🟡 Daily Loss: -81.00 USDT of -100.00 USDT (81% used)",
        "🔴 Drawdown: -90.00 USDT of -10.00 USDT (900% used)",
    ]


def test_a_quiet_while_changes_nothing_but_the_footer(tmp_path: Path) -> None:
    ledger = made(tmp_path, *HELD)
    first, second = (told("pnl_realtime", ledger, f"2026-10-30 14:4{minute}:00") for minute in (6, 8))
    assert (first.title, first.body, first.fields) == (second.title, second.body, second.fields)
    assert first.footer != second.footer


@pytest.mark.parametrize("odd_floor", odd.FLOORS)
def test_any_floor_is_told_in_one_message(tmp_path: Path, odd_floor: object) -> None:
    [(report, message)] = reports("pnl_realtime", odd_floor(tmp_path), odd.LATE, full=True)  # type: ignore[operator]
    assert fits(message)
    for section in report.facts["sections"]:
        book = section.book
        assert section.total == book.pnl == sum((line.pnl for line in book.lines), book.pnl - book.pnl)
    away = "one_of_two_away" in repr(odd_floor)
    assert ("gone could not be read" in text_of(message)) is away


CONFIG = """\
ledgers: {bot: {kind: native, url: bot.sqlite, starting_balance: 1000 USDT}}"""


def test_one_message_is_edited_when_a_figure_changes(stage: Stage, discord: LocalDiscord) -> None:
    path = database(stage.folder / "bot.sqlite", [])
    stage.on_discord(discord, "  pnl_realtime: {channel: daily}", more=CONFIG)
    for pnl in ([], [], [5], [], [-2]):
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executemany(
                "INSERT INTO trades (closed_at, agent, market, side, currency, pnl) "
                "VALUES ('2026-10-31 00:00:01', 'A', 'M', 'up', 'USDT', ?)",
                [pnl] if pnl else [],
            )
        stage.run("pnl_realtime")
        stage.clock.forward(minutes=5)
    [message] = discord.messages("daily")
    assert [request.method for request in discord.requests if request.method != "GET"] == ["POST", "PATCH", "PATCH"]
    assert "+3.00 USDT" in str(message.embed)
