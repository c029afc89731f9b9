from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from reporter.errors import ConfigError
from tests.jobs.feeds import FeedOfABot
from tests.support import golden
from tests.support.discord.local import LocalDiscord
from tests.support.stage import Stage


@pytest.fixture
def feed(stage: Stage) -> FeedOfABot:
    return FeedOfABot(stage, "positions_closed")


def test_a_new_feed_sends_nothing_of_the_past(feed: FeedOfABot) -> None:
    feed.closes(ago=1)
    assert feed.read(seconds=0) == []
    assert feed.read() == []


def test_each_close_is_sent_once_through_restarts(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    feed.closes("1")
    assert [text.splitlines()[0] for text in feed.read()] == ["💰 Position Closed – PROFIT"]
    feed.stage.restart()
    feed.closes("-1")
    assert [text.splitlines()[0] for text in feed.read()] == ["📉 Position Closed – LOSS"]
    assert feed.read() == []


def test_a_row_that_is_committed_late_is_sent(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    feed.read(seconds=3600)
    feed.closes("1")
    assert len(feed.read()) == 1
    feed.closes("2", ago=1800)
    assert len(feed.read()) == 1
    assert feed.read() == []


def test_rows_of_one_moment_are_told_apart_by_their_ids(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    feed.closes("1")
    assert len(feed.read(seconds=5)) == 1
    feed.closes("1", ago=5)
    assert len(feed.read()) == 1
    assert feed.read() == []


def test_a_row_from_the_future_waits_and_holds_back_no_other(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    feed.closes("7", ago=-3600)
    feed.closes("1", ago=-1)
    texts = feed.read()
    assert "A trade of bot closes 59m 55s in the future; it waits" in texts[0]
    assert [text for text in texts if "Position Closed" in text] == texts[1:]
    feed.closes("2")
    assert len(feed.read()) == 1
    assert "+7.00 USDT" in "".join(feed.read(seconds=3600))


def test_a_clock_that_ran_ahead_loses_nothing_and_repeats_nothing(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    feed.closes("1")
    assert len(feed.read()) == 1
    feed.read(seconds=86_400)
    feed.stage.clock.forward(seconds=-86_400)
    feed.closes("2")
    assert len(feed.read()) == 1


def test_more_than_the_limit_becomes_one_summary_with_a_list(stage: Stage) -> None:
    feed = FeedOfABot(stage, "positions_closed", "{at_most: 3}")
    feed.read(seconds=0)
    for n in range(4):
        feed.closes(n - 1, agent=f"=A{n}")
    [text] = feed.read()
    lines = text.splitlines()
    assert lines[0] == "💰 4 positions closed"
    assert {"Closed: 4 (2W/1L)", "P&L: +2.00 USDT"} <= set(lines)
    assert text.count(",closed,bot,") == 4
    assert "'=A3" in text


def test_what_exceeds_the_limit_waits_for_the_end_of_the_minute(stage: Stage) -> None:
    feed = FeedOfABot(stage, "positions_closed", "{at_most: 2}")
    feed.read(seconds=0)
    feed.closes("1")
    assert len(feed.read()) == 1
    for _ in range(3):
        feed.closes("1")
    assert feed.read() == []
    [text] = feed.read(seconds=60)
    assert text.startswith("💰 3 positions closed")
    assert feed.read() == []


def test_after_a_long_absence_one_message_says_what_was_missed(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    feed.stage.clock.forward(hours=3)
    for hour in range(3):
        feed.closes("2", ago=hour * 3600)
    [text] = feed.read()
    lines = text.splitlines()
    assert lines[0] == "💰 While nobody looked: 3 positions closed"
    assert lines[1] == "Nothing was sent for 3h, since 2026-10-31 12:00:00 UTC."
    assert "P&L: +6.00 USDT" in lines
    assert feed.read() == []


def test_each_mode_and_agent_may_have_a_channel_of_its_own(stage: Stage) -> None:
    feed = FeedOfABot(stage, "positions_closed", '{paper: paper, live: live, agents: {"Momentum*": momentum}}')
    feed.read(seconds=0)
    feed.closes("1", agent="Momentum_BTC", mode="paper")
    feed.closes("1", agent="Volume", mode="live")
    feed.read()
    feed._looked_at = 0
    assert [channel for channel, _ in feed.sent_to()] == ["screen", "paper", "momentum", "screen", "live"]


def test_a_channel_that_is_not_there_is_refused_with_its_place(stage: Stage) -> None:
    feed = FeedOfABot(stage, "positions_closed", "{paper: papr}")
    place = r"reporter\.yaml:11:47: jobs.positions_closed.params"
    with pytest.raises(ConfigError, match=rf"{place}: there is no channel `papr`(.|\n)*did you mean `paper`"):
        feed.read()


def test_a_ledger_that_cannot_be_read_is_told_and_made_up_for(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    feed.closes("1")
    path = feed.stage.folder / feed.bot.url
    path.rename(path.with_suffix(".away"))
    feed.stage.app.run_by_hand(feed.stage.app.job("positions_closed"), None)
    assert "there is no file" in "".join(feed.sent())
    path.with_suffix(".away").rename(path)
    assert "+1.00 USDT" in "".join(feed.read())


def test_of_two_runs_at_once_one_is_saved(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    feed.closes("1")
    feed.stage.clock.forward(seconds=5)
    app, bound = feed.stage.app, feed.stage.app.job("positions_closed")
    period = app.period(bound, None)
    first, second = (app.runner.ask(app.runtime, bound, period) for _ in range(2))
    assert len(first.states) == len(second.states) == 1
    assert first.states == second.states
    assert len(feed.read()) == 1
    assert feed.read() == []


def test_several_go_out_in_one_request(stage: Stage, discord: LocalDiscord) -> None:
    feed = FeedOfABot(stage, "positions_closed")
    ledger = f'ledgers: {{bot: {{kind: native, url: "{feed.bot.url}"}}}}'
    stage.on_discord(discord, "  positions_closed:", channels=["closed"], more=ledger)
    feed.read(seconds=0)
    for n in range(1, 11):
        feed.closes(n)
    feed.read()
    stage.deliver()
    posts = [request for request in discord.requests if request.method == "POST"]
    assert len(posts) == 1
    assert len(discord.messages("closed")[0].body["embeds"]) == 10


def test_a_close_reads_as_it_should(stage: Stage) -> None:
    stage.clock.now = datetime.fromisoformat("2026-01-30T14:23:30+00:00")
    feed = FeedOfABot(stage, "positions_closed")
    feed.read(seconds=0)
    feed.stage.clock.forward(seconds=882)
    feed.closes(
        "5.94", fees="0.40", exit_price="0.6891", opened_at=feed.stamp(867), exit_reason="Market resolved YES ✅",
        agent="Momentum_BTC_v1", market="BTC-USD-UP-15m", side="YES", mode="paper", currency="USD", size="36.88",
        entry_price="0.5423",
    )  # fmt: skip
    stage.clock.forward(seconds=1)
    app, bound = stage.app, stage.app.job("positions_closed")
    (found,) = app.runner.ask(app.runtime, bound, app.period(bound, None)).written
    assert golden.agrees("positions_closed", found.message)


OLD = {"market": "BTC/USDT", "side": "long", "agent": "a"}


def opened(feed: FeedOfABot, ago: float) -> dict[str, Any]:
    """A position opened so many seconds ago, as it stands in both tables."""
    row = {**OLD, "opened_at": feed.stamp(ago)}
    feed.bot.add("positions", {**row, "currency": "USDT"})
    return row


def test_a_position_whose_close_is_older_than_the_overlap_is_sent_once(feed: FeedOfABot) -> None:
    row = opened(feed, 90_000)
    feed.read(seconds=0)
    feed.read(seconds=10)
    feed.closes("3", ago=80_000)  # of nothing that was open: the past of somebody else
    feed.bot.run("DELETE FROM positions")
    feed.closes("7", ago=50_000, **row)
    [text] = feed.read()
    assert "P&L: +7.00 USDT" in text
    feed.stage.restart()
    assert feed.read() == feed.read() == []


def test_a_position_that_stays_behind_its_trade_sends_it_once(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    row = opened(feed, 0)
    feed.read()
    feed.closes("7", **row)
    assert len(feed.read()) == 1
    for _ in range(4):
        feed.closes("1")
        assert len(feed.read(seconds=3600)) == 1
    feed.bot.run("DELETE FROM positions")
    assert feed.read() == []
