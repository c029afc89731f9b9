"""A daemon that falls behind says so itself: a report that is late, and a message that waits."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from tests.support.discord.faults import Status
from tests.support.discord.local import LocalDiscord
from tests.support.processes import daemon, until
from tests.support.stage import DAILY, Stage

BEFORE_MIDNIGHT = datetime(2026, 10, 30, 23, 59, 57, tzinfo=UTC)
BROKEN = DAILY.replace("def daily", "def broken").replace("yield Report", "raise ValueError('no prices'); yield Report")
JOBS = """\
  broken: {channel: alerts, settle: 0s}
  daily: {channel: reports, settle: 0s}
  health_probe:
    channel: alerts
    schedule: every 1s
    params: {own: {late: {warning: 0.05, critical: 60}, waiting: {warning: 0.05, critical: 60}}}
"""


def test_a_late_report_and_a_waiting_message_are_alerts(stage: Stage, discord: LocalDiscord) -> None:
    """The limits are three seconds here."""
    stage.report("daily", DAILY).report("broken", BROKEN).on_discord(discord, JOBS, channels=("reports", "alerts"))
    discord.fail(Status(), times=10_000, webhook="reports")
    with daemon(stage.folder, BEFORE_MIDNIGHT, stage.environ) as running:

        def shown() -> str:
            return "\n".join(message.text for message in discord.messages("alerts"))

        def says(words: str) -> bool:
            return words in shown()

        for words in ("Reports: late by more than 3s: broken", "Messages: waiting for more than 3s"):
            until(partial(says, words), lambda: f"{shown()}\n{running.log}")
        assert running.process.poll() is None
