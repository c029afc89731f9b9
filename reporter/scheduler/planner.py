"""Decides which closed periods are owed and when they run: catch-up, settle time, retries, giving up.

The calendar is ours: the planner reads it from the store, never from which timer fired.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, islice, takewhile
from operator import itemgetter
from zoneinfo import ZoneInfoNotFoundError

from sqlalchemy import Connection

from reporter.alerts.model import CLOCK_SUBJECT, Level, Observation
from reporter.errors import ClaimLostError, StoreError
from reporter.jobs.binding import BoundJob
from reporter.messages.formats import plural
from reporter.notify.pipeline import AlertPipeline
from reporter.notify.routing import Observer
from reporter.periods.civil import INSTANT, Period, Unit, before, containing, following
from reporter.periods.clock import Clock, ClockSteps
from reporter.periods.schedules import Every
from reporter.periods.time_text import duration_text
from reporter.scheduler.clock_check import ClockCheck
from reporter.scheduler.runtime import Runtime
from reporter.store import outbox, owed_periods
from reporter.store.database import Store
from reporter.store.owed_periods import Claim

log = logging.getLogger(__name__)

# At most so many periods of one job are entered in one pass, so that years of them hold nobody up.
PER_PASS = 500
# How long after its deadline a run's claim is believed in.
LEASE_MARGIN = timedelta(seconds=60)
# What is not tried within this time after it was due counts as missed where `catch_up` is none.
MISSED_AFTER = timedelta(minutes=15)
# The wall clock is steered by fractions of a second; if it goes back by more, it was set back.
SET_BACK = timedelta(seconds=5)
# So long a job is left alone whose earlier zone is unknown here.
UNREADABLE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Turn:
    """A period whose turn has come."""

    bound: BoundJob
    owed: owed_periods.Owed


class Planner:
    """Enters what is owed and says what may be tried now."""

    def __init__(self, store: Store, clock: Clock, guard: ClockCheck, alerts: AlertPipeline) -> None:
        self._store = store
        self._clock = clock
        self._guard = guard
        self._alerts = alerts
        self._steps = ClockSteps(clock)
        self._looked_at: datetime | None = None
        self._doubted: bool | None = None
        self._next: dict[tuple[str, str, str], datetime] = {}
        self._seen: dict[tuple[str, str, str], datetime] = {}
        self._explained: dict[str, str] = {}

    def tick(self, runtime: Runtime) -> list[Turn]:
        """One look at the calendar: the oldest period of each job, where it may be tried now.

        Nothing is entered and nothing may be tried while the clock cannot be believed.
        """
        now = self._clock.wall()
        closed = {name: bound for name, bound in runtime.jobs.items() if bound.enabled and bound.job.covers.closed}
        if self._in_doubt(runtime):
            self._looked_at = None  # what is planned and sent by this clock is gone through when it is right
            return []
        first = self._looked_at is None
        self._follow_clock(now)
        self._notice_a_step_back(now)
        for bound in closed.values():
            if now >= self._next.get(_key(bound), now):
                self._enter_if_it_can_be_read(bound, now)
        whole = [name for name, bound in closed.items() if self._next.get(_key(bound), now) > now]
        if first:
            self._say_what_is_owed(whole)
        with self._store.read() as connection:
            oldest = owed_periods.oldest_open(connection, whole)
        for owed in oldest:
            self._explain(owed, now)
        turns_come = [Turn(closed[owed.job], owed) for owed in oldest if owed.claimable(now)]
        return [turn for turn in turns_come if not self._given_up(runtime, turn, now)]

    def open_turns(self, runtime: Runtime) -> list[BoundJob]:
        """Jobs on an open period whose wall-clock moment (`daily at 14:00`) came since the last look."""
        now = self._clock.wall()
        running = [bound for bound in runtime.jobs.values() if bound.enabled]
        known = {_key(bound) for bound in running}
        self._seen = {key: moment for key, moment in self._seen.items() if key in known}  # who comes back was away
        return [bound for bound in running if self._came(bound, now)]

    def may_run(self, runtime: Runtime, bound: BoundJob) -> bool:
        """Whether an open job's turn may be taken, and is ours to take.

        One that looks at the present goes on by a doubtful clock, for its alerts must not fall silent.
        """
        if bound.job.covers.unit is not None and self.doubt(runtime):
            return False
        if not self._store.shared:
            return True
        now = self._clock.wall()
        with self._store.begin() as connection:
            return owed_periods.take_beat(connection, bound.job.name, now, _until_next(bound, now))

    def doubt(self, runtime: Runtime) -> str | None:
        """Why the clock cannot be believed now, as a sentence; None while it can."""
        return self._guard.doubt(runtime.clocks)

    def claim(self, turn: Turn) -> Claim | None:
        """Take a period in hand; None if another was quicker."""
        token = secrets.token_hex(8)
        now = self._clock.wall()
        lease = turn.bound.deadline + LEASE_MARGIN
        with self._store.begin() as connection:
            if not owed_periods.claim(connection, turn.owed.id, token, now, lease):
                return None
            left_out = owed_periods.left_out_before(connection, turn.owed.job, turn.owed.period)
        return Claim(turn.owed.id, token, turn.owed.attempts + 1, turn.owed.due_at, left_out)

    def claim_by_hand(self, bound: BoundJob, period: Period) -> tuple[owed_periods.Owed, Claim | None]:
        """Enter a complete period if need be and take it; no claim when it is reported or another daemon has it."""
        now = self._clock.wall()
        with self._store.begin() as connection:
            version = _newest_version(connection, bound) or _begin_version(connection, bound, now)
            period = owed_periods.ending_with(connection, bound.job.name, period)
            owed_periods.owe(
                connection, bound.job.name, period, version=version.number, fire_at=None, due_at=period.end, now=now
            )
            owed = owed_periods.find(connection, bound.job.name, period)
            if owed is None:
                raise StoreError(f"{bound.job.name} {period.label} was entered and is not there")
            owed_periods.hasten(connection, owed.id, now)
        claim = self.claim(Turn(bound, owed))
        return owed, replace(claim, due_at=None) if claim else None

    def next_due(self, bound: BoundJob) -> datetime:
        """When a job's next turn comes, by its schedule alone."""
        now = self._clock.wall()
        if not bound.job.covers.closed:
            return bound.schedule.after(now, bound.timezone)
        return next(_due_moments(bound, now))

    def next_runs(self, bound: BoundJob, count: int) -> list[datetime]:
        """When a job's next turns come; nothing for an interval that is counted from the daemon's start."""
        now = self._clock.wall()
        if bound.job.covers.closed:
            return list(islice(_due_moments(bound, now), count))
        if isinstance(bound.schedule, Every):
            return []
        moments = [now]
        while len(moments) <= count:
            moments.append(bound.schedule.after(moments[-1], bound.timezone))
        return moments[1:]

    def _enter_if_it_can_be_read(self, bound: BoundJob, now: datetime) -> None:
        """One job whose past cannot be read, as one in a zone that is gone, keeps no other from its turn."""
        try:
            self._enter(bound, now)
        except ZoneInfoNotFoundError as error:
            self._next[_key(bound)] = now + UNREADABLE
            log.error("%s: what it owes cannot be planned: %s", bound.name, error)

    def _enter(self, bound: BoundJob, now: datetime) -> None:
        with self._store.begin() as connection:
            next_turn = enter(connection, bound, now)
            left_out = _leave_out(connection, bound, now) if next_turn > now else 0
        self._next[_key(bound)] = next_turn
        log.debug("%s: the next turn is at %s", bound.name, next_turn.isoformat(timespec="seconds"))
        if left_out:
            log.warning("%s: %s left out: %s", bound.name, plural(left_out, "older period"), _why_left_out(bound))

    def _explain(self, owed: owed_periods.Owed, now: datetime) -> None:
        """Say once why an owed period is tried now, or why not."""
        why = f" after {owed.reason}" if owed.reason else ""
        said = f"{owed.period.label} is owed since {owed.due_at.isoformat(timespec='seconds')}"
        said += f": try {owed.attempts + 1}{why}" if owed.claimable(now) else f" and waits{why}"
        if self._explained.get(owed.job) != said:
            self._explained[owed.job] = said
            log.debug("%s: %s", owed.job, said)

    def _in_doubt(self, runtime: Runtime) -> bool:
        """Whether the clock cannot be believed; the beginning and the end of that are reported."""
        why = self.doubt(runtime)
        if self._doubted != bool(why):
            told = "this machine's clock cannot be right: " + why if why else "this machine's clock is right"
            seen = Observation(CLOCK_SUBJECT, Level.CRITICAL if why else Level.OK, told)
            self._alerts.process(runtime.notify, [seen], Observer())
            self._doubted = bool(why)
        return why is not None

    def _follow_clock(self, now: datetime) -> None:
        """A clock that was set makes no try longer, and no lease shorter."""
        with self._steps.taken() as step:
            if step and not self._store.shared:
                with self._store.begin() as connection:
                    owed_periods.follow_clock(connection, step, now)

    def _notice_a_step_back(self, now: datetime) -> None:
        """What was planned by a clock that ran ahead is planned anew; so it is at the start, for nobody saw a step."""
        if self._looked_at is None or now < self._looked_at - SET_BACK:
            back = self._looked_at - now if self._looked_at else timedelta()
            self._next.clear()
            self._seen.clear()
            with self._store.begin() as connection:
                owed_periods.rewind(connection, now)
                if self._looked_at is None or self._store.shared:  # or else delivery has followed the clock
                    outbox.rewind(connection, now, back)
        self._looked_at = now

    def _say_what_is_owed(self, jobs: list[str]) -> None:
        with self._store.read() as connection:
            for job in jobs:
                if labels := owed_periods.open_labels(connection, job):
                    log.info("%s: to be made up for: %s", job, in_brief(labels))

    def _given_up(self, runtime: Runtime, turn: Turn, now: datetime) -> bool:
        """Whether it was tried for too long. While nobody was there nobody tried, and that counts for nothing."""
        patience = turn.bound.give_up_after
        if not turn.owed.attempts or turn.owed.tried_for < patience:
            return False
        why = turn.owed.reason or "it was cut off each time"
        reason = f"given up after {duration_text(patience)} of trying; the last reason was: {why}"
        told = f"{turn.owed.job} for {turn.owed.period.label} was {reason}"

        def give_up(connection: Connection, _: int) -> None:
            if not owed_periods.give_up(connection, turn.owed.id, reason, now):
                raise ClaimLostError("another daemon gave it up")

        seen = Observation(f"job/{turn.owed.job}", Level.CRITICAL, told)
        with suppress(ClaimLostError):
            self._alerts.process(runtime.notify, [seen], Observer(turn.bound.channels), save=give_up)
        log.error("%s", told)
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


def enter(connection: Connection, bound: BoundJob, now: datetime) -> datetime:
    """Enter every period whose turn came since the last one entered; returns when the next turn comes.

    A change of zone ends the days of the old zone: those that are over are entered first, whenever their turn comes.
    """
    newest = _newest_version(connection, bound)
    if newest is not None and newest.zone != bound.timezone:
        old = replace(bound, timezone=newest.zone)
        first = _next_period(connection, old, newest, now)
        over = list(islice(takewhile(lambda turn: turn[1].end <= now, turns(old, first)), PER_PASS))
        _owe(connection, old, newest, over, now)
        if len(over) == PER_PASS:
            return now
    as_before = newest is not None and (newest.spec, newest.zone) == (str(bound.schedule), bound.timezone)
    version = newest if newest and as_before else _begin_version(connection, bound, now)
    coming = turns(bound, _next_period(connection, bound, version, now))
    come = list(islice(takewhile(lambda turn: turn[0] <= now, coming), PER_PASS))
    _owe(connection, bound, version, come, now)
    return now if len(come) == PER_PASS else next(turns(bound, _next_period(connection, bound, version, now)))[0]


def _newest_version(connection: Connection, bound: BoundJob) -> owed_periods.Version | None:
    """The schedule as it was worded last; a job that bears another name now takes its past along."""
    newest = owed_periods.newest_version(connection, bound.job.name)
    if newest is None and bound.renamed_from:
        owed_periods.rename(connection, bound.renamed_from, bound.job.name)
        newest = owed_periods.newest_version(connection, bound.job.name)
    return newest


def _begin_version(connection: Connection, bound: BoundJob, now: datetime) -> owed_periods.Version:
    """The schedule as it is worded now. What waits for a turn of the old wording need not wait longer than for its."""
    job, newest = bound.job.name, owed_periods.newest_version(connection, bound.job.name)
    entered = owed_periods.last_entered(connection, job, now)
    begins = newest.active_from if newest and not entered else now  # an edit before the first period moves nothing
    owed_periods.bring_forward(connection, job, next(_due_moments(bound, now)))
    return owed_periods.begin_version(connection, job, str(bound.schedule), bound.timezone, begins)


def _next_period(connection: Connection, bound: BoundJob, version: owed_periods.Version, now: datetime) -> Period:
    """What follows the last period that was entered; for a new job, or one of other periods now, what ends next."""
    unit = _unit(bound)
    last = owed_periods.last_entered(connection, bound.job.name, now)
    if last is not None and last.unit is unit:
        return following(unit, last.end, bound.timezone)
    return containing(unit, max(last.end, version.active_from) if last else version.active_from, bound.timezone)


def _owe(
    connection: Connection,
    bound: BoundJob,
    version: owed_periods.Version,
    found: Iterable[tuple[datetime, Period]],
    now: datetime,
) -> None:
    for fire, period in found:
        due = _due(bound, fire, period)
        owed_periods.owe(connection, bound.job.name, period, version=version.number, fire_at=fire, due_at=due, now=now)


def _until_next(bound: BoundJob, now: datetime) -> timedelta:
    """How long an open job rests after a turn."""
    if isinstance(bound.schedule, Every):
        return timedelta(seconds=bound.schedule.seconds)
    return bound.schedule.after(now, bound.timezone) - now


def _leave_out(connection: Connection, bound: BoundJob, now: datetime) -> int:
    """Settle what was missed and is not to be caught up on; returns how many periods that were."""
    why = _why_left_out(bound)
    if bound.catch_up == "none":
        missed = now - MISSED_AFTER
        return owed_periods.leave_out(connection, bound.job.name, why, now, due_before=missed)
    keep = 1 if bound.catch_up == "latest" else bound.catch_up_limit
    return owed_periods.leave_out(connection, bound.job.name, why, now, keep=keep)


def _why_left_out(bound: BoundJob) -> str:
    if bound.catch_up == "all":
        return f"catch_up_limit is {bound.catch_up_limit}"
    return f"catch_up is {bound.catch_up}"


def in_brief(labels: Sequence[str]) -> str:
    """`2026-10-31, 2026-11-01`, or of many the first, the last and how many they are."""
    return ", ".join(labels) if len(labels) <= 3 else f"{len(labels)} periods, {labels[0]} to {labels[-1]}"


def turns(bound: BoundJob, period: Period) -> Iterator[tuple[datetime, Period]]:
    """From `period` on, each period of a closed job, with the moment of its turn.

    Each period begins where the one before ends, and its turn is the schedule's first moment at or after its end: the
    schedule says when a period is reported, never whether. `every hour` means the end of each period.
    """
    turn = None
    while True:
        if isinstance(bound.schedule, Every):
            turn = period.end
        elif turn is None or turn < period.end:
            turn = bound.schedule.after(period.end - INSTANT, bound.timezone)
        yield turn, period
        period = following(_unit(bound), period.end, bound.timezone)


def shared_turns(bound: BoundJob, now: datetime) -> Iterator[tuple[datetime, list[Period]]]:
    """The turns of a closed job after `now`, each with the periods that are reported then."""
    last = before(containing(_unit(bound), now, bound.timezone))
    for turn, shared in groupby(turns(bound, last), key=itemgetter(0)):
        if turn > now:
            yield turn, [period for _, period in shared]


def _due_moments(bound: BoundJob, now: datetime) -> Iterator[datetime]:
    return (_due(bound, turn, shared[-1]) for turn, shared in shared_turns(bound, now))


def _unit(bound: BoundJob) -> Unit:
    return bound.job.covers.unit or Unit.DAY  # only `now` has none, and nothing of it is owed


def _due(bound: BoundJob, fire: datetime, period: Period) -> datetime:
    return max(fire, period.end + bound.settle)


def _key(bound: BoundJob) -> tuple[str, str, str]:
    return bound.job.name, str(bound.schedule), bound.timezone
