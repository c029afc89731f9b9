"""Which closed periods are owed. The calendar is ours: it is read from the store, never from what fired."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Connection

from reporter.binding import BoundJob
from reporter.clock import Clock
from reporter.errors import StoreError
from reporter.periods import Period, containing, covered
from reporter.runner import Claim
from reporter.schedules import Every, parse
from reporter.store import Store, periods
from reporter.wiring import Wiring

log = logging.getLogger(__name__)

# At most so many periods of one job are entered in one pass, so that a recovery never floods.
PER_PASS = 50
# How long after its deadline a run's claim is believed in.
LEASE_MARGIN = timedelta(seconds=60)
# A period that keeps failing blocks those after it, for reports come in order; after so long nobody waits for it.
GIVE_UP_AFTER = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Turn:
    """A period whose turn has come."""

    bound: BoundJob
    owed: periods.Owed


class Planner:
    """Enters what is owed and says what may be tried now."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._next: dict[tuple[str, str, str], datetime] = {}
        self._seen: dict[tuple[str, str, str], datetime] = {}

    def tick(self, wiring: Wiring) -> list[Turn]:
        """One look at the calendar: the oldest period of each job, where it may be tried now."""
        now = self._clock.wall()
        closed = {name: bound for name, bound in wiring.jobs.items() if bound.enabled and bound.job.covers.closed}
        for bound in closed.values():
            if now >= self._next.get(_key(bound), now):
                self._enter(bound, now)
        with self._store.read() as connection:
            oldest = periods.oldest_open(connection, list(closed))
        turns_come = [Turn(closed[owed.job], owed) for owed in oldest if owed.claimable(now)]
        return [turn for turn in turns_come if not self._given_up(turn, now)]

    def open_turns(self, wiring: Wiring) -> list[BoundJob]:
        """Jobs on an open period whose wall-clock moment (`daily at 14:00`) came since the last look."""
        now = self._clock.wall()
        return [bound for bound in wiring.jobs.values() if bound.enabled and self._came(bound, now)]

    def claim(self, turn: Turn) -> Claim | None:
        """Take a period in hand; None if another was quicker."""
        token = secrets.token_hex(8)
        now = self._clock.wall()
        lease = turn.bound.deadline + LEASE_MARGIN
        with self._store.begin() as connection:
            if not periods.claim(connection, turn.owed.id, token, now, lease):
                return None
        return Claim(turn.owed.id, token, turn.owed.attempts + 1)

    def claim_by_hand(self, bound: BoundJob, period: Period) -> tuple[periods.Owed, Claim | None]:
        """Enter a complete period if need be and take it; no claim when it is told already or in other hands."""
        now = self._clock.wall()
        with self._store.begin() as connection:
            version = _version(connection, bound, now)
            periods.owe(
                connection, bound.job.name, period, version=version.number, fire_at=None, due_at=period.end, now=now
            )
            owed = periods.find(connection, bound.job.name, period)
            if owed is None:
                raise StoreError(f"{bound.job.name} {period.label} was entered and is not there")
            periods.hasten(connection, owed.id, now)
        return owed, self.claim(Turn(bound, owed))

    def next_due(self, bound: BoundJob) -> datetime:
        """When a job's next turn comes, by its schedule alone."""
        now = self._clock.wall()
        if not bound.job.covers.closed:
            return bound.schedule.after(now, bound.timezone)
        fire, period = next(turns(bound, now))
        return _due(bound, fire, period)

    def _enter(self, bound: BoundJob, now: datetime) -> None:
        with self._store.begin() as connection:
            version = _version(connection, bound, now)
            self._next[_key(bound)] = enter(connection, bound, version, now)

    def _given_up(self, turn: Turn, now: datetime) -> bool:
        if now - turn.owed.due_at < GIVE_UP_AFTER or not turn.owed.attempts:
            return False
        reason = f"given up {GIVE_UP_AFTER.days} days after it was due; the last reason was: {turn.owed.reason}"
        with self._store.begin() as connection:
            periods.give_up(connection, turn.owed.id, reason, now)
        log.error("%s %s: %s", turn.owed.job, turn.owed.period.label, reason)
        return True

    def _came(self, bound: BoundJob, now: datetime) -> bool:
        if bound.job.covers.closed or isinstance(bound.schedule, Every):
            return False
        key = _key(bound)
        last = self._seen.setdefault(key, now)
        if bound.schedule.after(last, bound.timezone) > now:
            return False
        self._seen[key] = now
        return True


def enter(connection: Connection, bound: BoundJob, version: periods.Version, now: datetime) -> datetime:
    """Enter every period whose turn came since the last one entered; returns when the next turn comes."""
    for entered, (fire, period) in enumerate(turns(bound, periods.cursor(connection, bound.job.name, version))):
        if fire > now:
            return fire
        if entered >= PER_PASS:
            return now
        _owe(connection, bound, version, fire, period, now)
    raise AssertionError("a schedule has no last turn")


def _version(connection: Connection, bound: BoundJob, now: datetime) -> periods.Version:
    """The version of the schedule as it is worded now.

    When the wording has changed, the old one first enters every period that is over, so that none falls between them;
    a period that both would enter is one row all the same.
    """
    newest = periods.newest_version(connection, bound.job.name)
    if newest is not None and (newest.spec, newest.zone) == (str(bound.schedule), bound.timezone):
        return newest
    if newest is not None:
        old = replace(bound, schedule=parse(newest.spec), timezone=newest.zone)
        for fire, period in islice(turns(old, periods.cursor(connection, bound.job.name, newest)), PER_PASS):
            if period.end > now:
                break
            _owe(connection, old, newest, fire, period, now)
    return periods.begin_version(connection, bound.job.name, str(bound.schedule), bound.timezone, now)


def _owe(
    connection: Connection,
    bound: BoundJob,
    version: periods.Version,
    fire: datetime,
    period: Period,
    now: datetime,
) -> None:
    if period.end > version.active_from:
        due = _due(bound, fire, period)
        periods.owe(connection, bound.job.name, period, version=version.number, fire_at=fire, due_at=due, now=now)


def turns(bound: BoundJob, after: datetime) -> Iterator[tuple[datetime, Period]]:
    """The moments of a closed job's schedule after a moment, each with the period it speaks of.

    `every hour` on the last hour means the end of each civil hour, not hours since the start.
    """
    unit = bound.job.covers.unit
    while True:
        if isinstance(bound.schedule, Every) and unit:
            after = containing(unit, after, bound.timezone).end
        else:
            after = bound.schedule.after(after, bound.timezone)
        yield after, covered(bound.job.covers, after, bound.timezone)


def _due(bound: BoundJob, fire: datetime, period: Period) -> datetime:
    return max(fire, period.end + bound.settle)


def _key(bound: BoundJob) -> tuple[str, str, str]:
    return bound.job.name, str(bound.schedule), bound.timezone
