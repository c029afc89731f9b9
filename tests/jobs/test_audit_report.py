from __future__ import annotations

from datetime import datetime

import pytest

from tests.jobs.feeds import FeedOfABot
from tests.jobs.test_audit_trades import RULES, closes
from tests.support import golden
from tests.support.stage import Stage


@pytest.mark.parametrize("job", ["audit_report", "weekly_audit_report"])
def test_an_audit_of_a_period_reads_as_it_should(stage: Stage, job: str) -> None:
    stage.clock.now = datetime.fromisoformat("2026-02-02T14:00:00+00:00")
    feed = FeedOfABot(stage, job)
    config = stage.folder / "config/reporter.yaml"
    config.write_text(config.read_text() + RULES)
    for n in range(6):
        closes(feed, "-60", "150" if n % 2 else "20", "1", ago=86_400 + 600 * n)
    closes(feed, "5", "20", "1", ago=86_400, agent="Volume", mode="live")
    closes(feed, "5", "20", "1", ago=2 * 86_400, market="SOL")
    app, bound = stage.app, stage.app.job(job)
    (found,) = app.runner.ask(app.runtime, bound, app.period(bound, None)).written
    assert golden.agrees(job, found.message)


def test_a_day_without_rules_says_so(stage: Stage) -> None:
    feed = FeedOfABot(stage, "audit_report")
    app, bound = stage.app, stage.app.job("audit_report")
    feed.closes("1", ago=86_400)
    app.run_by_hand(bound, None)
    assert "The config has no rules: write some under audit:." in feed.sent()[0]
