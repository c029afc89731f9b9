"""Durations and moments as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from reporter.periods.time_text import ago, clock_time, duration_text, moment_text, passed

NOON = datetime(2026, 10, 30, 12, 0, 5, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("seconds", "one", "two", "three"),
    [
        (0, "0s", "0s", "0s"),
        (0.0009, "<1ms", "<1ms", "<1ms"),
        (0.001, "1ms", "1ms", "1ms"),
        (0.9994, "999ms", "999ms", "999ms"),
        (0.9995, "1s", "1s", "1s"),
        (1.25, "1.2s", "1.2s", "1.2s"),
        (9.94, "9.9s", "9.9s", "9.9s"),
        (9.99, "10s", "10s", "10s"),
        (10.4, "10s", "10s", "10s"),
        (59.9, "59s", "59s", "59s"),
        (60, "1m", "1m", "1m"),
        (61, "1m", "1m 1s", "1m 1s"),
        (3599, "59m", "59m 59s", "59m 59s"),
        (3600, "1h", "1h", "1h"),
        (3605, "1h", "1h", "1h 5s"),
        (3661, "1h", "1h 1m", "1h 1m 1s"),
        (86_399, "23h", "23h 59m", "23h 59m 59s"),
        (86_400, "1 day", "1 day", "1 day"),
        (90_000, "1 day", "1 day, 1 hour", "1 day, 1 hour"),
        (180_059, "2 days", "2 days, 2 hours", "2 days, 2 hours"),
        (86_400_000, "1,000 days", "1,000 days", "1,000 days"),
        (-867, "-14m", "-14m 27s", "-14m 27s"),
    ],
)
def test_a_duration_names_its_largest_units(seconds: float, one: str, two: str, three: str) -> None:
    assert [duration_text(seconds, units=units) for units in (1, 2, 3)] == [one, two, three]
    assert duration_text(seconds) == duration_text(timedelta(seconds=seconds)) == two


@pytest.mark.parametrize("odd", [float("inf"), float("-inf"), float("nan")])
def test_what_is_no_number_has_no_duration(odd: float) -> None:
    assert duration_text(odd) is None


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.9, "just now"),
        (1, "1s ago"),
        (-0.9, "just now"),
        (-1, "in 1s"),
        (59, "59s ago"),
        (60, "1m ago"),
        (-86_400, "in 1 day"),
    ],
)
def test_how_far_a_moment_is_from_now(seconds: float, shown: str) -> None:
    assert ago(NOON - timedelta(seconds=seconds), NOON) == shown


def test_nothing_is_no_time_ago() -> None:
    assert ago(None, NOON) is ago(NOON, None) is None


def test_nothing_lasts_less_than_no_time() -> None:
    assert passed(NOON, NOON + timedelta(seconds=3)) == timedelta(seconds=3)
    assert passed(NOON, NOON - timedelta(seconds=3)) == timedelta()


def test_moments_are_shown_by_the_clock_of_their_reader() -> None:
    assert moment_text(NOON, BERLIN) == "2026-10-30 13:00:05 CET"
    assert clock_time(NOON, NOON.astimezone(BERLIN)) == "13:00:05 CET"
    late = datetime(2026, 10, 30, 23, 30, tzinfo=BERLIN)
    assert clock_time(late, late + timedelta(hours=1)) == "2026-10-30 23:30:00 CET"
    assert clock_time(late, (late + timedelta(minutes=10)).astimezone(UTC)) == "22:30:00 UTC"
