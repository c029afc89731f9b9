"""Names and patterns of subjects, and when maintenance goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.alerts.maintenance import MaintenanceWindow, fits, maintenance_spans, matching
from reporter.periods.schedules import parse
from tests.support.civil import LAW

DAY = datetime(2026, 10, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("daily_loss/*", "limit/daily_loss/live", False),  # with a `/` it begins with the kind
        ("limit/daily_loss/*", "limit/daily_loss/live", True),
        ("daily_loss*", "limit/daily_loss/live", True),
        ("DB", "probe/db", False),
    ],
)
def test_a_pattern_with_a_slash_begins_with_the_kind(pattern: str, subject: str, expected: bool) -> None:
    assert fits(pattern, subject) is expected


SUBJECTS = ["probe/db", "probe/db-2", "limit/daily_loss/live/USDT", "limit/daily_loss/paper/USDT", "limit/drawdown"]


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("db", ["probe/db"]),
        ("db*", ["probe/db", "probe/db-2"]),
        ("daily_loss", ["limit/daily_loss/live/USDT", "limit/daily_loss/paper/USDT"]),  # what begins with it
        ("limit/daily_loss", ["limit/daily_loss/live/USDT", "limit/daily_loss/paper/USDT"]),
        ("drawdown", ["limit/drawdown"]),
        ("limit", ["limit/daily_loss/live/USDT", "limit/daily_loss/paper/USDT", "limit/drawdown"]),
        ("nothing", []),
    ],
)
def test_what_a_name_means(given_name: str, expected: list[str]) -> None:
    assert matching(given_name, SUBJECTS) == expected


def window(at: str, hours: float, subject: str = "*") -> MaintenanceWindow:
    return MaintenanceWindow((subject,), parse(f"daily at {at}"), hours * HOUR, "UTC")


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([window("02:00", 2)], [(2, 4)]),
        ([window("02:00", 2), window("04:00", 1)], [(2, 5)]),  # that touch
        ([window("02:00", 2), window("04:01", 1)], [(2, 4), (4 + 1 / 60, 5 + 1 / 60)]),
        ([window("02:00", 4), window("03:00", 1)], [(2, 6)]),
        ([window("23:00", 2)], [(0, 1), (23, 24)]),  # cut off at the ends
        ([window("00:00", 24)], [(0, 24)]),
        ([window("02:00", 2, "probe/other")], []),
    ],
)
def test_the_maintenance_of_a_day(windows: list[MaintenanceWindow], expected: list[tuple[float, float]]) -> None:
    found = maintenance_spans(windows, "probe/db", DAY, DAY + 24 * HOUR)
    assert found == [(DAY + start * HOUR, DAY + end * HOUR) for start, end in expected]


def test_a_window_that_begins_at_the_end_is_not_in_it() -> None:
    assert maintenance_spans([window("02:00", 1)], "probe/db", DAY, DAY + 2 * HOUR) == []


@LAW
@given(st.sampled_from(["00:00", "02:30", "23:00"]), st.sampled_from([0.5, 1, 24, 30]), st.integers(0, 48 * 60))
def test_maintenance_goes_on_exactly_in_its_spans(at: str, hours: float, minute: int) -> None:
    one, now = window(at, hours), DAY + timedelta(minutes=minute)
    ends = one.until(now)
    begun = [begins for begins, until in one.spans(DAY - 48 * HOUR, DAY + 96 * HOUR) if begins <= now < until]
    assert (ends is not None) is bool(begun)
    assert ends is None or ends == max(begun) + hours * HOUR
