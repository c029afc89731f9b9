"""A schedule follows the user's wall clock, each civil day once, wherever that clock changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import islice, pairwise, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reporter.periods.civil import Unit, containing, exists, first_instant
from reporter.periods.schedules import Cron, Daily, Every, Monthly, Schedule, ScheduleError, Weekly, parse
from tests.support.civil import LAW, NASTY, SHARES, around, changes, first_shown, minutes, moments, zones

times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
schedules: st.SearchStrategy[Schedule] = st.one_of(
    st.builds(Every, st.integers(1, 86_400)),
    st.builds(Daily, times),
    st.builds(Weekly, st.integers(0, 6), times),
    st.builds(Monthly, st.integers(1, 31), times),
    st.sampled_from([Cron("0 0 * * *"), Cron("*/5 9-17 * * 1-5"), Cron("30 2 L * *"), Cron("0 */2 * * *")]),
)


def turns(schedule: Schedule, zone: str, start: datetime, end: datetime) -> list[datetime]:
    """All turns in (start, end)."""

    def following() -> Iterator[datetime]:
        moment = start
        while True:
            moment = schedule.after(moment, zone)
            yield moment

    return list(takewhile(lambda turn: turn < end, following()))


def check_daily(zone: str, day: str, at: time) -> None:
    start, end = around(day)
    shown = first_shown(zone, start, end)
    for number in range(-1, 2):
        date = (datetime.fromisoformat(day) + timedelta(days=number)).date()
        wall = datetime.combine(date, at)
        strike = next(moment for shows, moment in shown.items() if shows >= wall)
        expected = [strike] if any(shows.date() == date for shows in shown) else []
        assert turns(Daily(at), zone, strike - timedelta.resolution, strike + timedelta.resolution) == expected


@pytest.mark.parametrize("at", [time(0, 0), time(0, 30), time(2, 30), time(23, 45)])
@pytest.mark.parametrize(("zone", "day"), [case for case in NASTY if case != ("Pacific/Apia", "2011-12-30")])
def test_a_daily_turn_is_the_first_strike_that_the_watched_clock_shows(zone: str, day: str, at: time) -> None:
    check_daily(zone, day, at)


def check_each_day_once(zone: str, year: int, at: time) -> None:
    start, end = (first_instant(datetime(y, 1, 1).date(), zone) for y in (year, year + 1))  # noqa: DTZ001
    days = containing(Unit.MONTH, start, zone).days()
    while days[-1].end < end:
        days += containing(Unit.MONTH, days[-1].end, zone).days()
    found = turns(Daily(at), zone, start - timedelta.resolution, end)
    assert len(found) == len(days)
    assert all(day.start <= turn <= day.end for day, turn in zip(days, found, strict=True))


@settings(LAW, max_examples=50)
@given(zones, st.integers(2000, 2039), st.sampled_from([time(0, 0), time(2, 30)]))
def test_each_civil_day_of_a_year_has_its_turn_once(zone: str, year: int, at: time) -> None:
    check_each_day_once(zone, year, at)


@pytest.mark.full
@pytest.mark.parametrize("share", SHARES)
def test_each_civil_day_has_its_turn_once_in_every_year_that_moves_a_clock(share: list[str]) -> None:
    for zone in share:
        for year in sorted({int(day[:4]) for day in changes(zone)}):
            check_each_day_once(zone, year, time(0, 0))
            check_each_day_once(zone, year, time(2, 30))


@pytest.mark.full
@pytest.mark.parametrize("share", SHARES)
def test_turns_are_right_at_every_change_of_every_zone(share: list[str]) -> None:
    for zone in share:
        for day in changes(zone):
            if exists(datetime.fromisoformat(day).date(), zone):
                check_daily(zone, day, time(2, 30))


@LAW
@given(schedules, moments, zones)
def test_a_turn_is_after_the_moment_and_nothing_comes_between(schedule: Schedule, moment: datetime, zone: str) -> None:
    turn = schedule.after(moment, zone)
    assert turn > moment
    assert turn.tzinfo is UTC
    assert schedule.after(turn - timedelta.resolution, zone) == turn
    assert schedule.after(moment + (turn - moment) / 2, zone) == turn


@LAW
@given(schedules)
def test_the_canonical_text_reads_back(schedule: Schedule) -> None:
    assert parse(str(schedule)) == schedule


@LAW
@given(st.integers(1, 86_400).map(Every), moments, zones)
def test_an_interval_is_never_exceeded_and_midnight_is_always_a_turn(every: Every, moment: datetime, zone: str) -> None:
    day = containing(Unit.DAY, moment, zone)
    assert every.after(moment, zone) - moment <= timedelta(seconds=every.seconds)
    assert every.after(day.end - timedelta.resolution, zone) == day.end


@LAW
@given(moments, zones, st.integers(0, 59), st.integers(0, 23))
def test_cron_at_a_named_time_comes_as_daily_does(moment: datetime, zone: str, minute: int, hour: int) -> None:
    assert Cron(f"{minute} {hour} * * *").after(moment, zone) == Daily(time(hour, minute)).after(moment, zone)


@pytest.mark.parametrize(("zone", "day"), NASTY)
def test_cron_at_a_named_time_comes_as_daily_does_where_clocks_are_moved(zone: str, day: str) -> None:
    for at in (time(0, 0), time(0, 30), time(2, 30), time(23, 45)):
        cron = Cron(f"{at.minute} {at.hour} * * *")
        assert turns(cron, zone, *around(day)) == turns(Daily(at), zone, *around(day))


@pytest.mark.parametrize(("zone", "day"), NASTY)
def test_cron_by_the_minute_comes_whenever_the_watched_clock_fits(zone: str, day: str) -> None:
    start, end = around(day)
    watched = [
        moment
        for moment, wall in minutes(zone, start, end)
        if moment > start and wall.minute % 15 == 0 and wall.hour != 5 and wall.isoweekday() in {5, 7}
    ]
    assert turns(Cron("*/15 0-4,6-23 * * 5,7"), zone, start, end) == watched


def test_cron_numbers_its_weekdays_from_sunday_as_cron_does() -> None:
    friday = datetime(2026, 10, 30, 12, tzinfo=UTC)
    sunday = datetime(2026, 11, 1, tzinfo=UTC)
    assert [Cron(f"0 0 * * {day}").after(friday, "UTC") for day in ("0", "7", "SUN")] == [sunday] * 3
    assert Cron("0 0 * * 1").after(friday, "UTC") == sunday + timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "zone", "moment", "turn"),
    [
        ("daily at 00:00", "America/New_York", "2026-03-08T12:00Z", "2026-03-09T04:00Z"),
        ("daily at 00:00", "Europe/Berlin", "2026-03-29T12:00Z", "2026-03-29T22:00Z"),
        ("daily at 00:00", "Africa/Cairo", "2023-04-27T12:00Z", "2023-04-27T22:00Z"),  # no midnight: at 01:00
        ("daily at 00:00", "America/Havana", "2026-11-01T04:00Z", "2026-11-02T05:00Z"),  # not at the second strike
        ("daily at 02:30", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T01:00Z"),
        ("daily at 02:30", "Europe/Berlin", "2026-10-25T00:30Z", "2026-10-26T01:30Z"),
        ("daily at 02:30", "Pacific/Apia", "2011-12-29T12:30Z", "2011-12-30T12:30Z"),
        ("weekly on mon at 00:00", "Europe/Berlin", "2026-03-23T12:00Z", "2026-03-29T22:00Z"),
        ("weekly on fri at 00:00", "Pacific/Apia", "2011-12-29T12:00Z", "2011-12-30T10:00Z"),  # there was no Friday
        ("monthly on 1 at 00:00", "Europe/Berlin", "2024-03-05T12:00Z", "2024-03-31T22:00Z"),
        ("monthly on 30 at 00:00", "UTC", "2026-02-05T12:00Z", "2026-02-28T00:00Z"),
        ("monthly on last at 00:00", "UTC", "2026-02-28T00:00Z", "2026-03-31T00:00Z"),
        ("every hour", "Asia/Kolkata", "2026-06-01T00:00Z", "2026-06-01T00:30Z"),
        ("every hour", "Europe/Berlin", "2026-10-25T00:00Z", "2026-10-25T01:00Z"),
        ("every 7h", "UTC", "2026-06-01T22:00Z", "2026-06-02T00:00Z"),
        ('cron "0 */2 * * *"', "Europe/Berlin", "2026-03-29T00:30Z", "2026-03-29T02:00Z"),
    ],
)
def test_turns_where_clocks_and_calendars_are_awkward(text: str, zone: str, moment: str, turn: str) -> None:
    assert parse(text).after(datetime.fromisoformat(moment), zone) == datetime.fromisoformat(turn)


def test_a_month_has_one_turn_whatever_its_length() -> None:
    found = islice(pairwise(turns(Monthly(31, time(0, 10)), "Europe/Berlin", *YEAR)), 12)
    assert all(timedelta(days=27) < later - earlier < timedelta(days=32) for earlier, later in found)
    assert len(turns(Monthly(29, time(0, 10)), "Europe/Berlin", *YEAR)) == 12


YEAR = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "canonical", "words"),
    [
        ("every 30s", "every 30s", "every 30 seconds"),
        ("Every 5 minutes", "every 5m", "every 5 minutes"),
        ("every hour", "every hour", "every hour"),
        ("every 1h", "every hour", "every hour"),
        ("every  2 hours", "every 2h", "every 2 hours"),
        ("every 90s", "every 90s", "every 90 seconds"),
        ("daily at 9:05", "daily at 09:05", "every day at 09:05"),
        ("weekly on Monday at 00:05", "weekly on mon at 00:05", "Mondays at 00:05"),
        ("weekly on thurs at 00:05", "weekly on thu at 00:05", "Thursdays at 00:05"),
        ("monthly on 1 at 00:10", "monthly on 1 at 00:10", "on the 1st of each month at 00:10"),
        ("every 86400s", "every 24h", "every 24 hours"),
        ("daily at 23:59", "daily at 23:59", "every day at 23:59"),
        ("monthly on 22 at 00:10", "monthly on 22 at 00:10", "on the 22nd of each month at 00:10"),
        ("monthly on 13 at 00:10", "monthly on 13 at 00:10", "on the 13th of each month at 00:10"),
        ("monthly on 31 at 00:10", "monthly on last at 00:10", "on the last day of each month at 00:10"),
        ('cron "0  0 * * *"', 'cron "0 0 * * *"', "at 00:00 every day"),
        ("cron '0 9 * * 1-5'", 'cron "0 9 * * 1-5"', "at 09:00 on Monday through Friday"),
        ("cron */5 * * * *", 'cron "*/5 * * * *"', "every fifth minute of every hour"),
        ("cron @daily", 'cron "0 0 * * *"', "at 00:00 every day"),
        ('cron "@Yearly"', 'cron "0 0 1 1 *"', "at 00:00 on January 1"),
        ("@hourly", 'cron "0 * * * *"', "at the start of every hour"),
        (
            'cron "0 9 * January Monday-friday"',
            'cron "0 9 * jan mon-fri"',
            "at 09:00 on Monday through Friday in January",
        ),
        ('cron "2-2/2 0 * * *"', 'cron "2 0 * * *"', "at 00:02 every day"),
    ],
)
def test_a_schedule_is_read_and_put_into_words(text: str, canonical: str, words: str) -> None:
    assert str(parse(text)) == canonical
    assert parse(text).describe() == words


def test_days_of_a_month_are_numbered_as_people_say_them() -> None:
    said = [parse(f"monthly on {day} at 00:10").describe().split()[2] for day in range(1, 31)]
    assert " ".join(said) == (
        "1st 2nd 3rd 4th 5th 6th 7th 8th 9th 10th 11th 12th 13th 14th 15th 16th 17th 18th 19th 20th "
        "21st 22nd 23rd 24th 25th 26th 27th 28th 29th 30th"
    )


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("30s", "`30s` is no schedule; write `every 30s`."),
        ("every 30", "it lacks a unit; write `every 30s` or `every 30m`."),
        ("every -5m", "an interval cannot be negative; write `every 30s`."),
        ("every 0.5s", "write an interval in whole units, such as `every 30s`."),
        ("every 0s", "An interval is at least 1s and at most 24h: write `every 30s`, or `daily at 00:00`."),
        ("every 25h", "An interval is at least 1s and at most 24h: write `every 30s`, or `daily at 00:00`."),
        ("every day", "write `daily at 00:00`."),
        ("every day at 09:00", "write `daily at 09:00`."),
        ("every monday at 9:00", "write `weekly on mon at 9:00`."),
        ("daily 00:00", "`daily 00:00` is no schedule; write `daily at 00:00`."),
        ("00:00", "write `daily at 00:00`."),
        ("daily at 25:00", "`25:00` is no time of day: write it as HH:MM, from 00:00 to 23:59."),
        ("daily at 9am", "`9am` is no time of day: write `09:00`."),
        ("daily at 12:30am", "write `00:30`."),
        ("daily at 12pm", "write `12:00`."),
        ("daily at 11:59PM", "write `23:59`."),
        ("daily at 12:60pm", "write it as HH:MM, from 00:00 to 23:59."),
        ("daily at 13pm", "write it as HH:MM, from 00:00 to 23:59."),
        ("daily at 24:00", "write `00:00`."),
        ("daily at 23:60", "write it as HH:MM, from 00:00 to 23:59."),
        ("daily at nine", "write it as HH:MM, from 00:00 to 23:59."),
        ("weekly on mno at 00:05", "`mno` is no weekday: write `weekly on mon at 00:05`."),
        ("weekly on mon", "write `weekly on mon at 00:05`."),
        ("monthly on 0 at 00:10", "No month has a day 0: write a day from 1 to 31, or `monthly on last at 00:10`."),
        ("monthly on 32 at 00:10", "No month has a day 32: write a day from 1 to 31, or `monthly on last at 00:10`."),
        ("hourly", "write `every hour`."),
        ("every month", "write `monthly on 1 at 00:10`."),
        ("every quarter", 'write `cron "10 0 1 1,4,7,10 *"`.'),
        ("every weekday at 09:00", 'write `cron "0 9 * * 1-5"` for 09:00 from Monday to Friday.'),
        ("daily at noon", "`noon` is no time of day: write `12:00`."),
        ("@reboot", "`cron @reboot` names no time: write one of @yearly, "),
        ("0 0 * * *", '`0 0 * * *` is no schedule; write `cron "0 0 * * *"`.'),
        ('cron "0 0 * * * *"', "A cron expression has five fields (minute hour day month weekday)"),
        ('cron "61 0 * * *"', "`61` is no minute; write 0 to 59, such as `0,30` or `*/15`."),
        ('cron "0 0 * * 8"', "`8` is no weekday; write 0 to 7 or sun to sat, such as `1-5`; 0 and 7 are Sunday."),
        ('cron "0 22-2 * * *"', "`22-2` is no hour, for it runs backwards; write `22-23,0-2`."),
        ('cron "60-10 0 * * *"', "`60-10` is no minute; write 0 to 59, such as `0,30` or `*/15`."),
        ('cron "50-10 0 * * *"', "write `50-59,0-10`."),
        ('cron "0 24-2 * * *"', "write 0 to 23, such as `9-17` or `*/6`."),
        ('cron "0 0 31-5 * *"', "`31-5` is no day of the month, for it runs backwards; write `31-31,1-5`."),
        ('cron "0 0 32-5 * *"', "write 1 to 31, such as `1,15`, or `L` for the last day."),
        ('cron "0 0 1 12-2 *"', "`12-2` is no month, for it runs backwards; write `12-12,1-2`."),
        ('cron "0 0 1 13-2 *"', "write 1 to 12 or jan to dec, such as `1-3`."),
        ('cron "0 0 * * 6-1"', "`6-1` is no weekday, for it runs backwards; write `6-6,0-1`."),
        ('cron "0 0 * * 9-1"', "write 0 to 7 or sun to sat, such as `1-5`; 0 and 7 are Sunday."),
        ('cron "0 0 ? * 1"', "`?` is no day of the month; write `*`."),
        ('cron "0 0 31 2 *"', "never comes: no date fits it; for the last day of a month write `L` as its day"),
        ('cron "0 0 30 feb *"', "never comes: no date fits it"),
        ("whenever", "write one such as `every 5m`, `daily at 00:00`"),
        ("", "write one such as `every 5m`, `daily at 00:00`"),
    ],
)
def test_a_slip_is_answered_with_what_to_write(text: str, advice: str) -> None:
    with pytest.raises(ScheduleError) as refusal:
        parse(text)
    assert advice in str(refusal.value)


words = st.sampled_from(
    ["every", "daily", "weekly", "monthly", "on", "at", "mon", "last", "cron", "5m", "0", "00:00", "*"]
)


@LAW
@given(st.lists(words | st.text(max_size=3), max_size=7).map(" ".join))
def test_any_text_is_a_schedule_or_a_schedule_error(text: str) -> None:
    try:
        schedule = parse(text)
    except ScheduleError:
        return
    assert parse(str(schedule)) == schedule
