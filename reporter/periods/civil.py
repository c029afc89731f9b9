"""Periods of civil time: the hours, days, weeks and months that reports cover.

Civil time is the user's wall clock. Where that clock changes, days are shorter or longer, hours are skipped or
repeated, and some days do not exist; `docs/time.md` gives the rules.

No function adds to or subtracts from wall times: all arithmetic is in UTC, and bisection finds the moment of a change.
`zone` is the name of an IANA time zone throughout; an unknown one raises ZoneInfoNotFoundError.
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_left
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from reporter.periods import date_text
from reporter.periods.time_text import duration_text

INSTANT = timedelta.resolution
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Unit(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Covers(StrEnum):
    """What a job's report speaks of. A closed period is over when it is reported; an open one is still running."""

    NOW = "now"
    THIS_HOUR = "this hour"
    TODAY = "today"
    THIS_WEEK = "this week"
    THIS_MONTH = "this month"
    LAST_HOUR = "last hour"
    YESTERDAY = "yesterday"
    LAST_WEEK = "last week"
    LAST_MONTH = "last month"

    @property
    def unit(self) -> Unit | None:
        """The civil unit covered; None for `now`, which has no extent."""
        match self:
            case Covers.NOW:
                return None
            case Covers.TODAY | Covers.YESTERDAY:
                return Unit.DAY
            case _:
                return Unit(self.split()[-1])

    @property
    def closed(self) -> bool:
        """Whether the period is over when it is reported, and therefore owed exactly once."""
        return self is Covers.YESTERDAY or self.startswith("last ")


@dataclass(frozen=True, slots=True)
class Period:
    """The half-open stretch [start, end) in UTC, with the zone whose calendar cut it."""

    start: datetime
    """The first moment of the period."""
    end: datetime
    """The first moment after it; of a period that is not over, the moment of looking."""
    label: str
    """A stable and readable key: `2026-10-30`, `2026-W44`, `2026-10`, `2026-10-30 14:00`."""
    zone: str = "UTC"
    """The IANA name of the zone whose calendar cut it."""
    unit: Unit | None = None
    """`hour`, `day`, `week` or `month`; None for a stretch of other length."""
    so_far: bool = False
    """Whether the period is not over yet."""

    @property
    def tz(self) -> ZoneInfo:
        """The zone whose calendar cut it."""
        return ZoneInfo(self.zone)

    @property
    def duration(self) -> timedelta:
        """Time that really passes in it: a day may have 23 or 25 hours."""
        return self.end - self.start

    def days(self) -> list[Period]:
        """The civil days of the period in its zone, in order, the first and the last cut at its ends."""
        pieces: list[Period] = []
        at = self.start
        while at < self.end:
            day = containing(Unit.DAY, at, self.zone)
            pieces.append(self._share_of(day))
            at = day.end
        return pieces

    def offsets(self) -> list[tuple[datetime, timedelta]]:
        """How far ahead of UTC the wall clock is, from the start and from each moment at which it is moved."""
        found = [(self.start, _ahead(self.start, self.tz))]
        for day in self.days():
            last = day.end - INSTANT
            if _offset(last, self.tz) != found[-1][1]:
                moved = _change(max(day.start - SECOND, self.start), last, self.tz)  # often at the day's very start
                found.append((moved, _ahead(moved, self.tz)))
        return found

    def _share_of(self, day: Period) -> Period:
        unfinished = self.so_far and day.end > self.end
        return replace(day, start=max(day.start, self.start), end=min(day.end, self.end), so_far=unfinished)


@lru_cache(maxsize=2048)  # those of two years are asked for again and again
def first_instant(day: date, zone: str) -> datetime:
    """The first moment of a civil day, in UTC: after a gap the moment of the change, of two strikes the first.

    For a date that the zone's calendar leaves out (Apia had no 2011-12-30) it is the first moment of the next day.
    """
    return first_strike(datetime.combine(day, time()), zone)


def first_strike(wall: datetime, zone: str) -> datetime:
    """The first moment, in UTC, at which the wall clock shows `wall` (naive) or, if it jumps over it, later."""
    if shown := strikes(wall, zone):
        return shown[0]
    # Inside a gap the two folds name a moment on either side of the change.
    tz = ZoneInfo(zone)
    later, earlier = (wall.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))
    return _change(earlier, later, tz)


def strikes(wall: datetime, zone: str) -> list[datetime]:
    """The moments, in UTC and in order, at which the wall clock shows `wall` (naive): none, one or two."""
    tz = ZoneInfo(zone)
    named = (wall.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))
    return sorted({moment for moment in named if moment.astimezone(tz).replace(tzinfo=None) == wall})


def exists(day: date, zone: str) -> bool:
    """Whether the zone's calendar has that date."""
    return first_instant(day, zone).astimezone(ZoneInfo(zone)).date() == day


def containing(unit: Unit, moment: datetime, zone: str) -> Period:
    """The whole period of that unit that `moment` lies in, over or not (`so_far` is False)."""
    moment = _in_utc(moment)
    if unit is Unit.HOUR:
        return _hour(moment, zone)
    first, following, label = _bounds(unit, _day_of(moment, zone))
    return Period(first_instant(first, zone), first_instant(following, zone), label, zone, unit)


def before(period: Period) -> Period:
    """The period of the same unit that ends where this one starts. A mere moment is its own predecessor."""
    if period.unit is None:
        return period
    past = containing(period.unit, period.start - INSTANT, period.zone)
    return replace(past, end=period.start)  # a first period in another zone starts within one of its zone's


def following(unit: Unit, start: datetime, zone: str) -> Period:
    """The period that begins at `start`, where another one ended: one of the zone's own if the zone has one there.

    Else the zone of a job, or the zone's rules, have changed. The first period is then longer or shorter, by at most
    half of its length, and its label says so: `2026-11-01 (15h, zone changed)`.
    """
    start = _in_utc(start)
    whole = containing(unit, start, zone)
    if whole.start == start:
        return whole
    if whole.end - start < whole.duration / 2:
        whole = containing(unit, whole.end, zone)
    length = duration_text(whole.end - start)
    return replace(whole, start=start, label=f"{whole.label} ({length}, zone changed)")


def as_far(period: Period) -> Period:
    """The period before, as far as an unfinished one has come by the clock on the wall: yesterday up to this time.

    Where its clock was moved, up to the moment nearest to that time; where it was shorter, all of it.
    """
    past = before(period)
    if period.unit in {None, Unit.HOUR}:
        reached = past.start + period.duration
    else:
        back = _day_of(period.start, period.zone) - _day_of(past.start, period.zone)
        reached = first_strike(period.end.astimezone(period.tz).replace(tzinfo=None) - back, period.zone)
    return replace(past, end=min(max(reached, past.start), past.end), so_far=reached < past.end)


def trailing(period: Period, days: int) -> Period:
    """So many civil days, the last of which is the one that the period ends in: `30 days until 2026-10-30`."""
    last = _day_of(max(period.start, period.end - INSTANT), period.zone)
    start = first_instant(last - (days - 1) * DAY, period.zone)
    return Period(start, period.end, f"{days} days until {last}", period.zone, None, period.so_far)


def covered(covers: Covers, moment: datetime, zone: str) -> Period:
    """What a run at `moment` speaks of: the last period that is over, or the running one so far.

    `now` is the moment itself, a period without extent.
    """
    moment = _in_utc(moment)
    if covers.unit is None:
        return Period(moment, moment, _struck(moment, zone, "seconds"), zone, None, so_far=True)
    running = containing(covers.unit, moment, zone)
    return before(running) if covers.closed else replace(running, end=moment, so_far=True)


def asked(covers: Covers, moment: datetime, now: datetime, zone: str) -> Period:
    """The period that contains `moment`, which the user names; if it is not over at `now`, what there is of it so far.

    A job that covers `now` can only look at the present. Raises ValueError if the period has not begun.
    """
    now = _in_utc(now)
    if covers.unit is None:
        return covered(covers, now, zone)
    period = containing(covers.unit, moment, zone)
    if period.start > now:
        raise ValueError(f"{period.label} has not begun yet in {zone}.")
    return replace(period, end=now, so_far=True) if now < period.end else period


YEARS = range(1900, 2201)
"""Of a date that somebody writes. What lies beyond is a slip, and a zone may push it out of the years 1 to 9999."""


def parse_at(text: str, zone: str, unit: Unit | None = None, now: datetime | None = None) -> datetime:
    """The moment, in UTC, that a user names by a date, a date and a time, or the label of any period.

    A date means its first moment; a time that is struck twice means the first strike unless its UTC offset is given.
    With `now`, `yesterday` and `last week` are dates, and a time alone is the last one that the wall clock showed. With
    `unit` a period of that length is named: an hour by a time, and a day or a week not by a whole month. Raises
    ValueError, whose text is a sentence for the user.
    """
    text = date_text.in_figures(text, now.astimezone(ZoneInfo(zone)) if now else None)
    day = _date(text)
    if day is None:
        return _parse_wall(text, zone)
    _check_year(day)
    if unit is Unit.HOUR:
        raise ValueError(f'An hour needs a time as well: write "{day} 14:00".')
    if unit and _LENGTHS.index(unit) < _LENGTHS.index(_named(text)):
        raise ValueError(f"{text} is a {_named(text)}, and a {unit} is asked for: name one, such as {day}.")
    if not exists(day, zone):
        raise ValueError(f"The calendar of {zone} has no {day}.")
    return first_instant(day, zone)


def named_end(text: str, zone: str, unit: Unit, now: datetime | None = None) -> datetime:
    """The end, in UTC, of what a user names: of that day, week or month, or of the period that holds that time.

    Raises ValueError, whose text is a sentence for the user.
    """
    text = date_text.in_figures(text, now.astimezone(ZoneInfo(zone)) if now else None)
    whole = _named(text) if _date(text) else unit
    return containing(whole, parse_at(text, zone), zone).end


def _parse_wall(text: str, zone: str) -> datetime:
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        example = '2026-10-30, "2026-10-30 14:00" or yesterday'
        raise ValueError(f"{text!r} is no date: write it as {example}.") from None
    _check_year(wall)
    return first_strike(wall, zone) if wall.tzinfo is None else wall.astimezone(UTC)


def _check_year(day: date) -> None:
    if day.year not in YEARS:
        raise ValueError(f"The year {day.year:04} is not between {YEARS[0]} and {YEARS[-1]}.")


def _date(text: str) -> date | None:
    month = f"{text}-01" if len(text) == len("2026-10") else text
    for candidate in (text, month):
        try:
            return date.fromisoformat(candidate)
        except ValueError:
            continue
    return None


_LENGTHS = [Unit.HOUR, Unit.DAY, Unit.WEEK, Unit.MONTH]


def _named(label: str) -> Unit:
    """What a date or a label names: `2026-W44` a week, `2026-10` a month."""
    if re.fullmatch(r"\d{4}-?W\d{2}", label):
        return Unit.WEEK
    return Unit.MONTH if re.fullmatch(r"\d{4}-\d{2}", label) else Unit.DAY


def _day_of(moment: datetime, zone: str) -> date:
    """The civil day whose stretch `moment` lies in.

    It is the date on the wall, except where the clock was set back over midnight: then the new day has begun already.
    """
    day = moment.astimezone(ZoneInfo(zone)).date()
    while moment >= first_instant(day + DAY, zone):
        day += DAY
    return day


def _bounds(unit: Unit, day: date) -> tuple[date, date, str]:
    """The first date of the week, month or day that `day` is in, the first one after it, and the label."""
    match unit:
        case Unit.WEEK:
            year, week, weekday = day.isocalendar()
            monday = day - (weekday - 1) * DAY
            return monday, monday + 7 * DAY, f"{year}-W{week:02}"
        case Unit.MONTH:
            first = day.replace(day=1)
            return first, first + calendar.monthrange(day.year, day.month)[1] * DAY, f"{day:%Y-%m}"
        case _:
            return day, day + DAY, day.isoformat()


def _hour(moment: datetime, zone: str) -> Period:
    """The stretch in which the wall clock runs through one hour undisturbed."""
    tz = ZoneInfo(zone)
    wall = moment.astimezone(tz)
    struck = moment - timedelta(minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
    over = struck + HOUR
    start = struck if _offset(struck, tz) == _offset(moment, tz) else _change(struck, moment, tz)
    end = over if _offset(over - INSTANT, tz) == _offset(moment, tz) else _change(start, over, tz)
    return Period(start, end, _struck(start, zone, "minutes"), zone, Unit.HOUR)


def _struck(moment: datetime, zone: str, precision: str) -> str:
    """The wall time, with its UTC offset where the clock shows it twice, so that no two moments share a text."""
    wall = moment.astimezone(ZoneInfo(zone))
    twice = wall.replace(fold=0).utcoffset() != wall.replace(fold=1).utcoffset()
    return (wall if twice else wall.replace(tzinfo=None)).isoformat(" ", precision)


def _change(low: datetime, high: datetime, tz: ZoneInfo) -> datetime:
    """The moment in (low, high] from which the zone has another offset than at `low`; there is one, and only one."""
    offset = _offset(low, tz)
    span = range(int((high - low) / SECOND) + 1)
    return low + bisect_left(span, True, key=lambda seconds: _offset(low + seconds * SECOND, tz) != offset) * SECOND


def _offset(moment: datetime, tz: ZoneInfo) -> timedelta | None:
    return moment.astimezone(tz).utcoffset()


def _ahead(moment: datetime, tz: ZoneInfo) -> timedelta:
    return _offset(moment, tz) or timedelta()


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; a moment needs one.")
    return moment.astimezone(UTC)
