"""A daemon that falls behind or takes too much says so itself, and says when that is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from resource import RLIMIT_NOFILE, prlimit

from tests.support.discord.faults import Status
from tests.support.discord.local import LocalDiscord
from tests.support.processes import Process, daemon, until
from tests.support.stage import DAILY, Stage

BEFORE_MIDNIGHT = datetime(2026, 10, 30, 23, 59, 57, tzinfo=UTC)
AFTER_MIDNIGHT = datetime(2026, 10, 31, 0, 0, 3, tzinfo=UTC)
BROKEN = DAILY.replace("def daily", "def broken").replace("yield Report", "raise ValueError('no prices'); yield Report")
# Whatever is taken is given back at once here, and not after five minutes.
POLICY = """\
alerts:
  policies:
    - {subjects: "self/*", clean: 1s, recheck: 1s, flap_window: 0s}
    - {subjects: "probe/host-*", failures: 1000}
"""
JOBS = """\
  broken: {channel: alerts, settle: 0s}
  daily: {channel: reports, settle: 0s}
  health_probe:
    channel: alerts
    schedule: every 1s
    params: {own: {late: {warning: 0.05, critical: 60}, waiting: {warning: 0.05, critical: 60}}}
"""
# A report that is late for as long as its file is there: what mends it waits for no pause between two tries.
SLOW = '''\
import time
from pathlib import Path

from reporter import Context, Report, job

HELD = Path(__file__).with_name("held")


@job(covers="yesterday", schedule="daily at 00:00", deadline=600)
def slow(ctx: Context):
    """Takes its time."""
    while HELD.exists():
        time.sleep(0.05)
    yield Report()
'''
# It takes what a job that leaks would take, for as long as its file is there.
BALLAST = '''\
import os
import threading
from pathlib import Path

from reporter import Context, job

HEAVY = Path(__file__).with_name("heavy")
held, over = [], threading.Event()


@job(covers="now", schedule="every 1s")
def ballast(ctx: Context):
    """Takes memory, threads and files."""
    if HEAVY.exists() and not held:
        over.clear()
        held.append(b"x" * 400_000_000)
        held.extend(open(os.devnull) for _ in range(345))
        for _ in range(60):
            threading.Thread(target=over.wait, daemon=True).start()
    elif held and not HEAVY.exists():
        for file in held[1:]:
            file.close()
        held.clear()
        over.set()
    return ()
'''
BALLAST_JOBS = """\
  ballast: {channel: alerts}
  health_probe:
    channel: alerts
    schedule: every 1s
    params: {own: {memory: {warning: 400}, threads: {warning: 60}, open_files: {warning: 85}}}
"""


def owing(stage: Stage) -> Stage:
    """A home whose daily reports are due when its daemon starts, however long the start takes: a schedule owes first
    the period that ends after the schedule exists."""
    stage.clock.now = BEFORE_MIDNIGHT
    stage.tick()
    stage.close()
    return stage


def shows(discord: LocalDiscord, running: Process, words: Sequence[str]) -> None:
    """Wait until the alerts' channel shows all of these."""

    def shown() -> str:
        return "\n".join(message.text for message in discord.messages("alerts"))

    until(lambda: all(one in shown() for one in words), lambda: f"not all of {words} in\n{shown()}\n{running.log}")


def test_a_late_report_and_a_waiting_message_are_alerts(stage: Stage, discord: LocalDiscord) -> None:
    """The limits are three seconds here."""
    stage.report("daily", DAILY).report("broken", BROKEN)
    stage.on_discord(discord, JOBS, channels=("reports", "alerts"), more=POLICY)
    discord.fail(Status(), times=10_000, webhook="reports")
    with daemon(owing(stage).folder, AFTER_MIDNIGHT, stage.environ) as running:
        shows(discord, running, ("Reports: late by more than 3s: broken", "Messages: waiting for more than 3s"))
        assert running.process.poll() is None


def test_lateness_and_waiting_messages_are_alerts_that_end(stage: Stage, discord: LocalDiscord) -> None:
    """The report is told, and Discord takes messages again."""
    stage.report("daily", DAILY).report("slow", SLOW)
    stage.on_discord(discord, JOBS.replace("broken", "slow"), channels=("reports", "alerts"), more=POLICY)
    held = stage.write("jobs/held", "")
    discord.fail(Status(), times=10_000, webhook="reports")
    with daemon(owing(stage).folder, AFTER_MIDNIGHT, stage.environ) as running:
        shows(discord, running, ("Reports: late by more than 3s: slow", "Messages: waiting for more than 3s"))
        held.unlink()
        discord.heal()
        shows(discord, running, ("Over: self late", "Over: self waiting"))
        assert running.process.poll() is None


def test_memory_threads_and_files_are_alerts_that_end(stage: Stage, discord: LocalDiscord) -> None:
    stage.report("ballast", BALLAST).on_discord(discord, BALLAST_JOBS, channels=("alerts",), more=POLICY)
    heavy = stage.write("jobs/heavy", "")
    with daemon(stage.folder, BEFORE_MIDNIGHT, stage.environ) as running:
        prlimit(running.process.pid, RLIMIT_NOFILE, (400, 4096))
        shows(discord, running, ("Warning: self memory", "Warning: self threads", "Warning: self files"))
        heavy.unlink()
        shows(discord, running, ("Over: self memory", "Over: self threads", "Over: self files", "Resolved: "))
        assert running.process.poll() is None
