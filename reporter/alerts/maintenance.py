"""Maintenance windows of the config, and how a name or pattern matches subjects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from reporter.periods.schedules import Schedule

Span = tuple[datetime, datetime]


def fits(pattern: str, subject: str) -> bool:
    """Whether a name or pattern such as `probe/db*` means a subject; without a `/` it fits any kind: `db*`."""
    name = subject if "/" in pattern else subject.partition("/")[2] or subject
    return fnmatchcase(subject, pattern) or fnmatchcase(name, pattern)


def matching(given: str, subjects: Iterable[str]) -> list[str]:
    """The subjects that a name or pattern means; if there is none, those that begin with it: `daily_loss`."""
    known = list(subjects)
    exact = [one for one in known if fits(given, one)]
    return exact or [one for one in known if fits(f"{given}/*", one) or fits(f"*/{given}/*", one)]


def fits_any(patterns: Iterable[str], subject: str) -> bool:
    return any(fits(pattern, subject) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """Maintenance that comes again: it begins by `schedule`, on the clock of `zone`, and lasts for `duration`."""

    subjects: tuple[str, ...]
    schedule: Schedule
    duration: timedelta
    zone: str
    reason: str = "maintenance"

    def until(self, now: datetime) -> datetime | None:
        """When the maintenance that goes on at a moment is over; None where none does."""
        begins, ends = self.schedule.after(now - self.duration, self.zone), None
        while begins <= now:
            ends = begins + self.duration
            begins = self.schedule.after(begins, self.zone)
        return ends

    def spans(self, start: datetime, end: datetime) -> Iterator[Span]:
        """The times of maintenance between two moments, cut off at them."""
        begins = self.schedule.after(start - self.duration, self.zone)
        while begins < end:
            yield max(begins, start), min(begins + self.duration, end)
            begins = self.schedule.after(begins, self.zone)


def maintenance_spans(windows: Sequence[MaintenanceWindow], subject: str, start: datetime, end: datetime) -> list[Span]:
    """When a subject was under maintenance between two moments: spans in order that do not touch each other."""
    found: list[Span] = []
    for begins, ends in sorted(
        span for window in windows if fits_any(window.subjects, subject) for span in window.spans(start, end)
    ):
        if found and begins <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], ends)
        else:
            found.append((begins, ends))
    return found
