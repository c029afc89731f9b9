from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from reporter.messages.message import Message
from tests.jobs.feeds import FeedOfABot
from tests.support import golden
from tests.support.stage import Stage

RULES = """
audit:
  size: {largest_position: 100 USD}
  risk: {largest_daily_loss: 200 USD, severity: high}
  markets: {markets: ["BTC*", "ETH*"]}
  leverage: {leverage: 3, mode: live}
"""


@pytest.fixture
def feed(stage: Stage) -> FeedOfABot:
    stage.clock.now = datetime.fromisoformat("2026-01-30T14:23:45+00:00")
    made = FeedOfABot(stage, "audit_trades", "{violations: paper, at_most: 3}")
    config = stage.folder / "config/reporter.yaml"
    config.write_text(config.read_text() + RULES)
    return made


def closes(feed: FeedOfABot, pnl: str, size: str, price: str = "0.5423", **more: Any) -> None:
    own: dict[str, Any] = {"agent": "Momentum_BTC_v1", "market": "BTC-USD-UP-15m", "currency": "USD", "mode": "paper"}
    feed.closes(pnl, size=size, entry_price=price, **{**own, **more})


def message(feed: FeedOfABot) -> Message:
    app, bound = feed.stage.app, feed.stage.app.job("audit_trades")
    feed.stage.clock.forward(seconds=15)
    return app.runner.ask(app.runtime, bound, app.period(bound, None)).written[0].message


def test_a_trade_that_passed_reads_as_it_should(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    closes(feed, "-5.20", "36.88")
    assert golden.agrees("audit_trades_passed", message(feed))


def test_a_trade_that_failed_reads_as_it_should(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    closes(feed, "3", "125", "1", agent="Mean_Reversion_ETH", mode="live")
    assert golden.agrees("audit_trades_failed", message(feed))


def test_a_violation_goes_to_its_own_channel_too_and_once(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    closes(feed, "1", "125", "1")
    closes(feed, "1", "1")
    feed.stage.clock.forward(seconds=15)
    feed.stage.app.run_by_hand(feed.stage.app.job("audit_trades"), None)
    assert [channel for channel, _ in feed.sent_to()] == ["screen", "paper", "screen"]
    assert feed.read() == []


def test_the_loss_of_the_day_before_this_trade_counts_and_alerts(feed: FeedOfABot) -> None:
    closes(feed, "-150", "1")
    feed.read(seconds=0)
    closes(feed, "-60", "1")
    texts = feed.read(seconds=15)
    assert any("Overage: +$10.00 (5%)" in text for text in texts)
    assert any("CRITICAL" in text.upper() and "daily loss beyond the rule" in text for text in texts)


def test_leverage_beyond_the_limit_says_by_how_much(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    closes(feed, "1", "1", mode="live", leverage=5)
    text = next(text for text in feed.read(seconds=15) if "FAILED" in text)
    assert "Leverage: 5×" in text
    assert "Limit: 3×" in text
    assert "Overage: +2× (67%)" in text


def test_many_trades_become_a_summary_with_each_check_in_a_list(feed: FeedOfABot) -> None:
    feed.read(seconds=0)
    for n in range(4):
        closes(feed, "1", "125", "1" if n else "0.1", mode="live")
    text, copy = feed.read(seconds=15)
    assert text == copy
    assert {"Trades: 4", "Passed: 0 (0%)", "Failed: 3", "Not judged: 1"} <= set(text.splitlines())
    assert text.count(",not judged,") == 4


def test_without_rules_nothing_is_said(stage: Stage) -> None:
    feed = FeedOfABot(stage, "audit_trades")
    feed.read(seconds=0)
    feed.closes("1")
    assert feed.read() == []
