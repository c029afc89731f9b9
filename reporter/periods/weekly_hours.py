"""Hours of the week, such as `mon-fri 09:30-16:00 America/New_York`: whether a moment is in them, and how much of them
lies between two moments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from reporter.periods.civil import DAY, first_strike, strikes

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = f"(?:{'|'.join(_DAYS)})"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d"
_SPANS = rf"{_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*"
_ZONE = r"[A-Za-z][\w+-]*(?:/[\w+-]+)*"
_HOURS = rf"(?P<begin>{_TIME}) ?- ?(?P<end>{_TIME}|24:00)"
_WRITTEN = rf"(?:(?P<days>{_SPANS})(?: |$))?(?:{_HOURS}(?: |$))?(?P<zone>{_ZONE})?"
WEEKLY_HOURS = re.sub(r"\?P<\w+>", "", _WRITTEN)
"""How they are written, as a regular expression of JSON Schema; one that fits may still be empty."""


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """A stretch of time on some days of the week, on each from `begin` up to but without `end`.

    It runs past midnight where `end` is not later than `begin`: with both alike it lasts to that time of the next day.
    """

    days: frozenset[int]
    """The days of the week on which they begin; 0 is Monday."""
    begin: time = time()
    """The time of day at which they begin."""
    end: time = time()
    """The time of day at which they end."""
    zone: str | None = None
    """The IANA name of the zone whose wall clock counts; None for that of whoever asks."""

    def __str__(self) -> str:
        hours = "" if self.begin == self.end == time() else f"{self.begin:%H:%M}-{self.end:%H:%M}"
        return " ".join(filter(None, (_days_text(self.days), hours, self.zone)))

    def seen_from(self, zone: str) -> WeeklyHours:
        """The same where another zone counts, if they name none."""
        return self if self.zone else WeeklyHours(self.days, self.begin, self.end, zone)

    def holds(self, moment: datetime) -> bool:
        """Whether a moment is in these hours."""
        return any(start <= moment < end for start, end in self._stretches(moment, moment))

    def between(self, start: datetime, end: datetime) -> timedelta:
        """How much of these hours lies between two moments; no time where the second is not later."""
        parts = (min(end, last) - max(start, first) for first, last in self._stretches(start, end))
        return sum((part for part in parts if part > timedelta()), timedelta())

    def _stretches(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The hours of all days that may have a part in a stretch of time; no two of them overlap."""
        zone = self.zone or "UTC"
        day, last = (moment.astimezone(ZoneInfo(zone)).date() for moment in (start, end))
        day -= DAY  # the hours of the day before may run past midnight
        while day <= last:
            if day.weekday() in self.days:
                yield _hours_of(day, self.begin, self.end, zone)
            day += DAY


def weekly_hours(text: str) -> WeeklyHours:
    """Read `mon-fri 09:30-16:00 America/New_York`; each part may be left out, but not days and times both.

    Raises ValueError with a sentence. A zone is not checked.
    """
    found = re.fullmatch(_WRITTEN, text.strip())
    if not found or not (found["days"] or found["begin"]):
        raise ValueError("must be days of the week, or times of day, or both")
    end = "00:00" if found["end"] == "24:00" else found["end"]
    return WeeklyHours(
        _days(found["days"]),
        time.fromisoformat(found["begin"] or "00:00"),
        time.fromisoformat(end or "00:00"),
        found["zone"],
    )


@lru_cache(maxsize=2048)  # those of two years are asked for again and again
def _hours_of(day: date, begin: time, end: time, zone: str) -> tuple[datetime, datetime]:
    """What begins on a day. Where the clock shows a time twice, hours begin with the first of these, and end with the
    last, or with the first where the next hours begin."""
    last = datetime.combine(day + DAY if end <= begin else day, end)
    ends = strikes(last, zone)
    twice = len(ends) > 1 and begin != end
    return first_strike(datetime.combine(day, begin), zone), ends[-1] if twice else first_strike(last, zone)


def _days(text: str | None) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for span in text.split(","):
        first, _, last = span.partition("-")
        begin = _DAYS.index(first)
        found |= {(begin + number) % 7 for number in range((_DAYS.index(last or first) - begin) % 7 + 1)}
    return frozenset(found)


def _days_text(days: frozenset[int]) -> str:
    """`mon-fri`, `mon,wed`; nothing for every day. Days in a row, of the ring that a week is, have a dash."""
    if len(days) == 7:
        return ""
    firsts = sorted(day for day in days if (day - 1) % 7 not in days)
    spans = []
    for first in firsts:
        length = next(number for number in range(1, 8) if (first + number) % 7 not in days)
        spans.append(_DAYS[first] + (f"-{_DAYS[(first + length - 1) % 7]}" if length > 1 else ""))
    return ",".join(spans)
