"""A feed is killed at any moment while a bot trades: each closed trade is entered into the outbox once."""

from __future__ import annotations

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.periods.clock import SystemClock
from tests.delivery.courier import FORKS
from tests.jobs.feeds import FeedOfABot
from tests.support.stage import Stage

FEED = "positions_closed"


def read_on(folder: str, environ: Mapping[str, str]) -> None:
    """Run the feed again and again until the end, which comes from outside."""
    clock = SystemClock()
    app = App(FolderHome(Path(folder), clock=clock, environ=environ), clock=clock)
    bound = app.job(FEED)
    while True:
        app.run_by_hand(bound, None)


def trade(url: str, luck: random.Random) -> None:
    """A few closes of the last moments, some of them committed late."""
    with closing(sqlite3.connect(url, timeout=30)) as bot, bot:
        for _ in range(luck.randrange(1, 4)):
            at = datetime.now(UTC) - timedelta(seconds=luck.choice((0, 0, 1, 2)))
            bot.execute(
                "INSERT INTO trades (agent, market, side, currency, pnl, closed_at) "
                "VALUES ('a', 'm', 'long', 'USDT', 1, ?)",
                [f"{at:%Y-%m-%d %H:%M:%S}"],
            )


def survive(feed: FeedOfABot, kills: int) -> None:
    luck = random.Random(kills)
    feed.read(seconds=0)
    with closing(sqlite3.connect(feed.bot.url)) as bot:
        bot.execute("PRAGMA journal_mode = WAL")
    time.sleep(2.1)  # a trade that is committed late closes after the feed began, too
    for _ in range(kills):
        process = FORKS.Process(target=read_on, args=(str(feed.stage.folder), feed.stage.environ), daemon=True)
        process.start()
        for _ in range(3):
            trade(feed.bot.url, luck)
            time.sleep(luck.uniform(0.02, 0.25))
        process.kill()
        process.join()
        process.close()


@pytest.fixture
def feed(stage: Stage) -> FeedOfABot:
    stage.clock.now = datetime.now(UTC)
    return FeedOfABot(stage, FEED, "{at_most: 100000}")


def check(feed: FeedOfABot, kills: int) -> None:
    survive(feed, kills)
    feed.stage.clock.now = datetime.now(UTC) + timedelta(seconds=2)
    feed.read(seconds=0)
    feed._looked_at = 0
    sent = Counter(text.splitlines()[-1].rpartition(" ")[2] for text in feed.sent() if "Position Closed" in text)
    with closing(sqlite3.connect(feed.bot.url)) as bot:
        closed = [str(id_) for (id_,) in bot.execute("SELECT id FROM trades")]
    assert sorted(sent) == sorted(closed)
    assert set(sent.values()) == {1}


def test_each_close_is_entered_once_through_kills(feed: FeedOfABot) -> None:
    check(feed, 3)


@pytest.mark.full
def test_each_close_is_entered_once_through_a_hundred_kills(feed: FeedOfABot) -> None:
    check(feed, 100)
