"""What is urgent waits for nothing that is not: a share of Discord's limits is kept for alerts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reporter.delivery.rate_limits import Limit
from reporter.messages.message import Severity
from reporter.store import channel_states, outbox
from tests.delivery.traffic import LARGE, Traffic, letter
from tests.support.clocks import HandClock
from tests.support.discord import LocalDiscord


def one_step(traffic: Traffic, clock: HandClock) -> None:
    """Send what may be sent now, or let time pass until something may."""
    delivery, channels = traffic.app.delivery, traffic.app.runtime.channels
    names, soon = delivery.ready(channels)
    if not sum(delivery.step(channels, name) for name in names):
        clock.forward(seconds=min(max(soon, 0.05), 15.0))


@pytest.mark.parametrize("after", [4, 5, 26, 27, 30, 54])
def test_an_alert_does_not_wait_behind_reports(tmp_path: Path, after: int) -> None:
    clock = HandClock()
    with LocalDiscord(limits=False, now=clock.wall) as discord:
        traffic = Traffic(tmp_path, discord, {"a": "a"}, clock=clock)
        traffic.queue("a", range(60), size=LARGE)
        while len(discord.messages("a")) < after:
            one_step(traffic, clock)
        alert = letter("a", 999, LARGE, "alert", "Alert")
        critical = replace(alert, message=replace(alert.message, severity=Severity.CRITICAL))
        with traffic.app.store.begin() as connection:
            outbox.enqueue(connection, critical, clock.wall())
        asked = clock.now
        while discord.messages("a")[-1].title != "Alert 999":
            one_step(traffic, clock)
        traffic.close()
        assert clock.now - asked < timedelta(seconds=0.5)


def test_a_tenth_of_a_limit_is_kept_for_alerts_and_at_least_one_request() -> None:
    kept = {requests: Limit(requests, 1.0).for_reports.requests for requests in (1, 2, 5, 10, 30)}
    assert kept == {1: 1, 2: 1, 5: 4, 10: 9, 30: 27}


def test_a_request_that_never_left_is_no_post(tmp_path: Path) -> None:
    clock = HandClock()
    with LocalDiscord(limits=False, now=clock.wall) as discord:
        traffic = Traffic(tmp_path, discord, {"a": "a"}, clock=clock)
        traffic.queue("a", range(3), size=LARGE)
        one_step(traffic, clock)
        with discord.down():
            for _ in range(12):
                one_step(traffic, clock)
        with traffic.app.store.read() as connection:
            state = channel_states.channel_state(connection, "a")
        traffic.close()
    assert state
    assert state.failures >= 3
    assert len(state.posts) == 1
