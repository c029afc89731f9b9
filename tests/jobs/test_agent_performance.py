from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from reporter.app import demo
from reporter.delivery.outlets.discord.limits import fits
from reporter.errors import LedgerError
from reporter.messages.message import Message, Tone, plain, plain_blocks
from reporter.trading.targets import Targets
from tests.jobs.floor import Closed, Idle, database, floor, reports, rows, shape_of, text_of, told
from tests.support import golden

# The hour from 14:00 to 15:00, with the 24 hours that end with it.
AFTER_THREE = "2026-10-30 15:01:00"
HOSTILE = "x\n# @everyone **pump** ||x||"

HOUR = [
    *(Closed(f"2026-10-30 14:{minute}:00", "Momentum_BTC_v1", "4.3") for minute in (10, 20, 30)),
    Closed("2026-10-30 14:40:00", "Momentum_BTC_v1", "-0.6"),
    Closed("2026-10-29 16:00:00", "Momentum_BTC_v1", "33.3"),
    Closed("2026-10-29 14:59:59", "Momentum_BTC_v1", "500"),
    Closed("2026-10-30 14:00:00", "Mean_Reversion_ETH", "3.1"),
    Closed("2026-10-30 14:59:59.999", "Mean_Reversion_ETH", "-1"),
    Closed("2026-10-30 09:00:00", "Mean_Reversion_ETH", "-10.3"),
    Closed("2026-10-30 13:59:59", "Volume_BTC_v2", "-15.3"),
    Closed("2026-10-30 15:00:00", "Volume_BTC_v2", "99"),
]


def field(message: Message, name: str) -> list[str]:
    return next(list(plain_blocks(part.blocks)) for part in message.fields if name in plain(part.name))


def test_an_hour_reads_as_it_should(tmp_path: Path) -> None:
    bot = database(tmp_path / "bot.sqlite", HOUR, [Idle("Volume_ETH_v1")])
    assert golden.agrees("agent_performance", told("agent_performance", floor(bot), AFTER_THREE))


def test_an_hour_of_the_demo_reads_as_it_should(tmp_path: Path) -> None:
    demo.make(tmp_path / "demo.sqlite", datetime(2026, 10, 30, 15, 1, tzinfo=UTC))
    message = told("agent_performance", floor(tmp_path / "demo.sqlite"), AFTER_THREE)
    assert golden.agrees("agent_performance_demo", message)
    assert fits(message)


def test_who_moved_most_is_shown_and_the_others_are_summed_up(tmp_path: Path) -> None:
    trades = [Closed("2026-10-30 14:30:00", f"agent{n}", pnl) for n, pnl in enumerate(["1", "-9", "0.5", "5", "-2"])]
    message = told("agent_performance", floor(database(tmp_path / "bot.sqlite", trades)), AFTER_THREE, top=2)
    assert [plain(part.name) for part in message.fields if part.inline] == ["⭐ agent3", "📉 agent1"]
    assert field(message, "…and 3 more") == ["1h: -0.50 USDT"]


def test_an_agent_without_a_row_of_its_own_is_told_in_an_hour_without_trades(tmp_path: Path) -> None:
    bot = database(tmp_path / "bot.sqlite", [Closed("2026-10-30 10:00:00", "A", "7")])
    message = told("agent_performance", floor(bot), AFTER_THREE)
    assert field(message, "A") == ["0 trades · WR N/A", "1h: 0.00 USDT", "24h: +7.00 USDT", "🟢 Healthy"]
    assert message.tone is Tone.INFO


def test_an_hour_without_trades_can_be_passed_over(tmp_path: Path) -> None:
    bot = database(tmp_path / "bot.sqlite", [Closed("2026-10-30 10:00:00", "A", "7")])
    assert reports("agent_performance", floor(bot), AFTER_THREE, quiet=True) == []
    assert len(reports("agent_performance", floor(bot), "2026-10-30 11:01:00", quiet=True)) == 1


@pytest.mark.parametrize(
    ("wins", "losses", "status"),
    [(3, 1, "🟢 Healthy"), (2, 2, "⚠️ Monitoring"), (1, 3, "⚠️ Under Review")],
)
def test_the_status_is_judged_by_a_week(tmp_path: Path, wins: int, losses: int, status: str) -> None:
    trades = [Closed("2026-10-26 12:00:00", "A", pnl) for pnl in ["2"] * wins + ["-0.1"] * losses]
    trades.append(Closed("2026-10-30 14:30:00", "A", "0"))
    targets = Targets(win_rate=Decimal("0.5"), review_win_rate=Decimal("0.3"), review_after=4)
    bot = database(tmp_path / "bot.sqlite", trades)
    assert field(told("agent_performance", floor(bot), AFTER_THREE, targets=targets), "A")[-1] == status


def test_paper_and_live_are_two_sections(tmp_path: Path) -> None:
    trades = [Closed("2026-10-30 14:30:00", "A", "1", mode=mode) for mode in ("live", "paper")]
    message = told("agent_performance", floor(database(tmp_path / "bot.sqlite", trades)), AFTER_THREE)
    assert [plain(part.name) for part in message.fields if not part.inline] == ["USDT · live", "USDT · paper"]
    assert text_of(message).count("1h: +1.00 USDT (1 trade)") == 2


def test_two_ledgers_with_one_name_are_two_agents(tmp_path: Path) -> None:
    paths = [database(tmp_path / f"{n}.sqlite", [Closed("2026-10-30 14:30:00", "A", n)]) for n in ("3", "5")]
    message = told("agent_performance", floor(*paths), AFTER_THREE)
    assert [plain(part.name) for part in message.fields] == ["USDT · live", "⭐ A (5)", "📈 A (3)"]


def test_a_ledger_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    ledger = floor(database(tmp_path / "bot.sqlite", HOUR), tmp_path / "gone.sqlite")
    assert "⚠️ gone could not be read: its figures are missing" in text_of(
        told("agent_performance", ledger, AFTER_THREE)
    )


def test_a_floor_that_never_traded_gets_a_sentence(tmp_path: Path) -> None:
    message = told("agent_performance", floor(database(tmp_path / "bot.sqlite")), AFTER_THREE)
    assert "Nothing has been traded here yet" in text_of(message)
    assert not message.fields


def test_a_floor_without_a_ledger_gets_a_sentence() -> None:
    message = told("agent_performance", floor(), AFTER_THREE)
    assert "no trading database is named" in text_of(message)


def test_a_floor_of_which_nothing_can_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="gone"):
        told("agent_performance", floor(tmp_path / "gone.sqlite"), AFTER_THREE)


def test_a_name_forges_nothing(tmp_path: Path) -> None:
    def shown(name: str) -> Message:
        bot = database(tmp_path / f"{len(name)}.sqlite", [Closed("2026-10-30 14:30:00", name, "1")])
        return told("agent_performance", floor(bot), AFTER_THREE)

    message = shown(HOSTILE)
    assert shape_of(message) == shape_of(shown("x"))
    assert plain(message.fields[1].name) == "⭐ x⏎# @everyone **pump** ||x||"


def test_three_hundred_agents_are_one_message(tmp_path: Path) -> None:
    trades = [Closed("2026-10-30 14:30:00", f"agent_{n:03}", str(n - 150)) for n in range(300)]
    message = told("agent_performance", floor(database(tmp_path / "bot.sqlite", trades)), AFTER_THREE)
    assert len(message.fields) == 14
    assert plain(message.fields[-1].name) == "…and 288 more"
    assert fits(message)


def test_the_figures_are_those_of_a_recount(tmp_path: Path) -> None:
    path = tmp_path / "demo.sqlite"
    demo.make(path, datetime(2026, 10, 30, 15, 1, tzinfo=UTC))
    [(report, _)] = reports("agent_performance", floor(path), AFTER_THREE)
    trades = rows(path, "SELECT agent, closed_at, pnl FROM trades")
    told_of = [row for section in report.facts["sections"] for row in section.shown]
    assert len(told_of) == len(demo.CAST)
    for row in told_of:
        own = [(at, Decimal(str(pnl))) for agent, at, pnl in trades if agent == row.hour.key]
        hour = [pnl for at, pnl in own if "2026-10-30 14:00:00" <= at < "2026-10-30 15:00:00"]
        day = [pnl for at, pnl in own if "2026-10-29 15:00:00" <= at < "2026-10-30 15:00:00"]
        assert (row.hour.trades, row.hour.wins) == (len(hour), sum(pnl > 0 for pnl in hour))
        assert (row.hour.pnl.amount, row.day.pnl.amount) == (sum(hour), sum(day))
