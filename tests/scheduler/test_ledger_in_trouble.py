"""A trading database that is locked, or whose table is changed under our feet, when a report is due."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

import psycopg
import pytest

from tests.support.discord.local import LocalDiscord
from tests.support.stage import Stage
from tests.trading.ledger.conftest import bot, new_native  # noqa: F401 - fixtures
from tests.trading.ledger.databases import Native

JOB = """\
from reporter import Report, job


@job(covers="yesterday", schedule="daily at 00:00")
def floor(ctx):
    \"\"\"Tells the day.\"\"\"
    (book,) = ctx.ledger.performance(ctx.period, account=True)
    yield Report(facts={"pnl": book.pnl})
"""
Trouble = Callable[[Native], AbstractContextManager[None]]


@contextmanager
def locked(own: Native) -> Iterator[None]:
    """Somebody holds the table, as a migration does."""
    if own.server:
        with psycopg.connect(own.url) as server:
            server.execute("LOCK TABLE trades IN ACCESS EXCLUSIVE MODE")
            yield
        return
    with closing(sqlite3.connect(own.url, isolation_level=None)) as file:
        file.execute("BEGIN EXCLUSIVE")
        yield
        file.execute("ROLLBACK")


@contextmanager
def without_a_column(own: Native) -> Iterator[None]:
    own.run("ALTER TABLE trades RENAME COLUMN pnl TO profit")
    yield
    own.run("ALTER TABLE trades RENAME COLUMN profit TO pnl")


@contextmanager
def without_the_table(own: Native) -> Iterator[None]:
    own.run("ALTER TABLE trades RENAME TO kept")
    yield
    own.run("ALTER TABLE kept RENAME TO trades")


@pytest.mark.parametrize("trouble", [locked, without_a_column, without_the_table])
def test_the_report_says_what_is_wrong_once_and_is_sent_once_when_it_can_be_read(
    stage: Stage,
    discord: LocalDiscord,
    bot: Native,  # noqa: F811
    trouble: Trouble,
) -> None:
    bot.trade(5, "2026-10-31 10:00:00")
    stage.environ["BOT"] = bot.url
    more = "alerts: {routes: {all: [alarm], fallback: [alarm]}}\nledgers: {bot: {kind: native, url: env:BOT}}"
    stage.report("floor", JOB, "# {{ period.label }}: {{ pnl.amount }}\n")
    stage.on_discord(discord, "  floor: {channel: daily}", channels=["daily", "alarm"], more=more)
    stage.tick()
    stage.clock.forward(days=1)
    with trouble(bot):
        for _ in range(3):
            stage.tick()
            stage.deliver()
            stage.clock.forward(minutes=3)
        if bot.server or trouble is not locked:  # a small SQLite file that is only locked is read in a copy by then
            assert discord.messages("daily") == []
            [told] = discord.messages("alarm")
            assert "Floor for 2026-10-31: bot: " in told.text
    for _ in range(3):
        stage.tick()
        stage.deliver()
        stage.clock.forward(minutes=10)
    assert [message.title for message in discord.messages("daily")] == ["2026-10-31: 5"]
    assert sum("Warning" in message.title for message in discord.messages("alarm")) == 0  # it is over
