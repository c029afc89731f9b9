"""Periods meet without gap or overlap wherever clocks change, and agree with a wall clock watched by the minute."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporter.periods.civil import (
    Covers,
    Period,
    Unit,
    as_far,
    asked,
    before,
    containing,
    covered,
    exists,
    first_instant,
    first_strike,
    following,
    named_end,
    parse_at,
    strikes,
    trailing,
)
from tests.support.civil import LAW, NASTY, SHARES, around, changes, first_shown, minutes, moments, zones

units = st.sampled_from(Unit)
WRITE = ': write it as 2026-10-30, "2026-10-30 14:00" or yesterday.'
AMBIGUOUS = "'11/12/2026' can be read in two ways: write year, month and day, such as 2026-11-27."
AFTERNOON = datetime(2026, 10, 30, 14, 3, 7, tzinfo=UTC)


def chain(unit: Unit, zone: str, start: datetime, end: datetime) -> list[Period]:
    """The periods that meet [start, end), each found from the end of the one before it."""
    periods = [containing(unit, start, zone)]
    while periods[-1].end < end:
        periods.append(containing(unit, periods[-1].end, zone))
    return periods


@LAW
@given(units, moments, zones)
def test_a_period_holds_its_moment_and_meets_its_neighbours(unit: Unit, moment: datetime, zone: str) -> None:
    period = containing(unit, moment, zone)
    assert period.start <= moment < period.end
    assert before(period).end == period.start
    later = containing(unit, period.end, zone)
    assert later.start == period.end
    assert before(later) == period


@LAW
@given(units, moments, zones)
def test_what_follows_begins_there_and_ends_with_a_period_of_the_zone(unit: Unit, moment: datetime, zone: str) -> None:
    found = following(unit, moment, zone)
    whole = containing(unit, found.end - timedelta(microseconds=1), zone)
    if moment == whole.start:
        assert found == whole
        return
    assert found == replace(whole, start=moment, label=found.label)
    assert found.label.startswith(f"{whole.label} (")
    assert found.label.endswith(", zone changed)")
    shorter, longer = whole.duration - found.duration, before(whole).duration
    assert shorter <= whole.duration / 2  # at most half is cut off, or less than half of the one before is added
    assert -shorter < longer / 2


@pytest.mark.parametrize(
    ("start", "end", "label"),
    [
        ("2026-10-30T00:00", "2026-10-31", "2026-10-30"),
        ("2026-10-30T09:00", "2026-10-31", "2026-10-30 (15h, zone changed)"),
        ("2026-10-30T12:00", "2026-10-31", "2026-10-30 (12h, zone changed)"),
        ("2026-10-30T12:01", "2026-11-01", "2026-10-31 (1 day, 11 hours, zone changed)"),
    ],
)
def test_the_first_day_in_another_zone_says_how_long_it_is(start: str, end: str, label: str) -> None:
    begins, ends = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    assert following(Unit.DAY, begins, "UTC") == Period(begins, ends, label, "UTC", Unit.DAY)


@LAW
@given(units, moments, zones)
def test_every_moment_of_a_period_names_the_same_period(unit: Unit, moment: datetime, zone: str) -> None:
    period = containing(unit, moment, zone)
    last = period.end - timedelta.resolution
    assert containing(unit, period.start, zone) == period == containing(unit, last, zone)


@LAW
@given(units, moments, zones)
def test_a_label_is_unlike_its_neighbours_and_can_be_typed_again(unit: Unit, moment: datetime, zone: str) -> None:
    period = containing(unit, moment, zone)
    assert before(period).label != period.label
    assert containing(unit, parse_at(period.label, zone), zone) == period


@LAW
@given(st.sampled_from([Unit.WEEK, Unit.MONTH]), moments, zones)
def test_weeks_and_months_are_made_of_their_days(unit: Unit, moment: datetime, zone: str) -> None:
    period = containing(unit, moment, zone)
    days = period.days()
    assert (days[0].start, days[-1].end) == (period.start, period.end)
    assert all(one.end == other.start for one, other in pairwise(days))
    assert all(containing(Unit.DAY, day.start, zone) == day for day in days)


def check_days(zone: str, day: str) -> None:
    shown = first_shown(zone, *around(day))
    for number in range(-1, 3):
        midnight = datetime.fromisoformat(day) + timedelta(days=number)
        assert first_instant(midnight.date(), zone) == next(at for wall, at in shown.items() if wall >= midnight)


def check_hours(zone: str, day: str) -> None:
    start, end = around(day)
    watched = [
        next(stretch)[0]
        for _, stretch in groupby(minutes(zone, start, end), lambda m: (m[1].date(), m[1].hour, m[1].utcoffset()))
    ]
    hours = chain(Unit.HOUR, zone, start, end)
    assert [hour.start for hour in hours[1:]] == watched[1 : len(hours)]
    assert len({hour.label for hour in hours}) == len(hours)


@pytest.mark.parametrize(("zone", "day"), NASTY)
def test_days_begin_when_the_watched_clock_first_shows_them(zone: str, day: str) -> None:
    check_days(zone, day)


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize(("zone", "day"), NASTY)
def test_each_moment_about_a_change_lies_in_its_period(zone: str, day: str, unit: Unit) -> None:
    start, end = around(day)
    for moment in (
        start + quarter * timedelta(minutes=15) for quarter in range((end - start) // timedelta(minutes=15))
    ):
        period = containing(unit, moment, zone)
        assert period.start <= moment < period.end


@pytest.mark.parametrize(("zone", "day"), NASTY)
def test_hours_are_the_stretches_that_the_watched_clock_shows(zone: str, day: str) -> None:
    check_hours(zone, day)


@pytest.mark.full
@pytest.mark.parametrize("share", SHARES)
def test_days_and_hours_are_right_at_every_change_of_every_zone(share: list[str]) -> None:
    for zone in share:
        for day in changes(zone):
            check_days(zone, day)
            check_hours(zone, day)


@pytest.mark.full
@pytest.mark.parametrize("share", SHARES)
def test_each_civil_day_of_forty_years_meets_the_next_in_every_zone(share: list[str]) -> None:
    for zone in share:
        days = chain(Unit.DAY, zone, datetime(2000, 1, 2, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))
        assert all(one.end == other.start for one, other in pairwise(days)), zone
        assert all(timedelta(hours=17) <= day.duration <= timedelta(hours=31) for day in days), zone
        assert all(one.label < other.label for one, other in pairwise(days)), zone


@pytest.mark.parametrize(
    ("zone", "day", "start", "hours"),
    [
        ("America/New_York", "2026-03-08", "2026-03-08T05:00Z", 23),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00Z", 25),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00Z", 25),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00Z", 23),
        ("Africa/Cairo", "2023-04-28", "2023-04-27T22:00Z", 23),
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30Z", 23.5),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00Z", 0),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00Z", 24),
        ("America/St_Johns", "2010-11-07", "2010-11-07T02:30Z", 25),
    ],
)
def test_a_day_has_the_length_that_its_clock_gives_it(zone: str, day: str, start: str, hours: float) -> None:
    begins = first_instant(date.fromisoformat(day), zone)
    ends = first_instant(date.fromisoformat(day) + timedelta(days=1), zone)
    assert begins == datetime.fromisoformat(start)
    assert ends - begins == timedelta(hours=hours)


def test_a_day_that_never_was_is_left_out() -> None:
    assert not exists(date(2011, 12, 30), "Pacific/Apia")
    december = containing(Unit.MONTH, datetime(2011, 12, 5, tzinfo=UTC), "Pacific/Apia")
    assert len(december.days()) == 30
    new_year = containing(Unit.DAY, first_instant(date(2011, 12, 31), "Pacific/Apia"), "Pacific/Apia")
    assert before(new_year).label == "2011-12-29"


@pytest.mark.parametrize(
    ("zone", "start", "labels"),
    [
        (
            "Europe/Berlin",
            "2026-10-25T00:00Z",
            ["2026-10-25 02:00+02:00", "2026-10-25 02:00+01:00", "2026-10-25 03:00"],
        ),
        ("Europe/Berlin", "2026-03-29T00:30Z", ["2026-03-29 01:00", "2026-03-29 03:00"]),
        (
            "Australia/Lord_Howe",
            "2026-04-04T14:30Z",
            ["2026-04-05 01:00", "2026-04-05 01:30+10:30", "2026-04-05 02:00"],
        ),
        ("Australia/Lord_Howe", "2026-10-03T15:00Z", ["2026-10-04 01:00", "2026-10-04 02:30", "2026-10-04 03:00"]),
        ("Pacific/Chatham", "2026-09-26T13:30Z", ["2026-09-27 02:00", "2026-09-27 03:45", "2026-09-27 04:00"]),
        ("Asia/Kolkata", "2026-06-01T00:00Z", ["2026-06-01 05:00", "2026-06-01 06:00"]),
    ],
)
def test_hours_are_named_by_the_wall_and_told_apart_when_struck_twice(zone: str, start: str, labels: list[str]) -> None:
    hour = containing(Unit.HOUR, datetime.fromisoformat(start), zone)
    for label in labels:
        assert hour.label == label
        hour = containing(Unit.HOUR, hour.end, zone)


@pytest.mark.parametrize(
    ("covers", "label", "seconds"),
    [
        (Covers.NOW, "2026-10-30 15:03:07", 0),
        (Covers.THIS_HOUR, "2026-10-30 15:00", 187),
        (Covers.TODAY, "2026-10-30", 15 * 3600 + 187),
        (Covers.THIS_WEEK, "2026-W44", (4 * 24 + 15) * 3600 + 187),
        (Covers.THIS_MONTH, "2026-10", (29 * 24 + 16) * 3600 + 187),
        (Covers.LAST_HOUR, "2026-10-30 14:00", 3600),
        (Covers.YESTERDAY, "2026-10-29", 86400),
        (Covers.LAST_WEEK, "2026-W43", (7 * 24 + 1) * 3600),
        (Covers.LAST_MONTH, "2026-09", 30 * 86400),
    ],
)
def test_what_a_run_speaks_of(covers: Covers, label: str, seconds: int) -> None:
    period = covered(covers, AFTERNOON, "Europe/Berlin")
    assert (period.label, period.duration.total_seconds()) == (label, seconds)
    assert period.so_far is not covers.closed
    assert period.unit is covers.unit


@LAW
@given(st.sampled_from(Covers), moments, zones)
def test_a_closed_period_is_over_and_an_open_one_ends_now(covers: Covers, moment: datetime, zone: str) -> None:
    period = covered(covers, moment, zone)
    assert period.end <= moment if covers.closed else period.end == moment
    if covers.closed and covers.unit:
        assert containing(covers.unit, moment, zone).start == period.end


def test_a_period_at_its_very_first_moment_is_empty_so_far() -> None:
    midnight = first_instant(date(2026, 10, 30), "Europe/Berlin")
    today = covered(Covers.TODAY, midnight, "Europe/Berlin")
    assert (today.label, today.duration, today.days()) == ("2026-10-30", timedelta(0), [])
    assert covered(Covers.YESTERDAY, midnight, "Europe/Berlin").end == midnight


def test_the_days_of_an_unfinished_week_end_with_an_unfinished_day() -> None:
    days = covered(Covers.THIS_WEEK, AFTERNOON, "Europe/Berlin").days()
    assert [day.label for day in days] == [f"2026-10-{number}" for number in range(26, 31)]
    assert [day.so_far for day in days] == [False] * 4 + [True]
    assert days[-1].end == AFTERNOON


def test_the_day_before_today_so_far_is_the_whole_of_yesterday() -> None:
    today = covered(Covers.TODAY, AFTERNOON, "Europe/Berlin")
    assert before(today) == covered(Covers.YESTERDAY, AFTERNOON, "Europe/Berlin")
    now = covered(Covers.NOW, AFTERNOON, "Europe/Berlin")
    assert before(now) == now


def test_iso_weeks_belong_to_the_year_of_their_thursday() -> None:
    assert containing(Unit.WEEK, datetime(2027, 1, 1, 12, tzinfo=UTC), "UTC").label == "2026-W53"
    assert containing(Unit.WEEK, datetime(2024, 12, 30, 12, tzinfo=UTC), "UTC").label == "2025-W01"


def test_a_period_asked_for_is_whole_once_it_is_over_and_so_far_until_then() -> None:
    moment = parse_at("2026-10-30", "Europe/Berlin")
    later = asked(Covers.YESTERDAY, moment, AFTERNOON + timedelta(days=1), "Europe/Berlin")
    assert later == containing(Unit.DAY, moment, "Europe/Berlin")
    assert asked(Covers.YESTERDAY, moment, later.end, "Europe/Berlin") == later
    early = asked(Covers.YESTERDAY, moment, AFTERNOON, "Europe/Berlin")
    assert (early.label, early.end, early.so_far) == ("2026-10-30", AFTERNOON, True)
    assert asked(Covers.NOW, moment, AFTERNOON, "Europe/Berlin").end == AFTERNOON


def test_a_period_that_has_not_begun_cannot_be_asked_for() -> None:
    tomorrow = parse_at("2026-10-31", "Europe/Berlin")
    with pytest.raises(ValueError, match=r"^2026-10-31 has not begun yet in Europe/Berlin\.$"):
        asked(Covers.YESTERDAY, tomorrow, AFTERNOON, "Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-30", "2026-10-29T23:00Z"),
        (" 2026-10-30 14:00 ", "2026-10-30T13:00Z"),
        ("2026-10-30T14:00", "2026-10-30T13:00Z"),
        ("2026-W44", "2026-10-25T23:00Z"),
        ("2026-10", "2026-09-30T22:00Z"),
        ("2026-10-25 02:30", "2026-10-25T00:30Z"),  # the first strike
        ("2026-10-25 02:30+01:00", "2026-10-25T01:30Z"),  # the second
        ("2026-03-29 02:30", "2026-03-29T01:00Z"),  # jumped over: the moment of the jump
    ],
)
def test_what_a_user_may_write_to_name_a_moment(text: str, moment: str) -> None:
    assert parse_at(text, "Europe/Berlin") == datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    ("text", "wall"),
    [
        ("today", "2026-10-30 00:00"),
        ("Yesterday", "2026-10-29 00:00"),
        ("yesterday 8:05", "2026-10-29 08:05"),
        ("now", "2026-10-30 15:03:07"),
        ("15:03", "2026-10-30 15:03"),
        ("15:04", "2026-10-29 15:04"),  # the last time that a clock showed that
        ("00:20", "2026-10-30 00:20"),
        ("last week", "2026-10-19 00:00"),
        ("this month", "2026-10-01 00:00"),
        ("last  month", "2026-09-01 00:00"),
        ("27.10.2026", "2026-10-27 00:00"),
        ("1.9.2026 14:00", "2026-09-01 14:00"),
        ("2026/10/27", "2026-10-27 00:00"),
        ("2026-9-1", "2026-09-01 00:00"),
    ],
)
def test_people_write_dates_in_many_ways(text: str, wall: str) -> None:
    moment = parse_at(text, "Europe/Berlin", now=AFTERNOON)
    assert moment.astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None) == datetime.fromisoformat(wall)


@pytest.mark.parametrize("text", ["1899-12-31", "2201-01-01", "1899-12-31 23:59", "2201-01-01 00:00", "0001-01"])
def test_years_far_from_ours_are_slips(text: str) -> None:
    with pytest.raises(ValueError, match=rf"The year {text[:4]} is not between 1900 and 2200\."):
        parse_at(text, "UTC")
    assert parse_at("1900-01-01", "UTC") == datetime(1900, 1, 1, tzinfo=UTC)
    assert parse_at("2200-12-31 23:59", "UTC") == datetime(2200, 12, 31, 23, 59, tzinfo=UTC)


def test_a_range_ends_with_the_whole_of_last_week() -> None:
    assert named_end("last week", "UTC", Unit.DAY, AFTERNOON) == datetime(2026, 10, 26, tzinfo=UTC)
    assert named_end("yesterday", "UTC", Unit.HOUR, AFTERNOON) == datetime(2026, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "unit", "sentence"),
    [
        ("yesterday", "UTC", None, "'yesterday' is no date" + WRITE),
        ("11/12/2026", "UTC", None, AMBIGUOUS),
        ("2026-02-30", "UTC", None, "'2026-02-30' is no date" + WRITE),
        ("", "UTC", None, "'' is no date" + WRITE),
        ("2011-12-30", "Pacific/Apia", None, "The calendar of Pacific/Apia has no 2011-12-30."),
        ("2026-10-30", "UTC", Unit.HOUR, 'An hour needs a time as well: write "2026-10-30 14:00".'),
        ("2026-W44", "UTC", Unit.DAY, "2026-W44 is a week, and a day is asked for: name one, such as 2026-10-26."),
        ("2026-10", "UTC", Unit.WEEK, "2026-10 is a month, and a week is asked for: name one, such as 2026-10-01."),
    ],
)
def test_what_names_no_moment_is_answered_with_a_sentence(
    text: str, zone: str, unit: Unit | None, sentence: str
) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        parse_at(text, zone, unit)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("text", "unit", "end"),
    [
        ("2026-10-30", Unit.HOUR, "2026-10-31"),
        ("20261030", Unit.HOUR, "2026-10-31"),
        ("2026-W44", Unit.DAY, "2026-11-02"),
        ("2026W44", Unit.DAY, "2026-11-02"),
        ("2026-10", Unit.DAY, "2026-11-01"),
        ("2026-10-30 14:10", Unit.HOUR, "2026-10-30T15:00"),
    ],
)
def test_a_range_ends_with_the_whole_of_what_is_named(text: str, unit: Unit, end: str) -> None:
    assert named_end(text, "UTC", unit) == datetime.fromisoformat(end).replace(tzinfo=UTC)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        containing(Unit.DAY, datetime(2026, 10, 30, 14), "UTC")  # noqa: DTZ001


@LAW
@given(units, moments, zones)
def test_the_period_before_is_as_far_by_the_clock_on_the_wall(unit: Unit, moment: datetime, zone: str) -> None:
    period = replace(containing(unit, moment, zone), end=moment, so_far=True)
    past, tz = as_far(period), ZoneInfo(zone)
    whole = before(period)
    assert whole.start == past.start <= past.end <= whole.end
    assert past.so_far is (past.end < whole.end)
    if unit is Unit.DAY and past.start < past.end < whole.end:
        same = moment.astimezone(tz).replace(tzinfo=None) - (
            period.start.astimezone(tz).date() - past.start.astimezone(tz).date()
        )
        assert not strikes(same, zone) or past.end == strikes(same, zone)[0]


@pytest.mark.parametrize(("zone", "day"), NASTY)
@pytest.mark.parametrize("unit", [Unit.DAY, Unit.WEEK, Unit.MONTH])
@pytest.mark.parametrize("days", [-1, 0, 1])
def test_each_move_of_the_clock_within_a_period_is_known(zone: str, day: str, unit: Unit, days: int) -> None:
    """A period that ends or begins where the clock is moved has no move."""
    noon = datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC) + timedelta(days=days)
    period, tz = containing(unit, noon, zone), ZoneInfo(zone)
    ahead = [moment.astimezone(tz).utcoffset() for moment, _ in minutes(zone, period.start, period.end)]
    watched = [(period.start, ahead[0])] + [
        (period.start + number * timedelta(minutes=1), later)
        for number, (earlier, later) in enumerate(pairwise(ahead), 1)
        if later != earlier
    ]
    assert period.offsets() == watched


@pytest.mark.parametrize(("zone", "now", "end"), [
    ("UTC", "2026-10-30T14:45", "2026-10-29T14:45"),
    ("Europe/Berlin", "2026-10-26T11:45", "2026-10-25T11:45"),
    ("Europe/Berlin", "2026-10-25T11:45", "2026-10-24T10:45"),
    ("Europe/Berlin", "2026-03-30T00:30", "2026-03-29T01:00"),  # half past two was left out
])  # fmt: skip
def test_yesterday_goes_up_to_the_same_time_of_day(zone: str, now: str, end: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert as_far(covered(Covers.TODAY, moment, zone)).end == datetime.fromisoformat(end).replace(tzinfo=UTC)


def test_the_hour_before_goes_as_far_as_this_hour_has_come() -> None:
    moment = datetime(2026, 10, 30, 14, 20, tzinfo=UTC)
    past = as_far(replace(containing(Unit.HOUR, moment, "UTC"), end=moment, so_far=True))
    assert (past.start, past.end) == (moment.replace(hour=13, minute=0), moment.replace(hour=13))
    assert past.so_far


@given(moments, zones)
def test_no_earlier_moment_shows_a_wall_time_than_its_first_strike(moment: datetime, zone: str) -> None:
    wall = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    strike = first_strike(wall, zone)
    assert strike <= moment
    assert strike.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == wall


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia"])
@pytest.mark.parametrize("now", ["2026-10-26 00:01:00", "2026-11-02 12:00:00", "2026-03-30 06:00:00"])
def test_trailing_days_are_whole_days_that_end_with_the_period(zone: str, now: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    for covers in (Covers.YESTERDAY, Covers.LAST_WEEK, Covers.TODAY):
        period = covered(covers, moment, zone)
        found = trailing(period, 30)
        assert (found.end, found.so_far) == (period.end, period.so_far)
        assert len(found.days()) == 30
        assert found.days()[-1].label == period.days()[-1].label
        assert found.start == found.days()[0].start
