"""The daemon as a process, whatever happens to its clock: each owed period arrives, in order, once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from reporter.periods.civil import Unit
from tests.scheduler.time.world import ALARM, HOURLY, World, check, owed, report
from tests.support.discord.local import LocalDiscord
from tests.support.stage import DAILY, Stage

NIGHTLY = DAILY.replace("daily at 00:00", "daily at 02:30")
UNITS = {"daily": Unit.DAY, "nightly": Unit.DAY, "hourly": Unit.HOUR}
NOON = datetime(2026, 3, 1, 11, 59, 50, tzinfo=UTC)
CHANGES = [
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/Havana", "2026-03-08"),
    ("America/Havana", "2026-11-01"),
    ("Africa/Cairo", "2026-04-24"),
    ("Africa/Cairo", "2026-10-30"),
    ("Asia/Beirut", "2026-03-29"),
    ("Asia/Beirut", "2026-10-25"),
    ("Pacific/Chatham", "2026-04-05"),
    ("Pacific/Chatham", "2026-09-27"),
]


def home(stage: Stage, discord: LocalDiscord, *jobs: str, zone: str = "UTC") -> Stage:
    """Reports by the hour and by the day, which do not wait for late trades."""
    for name, code in (("daily", DAILY), ("nightly", NIGHTLY), ("hourly", HOURLY)):
        report(stage, name, code)
    entries = "\n".join(f"  {name}: {{channel: daily, settle: 0s}}" for name in jobs)
    return stage.on_discord(discord, entries, channels=["daily", "alarm"], zone=zone, more=ALARM)


def a_while() -> None:
    """Long enough for several looks at the calendar."""
    threading.Event().wait(0.8)


def around(day: str, zone: str, before: timedelta, after: timedelta) -> tuple[datetime, datetime]:
    """A stretch about the midnight with which a civil date begins, in UTC."""
    midnight = datetime.combine(date.fromisoformat(day), datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)
    return midnight - before, midnight + after


def hours(start: datetime, end: datetime) -> Iterator[datetime]:
    """The moments at which some zone of the world begins an hour."""
    moment = start.replace(minute=15 * (start.minute // 15), second=0, microsecond=0)
    while (moment := moment + timedelta(minutes=15)) <= end:
        yield moment


def walk(stage: Stage, discord: LocalDiscord, zone: str, start: datetime, end: datetime) -> None:
    """Live through every end of an hour between two moments, asleep in between."""
    world = World(home(stage, discord, *UNITS, zone=zone), discord, start)
    with world.daemon() as running:
        world.wait_until_planned(*UNITS)
        for moment in hours(start, end):
            if due := owed(Unit.HOUR, zone, moment - timedelta.resolution, moment):
                world.passes_until(moment - timedelta(seconds=0.2))
                world.wait_for("hourly", due[-1])
        for job, unit in UNITS.items():
            world.wait_for(job, owed(unit, zone, start, end)[-1])
        running.stop()
    for job, unit in UNITS.items():
        check(world, job, owed(unit, zone, start, end))


def test_a_night_in_which_the_clocks_change_in_mid_hour(stage: Stage, discord: LocalDiscord) -> None:
    start, end = around("2026-04-05", "Pacific/Chatham", timedelta(hours=1), timedelta(hours=5))
    walk(stage, discord, "Pacific/Chatham", start, end)


@pytest.mark.full
@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_three_days_in_which_the_clocks_change(stage: Stage, discord: LocalDiscord, zone: str, day: str) -> None:
    start, end = around(day, zone, timedelta(hours=26), timedelta(hours=46))
    walk(stage, discord, zone, start, end)


WRONG = {"back an hour": {"hours": -1}, "forward a day": {"days": 1}, "forward a year": {"days": 365}}


def test_a_clock_set_wrong_and_right_again(stage: Stage, discord: LocalDiscord) -> None:
    world = World(home(stage, discord, "hourly"), discord, NOON - timedelta(minutes=30))
    with world.daemon() as running:
        world.wait_until_planned("hourly")
        world.passes_until(NOON + timedelta(seconds=10))
        world.wait_for("hourly", "2026-03-01 11:00")
        before = running.megabytes
        for times, slip in enumerate(WRONG.values(), start=1):
            world.slips(**slip)
            running.says("clock cannot be right", times=times)
            world.passes(hours=1)
            a_while()
            world.slips()
            world.wait_for("hourly", f"2026-03-01 {11 + times}:00")
        discord.wait_for("alarm", 2 * len(WRONG))  # what was sent by a clock of next year stands in nobody's way
        assert running.megabytes < before + 10
        running.stop()
    check(world, "hourly", [f"2026-03-01 {hour}:00" for hour in range(11, 15)])


def test_a_start_in_1970(stage: Stage, discord: LocalDiscord) -> None:
    world = World(home(stage, discord, "hourly"), discord, NOON)
    world.slips(seconds=-NOON.timestamp())
    with world.daemon() as running:
        running.says("clock cannot be right: it shows 1970-01-01 00:00:")
        world.passes(minutes=30)
        a_while()
        world.slips()
        world.wait_until_planned("hourly")
        world.passes_until(NOON.replace(hour=13, minute=0, second=0))
        world.wait_for("hourly", "2026-03-01 12:00")
        running.stop()
    check(world, "hourly", ["2026-03-01 12:00"])


def test_asleep_for_three_days(stage: Stage, discord: LocalDiscord) -> None:
    world = World(home(stage, discord, "daily", "nightly"), discord, NOON)
    with world.daemon() as running:
        world.wait_until_planned("daily", "nightly")
        before = running.megabytes
        running.send(signal.SIGSTOP)
        world.passes(days=3)
        running.send(signal.SIGCONT)
        for job in ("daily", "nightly"):
            world.wait_for(job, "2026-03-03")
        assert running.megabytes < before + 10
        running.stop()
    for job in ("daily", "nightly"):
        check(world, job, ["2026-03-01", "2026-03-02", "2026-03-03"])


@pytest.mark.full
def test_asleep_for_a_year(stage: Stage, discord: LocalDiscord) -> None:
    world = World(home(stage, discord, "daily"), discord, NOON)
    with world.daemon() as running:
        world.wait_until_planned("daily")
        before = running.megabytes
        world.passes(days=365)
        world.wait_for("daily", "2027-02-28", seconds=120)
        assert running.megabytes < before + 10
        running.stop()
    days = owed(Unit.DAY, "UTC", NOON, world.now())
    assert world.standing() == {("daily", "told"): 31, ("daily", "given_up"): len(days) - 31}
    check(world, "daily", days[-31:])
