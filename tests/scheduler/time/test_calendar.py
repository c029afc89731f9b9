"""Every civil day from 2000 to 2040, in every zone: one report each, and no moment between two reports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reporter.periods.civil import Covers, Period, Unit, containing, covered
from reporter.periods.schedules import Daily
from tests.support.civil import LAW, SHARES, zones

TIMES = [time(0, 0), time(2, 30)]


def reported(at: time, zone: str, start: datetime, end: datetime) -> Iterator[Period]:
    """The days that `daily at …` reports between two moments, in the order of its turns."""
    schedule, turn = Daily(at), start
    while (turn := schedule.after(turn, zone)) < end:
        yield covered(Covers.YESTERDAY, turn, zone)


def days(zone: str, first: datetime, end: datetime) -> Iterator[Period]:
    """The civil days one after another, as the calendar has them."""
    day = containing(Unit.DAY, first, zone)
    while day.start < end:
        yield day
        day = containing(Unit.DAY, day.end, zone)


def check_each_day_once(at: time, zone: str, first: int, last: int) -> None:
    """That the days of these years are reported once each, and that they meet."""
    start, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last + 1, 1, 1, tzinfo=UTC)
    told = list(reported(at, zone, start, end))
    expected = takewhile(lambda day: day.end <= told[-1].end, days(zone, told[0].start, end))
    assert told == list(expected), zone
    assert all(one.end == other.start for one, other in pairwise(told)), zone
    assert max(told[0].start - start, end - told[-1].end) < timedelta(days=2), zone


@settings(LAW, max_examples=30)
@given(st.sampled_from(TIMES), zones, st.integers(2000, 2040))
def test_each_civil_day_of_a_year_is_reported_once(at: time, zone: str, year: int) -> None:
    check_each_day_once(at, zone, year, year)


@pytest.mark.full
@pytest.mark.parametrize("at", TIMES, ids=str)
@pytest.mark.parametrize("share", SHARES)
def test_each_civil_day_of_forty_years_is_reported_once_in_every_zone(share: list[str], at: time) -> None:
    for zone in share:
        check_each_day_once(at, zone, 2000, 2040)
