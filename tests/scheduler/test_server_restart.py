"""A server that is restarted in the middle of a report, and what a report leaves open while it is written."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.discord.local import LocalDiscord
from tests.support.servers import PostgreSQL, postgresql
from tests.support.stage import Stage
from tests.trading.ledger.databases import Native, native_postgresql

JOB = """\
import os
import psycopg
from reporter import Report, job

SESSIONS = "SELECT state FROM pg_stat_activity WHERE application_name = 'reporter'"


class Sessions:
    \"\"\"The states of our sessions at the moment in which the template writes this.\"\"\"

    def __str__(self):
        with psycopg.connect(os.environ["SERVER"]) as server:
            return ", ".join(state for (state,) in server.execute(SESSIONS))


@job(covers="yesterday", schedule="daily at 00:00")
def floor(ctx):
    \"\"\"Tells the day.\"\"\"
    (book,) = ctx.ledger.performance(ctx.period, account=True)
    yield Report(facts={"pnl": book.pnl, "sessions": Sessions()})
"""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'reporter' AND wait_event = 'PgSleep'"
# A table of trades from which to read takes so many seconds.
SLOW = (
    "ALTER TABLE trades RENAME TO kept",
    "CREATE VIEW trades AS SELECT kept.* FROM kept, LATERAL (SELECT pg_sleep(4), kept.id) AS slowly",
)
QUICK = ("DROP VIEW trades", "ALTER TABLE kept RENAME TO trades")


@pytest.fixture
def own_server() -> Iterator[PostgreSQL]:
    """A server that no other test has."""
    with postgresql() as server:
        yield server


@pytest.fixture
def bot(own_server: PostgreSQL) -> Native:
    own = native_postgresql(own_server)
    own.trade(5, "2026-10-31 10:00:00")
    return own


def reporting(stage: Stage, discord: LocalDiscord, bot: Native, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bot.server
    monkeypatch.setenv("SERVER", bot.server.url())
    stage.environ["BOT"] = bot.url
    more = "alerts: {routes: {all: [alarm], fallback: [alarm]}}\nledgers: {bot: {kind: native, url: env:BOT}}"
    stage.report("floor", JOB, "# {{ period.label }}: {{ pnl.amount }}, {{ sessions }}\n")
    stage.on_discord(discord, "  floor: {channel: daily}", channels=["daily", "alarm"], more=more)
    stage.tick()
    stage.clock.forward(days=1)


def test_no_transaction_is_open_while_a_report_is_written(
    stage: Stage, discord: LocalDiscord, bot: Native, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporting(stage, discord, bot, monkeypatch)
    stage.tick()
    stage.deliver()
    assert [message.title for message in discord.messages("daily")] == ["2026-10-31: 5, idle"]


def test_a_report_in_whose_middle_the_server_restarts_is_sent_once_and_nobody_is_called(
    stage: Stage, discord: LocalDiscord, bot: Native, own_server: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporting(stage, discord, bot, monkeypatch)
    for statement in SLOW:
        bot.run(statement)
    report = threading.Thread(target=stage.tick)
    report.start()
    with own_server.connect() as connection:
        connection.execute("CHECKPOINT")  # or what made it slow would be gone with the server
        while not connection.execute(WAITING).fetchone()[0]:  # type: ignore[index]
            time.sleep(0.05)
    own_server.stop()
    report.join()
    own_server.start_again()
    for statement in QUICK:
        bot.run(statement)
    stage.deliver()
    assert (discord.messages("daily"), discord.messages("alarm")) == ([], [])
    stage.clock.forward(seconds=31)
    for _ in range(3):
        stage.tick()
        stage.deliver()
    assert [message.title for message in discord.messages("daily")] == ["2026-10-31: 5, idle"]
    assert discord.messages("alarm") == []
