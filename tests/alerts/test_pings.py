"""Jobs that report themselves: when they are missing, failing or stuck, and what the daemon's own absence changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reporter.alerts.model import Level
from reporter.alerts.pings import Ping, PingKind, PingRule, PingState, after_absence, after_ping, awaited, observed
from reporter.periods.schedules import parse
from reporter.secret import Secret

NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def rule(schedule: str = "every 10m", grace: timedelta = 5 * MINUTE, zone: str = "UTC") -> PingRule:
    return PingRule("backup", parse(schedule), zone, grace, Secret("0123456789abcdef"))


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
