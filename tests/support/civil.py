"""The plain truth about civil time, found by watching the wall clock minute by minute."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import settings
from hypothesis import strategies as st

MINUTE = timedelta(minutes=1)
ZONES = sorted(available_timezones())
SHARES = [pytest.param(ZONES[first::16], id=f"from {ZONES[first]}") for first in range(16)]

# A busy machine may take its time over an example; that breaks no law.
LAW = settings(deadline=None)

# Where clocks do what programs do not expect: (zone, a civil date on which it happens).
NASTY = [
    ("America/New_York", "2026-03-08"),  # an hour is missing in the night
    ("America/New_York", "2026-11-01"),  # an hour is struck twice
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/Havana", "2026-03-08"),  # no midnight
    ("America/Havana", "2026-11-01"),  # two midnights
    ("Africa/Cairo", "2023-04-28"),  # no midnight, announced weeks before
    ("Asia/Beirut", "2023-03-30"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("America/Sao_Paulo", "2018-02-17"),  # the hour before midnight is struck twice
    ("Atlantic/Azores", "2026-10-25"),
    ("America/St_Johns", "2010-11-07"),  # back over midnight, at one minute past it
    ("America/St_Johns", "2010-03-14"),
    ("Pacific/Chatham", "2026-04-05"),  # a change in the middle of an hour
    ("Pacific/Chatham", "2026-09-27"),
    ("Australia/Lord_Howe", "2026-04-05"),  # half an hour is struck twice
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Pacific/Apia", "2011-12-30"),  # a day that never was
    ("Asia/Pyongyang", "2018-05-05"),  # half an hour before midnight is missing
    ("America/Caracas", "2007-12-09"),
    ("Asia/Kathmandu", "2026-06-01"),  # no change, odd offset
    ("UTC", "2026-06-01"),
]

zones = st.sampled_from(ZONES)
moments = st.datetimes(datetime(2000, 1, 2), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def around(day: str) -> tuple[datetime, datetime]:
    """From two days before a civil date to three after it, whatever the zone."""
    midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return midnight - timedelta(days=2), midnight + timedelta(days=3)


def minutes(zone: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Each minute of [start, end) with what the wall clock shows (aware)."""
    tz = ZoneInfo(zone)
    while start < end:
        yield start, start.astimezone(tz)
        start += MINUTE


def first_shown(zone: str, start: datetime, end: datetime) -> dict[datetime, datetime]:
    """The wall times (naive) that the clock had not reached before, each with the minute of its first strike."""
    shown: dict[datetime, datetime] = {}
    furthest = datetime.min  # noqa: DTZ901
    for moment, wall in minutes(zone, start, end):
        if (naive := wall.replace(tzinfo=None)) > furthest:
            furthest = naive
            shown[naive] = moment
    return shown


def changes(zone: str) -> Iterator[str]:
    """The civil dates, 2000 to 2040, on which the zone's offset changes."""
    tz = ZoneInfo(zone)
    moment, offset = datetime(2000, 1, 3, tzinfo=UTC), None
    while moment.year < 2041:
        wall = moment.astimezone(tz)
        if offset is not None and wall.utcoffset() != offset:
            yield wall.date().isoformat()
        offset = wall.utcoffset()
        moment += timedelta(days=1)
