"""The wall clock is set while messages wait: no message gets older by it, no pause longer, no pace quicker."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from reporter.delivery.worker import DeliveryWorker
from reporter.store import channel_states, outbox
from tests.delivery.test_worker import setting, take, titles
from tests.support.discord.faults import Limited
from tests.support.discord.local import LocalDiscord
from tests.support.stage import DAILY, Stage

A_LIFE = timedelta(days=25_567)
STEPS = [timedelta(hours=6), timedelta(hours=-6), A_LIFE, -(A_LIFE - timedelta(days=365 * 20))]


@pytest.fixture
def daily(stage: Stage, discord: LocalDiscord) -> Stage:
    stage.report("daily", DAILY).on_discord(discord, "  daily: {channel: daily}", channels=["daily"])
    setting(stage, keep="1h")
    return stage


def left(daily: Stage, name: str) -> timedelta:
    """How long the channel's pause or lease still lasts by the present clock."""
    with daily.app.store.read() as connection:
        until: datetime = getattr(channel_states.channel_state(connection, "daily"), name)
    return until - daily.clock.now


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_step_gives_no_message_up_and_calls_none_late(daily: Stage, discord: LocalDiscord, step: timedelta) -> None:
    with discord.down():
        daily.run("daily", "2026-10-30")
    daily.clock.set_by(step)
    daily.clock.forward(minutes=1)
    daily.deliver()
    assert titles(discord) == ["2026-10-30"]
    assert discord.messages("daily")[0].embed["footer"]["text"].startswith("ref ")


@pytest.mark.parametrize("step", STEPS[:3], ids=str)
def test_a_message_is_kept_for_as_long_as_its_channel_says_all_the_same(
    daily: Stage, discord: LocalDiscord, step: timedelta
) -> None:
    with discord.down():
        daily.run("daily", "2026-10-30")
        daily.clock.set_by(step)
        daily.deliver()
    daily.clock.forward(minutes=61)
    daily.deliver()
    assert daily.counts() == {"expired": 1}


@pytest.mark.parametrize("step", STEPS[:1] + STEPS[2:3] + [timedelta(hours=1)], ids=str)
def test_what_another_thread_has_noted_by_the_new_clock_already_stays(
    daily: Stage, discord: LocalDiscord, step: timedelta
) -> None:
    daily.run("daily", "2026-10-30")
    daily.deliver()
    daily.clock.set_by(step)
    noted = {"ready_at": daily.clock.now + timedelta(seconds=2), "leased_until": daily.clock.now + timedelta(minutes=2)}
    with daily.app.store.begin() as connection:
        channel_states.save(
            connection, "daily", lease="of another thread", posts=f"[{daily.clock.now.timestamp()}]", **noted
        )
        outbox.follow_clock(connection, step, daily.clock.now)
        state = channel_states.channel_state(connection, "daily")
    assert left(daily, "ready_at") == timedelta(seconds=2)
    assert left(daily, "leased_until") == timedelta(minutes=2)
    assert state is not None
    assert list(state.posts) == [daily.clock.now.timestamp()]


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_pause_lasts_as_long_as_the_service_asked_for(daily: Stage, discord: LocalDiscord, step: timedelta) -> None:
    discord.fail(Limited(600.0))
    daily.run("daily", "2026-10-30")
    daily.clock.set_by(step)
    daily.deliver()
    assert timedelta(minutes=9) < left(daily, "ready_at") <= timedelta(minutes=11)


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_what_is_on_its_way_stays_with_the_one_who_sends_it(
    daily: Stage, discord: LocalDiscord, step: timedelta
) -> None:
    with discord.down():
        daily.run("daily", "2026-10-30")
    daily.clock.forward(minutes=1)
    take(daily, "daily")
    daily.clock.set_by(step)
    daily.deliver()
    assert daily.counts() == {"sending": 1}
    assert timedelta(seconds=89) < left(daily, "leased_until") <= timedelta(seconds=90)


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_full_pace_is_kept(daily: Stage, discord: LocalDiscord, step: timedelta) -> None:
    for day in range(1, 6):
        daily.run("daily", f"2026-10-{day:02}")
    assert len(titles(discord)) == 4  # one of five is kept for alerts
    daily.clock.set_by(step)
    daily.deliver()
    assert len(titles(discord)) == 4
    daily.clock.forward(seconds=3)
    daily.deliver()
    assert len(titles(discord)) == 5


def test_a_clock_that_is_known_to_be_wrong_at_the_start_expires_nothing(daily: Stage, discord: LocalDiscord) -> None:
    with discord.down():
        daily.run("daily", "2026-10-30")
    daily.restart().clock.set_by(A_LIFE)
    app, channels = daily.app, daily.app.runtime.channels
    with app.store.read() as connection:
        assert outbox.overdue(connection, daily.clock.now)
    DeliveryWorker(app.store, daily.clock, lambda _: None, doubted=lambda: True).serve(channels, "daily")
    assert titles(discord) == ["2026-10-30"]
