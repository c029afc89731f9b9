from __future__ import annotations

from tests.jobs.feeds import FeedOfABot
from tests.support.stage import Stage


def test_a_week_without_trades_says_so(stage: Stage) -> None:
    feed = FeedOfABot(stage, "weekly_audit_report")
    config = stage.folder / "config/reporter.yaml"
    config.write_text(config.read_text() + "audit: {one: {sides: long}}\n")
    stage.app.run_by_hand(stage.app.job("weekly_audit_report"), None)
    assert "No trade that a rule is about was closed." in feed.sent()[0]
