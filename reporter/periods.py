"""Stretches of civil time: which hour, day, week or month a report speaks of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo


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
        raise NotImplementedError

    @property
    def closed(self) -> bool:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Period:
    """The half-open stretch [start, end) in UTC, with the zone whose calendar cut it.

    `label` is a stable key and readable: `2026-10-30`, `2026-W44`, `2026-10`, `2026-10-30 14:00`. `so_far` marks a
    period that is not over: its `end` is then the moment of looking.
    """

    start: datetime
    end: datetime
    label: str
    zone: str = "UTC"
    unit: Unit | None = None
    so_far: bool = False

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def days(self) -> list[Period]:
        """The civil days of the period in its zone, cut at its ends, in order."""
        raise NotImplementedError


def first_instant(day: date, zone: str) -> datetime:
    """The first moment of a civil day, in UTC: after a gap the moment of the change, of two strikes the first."""
    raise NotImplementedError


def containing(unit: Unit, moment: datetime, zone: str) -> Period:
    """The whole period of that unit that `moment` lies in, over or not (`so_far` is False)."""
    raise NotImplementedError


def before(period: Period) -> Period:
    """The period of the same unit that ends where this one starts."""
    raise NotImplementedError


def covered(covers: Covers, moment: datetime, zone: str) -> Period:
    """What a run at `moment` speaks of: the last period that is over, or the running one so far."""
    raise NotImplementedError
