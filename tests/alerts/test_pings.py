"""Jobs that report themselves: when they are missing, failing or stuck, and what the daemon's own absence changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reporter.alerts.model import Level, Observation
from reporter.alerts.pings import (
    LONGEST_QUOTE,
    Ping,
    PingKind,
    PingRule,
    PingState,
    after_absence,
    after_ping,
    awaited,
    observed,
    paused,
    resumed,
)
from reporter.periods.schedules import parse
from reporter.secret import Secret

NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def rule(schedule: str = "every 10m", grace: timedelta = 5 * MINUTE, zone: str = "UTC") -> PingRule:
    return PingRule("backup", parse(schedule), zone, grace, Secret("0123456789abcdef"), get=False)


def pinged(one: PingRule, kind: PingKind = "success", at: datetime = NOON, **more: object) -> PingState:
    return after_ping(one, awaited(one, at - HOUR), Ping(kind, at, **more), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("after", "level"), [(15, Level.OK), (15.1, Level.CRITICAL)])
def test_a_ping_is_missing_once_its_grace_is_over(after: float, level: Level) -> None:
    seen = observed(rule(), pinged(rule()), NOON + after * MINUTE)
    assert seen.level is level
    assert "pinged at 12:00:00 UTC" in seen.detail or "no ping since 12:10:00 UTC" in seen.detail


def test_a_job_that_never_pinged_is_missing_after_its_first_turn() -> None:
    one = rule("daily at 03:00")
    state = awaited(one, NOON)
    assert observed(one, state, NOON + 15 * HOUR).level is Level.OK
    seen = observed(one, state, NOON + 15 * HOUR + 6 * MINUTE)
    assert (seen.level, "none ever came" in seen.detail) == (Level.CRITICAL, True)


def test_a_cron_ping_that_comes_some_seconds_early_is_the_one_that_is_due() -> None:
    one = rule('cron "0 3 * * *"', zone="Europe/Berlin")
    state = pinged(one, at=datetime(2026, 11, 1, 1, 59, 50, tzinfo=UTC))
    assert state.due_at == datetime(2026, 11, 2, 2, 0, tzinfo=UTC)


def test_a_failure_counts_at_once_and_shows_its_last_line() -> None:
    state = pinged(rule(), "fail", status=3, text="step 1\nno space left\n\n")
    seen = observed(rule(), state, NOON)
    assert (seen.level, seen.detail) == (Level.CRITICAL, "failed with exit status 3 at 12:00:00 UTC: no space left")
    assert not after_ping(rule(), state, Ping("success", NOON), None).failed


def test_a_run_that_does_not_end_within_its_grace_is_stuck() -> None:
    state = after_ping(rule(), pinged(rule()), Ping("start", NOON + MINUTE), None)
    assert observed(rule(), state, NOON + 6 * MINUTE).level is Level.OK
    assert "has not ended within 5m" in observed(rule(), state, NOON + 7 * MINUTE).detail
    ended = after_ping(rule(), state, Ping("success", NOON + 7 * MINUTE), NOON + MINUTE)
    assert (ended.started_at, ended.took) == (None, 360.0)
    assert observed(rule(), ended, NOON + 8 * MINUTE).detail == "pinged at 12:07:00 UTC and took 6m"


def test_a_log_changes_nothing_and_another_run_does_not_end_the_one_that_began_last() -> None:
    state = after_ping(rule(), pinged(rule()), Ping("start", NOON, "b"), None)
    assert after_ping(rule(), state, Ping("log", NOON, "b", text="half"), None) == state
    assert after_ping(rule(), state, Ping("success", NOON, "a"), NOON).rid == "b"


@pytest.mark.parametrize(
    ("left", "back", "missing_at"),
    [
        (NOON + 8 * MINUTE, NOON + 12 * MINUTE, NOON + 27 * MINUTE),  # the ping may have come meanwhile
        (NOON + MINUTE, NOON + 2 * MINUTE, NOON + 15 * MINUTE),  # back long before it was due
        (NOON + 20 * MINUTE, NOON + 30 * MINUTE, NOON + 15 * MINUTE),  # it was missing before
    ],
)
def test_an_absence_of_ours_is_no_missed_ping(left: datetime, back: datetime, missing_at: datetime) -> None:
    state = after_absence(rule(), pinged(rule()), left, back)
    assert observed(rule(), state, missing_at).level is Level.OK
    assert observed(rule(), state, missing_at + timedelta(seconds=1)).level is Level.CRITICAL


def test_a_run_whose_end_we_could_not_hear_is_not_stuck_at_once() -> None:
    state = after_ping(rule(), pinged(rule()), Ping("start", NOON + 9 * MINUTE), None)
    back = after_absence(rule(), state, NOON + 9 * MINUTE, NOON + HOUR)
    assert observed(rule(), back, NOON + HOUR).level is Level.OK


# --- Whole states: a ping changes what it speaks of, and nothing else ---

LATER = NOON + 3 * MINUTE
DUE = LATER + 10 * MINUTE
# A run that failed, and another that goes on; so that whatever is lost shows.
TROUBLED = PingState("backup", "every 10m", NOON, NOON - HOUR, True, 3, NOON - MINUTE, "b", 7.0, "no space left")
PAUSED = replace(TROUBLED, paused_at=NOON)


@pytest.mark.parametrize(
    ("before", "ping", "begun_at", "expected"),
    [
        (
            TROUBLED,
            Ping("success", LATER, "b", 0, "done"),
            NOON - MINUTE,
            PingState("backup", "every 10m", DUE, LATER, False, 0, None, None, 240.0, "done"),
        ),
        (
            TROUBLED,
            Ping("success", LATER),  # without a name it ends whatever runs
            None,
            PingState("backup", "every 10m", DUE, LATER),
        ),
        (
            TROUBLED,
            Ping("success", LATER, "a"),  # another run than the one that goes on
            None,
            PingState("backup", "every 10m", DUE, LATER, started_at=NOON - MINUTE, rid="b"),
        ),
        (
            TROUBLED,
            Ping("fail", LATER, "a", 4, "disk full"),  # a failure ends whatever runs
            LATER - MINUTE,
            PingState("backup", "every 10m", DUE, LATER, True, 4, None, None, 60.0, "disk full"),
        ),
        (TROUBLED, Ping("start", LATER, "c"), None, replace(TROUBLED, started_at=LATER, rid="c")),
        (TROUBLED, Ping("log", LATER, "c", text="half"), None, TROUBLED),
        (
            PAUSED,
            Ping("start", LATER, "c"),
            None,
            replace(TROUBLED, due_at=DUE, started_at=LATER, rid="c"),
        ),
        (PAUSED, Ping("success", LATER, "b"), None, PingState("backup", "every 10m", DUE, LATER)),
        (PAUSED, Ping("log", LATER, "b"), None, PAUSED),
    ],
)
def test_what_a_ping_changes(before: PingState, ping: Ping, begun_at: datetime | None, expected: PingState) -> None:
    assert after_ping(rule(), before, ping, begun_at) == expected


def test_a_pause_ends_trouble_and_a_resumed_job_is_due_after_now() -> None:
    assert paused(TROUBLED, LATER) == replace(TROUBLED, paused_at=LATER, failed=False, started_at=None, rid=None)
    assert resumed(rule(), PAUSED, LATER) == replace(TROUBLED, due_at=DUE)


def test_a_rule_with_another_schedule_keeps_what_is_known_of_its_job() -> None:
    assert awaited(rule(), LATER) == PingState("backup", "every 10m", DUE)
    assert awaited(rule("every 2m"), LATER, PAUSED) == replace(PAUSED, schedule="every 2m", due_at=LATER + 2 * MINUTE)


@pytest.mark.parametrize(
    ("grace", "early", "due"), [(5 * MINUTE, 30, 14), (5 * MINUTE, 31, 13), (10 * MINUTE / 60, 11, 13)]
)
def test_a_ping_is_early_by_half_a_minute_or_the_grace(grace: timedelta, early: int, due: int) -> None:
    one = rule('cron "0 * * * *"', grace)
    assert one.due_after(NOON + HOUR - timedelta(seconds=early)) == NOON + (due - 12) * HOUR


QUIET = PingState("backup", "every 10m", NOON + 10 * MINUTE, NOON)


@pytest.mark.parametrize(
    ("state", "now", "level", "detail"),
    [
        (replace(QUIET, pinged_at=None), NOON, Level.OK, "the first ping is due at 12:10:00 UTC"),
        (QUIET, NOON + 15 * MINUTE, Level.OK, "pinged at 12:00:00 UTC"),
        (replace(QUIET, took=90.0), NOON, Level.OK, "pinged at 12:00:00 UTC and took 1m 30s"),
        (
            QUIET,
            NOON + 16 * MINUTE,
            Level.CRITICAL,
            "no ping since 12:10:00 UTC, when one was due; the last came at 12:00:00 UTC",
        ),
        (
            replace(QUIET, pinged_at=None),
            NOON + 16 * MINUTE,
            Level.CRITICAL,
            "no ping since 12:10:00 UTC, when one was due; none ever came",
        ),
        (
            replace(QUIET, started_at=NOON + MINUTE),
            NOON + 7 * MINUTE,
            Level.CRITICAL,
            "began at 12:01:00 UTC and has not ended within 5m",
        ),
        (replace(QUIET, failed=True), NOON, Level.CRITICAL, "failed at 12:00:00 UTC"),
        (
            replace(QUIET, failed=True, status=0, text="x" * (LONGEST_QUOTE + 9)),
            NOON,
            Level.CRITICAL,
            f"failed with exit status 0 at 12:00:00 UTC: {'x' * 200}",
        ),
        (
            replace(QUIET, failed=True, paused_at=NOON),
            NOON + HOUR,
            Level.OK,
            "paused at 12:00:00 UTC; its next ping ends that",
        ),
    ],
)
def test_how_a_job_stands(state: PingState, now: datetime, level: Level, detail: str) -> None:
    assert observed(rule(), state, now) == Observation("ping/backup", level, detail, figure=state.took)


@pytest.mark.parametrize(
    ("schedule", "left", "back", "expected"),
    [
        # Back half a minute before the ping of a fixed time is due: it may have come early.
        ("daily at 12:10", 0, 9, QUIET),
        ("daily at 12:10", 0, 9.5, replace(QUIET, due_at=NOON + timedelta(days=1, minutes=10))),
        # One that comes every ten minutes may come as early as its grace is long.
        ("every 10m", 0, 4.9, QUIET),
        ("every 10m", 0, 5, replace(QUIET, due_at=NOON + 15 * MINUTE)),
        # It was missing before.
        ("every 10m", 15, 20, replace(QUIET, due_at=NOON + 30 * MINUTE)),
        ("every 10m", 15.1, 20, QUIET),
    ],
)
def test_which_absence_excuses_a_ping(schedule: str, left: float, back: float, expected: PingState) -> None:
    assert after_absence(rule(schedule), QUIET, NOON + left * MINUTE, NOON + back * MINUTE) == expected


@pytest.mark.parametrize(
    ("schedule", "left", "back", "began"),
    [
        ("every 10m", 9, 60, 60),
        ("every 10m", 6, 8, 8),  # also where no ping is due meanwhile
        ("daily at 20:00", 6, 8, 8),
        ("daily at 20:00", 10, 12, 12),
        ("daily at 20:00", 10.1, 12, 5),  # it was stuck before
        ("every 10m", 0, 4, 5),  # it began later
    ],
)
def test_an_absence_within_a_run_excuses_its_end(schedule: str, left: float, back: float, began: float) -> None:
    one = rule(schedule)
    runs = replace(QUIET, due_at=one.due_after(NOON), started_at=NOON + 5 * MINUTE)
    found = after_absence(one, runs, NOON + left * MINUTE, NOON + back * MINUTE)
    assert found.started_at == NOON + began * MINUTE
