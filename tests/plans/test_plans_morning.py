"""The morning's report of plans, and what the daily summary says came of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from reporter.plans.notebook import Notebook
from reporter.plans.settings import PlanSettings, Writer
from reporter.store.plans import PlanTable
from tests.support.clocks import HandClock
from tests.support.stage import Stage
from tests.trading.ledger.databases import native_sqlite

CONFIG = """\
version: 1
store: env:STORE
ledgers: {one: {kind: native, url: env:ONE, starting_balance: 1000 USDT}}
channels: {screen: {kind: console}}
jobs: {daily_summary: }
plans:
  authors: {d: {name: Daria, users: [1]}, i: {users: [2]}}
  markets: {BTC/USDT: [BTC]}
"""
DARIA = Writer("discord:1", "daria")


@pytest.fixture
def desk(tmp_path: Path) -> Stage:
    ledger = native_sqlite(tmp_path)
    ledger.trade(7.5, "2026-10-30 12:00:00", market="BTC/USDT", side="long")
    stage = Stage(tmp_path / "home", HandClock(datetime(2026, 10, 30, 7, 30, tzinfo=UTC)))
    stage.environ["ONE"] = ledger.url
    stage.write("config/reporter.yaml", CONFIG)
    return stage


def write(desk: Stage, text: str) -> None:
    settings = desk.app.runtime.plans
    assert isinstance(settings, PlanSettings)
    with desk.app.store.begin() as connection:
        Notebook(PlanTable(connection), settings).write("d", text, DARIA, desk.clock.wall())


def test_the_morning_report_says_what_was_understood(desk: Stage) -> None:
    write(desk, "long BTC above 950\nand @everyone **calm**")
    desk.run("plans_morning")
    screen = desk.screen.getvalue()
    assert "Plans for 2026-10-30" in screen
    assert "and @everyone **calm**" in screen
    assert "understood: long BTC/USDT, entry 950" in screen
    assert "No plan yet: i" in screen
    desk.close()


def test_plans_say_when_their_report_goes_out(desk: Stage) -> None:
    bound = desk.app.job("plans_morning")
    assert (bound.schedule_text, bound.channels) == ("daily at 08:00", ("screen",))
    desk.close()


def test_the_daily_summary_says_what_came_of_a_plan(desk: Stage) -> None:
    write(desk, "long BTC")
    desk.clock.forward(hours=17)
    desk.run("daily_summary")
    assert "Daria followed: 1 trade as planned · +7.50 USDT · planned long BTC/USDT" in desk.screen.getvalue()
    desk.close()
