from __future__ import annotations

import pytest

from tests.jobs.feeds import FeedOfABot
from tests.support import golden
from tests.support.stage import Stage


@pytest.fixture
def feed(stage: Stage) -> FeedOfABot:
    made = FeedOfABot(stage, "capital_allocation")
    config = (stage.folder / "config/reporter.yaml").read_text()
    stage.write("config/reporter.yaml", config.replace("kind: native,", "kind: native, starting_balance: 1000 USD,"))
    for name, capital in (("Momentum_BTC_v1", 50), ("Mean_Reversion_ETH", 75), ("Volume_BTC_v1", 300)):
        made.bot.add("agents", {"name": name, "currency": "USD", "mode": "live", "capital": capital})
    return made


def test_a_reallocation_reads_as_it_should(feed: FeedOfABot) -> None:
    feed.read()
    feed.bot.run("UPDATE agents SET capital = 100 WHERE name = 'Momentum_BTC_v1'")
    feed.bot.run("UPDATE agents SET capital = 50 WHERE name = 'Mean_Reversion_ETH'")
    app, bound = feed.stage.app, feed.stage.app.job("capital_allocation")
    found = app.runner.ask(app.runtime, bound, app.period(bound, None)).written
    assert golden.agrees("capital_allocation", found[0].message)
    assert golden.agrees("capital_allocation_board", found[1].message)


def test_a_first_run_tells_no_change_and_a_change_is_told_once(feed: FeedOfABot) -> None:
    [board] = feed.read()
    assert "Total Allocated: $425.00 / $1,000.00 (43%)" in board
    feed.bot.run("DELETE FROM agents WHERE name = 'Volume_BTC_v1'")
    assert [text for text in feed.read() if "Reallocation" in text] == []
    [change] = [text for text in feed.read() if "Reallocation" in text]
    assert "Volume_BTC_v1: $300.00 → none" in change
    assert feed.read() == []


def test_a_status_alone_is_no_reallocation(feed: FeedOfABot) -> None:
    feed.read()
    feed.bot.run("UPDATE agents SET status = 'paused' WHERE name = 'Volume_BTC_v1'")
    assert [text for text in feed.read() if "Reallocation" in text] == []
