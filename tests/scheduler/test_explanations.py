"""With `--verbose` the log says why a job ran or waited, and why a message went where it went or was left out."""

from __future__ import annotations

import logging

import pytest

from reporter.alerts.model import Level, Observation
from tests.support.stage import DAILY, Stage

CONFIG = """\
version: 1
store: env:STORE
channels:
  screen: {kind: console}
  alarm: {kind: console}
  deals: {kind: console, only: [trade]}
alerts: {policies: [{subjects: "probe/*", failures: 2}], routes: {critical: [alarm, deals]}}
jobs:
  daily: {channel: [screen, deals]}
"""


@pytest.fixture
def floor(stage: Stage, caplog: pytest.LogCaptureFixture) -> Stage:
    caplog.set_level(logging.DEBUG, "reporter")
    stage.report("daily", DAILY).write("config/reporter.yaml", CONFIG)
    return stage


def test_a_job_says_when_its_turn_comes_and_why_it_is_tried(floor: Stage, caplog: pytest.LogCaptureFixture) -> None:
    floor.told()
    assert "daily: the next turn is at 2026-11-01T00:00:00+00:00" in caplog.messages
    floor.clock.forward(hours=13)
    floor.told()
    assert "daily: 2026-10-31 is owed since 2026-11-01T00:01:00+00:00: try 1" in caplog.messages


def test_a_message_says_where_it_goes_and_what_leaves_it_out(floor: Stage, caplog: pytest.LogCaptureFixture) -> None:
    floor.run("daily", "2026-10-30")
    assert [line.rpartition("/")[2] for line in caplog.messages if "screen: the report" in line] == ["screen is queued"]
    assert any(line.startswith("deals: the report daily/") and "does not take" in line for line in caplog.messages)


def test_an_alert_says_why_nobody_hears_of_it_yet_and_then_where_it_goes(
    floor: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    seen = Observation("probe/db", Level.CRITICAL, "is gone")
    for _ in range(3):
        floor.app.runner.observe(floor.app.runtime, [seen])
        floor.clock.forward(minutes=1)
    about = [line for line in caplog.messages if line.startswith("probe/db")]
    assert [line for line in about if "nothing new" in line or "goes to" in line] == [
        "probe/db is critical, and nothing new is said: bad 1 time in a row, which is not enough yet",
        "probe/db opened goes to alarm, deals: `routes` sends critical there",
        "probe/db is critical, and nothing new is said: the alert is open",
    ]
