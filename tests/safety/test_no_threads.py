"""Where the machine gives no more threads, what could not begin is begun when there are threads again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest

from reporter.delivery.heartbeat import Heartbeat
from reporter.periods.deadlines import SideThreads
from reporter.secret import Secret
from tests.support.clocks import HandClock
from tests.support.discord import LocalDiscord
from tests.support.processes import until
from tests.support.stage import DAILY, Stage


@contextmanager
def no_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refused)
        yield


def test_work_beside_others_begins_later(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = SideThreads("side")
    with no_threads(monkeypatch), pytest.raises(RuntimeError):
        threads.begin("key", lambda: 1)
    assert not threads.hangs("key", 0)
    assert threads.begin("key", lambda: 2).result(60) == 2


def test_a_heartbeat_arrives_later(monkeypatch: pytest.MonkeyPatch) -> None:
    heart = Heartbeat(Secret("http://127.0.0.1:9/"), 60, None, HandClock(datetime(2026, 10, 31, tzinfo=UTC)))
    with no_threads(monkeypatch):
        heart.beat(None)
    assert heart.trouble is None
    heart.beat(None)
    until(lambda: heart.trouble is not None, lambda: "it was not tried again")


def test_a_message_is_delivered_later(stage: Stage, discord: LocalDiscord, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.report("daily", DAILY).on_discord(discord, "  daily: {channel: daily}", channels=["daily"])
    stage.app.run_by_hand(stage.app.job("daily"), "2026-10-30")
    with no_threads(monkeypatch), suppress(RuntimeError):
        stage.deliver()
    stage.deliver()
    assert len(discord.messages("daily")) == 1


def test_a_daemon_takes_up_a_channel_whose_thread_could_not_begin(
    stage: Stage, discord: LocalDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.report("daily", DAILY).on_discord(discord, "  daily: {channel: daily}", channels=["daily"])
    stage.app.run_by_hand(stage.app.job("daily"), "2026-10-30")
    running = stage.app.daemon(tick=0.25, watch=0.1)
    begin = threading.Thread.start

    def refused(thread: threading.Thread) -> None:
        if thread.name.startswith("channel-") and not refusals:
            refusals.append(thread.name)
            raise RuntimeError("can't start new thread")
        begin(thread)

    refusals: list[str] = []
    monkeypatch.setattr(threading.Thread, "start", refused)
    thread = threading.Thread(target=running.run)
    thread.start()
    discord.wait_for("daily")
    stage.app.stopping.set()
    thread.join(60)
    assert refusals == ["channel-daily"]
