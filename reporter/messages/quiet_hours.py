"""How loud a message may be: at once, silent, in a digest or off; and whether quiet hours hold it now.

`docs/configuration.md` gives the rules in prose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

from reporter.messages.message import Severity
from reporter.periods.civil import DAY, first_strike, strikes

TIME_OF_DAY = r"(?:[01]\d|2[0-3]):[0-5]\d"
QUIET_HOURS = rf"({TIME_OF_DAY}) ?- ?({TIME_OF_DAY})"
"""How a time of day and quiet hours are written, as regular expressions."""


class Noise(StrEnum):
    """What becomes of a message that is not critical."""

    NOW = "now"
    SILENT = "silent"
    DIGEST = "digest"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A stretch of each day, from `begin` up to but without `end`; it may run past midnight."""

    begin: time
    end: time

    def __str__(self) -> str:
        return f"{self.begin:%H:%M}-{self.end:%H:%M}"

    def holds(self, at: time) -> bool:
        if self.begin < self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


@dataclass(frozen=True, slots=True)
class QuietRules:
    """How a channel wants to be spoken to. All times of day are those of `zone`."""

    noise: Noise = Noise.NOW
    quiet_hours: QuietHours | None = None
    digest_at: time = time(8)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    def quiet(self, moment: datetime) -> bool:
        """Whether the channel is to be left in peace at that moment."""
        return self.quiet_hours is not None and self.quiet_hours.holds(moment.astimezone(self.zone).time())


@dataclass(frozen=True, slots=True)
class Handling:
    """What is done with a message: `dropped`, or held until a moment for the reason `why`, or sent, maybe silently."""

    silent: bool = False
    held_until: datetime | None = None
    why: str | None = None
    dropped: bool = False


AT_ONCE, SILENTLY, NOT_AT_ALL = Handling(), Handling(silent=True), Handling(dropped=True)


def handling(
    rules: QuietRules,
    severity: Severity,
    now: datetime,
    *,
    job: Noise | None = None,
    board: bool = False,
    relief: bool = False,
) -> Handling:
    """What is done with a message now; `job` is what its job says, which counts for more than what the channel says.

    What is critical passes. So does its end (`relief`), for those who were called hear that it is over; but it makes no
    sound where others are held. Nor does a `board`, which speaks of the present and is never held.
    """
    noise, quiet = job or rules.noise, rules.quiet(now)
    if severity is Severity.CRITICAL:
        return AT_ONCE
    if relief or (board and noise is not Noise.OFF):
        return SILENTLY if quiet or noise is not Noise.NOW else AT_ONCE
    if noise is Noise.OFF:
        return NOT_AT_ALL
    if noise is Noise.DIGEST:
        return _held(next_digest(rules, now), rules, "the digest at")
    if quiet:
        return _held(end_of_quiet(rules, now), rules, "quiet hours until")
    return SILENTLY if noise is Noise.SILENT else AT_ONCE


def next_digest(rules: QuietRules, now: datetime) -> datetime:
    """The next moment at which a digest may be sent: at its time of day, or when the quiet hours round it are over."""
    return end_of_quiet(rules, _next(rules.digest_at, rules.zone, now))


def end_of_quiet(rules: QuietRules, moment: datetime) -> datetime:
    """When the quiet hours round a moment are over; the moment itself where there are none."""
    if rules.quiet_hours is None or not rules.quiet(moment):
        return moment
    return _next(rules.quiet_hours.end, rules.zone, moment)


def quiet_hours(text: str) -> QuietHours:
    """Read `22:00-07:00`. Raises ValueError with a sentence."""
    found = re.fullmatch(QUIET_HOURS, text)
    if not found:
        raise ValueError("must be two times of day")
    begin, end = time.fromisoformat(found[1]), time.fromisoformat(found[2])
    if begin == end:
        raise ValueError("must end at another time than they begin")
    return QuietHours(begin, end)


def time_of_day(text: str) -> time:
    """Read `08:00`. Raises ValueError with a sentence."""
    if not re.fullmatch(TIME_OF_DAY, text):
        raise ValueError("must be a time of day")
    return time.fromisoformat(text)


def _held(until: datetime, rules: QuietRules, why: str) -> Handling:
    return Handling(held_until=until, why=f"{why} {until.astimezone(rules.zone):%H:%M}")


def _next(at: time, zone: ZoneInfo, now: datetime) -> datetime:
    """The first moment after `now` at which a clock on the wall shows that time, or jumps over it."""
    today = now.astimezone(zone).date()
    return min(moment for number in range(3) for moment in _moments(today + number * DAY, at, zone) if moment > now)


def _moments(day: date, at: time, zone: ZoneInfo) -> list[datetime]:
    wall = datetime.combine(day, at)
    return strikes(wall, zone.key) or [first_strike(wall, zone.key)]
