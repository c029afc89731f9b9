"""The cost of each turn does not depend on the length of the history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, select

from reporter.store import tables
from reporter.store.database import Store
from tests.support.discord.faults import Status
from tests.support.discord.local import LocalDiscord
from tests.support.stage import Stage

PAST = 6_000
# What a store without a past takes as well, in hundreds of steps; a walk through 6,000 rows takes hundreds.
LITTLE = 60
JOBS = '''\
from datetime import timedelta
from pathlib import Path
from reporter import Context, Level, Observation, Report, job

@job(covers="now", schedule="every 30s")
def NAME(ctx: Context):
    """Looks at the present."""
    ctx.history.self_health()
    yield YIELDED
'''
YIELDED = {
    "news": 'Report(facts={"say": ctx.now.isoformat()})',
    "board": 'Report(facts={"say": ctx.now.isoformat()}, slot="board", repost=timedelta(hours=1))',
    "watch": 'Observation("limit/loss", Level.CRITICAL if Path("TROUBLE").exists() else Level.OK, "it is so")',
}


@pytest.fixture
def spent() -> Iterator[Counter[str]]:
    """How much each statement makes SQLite do, in hundreds of its steps."""
    steps: Counter[str] = Counter()
    asked: dict[int, str] = {}

    def connected(connection: Any, _record: Any) -> None:
        connection.set_progress_handler(lambda: steps.update([asked.get(id(connection), "")]), 100)

    def asks(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked[id(connection.connection.dbapi_connection)] = statement

    event.listen(Engine, "connect", connected)
    event.listen(Engine, "before_cursor_execute", asks)
    yield steps
    event.remove(Engine, "connect", connected)
    event.remove(Engine, "before_cursor_execute", asks)


@pytest.fixture
def busy(stage: Stage, discord: LocalDiscord) -> Stage:
    for name, yielded in YIELDED.items():
        code = JOBS.replace("NAME", name).replace("YIELDED", yielded).replace("TROUBLE", str(stage.folder / "trouble"))
        stage.report(name, code, "# {{ say }}\n")
    jobs = "".join(f"  {name}: {{channel: daily}}\n" for name in YIELDED)
    return stage.on_discord(discord, jobs, channels=["daily", "alarm", "idle"], more="alerts: {routes: {all: [alarm]}}")


def turns(stage: Stage, discord: LocalDiscord) -> None:
    """Everything that the daemon does again and again: boards, reports, trouble and its end, a lost answer."""
    for minutes in (0, 1, 61):
        stage.clock.forward(minutes=minutes)
        for name in YIELDED:
            stage.run(name)
        stage.told()
        stage.app.runner.tick(stage.app.runtime)
        stage.app.upkeep.release_digests(stage.app.runtime)
        stage.deliver()
    discord.fail(Status(503))
    stage.run("news")
    stage.clock.forward(minutes=1)
    stage.deliver()


def trouble(stage: Stage, discord: LocalDiscord) -> None:
    (stage.folder / "trouble").touch()
    turns(stage, discord)
    (stage.folder / "trouble").unlink()
    turns(stage, discord)


def remember(store: Store, now: datetime) -> None:
    """A past: messages that were sent, edits of the board, runs, and troubles that are over."""
    at = [now - timedelta(days=80) + number * timedelta(minutes=5) for number in range(PAST)]
    with store.begin() as connection:
        shape = dict(connection.execute(select(tables.outbox).limit(1)).one()._mapping)
        settled = {"state": "sent", "channel": "daily", "lease": None, "error": None}
        connection.execute(
            insert(tables.outbox),
            [
                shape
                | settled
                | {"id": 1000 + number, "key": f"past/{number}", "settled_at": moment}
                | ({"kind": "board", "slot": "board/board", "priority": 2} if number % 2 else {"slot": None})
                for number, moment in enumerate(at)
            ],
        )
        rows = select(tables.outbox).where(tables.outbox.c.id >= 1000)
        connection.execute(
            insert(tables.sent),
            [
                {"outbox_id": row.id, "channel": row.channel, "slot": row.slot, "sent_at": row.settled_at}
                | {"message_id": str(row.id // 12 if row.slot else row.id), "edited": bool(row.slot and row.id % 12)}
                for row in connection.execute(rows)
            ],
        )
        run = {"job": "news", "label": "", "trigger": "interval", "seconds": "0.1", "outcome": "quiet"}
        connection.execute(
            insert(tables.runs),
            [run | {"id": f"past{number}", "started_at": moment} for number, moment in enumerate(at)],
        )
        told = {"change": "opened", "level": "critical", "was": "ok", "seen": "critical", "reason": "", "detail": ""}
        connection.execute(
            insert(tables.transitions),
            [
                told | {"subject": f"probe/{number}", "at": moment, "since": moment, "incident": f"{number:08x}"}
                for number, moment in enumerate(at)
            ],
        )


def test_what_each_turn_asks_costs_no_more_after_a_long_past(
    busy: Stage, discord: LocalDiscord, spent: Counter[str]
) -> None:
    trouble(busy, discord)
    remember(busy.app.store, busy.clock.now)
    busy.restart()
    spent.clear()
    trouble(busy, discord)
    assert {statement: steps for statement, steps in spent.items() if steps > LITTLE} == {}
