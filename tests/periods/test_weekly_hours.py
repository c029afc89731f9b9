"""Hours of the week: how they are read, and how much of them lies between two moments, also where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.periods.weekly_hours import weekly_hours

NEW_YORK = ZoneInfo("America/New_York")
STOCKS = weekly_hours("mon-fri 09:30-16:00 America/New_York")
HOUR = timedelta(hours=1)


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("mon-fri 09:30-16:00 America/New_York", "mon-fri 09:30-16:00 America/New_York"),
        ("08:00-20:00", "08:00-20:00"),
        ("mon-fri", "mon-fri"),
        ("sun-thu 17:00-17:00 America/New_York", "sun-thu 17:00-17:00 America/New_York"),
        ("mon,wed-fri 22:00-04:00 UTC", "mon,wed-fri 22:00-04:00 UTC"),
        ("sat 00:00-24:00", "sat"),
        ("mon-sun 08:00 - 20:00 Etc/GMT+5", "08:00-20:00 Etc/GMT+5"),
    ],
)
def test_hours_are_written_as_they_are_read(text: str, read: str) -> None:
    assert str(weekly_hours(text)) == read
    assert weekly_hours(read) == weekly_hours(text)


@pytest.mark.parametrize(
    "text", ["", "weekdays", "UTC", "mon-fri 9:30-16:00", "mon-fry", "09:30", "mon fri 09:30-25:00"]
)
def test_other_words_are_no_hours(text: str) -> None:
    with pytest.raises(ValueError, match="days of the week"):
        weekly_hours(text)


def test_a_weekend_counts_for_nothing() -> None:
    friday, monday = new_york("2026-11-27 15:00"), new_york("2026-11-30 10:00")
    assert STOCKS.between(friday, monday) == 1.5 * HOUR
    assert STOCKS.between(new_york("2026-11-28 00:00"), new_york("2026-11-30 09:30")) == timedelta()
    assert STOCKS.between(monday, friday) == timedelta()


def test_both_ends_of_the_hours_are_kept() -> None:
    assert STOCKS.holds(new_york("2026-11-27 09:30"))
    assert STOCKS.holds(new_york("2026-11-27 15:59:59"))
    assert not STOCKS.holds(new_york("2026-11-27 16:00"))
    assert not STOCKS.holds(new_york("2026-11-28 12:00"))


@pytest.mark.parametrize(("day", "open_at"), [("2026-03-06", 14.5), ("2026-03-09", 13.5), ("2026-11-02", 14.5)])
def test_hours_move_with_the_clock_of_their_zone(day: str, open_at: float) -> None:
    """New York changes its clock on 8 March and 1 November 2026: at 13:30 UTC the market is open in summer alone."""
    midnight = datetime.fromisoformat(f"{day}T00:00+00:00")
    assert STOCKS.between(midnight, midnight + open_at * HOUR) == timedelta()
    assert STOCKS.between(midnight, midnight + (open_at + 1) * HOUR) == HOUR


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 4), ("2026-03-29", 3), ("2026-10-25", 5)])
def test_a_night_in_which_the_clock_is_moved_is_shorter_or_longer(day: str, hours: int) -> None:
    night = weekly_hours("00:00-04:00 Europe/Berlin")
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    assert night.between(start, start + 12 * HOUR) == hours * HOUR


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    forex = weekly_hours("sun-thu 17:00-17:00 America/New_York")
    assert forex.holds(new_york("2026-11-27 16:59"))  # Friday
    assert not forex.holds(new_york("2026-11-27 17:00"))
    assert forex.holds(new_york("2026-11-29 17:00"))
    assert forex.between(new_york("2026-11-23 00:00"), new_york("2026-11-30 00:00")) == 120 * HOUR


def test_hours_without_a_zone_are_those_of_whoever_asks() -> None:
    hours = weekly_hours("mon-fri 09:30-16:00")
    assert hours.seen_from("America/New_York") == STOCKS
    assert STOCKS.seen_from("Asia/Tokyo") == STOCKS


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
TEXTS = st.sampled_from(
    [
        "mon-fri 09:30-16:00 America/New_York",
        "22:00-04:00 Europe/Berlin",
        "sat,sun",
        "01:30-02:30 Europe/Berlin",
        "02:30-02:30 Europe/Berlin",
    ]
)


@given(TEXTS, MOMENTS, MOMENTS, MOMENTS)
def test_parts_add_up_and_no_time_counts_outside_the_hours(
    text: str, one: datetime, two: datetime, three: datetime
) -> None:
    hours, (first, second, third) = weekly_hours(text), sorted([one, two, three])
    assert hours.between(first, second) + hours.between(second, third) == hours.between(first, third)
    assert timedelta() <= hours.between(first, third) <= third - first
    if hours.holds(first):
        assert hours.between(first, first + timedelta(microseconds=1))
