"""The fifth way in: what bots write into the table `events` of their native ledgers."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.periods.clock import SystemClock
from reporter.store import events
from reporter.store.events import StoredEvent
from reporter.store.tables import events as rows
from tests.delivery.courier import FORKS
from tests.jobs.feeds import FeedOfABot
from tests.support.stage import Stage
from tests.trading.ledger.databases import native_postgresql, native_sqlite

JOB = "table_events"


@pytest.fixture(params=["sqlite", "postgresql"])
def feed(request: pytest.FixtureRequest, stage: Stage) -> FeedOfABot:
    if request.param == "sqlite":
        return FeedOfABot(stage, JOB)
    return FeedOfABot(stage, JOB, bot=native_postgresql(request.getfixturevalue("server")))


@pytest.fixture
def on_sqlite(stage: Stage) -> FeedOfABot:
    return FeedOfABot(stage, JOB)


def taken(feed: FeedOfABot) -> list[StoredEvent]:
    with feed.stage.app.store.read() as connection:
        return events.newest(connection, 5000)[::-1]


def titles(feed: FeedOfABot) -> list[str]:
    return [event.title for event in taken(feed)]


def says(feed: FeedOfABot, title: str, **more: object) -> None:
    feed.bot.add("events", {"kind": "system", "title": title, **more})


def test_a_row_is_taken_in_with_all_that_it_says(feed: FeedOfABot) -> None:
    feed.read()
    feed.bot.add(
        "events",
        {"kind": "signal_generated", "agent": "Momentum_BTC_v1", "severity": "warning", "title": "BTC long",
         "text": "A breakout.", "at": feed.bot.stamp(feed.stamp(60)), "slot": "btc", "seq": 3, "reference": "s-1",
         "fields": '{"pair": "BTC/USDT", "confidence": 0.85, "action": "buy"}'},
    )  # fmt: skip
    feed.read()
    (event,) = taken(feed)
    assert (event.source, event.id, event.agent, event.severity) == ("bot", "s-1", "Momentum_BTC_v1", "warning")
    assert (event.title, event.text, event.slot, event.seq) == ("BTC long", "A breakout.", "btc", 3)
    assert [f"{name} {value}" for name, value in event.fields.items()] == [
        "pair BTC/USDT", "confidence 0.85", "action buy"]  # fmt: skip
    assert (feed.stage.clock.now - event.at).total_seconds() == 65


def test_the_first_look_tells_nothing_of_the_past(feed: FeedOfABot) -> None:
    says(feed, "old")
    assert feed.read() == feed.read() == []
    says(feed, "new")
    feed.read()
    assert titles(feed) == ["new"]


def test_each_row_is_taken_once_and_in_order_through_restarts(feed: FeedOfABot) -> None:
    feed.read()
    for number in range(6):
        says(feed, str(number))
        if number % 2:
            feed.read()
            feed.stage.restart()
    feed.read()
    assert titles(feed) == list("012345")


def test_a_row_that_is_committed_late_fills_its_gap(feed: FeedOfABot) -> None:
    feed.read()
    says(feed, "first")
    says(feed, "third", id=3)
    feed.read()
    says(feed, "second", id=2)
    feed.read()
    assert titles(feed) == ["first", "third", "second"]
    says(feed, "far behind", id=5000)
    feed.read()
    says(feed, "too late", id=3500)
    feed.read()
    assert titles(feed)[3:] == ["far behind"]


def test_a_row_of_the_same_reference_is_known(on_sqlite: FeedOfABot) -> None:
    on_sqlite.read()
    for _ in range(2):
        says(on_sqlite, "once", reference="a")
    on_sqlite.read()
    assert titles(on_sqlite) == ["once"]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"kind": "Not A Kind"}, "kind: must be lower-case"),
        ({"fields": '"{"'}, "fields: "),
        ({"severity": "x"}, "severity: must"),
    ],
)
def test_a_row_that_cannot_be_read_is_kept_aside_and_holds_up_no_other(
    on_sqlite: FeedOfABot, row: dict[str, object], why: str
) -> None:
    on_sqlite.read()
    says(on_sqlite, "wrong", **row) if "kind" not in row else on_sqlite.bot.add("events", row)
    says(on_sqlite, "right")
    on_sqlite.read()
    assert titles(on_sqlite) == ["An event could not be read", "right"]
    with on_sqlite.stage.app.store.read() as connection:
        (kept,) = events.rejected(connection, 5)
    assert kept.why.startswith(why)


def test_a_ledger_without_the_table_is_left_out_and_named_where_no_other_has_one(on_sqlite: FeedOfABot) -> None:
    on_sqlite.bot.run("DROP TABLE events")
    with pytest.raises(AssertionError, match="no ledger has a table `events`"):
        on_sqlite.read()
    other = native_sqlite(on_sqlite.stage.folder)
    config = on_sqlite.stage.folder / "config/reporter.yaml"
    entry = f'  other: {{kind: native, url: "{other.url}"}}\nchannels:'
    config.write_text(config.read_text().replace("channels:", entry, 1))
    on_sqlite.stage.restart()
    on_sqlite.read()
    other.add("events", {"kind": "system", "title": "heard"})
    on_sqlite.read()
    assert titles(on_sqlite) == ["heard"]


def read_on(folder: str, environ: Mapping[str, str]) -> None:
    """Read the table again and again until the end, which comes from outside."""
    clock = SystemClock()
    app = App(FolderHome(Path(folder), clock=clock, environ=environ), clock=clock)
    while True:
        app.run_by_hand(app.job(JOB), None)


def check(feed: FeedOfABot, kills: int) -> None:
    """Each row is there once, in the order of the table, whenever the reader is killed."""
    feed.read()
    luck, written = random.Random(kills), 0
    for _ in range(kills):
        process = FORKS.Process(target=read_on, args=(str(feed.stage.folder), feed.stage.environ), daemon=True)
        process.start()
        for _ in range(3):
            with closing(sqlite3.connect(feed.bot.url, timeout=30)) as bot, bot:
                for _ in range(luck.randrange(2, 30)):
                    written += 1
                    bot.execute("INSERT INTO events (kind, title) VALUES ('system', ?)", [str(written)])
            time.sleep(luck.uniform(0.02, 0.25))
        process.kill()
        process.join()
        process.close()
    for _ in range(written // 1000 + 1):  # a busy machine may have let no reader come to its work
        feed.read()
    with feed.stage.app.store.read() as connection:
        found = list(connection.execute(select(rows.c.title).order_by(rows.c.id)).scalars())
    assert found == [str(number) for number in range(1, written + 1)]


def test_each_row_is_taken_once_through_kills(on_sqlite: FeedOfABot) -> None:
    check(on_sqlite, 3)


@pytest.mark.full
def test_each_row_is_taken_once_through_a_hundred_kills(on_sqlite: FeedOfABot) -> None:
    check(on_sqlite, 100)
