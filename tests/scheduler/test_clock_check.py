"""A wrong clock is recognised by another one; with it no period is owed and no report is sent."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.scheduler.clock_check import TOLERANCE, ClockCheck, ClockReading, clock_doubt
from tests.scheduler.time.world import World
from tests.support.clocks import HandClock
from tests.support.discord.local import LocalDiscord
from tests.support.stage import DAILY, Stage

NOON = datetime(2026, 10, 31, 12, tzinfo=UTC)
HOURLY = DAILY.replace('"yesterday", schedule="daily at 00:00"', '"last hour", schedule="every hour"').replace(
    "def daily", "def hourly"
)
TODAY = DAILY.replace('"yesterday", schedule="daily at 00:00"', '"today", schedule="every 5m"')


class Elsewhere:
    """A clock on another machine, which may be silent."""

    def __init__(self, shown: datetime | None) -> None:
        self.shown = shown
        self.asked = 0

    def __call__(self) -> datetime | None:
        self.asked += 1
        return self.shown


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOON)


@given(st.timedeltas(timedelta(0), timedelta(days=400)), st.timedeltas(timedelta(days=-20000), timedelta(days=20000)))
def test_a_clock_is_doubted_exactly_when_it_is_more_than_a_minute_off(passed: timedelta, off: timedelta) -> None:
    reading = ClockReading("Discord", NOON, at=5.0)
    why = clock_doubt(NOON + passed + off, 5.0 + passed.total_seconds(), reading)
    assert (why is not None) == (abs(off) > TOLERANCE)


def test_a_clock_that_was_never_set_is_doubted_even_where_none_can_be_asked() -> None:
    assert clock_doubt(datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC), 0, None) == (
        "it shows 1970-01-01 00:00:07 UTC, when there was no such program yet"
    )
    assert clock_doubt(datetime(2100, 1, 1, tzinfo=UTC), 0, None) is None


def test_one_clock_that_agrees_suffices(clock: HandClock) -> None:
    wrong, right = Elsewhere(NOON - timedelta(hours=2)), Elsewhere(NOON)
    assert ClockCheck(clock).doubt({"bot": wrong, "Discord": right}) is None
    assert ClockCheck(clock).doubt({"bot": wrong}) == (
        "it shows 2026-10-31 12:00:00 UTC, and by bot it is 2026-10-31 10:00:00 UTC"
    )


def test_with_none_to_ask_our_own_is_believed_and_that_is_said_once(
    clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    guard, silent = ClockCheck(clock), Elsewhere(None)
    for _ in range(5):
        assert guard.doubt({"Discord": silent}) is None
        clock.forward(minutes=2)
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == [
        "no clock but this machine's can be asked; it is believed"
    ]


def test_where_nobody_answers_not_all_are_waited_for(clock: HandClock) -> None:
    asked: list[str] = []

    def silence(name: str) -> None:
        asked.append(name)
        clock.forward(seconds=6)

    ClockCheck(clock).doubt({name: partial(silence, name) for name in "abcdef"})
    assert asked == ["a", "b"]


def test_others_are_asked_once_an_hour_and_at_once_when_our_clock_steps(clock: HandClock) -> None:
    guard, discord = ClockCheck(clock), Elsewhere(NOON)
    for _ in range(59):
        assert guard.doubt({"Discord": discord}) is None
        clock.forward(minutes=1)
    assert discord.asked == 1
    clock.now += timedelta(days=365)
    assert guard.doubt({"Discord": discord})
    assert discord.asked == 2


def test_after_a_sleep_that_no_monotonic_clock_counted_a_new_answer_clears_the_doubt(clock: HandClock) -> None:
    guard, discord = ClockCheck(clock), Elsewhere(NOON)
    guard.doubt({"Discord": discord})
    clock.now += timedelta(days=3)
    discord.shown = None
    assert guard.doubt({"Discord": discord})
    clock.forward(minutes=1)
    discord.shown = clock.now
    assert guard.doubt({"Discord": discord}) is None


@pytest.fixture
def guarded(stage: Stage, discord: LocalDiscord) -> Stage:
    """A daily report for a Discord that knows the true time: `stage.clock` and it are set apart by the test."""
    discord.now = lambda: NOON
    return stage.report("daily", DAILY).on_discord(discord, "  daily:")


@pytest.mark.parametrize("year", [1970, 2100])
def test_by_a_clock_in_another_age_nothing_is_told_but_that_it_is_wrong(
    guarded: Stage, discord: LocalDiscord, year: int
) -> None:
    guarded.clock.now = NOON.replace(year=year)
    assert guarded.told() == []
    guarded.clock.forward(minutes=5)
    assert guarded.told() == []
    guarded.deliver()
    [alert] = discord.messages("daily")
    assert f"This machine's clock cannot be right: it shows {year}-10-31 12:00:00 UTC" in alert.text
    guarded.clock.now = NOON
    assert guarded.told() == []
    guarded.deliver()
    assert "Resolved: clock" in discord.messages("daily")[1].title
    guarded.clock.forward(hours=13)
    discord.now = guarded.clock.wall
    assert guarded.told() == ["daily 2026-10-31"]


def test_a_step_of_a_year_and_back_owes_nothing_of_that_year(guarded: Stage, discord: LocalDiscord) -> None:
    guarded.tick()
    for days in (365, -365):
        guarded.clock.now += timedelta(days=days)
        assert guarded.told() == []
    guarded.clock.forward(hours=13)
    discord.now = guarded.clock.wall
    assert guarded.told() == ["daily 2026-10-31"]


def test_a_day_so_far_waits_for_the_right_time_and_what_looks_at_the_present_does_not(
    stage: Stage, discord: LocalDiscord
) -> None:
    discord.now = lambda: NOON
    stage.report("today", TODAY.replace("def daily", "def today"))
    stage.on_discord(discord, "  today:\n  health_probe:")
    stage.clock.now = NOON.replace(year=2100)
    runtime = stage.app.runtime
    assert not stage.app.planner.may_run(runtime, runtime.jobs["today"])
    assert stage.app.planner.may_run(runtime, runtime.jobs["health_probe"])


def test_by_hand_too_no_period_is_entered_by_a_wrong_clock(guarded: Stage) -> None:
    guarded.clock.now = NOON + timedelta(days=30)
    with pytest.raises(Exception, match="this machine's clock cannot be right: it shows 2026-11-30"):
        guarded.run("daily")


def test_a_daemon_that_starts_by_a_wrong_clock_waits_until_it_is_right(stage: Stage, discord: LocalDiscord) -> None:
    alarm = "alerts: {routes: {all: [alarm]}}"
    stage.report("hourly", HOURLY).on_discord(
        discord, "  hourly: {channel: daily, settle: 0s}", more=alarm, channels=["daily", "alarm"]
    )
    world = World(stage, discord, NOON.replace(minute=59))
    world.slips(days=365)
    with world.daemon() as running:
        assert "This machine's clock cannot be right" in discord.wait_for("alarm")[0].text
        world.slips()
        assert "Resolved: clock" in discord.wait_for("alarm", 2)[1].title
        world.passes_until(NOON + timedelta(hours=1))
        assert discord.wait_for("daily")[0].title == "2026-10-31 12:00"
        running.stop()
    assert len(discord.messages("daily")) == 1
