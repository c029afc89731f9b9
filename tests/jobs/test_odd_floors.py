"""Every report on unusual histories: it keeps Discord's limits, and its parts add up to its total."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reporter.delivery.outlets.discord.limits import fit, fits
from reporter.messages.rasterizer import Rasterizer
from reporter.trading.trades import Money
from tests.jobs.floor import Closed, Idle, database, floor, reports, text_of

NOW = {
    "agent_performance": "2026-10-23 13:01:00",
    "daily_summary": "2026-10-24 00:01:00",
    "weekly_leaderboard": "2026-10-26 00:06:00",
    "weekly_report": "2026-10-26 00:11:00",
}
AT = "2026-10-23 12:00:00"
CHARTS = Rasterizer()
Odd = tuple[list[Closed], list[Idle]]


def two_currencies_on_paper_and_live() -> Odd:
    books = [("live", "BTC"), ("live", "USDT"), ("paper", "BTC"), ("paper", "USDT")]
    return [
        Closed(AT, agent, pnl, mode=m, currency=c) for m, c in books for agent, pnl in (("A", "1"), ("B", "-3"))
    ], []


def an_agent_without_trades() -> Odd:
    return [Closed(AT, "A", "1")], [Idle("B"), Idle("C", capital="100", mode="paper")]


def a_single_trade() -> Odd:
    return [Closed(AT, "A", "-1", fees=None)], []


def nothing_but_flat_trades() -> Odd:
    return [Closed(AT, agent, "0") for agent in ("A", "A", "B")], []


def nothing_at_all() -> Odd:
    return [], []


def three_hundred_agents() -> Odd:
    trades = [Closed(AT, f"Agent_{n:03}", str((n * 37) % 101 - 40), f"M{n % 70}/USDT") for n in range(300)]
    return trades, [Idle(f"Idle_{n}") for n in range(50)]


def names_that_mean_harm() -> Odd:
    name = "</text><script>\n# @everyone **pump** ]]>&amp; \u202e🚀𝕏"
    return [Closed(AT, f"{name}{n}", str(n - 2), market=name) for n in range(5)], []


def amounts_beyond_measure() -> Odd:
    return [Closed(AT, "A", "123456789012345.67"), Closed(AT, "B", "-0.00000001")], []


FLOORS: list[Callable[[], Odd]] = [
    two_currencies_on_paper_and_live,
    an_agent_without_trades,
    a_single_trade,
    nothing_but_flat_trades,
    nothing_at_all,
    three_hundred_agents,
    names_that_mean_harm,
    amounts_beyond_measure,
]


@pytest.mark.parametrize("name", NOW)
@pytest.mark.parametrize("odd", FLOORS, ids=lambda odd: odd.__name__)
def test_a_report_keeps_the_limits_and_its_pictures_are_whole(
    tmp_path: Path, name: str, odd: Callable[[], Odd]
) -> None:
    ledger = floor(database(tmp_path / "bot.sqlite", *odd()), starting=[Money(Decimal(1000), "USDT")])
    pictures: list[list[str]] = []
    for _, message in reports(name, ledger, NOW[name], drawn=pictures):
        assert all(fits(part) for part in fit(message))
        assert len(fit(message)) == 1
    for svg in chain(*pictures):
        assert "script" not in {element.tag for element in ElementTree.fromstring(svg).iter()}
        assert "nan" not in svg.lower()
        assert len(CHARTS.png(svg)) < 100_000


@pytest.mark.parametrize("name", NOW | {"monthly_report": "2026-11-01 00:11:00"})
def test_a_large_count_has_its_separator(tmp_path: Path, name: str) -> None:
    ledger = floor(database(tmp_path / "bot.sqlite", [Closed(AT, "A", "1")] * 1234, []))
    [(_, message)] = reports(name, ledger, NOW.get(name, "2026-11-01 00:11:00"))
    assert "1,234" in text_of(message)
    assert "1234" not in text_of(message)


@pytest.mark.parametrize("odd", FLOORS, ids=lambda odd: odd.__name__)
def test_the_parts_of_each_book_are_its_whole(tmp_path: Path, odd: Callable[[], Odd]) -> None:
    ledger = floor(database(tmp_path / "bot.sqlite", *odd()), starting=[Money(Decimal(1000), "USDT")])
    for name in ("daily_summary", "weekly_report"):
        [(report, _)] = reports(name, ledger, NOW[name], top=2)
        for section in report.facts["sections"]:
            named = [line.pnl for line in (*section.contributors.top, *section.contributors.under)]
            assert sum(named, section.contributors.others_pnl) == section.book.pnl
    [(report, _)] = reports("weekly_leaderboard", ledger, NOW["weekly_leaderboard"], top=2)
    for section in report.facts["sections"]:
        assert sum((place.line.pnl for place in section.places), section.others_pnl) == section.book.pnl
