"""A figure that a report has sent, and that is another one now: people are notified once, with what differs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from reporter.cli.run_history import run_history
from reporter.operations.incidents import story
from reporter.scheduler.restatements import Restatements
from reporter.scheduler.rollup_upkeep import RollupUpkeep
from reporter.store.tables import outbox
from tests.support.stage import Stage
from tests.trading.ledger.databases import Native, native_sqlite

CONFIG = """\
version: 1
store: env:STORE
ledgers: {{desk: {{kind: native, url: env:DESK, starting_balance: 1000 USDT{more}}}}}
figures: {{restate_above: {above}}}
channels:
  screen: {{kind: console}}
jobs:
  daily_summary: {{channel: screen}}
  weekly_report: {{channel: screen}}
"""
NOON = datetime(2026, 10, 31, 12, tzinfo=UTC)


class Desk:
    """A ledger whose last days were reported and rolled up."""

    def __init__(self, stage: Stage, own: Native) -> None:
        self.stage, self.own = stage, own
        for number, moment in enumerate(["19 10:00", "20 11:00", "20 11:30", "24 09:00"]):
            own.trade(10 + number, f"2026-10-{moment}:00", id=number + 1, agent="momentum")
        stage.environ["DESK"] = own.url
        self.configure()

    def configure(self, above: str = "0.01", more: str = "") -> None:
        self.stage.write("config/reporter.yaml", CONFIG.format(above=above, more=more))

    def report(self, *days: str) -> None:
        for day in days:
            self.stage.app.run_by_hand(self.stage.app.job("daily_summary"), day)

    def look(self) -> int:
        """What the daemon does: check the roll-up, wait a little, compare; returns how many messages that makes."""
        app = self.stage.app
        reader = app.runtime.portfolio.readers[0]
        upkeep, restatements = RollupUpkeep(app.store, self.stage.clock), Restatements(app.store, self.stage.clock)
        while upkeep.step(reader):
            pass
        for _ in upkeep.verify(reader):
            pass
        self.stage.clock.forward(minutes=2)
        return restatements.step(reader, app.runtime)

    def sent(self) -> list[str]:
        with self.stage.app.store.read() as connection:
            asked = select(outbox.c.message).where(outbox.c.key.like("restated/%"))
            return list(connection.execute(asked).scalars())


@pytest.fixture
def desk(stage: Stage, tmp_path: Path) -> Desk:
    stage.clock.now = NOON
    made = Desk(stage, native_sqlite(tmp_path))
    made.report("2026-10-19", "2026-10-20")
    stage.app.run_by_hand(stage.app.job("weekly_report"), "2026-10-20")
    assert made.look() == 0
    return made


def test_an_edited_trade_of_a_told_day_is_one_message_once(desk: Desk) -> None:
    desk.own.run("UPDATE trades SET pnl = 4.5 WHERE id = 2")
    assert desk.look() == 1
    (message,) = desk.sent()
    said = plain(message)
    for part in ("daily_summary 2026-10-20", "weekly_report 2026-W43", "+23.00", "+16.50"):
        assert part in said
    assert "trade 2 of momentum, closed 2026-10-20 11:00–12:00 UTC: was +11, is +4.5 USDT" in said
    assert "2026-10-19" not in plain(message)
    assert desk.look() == 0


def plain(message: str) -> str:
    def words(node: object) -> str:
        if isinstance(node, dict):
            return "".join(words(value) for value in node.values())
        if isinstance(node, list):
            return "".join(map(words, node))
        return node if isinstance(node, str) else ""

    return words(json.loads(message))


def test_a_deleted_and_a_late_trade_are_named(desk: Desk) -> None:
    desk.own.run("DELETE FROM trades WHERE id = 1")
    desk.own.trade(7, "2026-10-20 23:00:00", id=9, agent="late")
    assert desk.look() == 1
    (message,) = desk.sent()
    assert "trade 1 of momentum, closed 2026-10-19 10:00–11:00 UTC: was +10, is gone USDT" in plain(message)
    assert "trade 9 of late, closed 2026-10-20 23:00–00:00 UTC: was not there, is +7 USDT" in plain(message)


def test_a_late_trade_of_a_book_that_was_not_there_is_one_message(desk: Desk) -> None:
    desk.own.trade(7, "2026-10-20 23:00:00", id=9, agent="late", currency="BTC")
    assert desk.look() == 1
    (message,) = desk.sent()
    assert "daily_summary 2026-10-20" in plain(message)
    assert "trade 9 of late, closed 2026-10-20 23:00–00:00 UTC: was not there, is +7 BTC" in plain(message)
    assert desk.look() == 0


def test_a_late_trade_of_hours_that_were_not_rolled_up_yet_is_found(stage: Stage, tmp_path: Path) -> None:
    stage.clock.now = datetime(2026, 10, 21, 0, 5, tzinfo=UTC)
    desk = Desk(stage, native_sqlite(tmp_path))
    desk.report("2026-10-20")
    assert desk.look() == 0
    desk.own.trade(5, "2026-10-20 23:58:00", id=9)
    stage.clock.forward(hours=7)
    assert desk.look() == 1


def test_a_change_below_the_limit_is_silent(desk: Desk) -> None:
    desk.own.run("UPDATE trades SET pnl = pnl + 0.002")
    assert desk.look() == 0
    desk.own.run("UPDATE trades SET pnl = pnl + 0.002")
    assert desk.look() == 1  # together they are more than the limit


def test_a_database_that_is_filled_again_is_one_message(desk: Desk) -> None:
    days = [f"2026-10-{day:02}" for day in range(1, 19)]
    for number, day in enumerate(days):
        desk.own.trade(number, f"{day} 08:00:00", id=100 + number)
    desk.report(*days)
    assert desk.look() == 0
    desk.own.run("UPDATE trades SET pnl = pnl * 2 + 1")
    assert desk.look() == 1
    assert "and 13 more" in plain(desk.sent()[0])


def test_a_ledger_that_we_compute_differently_is_one_message_with_its_cause(desk: Desk) -> None:
    desk.own.run("UPDATE trades SET pnl = 1 WHERE id = 2")
    desk.configure(more=", mode: paper")
    desk.stage.restart()
    assert desk.look() == 1
    assert "computes the figures of desk differently now" in plain(desk.sent()[0])


def test_nothing_is_lost_or_doubled_where_the_process_dies(desk: Desk) -> None:
    desk.own.run("UPDATE trades SET pnl = 4.5 WHERE id = 2")
    for _ in RollupUpkeep(desk.stage.app.store, desk.stage.clock).verify(desk.stage.app.runtime.portfolio.readers[0]):
        pass
    desk.stage.restart()  # found, and not sent yet
    assert desk.look() == 1
    desk.stage.restart()  # sent
    assert desk.look() == 0


def test_runs_and_explain_show_it(desk: Desk) -> None:
    desk.own.run("UPDATE trades SET pnl = 4.5 WHERE id = 2")
    desk.look()
    app = desk.stage.app
    said = "desk USDT · live P&L was +23, is +16.5 (the database has changed)"
    assert any(said in line for line in run_history(app.store, app.job("daily_summary"), 10))
    lines = story(app, "ledger/desk")
    assert any(said in line for line in lines)
    assert any("trade 2 of momentum" in line for line in lines)
