"""Schedules of jobs: `every 30s`, `daily at 00:00`, `weekly on mon at 00:05`, `cron "0 0 * * *"`.

Times are those of the user's wall clock. A time that the clock skips means the first moment after the jump. A time that
the clock repeats means its first occurrence: each civil day has its run exactly once. `docs/time.md` says more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import count
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim

from reporter.errors import nearest
from reporter.periods import cron_syntax
from reporter.periods.civil import DAY, SECOND, Unit, containing, exists, first_strike, strikes

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LAST_DAY = 31
EXAMPLES = '`every 5m`, `daily at 00:00`, `weekly on mon at 00:05`, `monthly on 1 at 00:10` or `cron "0 0 * * *"`'

_SECONDS_PER = {"second": 1, "minute": 60, "hour": 3600}
_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
}


class ScheduleError(ValueError):
    """The text is no schedule; the message says what to write instead."""


class Schedule(Protocol):
    """A rule that yields moments."""

    def after(self, moment: datetime, zone: str) -> datetime:
        """The first moment strictly after `moment` (aware), in UTC, by the wall clock of `zone`."""

    def describe(self) -> str:
        """The rule in words, to be read after the name of a job."""

    def __str__(self) -> str:
        """The canonical text, which parses to an equal schedule."""


@dataclass(frozen=True, slots=True)
class Every:
    """A turn every so many seconds (1 to 86,400).

    By the wall clock they are counted from each midnight anew. Where only the distance matters, take `seconds`.
    """

    seconds: int

    def after(self, moment: datetime, zone: str) -> datetime:
        today = containing(Unit.DAY, moment, zone)
        step = self.seconds * SECOND
        turns = (moment - today.start) // step + 1
        return min(today.start + turns * step, today.end)

    def describe(self) -> str:
        number, unit = self._in_units()
        return f"every {unit}" if number == 1 else f"every {number} {unit}s"

    def __str__(self) -> str:
        number, unit = self._in_units()
        return f"every {unit}" if number == 1 else f"every {number}{unit[0]}"

    def _in_units(self) -> tuple[int, str]:
        unit = next(unit for unit in reversed(_SECONDS_PER) if self.seconds % _SECONDS_PER[unit] == 0)
        return self.seconds // _SECONDS_PER[unit], unit


@dataclass(frozen=True, slots=True)
class Daily:
    """A turn on each day that the zone's calendar has."""

    at: time

    def after(self, moment: datetime, zone: str) -> datetime:
        return _next_turn(moment, zone, self.at, lambda day: exists(day, zone))

    def describe(self) -> str:
        return f"every day at {self.at:%H:%M}"

    def __str__(self) -> str:
        return f"daily at {self.at:%H:%M}"


@dataclass(frozen=True, slots=True)
class Weekly:
    """A turn on one weekday, 0 for Monday to 6 for Sunday."""

    weekday: int
    at: time

    def after(self, moment: datetime, zone: str) -> datetime:
        return _next_turn(moment, zone, self.at, lambda day: day.weekday() == self.weekday)

    def describe(self) -> str:
        return f"{WEEKDAYS[self.weekday].capitalize()}s at {self.at:%H:%M}"

    def __str__(self) -> str:
        return f"weekly on {WEEKDAYS[self.weekday][:3]} at {self.at:%H:%M}"


@dataclass(frozen=True, slots=True)
class Monthly:
    """A turn on one day of the month, 1 to 31; a month that is shorter has it on its last day."""

    day: int
    at: time

    def after(self, moment: datetime, zone: str) -> datetime:
        return _next_turn(moment, zone, self.at, self._falls_on)

    def describe(self) -> str:
        day = "last day" if self.day == LAST_DAY else _ordinal(self.day)
        return f"on the {day} of each month at {self.at:%H:%M}"

    def __str__(self) -> str:
        return f"monthly on {'last' if self.day == LAST_DAY else self.day} at {self.at:%H:%M}"

    def _falls_on(self, day: date) -> bool:
        is_last = (day + DAY).month != day.month
        return day.day == self.day or (is_last and day.day < self.day)


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression of five fields. 0 and 7 are Sunday, 1 is Monday.

    As in Debian's cron, an expression that names its hours and minutes keeps to the civil day (see above), and one
    whose minute or hour field begins with `*` counts real time, so that a repeated hour has its turns again.
    """

    expression: str

    def after(self, moment: datetime, zone: str) -> datetime:
        return self._named_turn(moment, zone) if self._names_times() else self._counted_turn(moment, zone)

    def describe(self) -> str:
        explained = CronSim(self.expression, cron_syntax.ANY_WALL).explain()
        return explained[0].lower() + explained[1:]

    def __str__(self) -> str:
        return f'cron "{self.expression}"'

    def _names_times(self) -> bool:
        minute, hour, *_ = self.expression.split()
        return not minute.startswith("*") and not hour.startswith("*")

    def _named_turn(self, moment: datetime, zone: str) -> datetime:
        walls = CronSim(self.expression, _wall(moment, zone))
        turns = (first_strike(wall, zone) for wall in walls if exists(wall.date(), zone))
        return next(turn for turn in turns if turn > moment)

    def _counted_turn(self, moment: datetime, zone: str) -> datetime:
        # Where the clock is about to be set back, times that it has passed already will be shown again.
        walls = CronSim(self.expression, min(_wall(moment, zone), _wall(moment + DAY, zone) - DAY))
        later: list[datetime] = []
        while True:
            shown = strikes(next(walls), zone)
            later += [strike for strike in shown if strike > moment]
            if shown and shown[0] > moment:
                return min(later)


def parse(text: str) -> Schedule:
    """Read a schedule. Raises ScheduleError."""
    words = " ".join(text.split())
    for pattern, read in _FORMS:
        if found := re.fullmatch(pattern, words, re.IGNORECASE):
            return read(*found.groups())
    raise ScheduleError(f"`{words}` is no schedule; {_advice(words.lower())}.")


def _every(number: str | None, unit: str) -> Schedule:
    seconds = int(number or 1) * _UNITS[unit.lower()]
    if not 1 <= seconds <= DAY // SECOND:
        raise ScheduleError("An interval is at least 1s and at most 24h: write `every 30s`, or `daily at 00:00`.")
    return Every(seconds)


def _daily(at: str) -> Schedule:
    return Daily(_time(at))


def _weekly(weekday: str, at: str) -> Schedule:
    short = weekday.lower()[:3]
    known = [name[:3] for name in WEEKDAYS]
    if short not in known or not WEEKDAYS[known.index(short)].startswith(weekday.lower()):
        likely = nearest(weekday, WEEKDAYS) or WEEKDAYS[0]
        raise ScheduleError(f"`{weekday}` is no weekday: write `weekly on {likely[:3]} at {at}`.")
    return Weekly(known.index(short), _time(at))


def _monthly(day: str, at: str) -> Schedule:
    number = LAST_DAY if day.lower() == "last" else int(day)
    if not 1 <= number <= LAST_DAY:
        raise ScheduleError(f"No month has a day {number}: write a day from 1 to 31, or `monthly on last at {at}`.")
    return Monthly(number, _time(at))


def _cron(text: str) -> Schedule:
    try:
        return Cron(cron_syntax.expression(text))
    except ValueError as error:
        raise ScheduleError(str(error)) from None


_FORMS: tuple[tuple[str, Callable[..., Schedule]], ...] = (
    (rf"every (?:(\d{{1,9}}) ?)?({'|'.join(_UNITS)})", _every),
    (r"daily at (\S+)", _daily),
    (r"weekly on ([a-z]+) at (\S+)", _weekly),
    (r"monthly on (last|\d+) at (\S+)", _monthly),
    (r"cron \"([^\"]*)\"", _cron),
    (r"cron '([^']*)'", _cron),
    (r"cron ([^\"']+)", _cron),
    (r"(@\w+)", _cron),
)

_TIME = r"(\d{1,2}:\d{2})"

# Likely slips, each with what was probably meant. The first that fits is shown.
_SLIPS: tuple[tuple[str, str], ...] = (
    (r"(?:every )?-.*", "an interval cannot be negative; write `every 30s`"),
    (r"every \d*\.\d+.*", "write an interval in whole units, such as `every 30s`"),
    (r"every (\d+)", r"it lacks a unit; write `every \1s` or `every \1m`"),
    (rf"(\d+ ?(?:{'|'.join(_UNITS)}))", r"write `every \1`"),
    (rf"(?:daily |every day (?:at )?|at )?{_TIME}", r"write `daily at \1`"),
    (rf"(?:weekly |every |on )*(mon|tue|wed|thu|fri|sat|sun)[a-z]*(?: at)? {_TIME}", r"write `weekly on \1 at \2`"),
    (rf"(?:monthly |on )*(last|\d+)(?: at)? {_TIME}", r"write `monthly on \1 at \2`"),
    (r"(?:weekly |every |on )+(?!month)(mon|tue|wed|thu|fri|sat|sun)[a-z]*", r"write `weekly on \1 at 00:05`"),
    (r"monthly on (last|\d+)", r"write `monthly on \1 at 00:10`"),
    (r"(?:on |every )?weekdays?(?: at)? \S+", 'write `cron "0 9 * * 1-5"` for 09:00 from Monday to Friday'),
    (r"daily|midnight|every (?:\d+ ?)?d(?:ays?)?", "write `daily at 00:00`"),
    (r"weekly|every (?:\d+ ?)?w(?:eeks?)?", "write `weekly on mon at 00:05`"),
    (r"monthly|every (?:\d+ ?)?months?", "write `monthly on 1 at 00:10`"),
    (r"quarterly|every quarter", 'write `cron "10 0 1 1,4,7,10 *"`'),
    (r"yearly|every year|annually", "write `cron @yearly`"),
    (r"hourly", "write `every hour`"),
    (r"((?:[\d*]\S* ){4}\S+)", r'write `cron "\1"`'),
)


def _advice(words: str) -> str:
    for pattern, hint in _SLIPS:
        if found := re.fullmatch(pattern, words):
            return found.expand(hint)
    return f"write one such as {EXAMPLES}"


def _time(text: str) -> time:
    found = re.fullmatch(r"(\d{1,2}):(\d{2})", text)
    if found and int(found[1]) <= 23 and int(found[2]) <= 59:
        return time(int(found[1]), int(found[2]))
    meant = _clock_of(text.lower())
    advice = f"write `{meant}`" if meant else "write it as HH:MM, from 00:00 to 23:59"
    raise ScheduleError(f"`{text}` is no time of day: {advice}.")


def _clock_of(text: str) -> str | None:
    """What `noon`, `midnight`, `9am`, `9:30pm` and `24:00` are by a clock of 24 hours."""
    if found := re.fullmatch(r"(\d{1,2})(?::(\d{2}))?([ap])m", text):
        hour, minute = int(found[1]) % 12 + (12 if found[3] == "p" else 0), int(found[2] or 0)
        return f"{hour:02}:{minute:02}" if int(found[1]) <= 12 and minute < 60 else None
    return {"noon": "12:00", "midday": "12:00", "midnight": "00:00", "24:00": "00:00"}.get(text)


def _next_turn(moment: datetime, zone: str, at: time, falls_on: Callable[[date], bool]) -> datetime:
    """The first strike of `at` after `moment`, on a day that the rule falls on."""
    first = _wall(moment, zone).date()
    days = (first + n * DAY for n in count())
    turns = (first_strike(datetime.combine(day, at), zone) for day in days if falls_on(day))
    return next(turn for turn in turns if turn > moment)


def _wall(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _ordinal(number: int) -> str:
    suffix = "th" if number in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
