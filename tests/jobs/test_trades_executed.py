from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.jobs.feeds import FeedOfABot
from tests.support import golden
from tests.support.stage import Stage

POLYBOT: dict[str, Any] = {
    "agent": "Momentum_BTC_v1",
    "market": "BTC-USD-UP-15m",
    "side": "YES",
    "mode": "paper",
    "currency": "USD",
    "size": "36.88",
    "entry_price": "0.5423",
}


@pytest.fixture
def feed(stage: Stage) -> FeedOfABot:
    stage.clock.now = datetime.fromisoformat("2026-01-30T14:23:30+00:00")
    return FeedOfABot(stage, "trades_executed")


def opens(feed: FeedOfABot, **more: object) -> None:
    feed.bot.add("positions", {**POLYBOT, "opened_at": feed.stamp(), **more})


def actions(texts: list[str]) -> list[str]:
    return [line for text in texts for line in text.splitlines() if line.startswith("Side: ")]


def test_an_opening_and_its_close_are_sent_once_each(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    opens(feed)
    opened_at = feed.stamp()
    assert actions(feed.read()) == ["Side: YES · opened"]
    assert feed.read() == []
    feed.bot.run("DELETE FROM positions")
    feed.closes("5.94", fees="0.40", exit_price="0.6891", opened_at=opened_at, **POLYBOT)
    assert actions(feed.read()) == ["Side: YES · closed"]
    assert feed.read() == []


def test_what_opened_and_closed_between_two_runs_is_both(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    opened_at = feed.stamp()
    feed.stage.clock.forward(seconds=2)
    feed.closes("1", opened_at=opened_at, **POLYBOT)
    assert actions(feed.read()) == ["Side: YES · opened", "Side: YES · closed"]
    assert feed.read() == []


def test_a_position_that_was_open_before_the_feed_is_no_news(feed: FeedOfABot) -> None:
    opens(feed)
    feed.stage.clock.forward(seconds=60)
    assert feed.read(seconds=0) == []
    assert feed.read() == []


def test_an_execution_reads_as_it_should(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    feed.stage.clock.forward(seconds=15)
    opens(feed, id=1738249425)
    feed.stage.clock.forward(seconds=867)
    feed.closes("5.94", fees="0.40", exit_price="0.6891", opened_at=feed.stamp(867), id=7, **POLYBOT)
    app, bound = feed.stage.app, feed.stage.app.job("trades_executed")
    feed.stage.clock.forward(seconds=1)
    opened, closed = (one.message for one in app.runner.ask(app.runtime, bound, app.period(bound, None)).written)
    assert golden.agrees("trades_executed", opened)
    assert golden.agrees("trades_executed_closed", closed)
