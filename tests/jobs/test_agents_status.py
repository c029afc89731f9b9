from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.feeds import FeedOfABot
from tests.support import golden
from tests.support.stage import Stage


@pytest.fixture
def feed(stage: Stage) -> FeedOfABot:
    stage.clock.now = datetime.fromisoformat("2026-01-30T09:00:00+00:00")
    return FeedOfABot(stage, "agents_status")


def deploy(feed: FeedOfABot, name: str, strategy: str = "Momentum", capital: str | None = "50", **more: str) -> None:
    row = {"name": name, "strategy": strategy, "mode": "paper", "currency": "USD", "capital": capital, **more}
    feed.bot.add("agents", row)


def told(feed: FeedOfABot) -> list[str]:
    """The messages of the next run, without the board."""
    return [text for text in feed.read(seconds=60) if not text.startswith("🤖")]


def test_a_first_run_shows_a_board_and_nothing_of_the_past(feed: FeedOfABot) -> None:
    deploy(feed, "Momentum_BTC_v1")
    [board] = feed.read()
    assert board.splitlines()[:2] == ["🤖 Agents: 1 running", "🟢 Momentum_BTC_v1 · Momentum · paper · $50.00"]
    assert feed.read() == []


def test_a_new_agent_is_told_with_whom_it_resembles(feed: FeedOfABot) -> None:
    deploy(feed, "Momentum_BTC_v1")
    feed.read()
    deploy(feed, "Momentum_BTC_v2", capital="75")
    [text] = told(feed)
    assert text.splitlines()[0] == "🟢 Agent Started: Momentum_BTC_v2"
    assert "Same strategy as: Momentum_BTC_v1" in text
    assert told(feed) == []


@pytest.mark.parametrize(("before", "after", "title"), [
    ("active", "paused", "⏸️ Agent Paused: A"),
    ("paused", "active", "▶️ Agent Resumed: A"),
    ("active", "archived", "🔴 Agent Stopped: A"),
    ("stopped", "running", "🟢 Agent Started: A"),
    ("active", "learning", "🔄 Agent Status: A"),
])  # fmt: skip
def test_a_change_of_the_word_is_told_as_what_it_means(feed: FeedOfABot, before: str, after: str, title: str) -> None:
    deploy(feed, "A", status=before)
    feed.read()
    feed.bot.run("UPDATE agents SET status = ?", [after])
    [text] = told(feed)
    assert text.splitlines()[0] == title


def test_a_switch_to_live_is_a_warning(feed: FeedOfABot) -> None:
    deploy(feed, "A")
    feed.read()
    feed.bot.run("UPDATE agents SET mode = 'live'")
    [text] = told(feed)
    assert text.splitlines()[:2] == ["🔀 Agent Changed Its Mode: A", "Mode: paper → live"]


def test_who_is_gone_is_told_with_final_statistics(feed: FeedOfABot) -> None:
    deploy(feed, "Volume_ETH_v1", "Volume")
    own: dict[str, Any] = {"agent": "Volume_ETH_v1", "mode": "paper", "currency": "USD"}
    for day in range(7):
        feed.closes("2" if day % 2 else "-6", ago=day * 86_400 + 60, **own)
    feed.read()
    feed.bot.run("DELETE FROM agents")
    assert told(feed) == []  # a second run has to miss it too
    app, bound = feed.stage.app, feed.stage.app.job("agents_status")
    feed.stage.clock.forward(seconds=60)
    stopped = app.runner.ask(app.runtime, bound, app.period(bound, None)).written[0]
    assert golden.agrees("agents_status_stopped", stopped.message)


def test_an_agent_of_a_ledger_that_is_away_has_not_stopped(feed: FeedOfABot) -> None:
    deploy(feed, "A")
    feed.read()
    path = Path(feed.bot.url)
    path.rename(path.with_suffix(".away"))
    feed.stage.app.run_by_hand(feed.stage.app.job("agents_status"), None)
    path.with_suffix(".away").rename(path)
    feed.sent()
    assert [text for text in told(feed) if "Stopped" in text] == []


def test_a_start_reads_as_it_should(feed: FeedOfABot) -> None:
    feed.read()
    deploy(feed, "Momentum_BTC_v1")
    for market in ("BTC-15m-UP", "BTC-15m-DOWN"):
        feed.bot.add("positions", {"agent": "Momentum_BTC_v1", "market": market, "side": "YES", "currency": "USD"})
    app, bound = feed.stage.app, feed.stage.app.job("agents_status")
    found = app.runner.ask(app.runtime, bound, app.period(bound, None)).written
    assert golden.agrees("agents_status", found[0].message)
    assert golden.agrees("agents_status_board", found[1].message)
