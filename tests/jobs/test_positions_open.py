from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from reporter.app import demo
from reporter.delivery.outlets.discord.limits import fits
from tests.jobs import odd
from tests.jobs.feeds import FeedOfABot
from tests.jobs.floor import floor, reports
from tests.support import golden
from tests.support.stage import Stage


def test_open_positions_read_as_they_should(stage: Stage) -> None:
    feed = FeedOfABot(stage, "positions_open", "{lines: 2}")
    held = [("5", "101"), ("-12.5", "97.5"), (None, None), ("1", "100.2")]
    for n, (result, price) in enumerate(held):
        row = {
            "agent": f"A{n}",
            "market": "BTC/USDT",
            "side": "long",
            "currency": "USDT",
            "size": 5,
            "entry_price": 100,
        }
        feed.bot.add(
            "positions", {**row, "unrealised_pnl": result, "current_price": price, "opened_at": feed.stamp(600)}
        )
    app, bound = feed.stage.app, feed.stage.app.job("positions_open")
    (found,) = app.runner.ask(app.runtime, bound, app.period(bound, None)).written
    assert golden.agrees("positions_open", found.message)


def test_a_board_without_a_change_is_not_sent_again(stage: Stage) -> None:
    feed = FeedOfABot(stage, "positions_open")
    assert ["Nothing is open." in text for text in feed.read()] == [True]
    assert feed.read() == []


def test_the_positions_of_the_demo_fit_into_one_message(tmp_path: Path) -> None:
    demo.make(tmp_path / "demo.sqlite", datetime(2026, 10, 30, 14, 45, tzinfo=UTC))
    [(report, message)] = reports("positions_open", floor(tmp_path / "demo.sqlite"), "2026-10-30 14:45:00")
    assert report.slot == "open"
    assert fits(message)


@pytest.mark.parametrize("odd_floor", odd.FLOORS)
def test_any_floor_is_told_in_one_message(tmp_path: Path, odd_floor: object) -> None:
    [(_, message)] = reports("positions_open", odd_floor(tmp_path), odd.LATE)  # type: ignore[operator]
    assert fits(message)
