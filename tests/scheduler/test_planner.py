"""Each closed period is owed once and reported once, in order, whatever happens in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reporter.errors import ConfigError
from reporter.store import alerts, owed_periods
from tests.support.servers import PostgreSQL
from tests.support.stage import DAILY, Stage

HOURLY = DAILY.replace('covers="yesterday", schedule="daily at 00:00"', 'covers="last hour", schedule="every hour"')

TODAY = DAILY.replace('"yesterday", schedule="daily at 00:00"', '"today", schedule="every 5m"').replace(
    "def daily", "def today"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def daily(request: pytest.FixtureRequest, stage: Stage) -> Stage:
    """A daily report, on a store of each kind."""
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("server")
        stage.environ["STORE"] = server.url(schema=server.new_schema())
    return stage.report("daily", DAILY).on_screen("  daily:")


def test_a_new_store_owes_first_the_period_that_ends_after_it_was_made(daily: Stage) -> None:
    assert daily.told() == []
    daily.clock.forward(hours=12, seconds=59)
    assert daily.told() == []  # it is over, but late trades have not settled yet
    daily.clock.forward(seconds=1)
    assert daily.told() == ["daily 2026-10-31"]
    assert daily.told() == []


def test_a_period_that_was_told_is_not_told_again_by_a_new_process(daily: Stage) -> None:
    daily.tick()
    daily.clock.forward(days=1)
    assert daily.told() == ["daily 2026-10-31"]
    assert daily.restart().told() == []


def test_what_was_missed_while_away_is_told_in_order(daily: Stage) -> None:
    daily.tick()
    daily.restart().clock.forward(days=3)
    assert daily.told() == ["daily 2026-10-31", "daily 2026-11-01", "daily 2026-11-02"]


def test_every_hour_means_each_civil_hour(stage: Stage) -> None:
    stage.report("daily", HOURLY).on_screen("  daily:")
    stage.clock.forward(minutes=20)
    stage.tick()
    stage.clock.forward(hours=2)
    assert stage.told() == ["daily 2026-10-31 12:00", "daily 2026-10-31 13:00"]


def test_a_clock_set_back_tells_nothing_twice(daily: Stage) -> None:
    daily.tick()
    daily.clock.forward(days=1)
    daily.told()
    daily.clock.forward(hours=-20)
    assert daily.told() == []
    daily.clock.forward(hours=20)
    assert daily.told() == []


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "America/Havana", "Pacific/Chatham"])
def test_no_day_is_lost_or_doubled_when_the_clocks_change(stage: Stage, zone: str) -> None:
    stage.report("daily", DAILY).on_screen("  daily:", zone)
    stage.clock.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    stage.tick()
    told = []
    for _ in range(40 * 4):
        stage.clock.forward(hours=6)
        told += stage.told()
    assert len(told) == len(set(told)) == 40
    assert told == sorted(told)


def test_two_planners_on_one_store_share_a_period_and_tell_it_once(daily: Stage) -> None:
    daily.tick()
    daily.clock.forward(days=1)
    turns = daily.app.planner.tick(daily.app.runtime)
    again = daily.app.planner.tick(daily.app.runtime)
    claims = [daily.app.planner.claim(turn) for turn in (*turns, *again)]
    assert [claim is not None for claim in claims] == [True, False]


def test_a_claim_of_someone_who_died_is_taken_over_when_its_lease_ends(daily: Stage) -> None:
    daily.tick()
    daily.clock.forward(days=1)
    [turn] = daily.app.planner.tick(daily.app.runtime)
    assert daily.app.planner.claim(turn)
    assert daily.told() == []
    daily.clock.forward(minutes=3)
    assert daily.told() == ["daily 2026-10-31"]


def test_one_who_comes_back_after_his_lease_tells_nothing(daily: Stage) -> None:
    daily.tick()
    daily.clock.forward(days=1)
    [turn] = daily.app.planner.tick(daily.app.runtime)
    paused = daily.app.planner.claim(turn)
    daily.clock.forward(minutes=3)
    daily.told()
    outcome = daily.app.runner.run(daily.app.runtime, turn.bound, turn.owed.period, trigger="schedule", claim=paused)
    assert outcome.error == "another daemon took this period over during the run; nothing was sent twice"
    assert daily.counts() == {"waiting": 1}


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ("  daily: {schedule: daily at 09:00}", ["daily 2026-10-31", "daily 2026-11-01"]),
        ("  daily: {schedule: daily at 00:30}", ["daily 2026-10-31", "daily 2026-11-01"]),
        ('  daily: {schedule: cron "0 0 * * *"}', ["daily 2026-10-31", "daily 2026-11-01"]),
    ],
)
def test_an_edited_schedule_neither_loses_nor_repeats_a_period(daily: Stage, edit: str, expected: list[str]) -> None:
    daily.tick()
    daily.clock.forward(hours=12, seconds=30)  # the day is over and not told yet
    daily.on_screen(edit)
    daily.reload()
    told = daily.told()
    for _ in range(40):
        daily.clock.forward(hours=1)
        told += daily.told()
    assert told == expected


def test_a_job_moved_to_another_zone_owes_nothing_from_before(daily: Stage) -> None:
    daily.tick()
    daily.clock.forward(hours=13)
    assert daily.told() == ["daily 2026-10-31"]
    daily.on_screen("  daily: {timezone: Asia/Tokyo}")
    daily.reload()
    daily.clock.forward(hours=3)  # in Tokyo it is the afternoon of 1 November
    assert daily.told() == []
    daily.clock.forward(hours=12)
    assert daily.told() == ["daily 2026-11-01 (15h, zone changed)"]


def test_a_period_that_nobody_could_make_for_days_is_given_up_and_the_next_ones_come(stage: Stage) -> None:
    broken = DAILY.replace(
        "    yield", "    if ctx.period.label == '2026-10-31':\n        raise ValueError('no')\n    yield"
    )
    stage.report("daily", broken).on_screen("  daily:")
    stage.tick()
    stage.clock.forward(days=1)
    [(_, label, outcome)] = stage.tick()
    assert (label, outcome.error) == ("2026-10-31", "daily.py:9: ValueError: no")
    stage.clock.forward(days=1)
    assert stage.told() == []  # in order: the later day waits
    stage.clock.forward(days=1)
    assert stage.told() == []  # two days have passed, and it is tried a last time
    stage.clock.forward(minutes=15)
    stage.tick()
    assert stage.told() == ["daily 2026-11-01", "daily 2026-11-02"]


def told_after_a_week_away(stage: Stage, terms: str) -> list[str]:
    """What a daily report tells that was away from Saturday noon to the Saturday after."""
    stage.on_screen(f"  daily: {{{terms}}}").tick()
    stage.restart().clock.forward(days=7)
    return stage.told()


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        (
            "catch_up: all",
            [f"daily 2026-{day}" for day in ("10-31", "11-01", "11-02", "11-03", "11-04", "11-05", "11-06")],
        ),
        ("catch_up_limit: 2", ["daily 2026-11-05", "daily 2026-11-06"]),
        ("catch_up: latest", ["daily 2026-11-06"]),
        ("catch_up: none", []),
    ],
)
def test_catch_up_says_what_is_told_of_what_was_missed(daily: Stage, terms: str, told: list[str]) -> None:
    assert told_after_a_week_away(daily, terms) == told
    daily.clock.forward(hours=12, minutes=2)  # and the next one comes, whatever was left out
    assert daily.told() == ["daily 2026-11-07"]


def test_what_was_left_out_is_counted_where_it_is_missed(daily: Stage, caplog: pytest.LogCaptureFixture) -> None:
    told_after_a_week_away(daily, "catch_up: latest")
    assert "daily: 6 older periods left out: catch_up is latest" in caplog.text
    daily.deliver()
    assert "late by 11h 59m · 6 older periods were left out" in daily.screen.getvalue()


def test_a_report_on_time_says_nothing_of_its_time(daily: Stage) -> None:
    daily.tick()
    daily.clock.forward(hours=12, minutes=10)
    assert daily.told() == ["daily 2026-10-31"]
    daily.deliver()
    assert "late" not in daily.screen.getvalue()


def test_months_of_hours_are_entered_in_passes_and_only_the_newest_are_told(stage: Stage) -> None:
    stage.report("daily", HOURLY).on_screen("  daily: {catch_up_limit: 3}").tick()
    stage.restart().clock.forward(days=100, minutes=5)
    told = [label for _ in range(20) for label in stage.told()]
    assert told == ["daily 2027-02-08 09:00", "daily 2027-02-08 10:00", "daily 2027-02-08 11:00"]


def test_a_job_gives_up_when_its_config_says_and_that_is_told(stage: Stage) -> None:
    broken = DAILY.replace("    yield", "    raise ValueError('no')\n    yield")
    stage.report("daily", broken).on_screen("  daily: {give_up_after: 3h}").tick()
    stage.clock.forward(hours=13)
    stage.tick()
    stage.clock.forward(hours=3)
    stage.tick()
    stage.clock.forward(minutes=15)
    assert stage.tick() == []
    stage.deliver()
    given_up = "Daily for 2026-10-31 was given up after 3h of trying; the last reason was: daily.py:8"
    assert given_up in " ".join(stage.screen.getvalue().split())


@pytest.mark.parametrize("hours", [6, -6, 24 * 25_567])
def test_a_clock_that_is_set_between_two_tries_gives_no_period_up(stage: Stage, hours: int) -> None:
    broken = DAILY.replace("    yield", "    raise ValueError('no')\n    yield")
    stage.report("daily", broken).on_screen("  daily: {give_up_after: 3h}").tick()
    stage.clock.forward(hours=20)
    assert len(stage.tick()) == 1
    stage.clock.set_by(timedelta(hours=hours))
    for _ in range(3):
        stage.clock.forward(minutes=30)
        stage.tick()
    with stage.app.store.read() as connection:
        assert "2026-10-31" in owed_periods.open_labels(connection, "daily")


@pytest.mark.parametrize("hours", [1, 5])
def test_a_try_that_fails_just_after_the_clock_was_set_waits_as_long_as_any(stage: Stage, hours: int) -> None:
    broken = DAILY.replace("    yield", "    raise ValueError('no')\n    yield")
    stage.report("daily", broken).on_screen("  daily:").tick()
    stage.clock.forward(hours=13)
    planner, runner, runtime = stage.app.planner, stage.app.runner, stage.app.runtime
    [turn] = planner.tick(runtime)
    claim = planner.claim(turn)
    stage.clock.set_by(timedelta(hours=hours))  # while it runs; the planner sees that at its next look
    runner.run(runtime, turn.bound, turn.owed.period, trigger="schedule", claim=claim)
    assert planner.tick(runtime) == []
    stage.clock.forward(seconds=31)
    assert len(planner.tick(runtime)) == 1


def test_a_clock_that_ran_ahead_and_is_put_right_neither_blocks_nor_repeats(daily: Stage) -> None:
    daily.tick()
    daily.clock.forward(days=30)  # nobody can say that this is wrong
    ahead = daily.told()
    daily.clock.forward(days=-29, hours=1)
    assert daily.told() == []
    for _ in range(31):
        daily.clock.forward(days=1)
        assert not set(daily.told()) & set(ahead)
    daily.clock.forward(days=1)
    assert len(daily.told()) == 1


def test_what_a_clock_that_ran_ahead_left_out_is_told_when_its_time_comes(daily: Stage) -> None:
    daily.on_screen("  daily: {catch_up: latest}").tick()
    daily.clock.forward(days=30)
    assert daily.told() == ["daily 2026-11-29"]
    daily.clock.forward(days=-29)
    assert daily.told() == ["daily 2026-10-31"]
    daily.clock.forward(days=1)
    assert daily.told() == ["daily 2026-11-01"]


def test_a_renamed_job_keeps_its_past(daily: Stage) -> None:
    daily.tick()
    daily.clock.forward(days=1)
    assert daily.told() == ["daily 2026-10-31"]
    daily.report("summary", DAILY.replace("def daily", "def summary"))
    daily.on_screen("  summary: {renamed_from: daily}").reload()
    assert daily.told() == []
    daily.clock.forward(days=1)
    assert daily.told() == ["summary 2026-11-01"]


def test_a_name_that_is_still_in_use_cannot_be_taken_over(stage: Stage) -> None:
    stage.report("daily", DAILY).report("summary", DAILY.replace("def daily", "def summary"))
    with pytest.raises(ConfigError, match="there is still a job `daily`"):
        stage.on_screen("  daily:\n  summary: {renamed_from: daily}").app  # noqa: B018


@pytest.mark.parametrize(("schedule", "span"), [("every 5m", {"minutes": 5}), ("daily at 12:00", {"days": 1})])
def test_of_two_daemons_on_one_store_one_takes_an_open_jobs_turn(
    daily: Stage, schedule: str, span: dict[str, float]
) -> None:
    bound = daily.report("today", TODAY).on_screen(f"  today: {{schedule: {schedule}}}").app.runtime.jobs["today"]
    taken = []
    for _ in range(4):
        taken.append([daily.app.planner.may_run(daily.app.runtime, bound) for _ in range(2)])
        daily.clock.forward(**span)
    shared = daily.app.store.shared
    assert taken == [[True, not shared]] * 4


def test_the_next_runs_of_a_running_period_follow_each_other(stage: Stage) -> None:
    stage.report("daily", DAILY.replace('"yesterday"', '"today"').replace("daily at 00:00", "daily at 14:00"))
    stage.on_screen("  daily:")
    turns = stage.app.planner.next_runs(stage.app.job("daily"), 3)
    assert [f"{turn:%m-%d %H:%M}" for turn in turns] == ["10-31 14:00", "11-01 14:00", "11-02 14:00"]


def test_a_run_by_hand_says_nothing_of_what_was_left_out(daily: Stage) -> None:
    told_after_a_week_away(daily, "catch_up: latest")
    daily.deliver()
    daily.screen.truncate(0)
    daily.run("daily", "2026-11-04")
    assert "left out" not in daily.screen.getvalue()


@pytest.mark.parametrize("stops", [True, False])
def test_a_job_that_fails_while_the_daemon_stops_is_no_news(stage: Stage, stops: bool) -> None:
    broken = DAILY.replace("    yield", "    raise ValueError('no')\n    yield")
    app = stage.report("daily", broken).on_screen("  daily:").app
    if stops:
        app.stopping.set()
    bound = app.job("daily")
    app.runner.run(app.runtime, bound, app.period(bound, "2026-10-30"), trigger="interval")
    with app.store.read() as connection:
        assert bool(alerts.of_subjects(connection, {"job/daily"})) is not stops
