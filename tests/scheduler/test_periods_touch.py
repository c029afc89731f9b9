"""Consecutive periods of a job touch, whatever its schedule, its zone, and whatever was edited: none is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from reporter.jobs.binding import BoundJob
from reporter.periods.civil import Covers, Unit, containing
from reporter.periods.schedules import parse
from reporter.scheduler.planner import enter, turns
from reporter.store.tables import periods, schedules
from tests.support.stage import DAILY, Stage

ZONES = [
    "UTC", "Europe/Berlin", "America/Nuuk", "America/Havana", "Australia/Lord_Howe", "Pacific/Chatham", "Asia/Kolkata",
    "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Honolulu", "Africa/Cairo", "America/Sao_Paulo",
]  # fmt: skip
SCHEDULES = [
    "daily at 00:00", "daily at 23:30", "weekly on sat at 02:30", "monthly on last at 12:00", "every hour",
    'cron "5 * * * *"', 'cron "0 0 * * 1-5"', 'cron "*/50 */7 * * *"', 'cron "30 2 * * 0"', 'cron "0 9 1 * *"',
]  # fmt: skip
NAIVE = datetime(2017, 1, 1)  # noqa: DTZ001 - Hypothesis wants it so
CLOSED = [covers for covers in Covers if covers.closed]
HOURLY = DAILY.replace('covers="yesterday", schedule="daily at 00:00"', 'covers="last hour", schedule="every hour"')


def owed(stage: Stage) -> list[tuple[datetime, datetime, str]]:
    """All that the job's schedule has entered, in order."""
    entered = select(periods.c.starts_at, periods.c.ends_at, periods.c.label).order_by(periods.c.starts_at)
    with stage.app.store.read() as connection:
        return [cast("tuple[datetime, datetime, str]", tuple(row)) for row in connection.execute(entered)]


def reported(stage: Stage, days: float, step: timedelta = timedelta(hours=1)) -> list[str]:
    """What a daemon reports that looks at the calendar at each step."""
    found: list[str] = []
    for _ in range(int(timedelta(days=days) / step)):
        stage.clock.forward(seconds=step.total_seconds())
        found += [label.removeprefix("daily ") for label in stage.told()]
    return found


def bound(stage: Stage, covers: Covers, schedule: str, zone: str) -> BoundJob:
    daily = stage.app.runtime.jobs["daily"]
    job = replace(daily.job, covers=covers)
    return replace(daily, job=job, schedule=parse(schedule), timezone=zone)


@given(
    st.sampled_from(CLOSED),
    st.sampled_from(SCHEDULES),
    st.sampled_from(ZONES),
    st.datetimes(NAIVE, NAIVE.replace(year=2027)),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_every_period_has_its_turn_at_the_schedules_first_moment_after_it(
    stage: Stage, covers: Covers, schedule: str, zone: str, moment: datetime
) -> None:
    job = bound(stage.report("daily", DAILY).on_screen("  daily:"), covers, schedule, zone)
    unit = cast("Unit", covers.unit)
    found = list(islice(turns(job, containing(unit, moment.replace(tzinfo=UTC), zone)), 60))
    for (fire, period), (later, following) in pairwise(found):
        assert period.end == following.start
        assert period.end <= fire <= later
        before = fire - timedelta(microseconds=1)
        assert schedule.startswith("every") or job.schedule.after(before, zone) == fire


@pytest.mark.parametrize(
    ("code", "schedule", "zone", "noon", "days"),
    [
        (DAILY, "daily at 23:30", "America/Nuuk", "2026-03-20T12:00+00:00", 14),
        (HOURLY, 'cron "5 * * * *"', "Australia/Lord_Howe", "2026-04-04T03:00+00:00", 2),
        (HOURLY, 'cron "5 * * * *"', "Pacific/Chatham", "2026-09-26T03:00+00:00", 2),
        (DAILY, "cron '0 0 * * 1-5'", "UTC", "2026-11-12T12:00+00:00", 14),
        (DAILY, "weekly on mon at 09:00", "Europe/Berlin", "2026-10-01T12:00+00:00", 30),
    ],
)
def test_what_a_schedule_steps_over_is_reported_at_its_next_turn(
    stage: Stage, code: str, schedule: str, zone: str, noon: str, days: int
) -> None:
    stage.report("daily", code).on_screen(f"  daily: {{schedule: {schedule}, catch_up_limit: 200}}", zone)
    stage.clock.now = datetime.fromisoformat(noon)
    stage.tick()
    told = reported(stage, days)
    entered = owed(stage)
    assert [label for *_, label in entered] == told
    assert all(one[1] == other[0] for one, other in pairwise(entered))
    assert stage.clock.now - entered[-1][1] < timedelta(days=8)


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        (("UTC", "Asia/Tokyo"), ["2026-10-31", "2026-11-01 (15h, zone changed)", "2026-11-02"]),
        (("Europe/Berlin", "Europe/London"), ["2026-10-31", "2026-11-01 (1 day, 1 hour, zone changed)", "2026-11-02"]),
        (("Asia/Tokyo", "UTC"), ["2026-10-31", "2026-11-01", "2026-11-02 (1 day, 9 hours, zone changed)"]),
        (("UTC", "Pacific/Kiritimati"), ["2026-10-31", "2026-11-02 (1 day, 10 hours, zone changed)", "2026-11-03"]),
        (("Pacific/Kiritimati", "Pacific/Honolulu"), ["2026-11-01", "2026-11-01", "2026-11-02"]),
    ],
)
def test_the_first_day_in_another_zone_begins_where_the_last_one_ended(
    stage: Stage, zones: tuple[str, str], expected: list[str]
) -> None:
    stage.report("daily", DAILY).on_screen("  daily:", zones[0]).tick()
    told = reported(stage, 1.375)
    stage.on_screen("  daily:", zones[1]).reload()
    told += reported(stage, 3)
    entered = owed(stage)
    assert told[: len(expected)] == expected
    assert all(one[1] == other[0] for one, other in pairwise(entered))


edits = st.tuples(st.sampled_from(ZONES), st.sampled_from(SCHEDULES), st.integers(1, 60))


@given(st.sampled_from([Covers.YESTERDAY, Covers.LAST_HOUR, Covers.LAST_WEEK]), st.lists(edits, min_size=2, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_whatever_is_edited_the_periods_touch(stage: Stage, covers: Covers, life: list[tuple[str, str, int]]) -> None:
    now = datetime(2026, 3, 27, 12, tzinfo=UTC)
    stage.report("daily", DAILY).on_screen("  daily:")
    with stage.app.store.begin() as connection:
        connection.execute(periods.delete())
        connection.execute(schedules.delete())
        for zone, schedule, hours in [*life, ("UTC", "every hour", 200)]:
            job = bound(stage, covers, schedule, zone)
            enter(connection, job, now)
            now += timedelta(hours=hours)
            enter(connection, job, now)
    entered = owed(stage)
    assert entered
    assert all(one[1] == other[0] for one, other in pairwise(entered))
    whole = {"last hour": 1, "yesterday": 24, "last week": 168}[covers]
    assert all(whole / 2 - 1 <= (end - start) / timedelta(hours=1) <= whole * 1.5 + 1 for start, end, _ in entered)


def test_an_edited_schedule_does_not_wait_for_the_turn_of_the_old_one(stage: Stage) -> None:
    stage.clock.forward(days=1)
    stage.report("daily", DAILY).on_screen("  daily: {schedule: monthly on 1 at 00:00}").tick()
    stage.clock.forward(days=5)
    stage.on_screen("  daily: {schedule: monthly on 1 at 00:00}", "Europe/Berlin").reload()
    assert stage.told() == []  # owed, and due in a month
    stage.on_screen("  daily:", "Europe/Berlin").reload()
    assert "2026-11-04" in " ".join(reported(stage, 1))


def test_a_run_by_hand_speaks_of_the_longer_first_day_as_the_schedule_did(stage: Stage) -> None:
    stage.report("daily", DAILY).on_screen("  daily:", "Europe/Berlin").tick()
    stage.clock.forward(hours=14)
    stage.told()
    stage.on_screen("  daily:", "Europe/London").reload()
    reported(stage, 1.5)
    again = stage.run("daily", "2026-11-01")
    assert again.outcome is None
    assert again.period.duration == timedelta(hours=25)
