"""The calendar of owed periods: what each job owes, which process has the lease, and the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, or_, select, update

from reporter.periods.civil import Period, Unit
from reporter.store.database import insert_once
from reporter.store.tables import beats, periods, runs, schedules

# Clocks of two daemons on one store differ a little; what lies further ahead was written by a clock that was wrong.
AHEAD = timedelta(minutes=1)
# No wait for the next try and no lease is so long.
LONGEST_WAIT = timedelta(hours=1)
LONGEST_LEASE = timedelta(days=2)
# How the reason of a period begins that was missed and is not caught up on.
LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Version:
    """One wording of a job's schedule. A job that has reported nothing owes first what ends after `active_from`."""

    number: int
    active_from: datetime
    spec: str
    zone: str


@dataclass(frozen=True, slots=True)
class Owed:
    """A period that a job owes. `state` is owed, running, told or given_up."""

    id: int
    job: str
    period: Period
    due_at: datetime
    state: str
    attempts: int
    first_tried_at: datetime | None
    next_try_at: datetime
    reason: str | None
    run_id: str | None
    settled_at: datetime | None
    claimed_until: datetime | None

    @property
    def tried_for(self) -> timedelta:
        """From the first try, or from when it was due, to the end of the last one: of its lease, or the pause after."""
        began = max(self.due_at, self.first_tried_at or self.due_at)
        return (self.claimed_until or self.next_try_at) - began

    def claimable(self, now: datetime) -> bool:
        """Whether it may be tried: its time has come, or whoever had it in hand is gone."""
        if self.state == "running":
            return self.claimed_until is not None and self.claimed_until < now
        return self.state == "owed" and self.next_try_at <= now


def newest_version(connection: Connection, job: str) -> Version | None:
    row = connection.execute(
        select(schedules).where(schedules.c.job == job).order_by(schedules.c.version.desc()).limit(1)
    ).one_or_none()
    return Version(row.version, row.active_from, row.spec, row.zone) if row is not None else None


def begin_version(connection: Connection, job: str, spec: str, zone: str, active_from: datetime) -> Version:
    """A new wording of a job's schedule."""
    newest = newest_version(connection, job)
    version = Version(newest.number + 1 if newest else 1, active_from, spec, zone)
    insert_once(connection, schedules, job=job, version=version.number, spec=spec, zone=zone, active_from=active_from)
    return version


def last_entered(connection: Connection, job: str, now: datetime) -> Period | None:
    """The last period that a schedule entered, leaving aside what a clock that ran ahead entered."""
    by_schedule = (periods.c.job == job, periods.c.fire_at.is_not(None), periods.c.ends_at <= now)
    row = connection.execute(select(periods).where(*by_schedule).order_by(periods.c.ends_at.desc()).limit(1)).first()
    return _owed(row).period if row is not None else None


def ending_with(connection: Connection, job: str, period: Period) -> Period:
    """That period as a schedule entered it: the first one after a change of zone has another start."""
    row = connection.execute(
        select(periods).where(
            periods.c.job == job,
            periods.c.ends_at == period.end,
            periods.c.unit == (period.unit or ""),
            periods.c.zone == period.zone,
            periods.c.fire_at.is_not(None),
        )
    ).first()
    return _owed(row).period if row is not None else period


def owe(
    connection: Connection,
    job: str,
    period: Period,
    *,
    version: int,
    fire_at: datetime | None,
    due_at: datetime,
    now: datetime,
) -> bool:
    """Enter a period; False if the job has that period already, whichever schedule entered it."""
    return insert_once(
        connection,
        periods,
        job=job,
        starts_at=period.start,
        ends_at=period.end,
        label=period.label,
        zone=period.zone,
        unit=period.unit or "",
        schedule_version=version,
        fire_at=fire_at,
        due_at=due_at,
        state="owed",
        attempts=0,
        next_try_at=due_at,
        created_at=now,
    )


def oldest_open(connection: Connection, jobs: Sequence[str]) -> list[Owed]:
    """The oldest period of each job that is not settled: the one whose turn it is, so that reports come in order."""
    unsettled = periods.c.state.in_(("owed", "running"))
    rows = connection.execute(
        select(periods).where(unsettled, periods.c.job.in_(jobs)).order_by(periods.c.ends_at.desc())
    )
    return list({row.job: _owed(row) for row in rows}.values())


def open_labels(connection: Connection, job: str) -> list[str]:
    """What a job owes or is at, oldest first."""
    unsettled = periods.c.state.in_(("owed", "running"))
    found = select(periods.c.label).where(unsettled, periods.c.job == job).order_by(periods.c.ends_at)
    return list(connection.execute(found).scalars())


def leave_out(
    connection: Connection, job: str, reason: str, now: datetime, *, keep: int = 0, due_before: datetime | None = None
) -> int:
    """Settle without a report what a schedule entered and nobody runs, but for the newest `keep`; returns how many.

    With `due_before`, only those that were due by then and were never tried.
    """
    owed = select(periods.c.id).where(periods.c.job == job, periods.c.state == "owed", periods.c.fire_at.is_not(None))
    if due_before is not None:
        owed = owed.where(periods.c.due_at < due_before, periods.c.attempts == 0)
    older = owed.order_by(periods.c.ends_at.desc()).offset(keep)
    changed = connection.execute(
        update(periods)
        .where(periods.c.id.in_(older))
        .values(state="given_up", reason=f"{LEFT_OUT}: {reason}", settled_at=now)
    )
    return changed.rowcount


def left_out_before(connection: Connection, job: str, period: Period) -> int:
    """How many periods were left out between the one reported before this one and this one."""
    earlier = (periods.c.job == job, periods.c.ends_at < period.end)
    told = select(func.max(periods.c.ends_at)).where(*earlier, periods.c.state == "told").scalar_subquery()
    found = connection.execute(
        select(func.count()).where(
            *earlier,
            periods.c.state == "given_up",
            periods.c.reason.startswith(LEFT_OUT),
            or_(told.is_(None), periods.c.ends_at > told),
        )
    )
    return int(found.scalar_one())


def rewind(connection: Connection, now: datetime) -> None:
    """Take back what a clock that ran ahead has planned: what was reported stays so, the rest gets its turn in time."""
    ahead = now + AHEAD
    untold = periods.c.state.in_(("owed", "given_up"))
    connection.execute(delete(periods).where(untold, or_(periods.c.ends_at > ahead, periods.c.settled_at > ahead)))
    connection.execute(
        update(periods)
        .where(periods.c.state == "owed", periods.c.due_at <= now, periods.c.next_try_at > now + LONGEST_WAIT)
        .values(next_try_at=now)
    )
    connection.execute(
        update(periods)
        .where(periods.c.state == "running", periods.c.claimed_until > now + LONGEST_LEASE)
        .values(claimed_until=now)
    )
    connection.execute(update(schedules).where(schedules.c.active_from > ahead).values(active_from=now))


def follow_clock(connection: Connection, step: timedelta, now: datetime) -> None:
    """Tell what is tried and claimed by a clock that was just set by `step` and shows `now`: no try lasts longer.

    A run that failed after the clock was set has noted its next try by the new clock already. The old clock cannot have
    noted a moment that lies further ahead of it than any wait, so that one stays.
    """
    longest = {"first_tried_at": timedelta(0), "next_try_at": LONGEST_WAIT, "claimed_until": LONGEST_LEASE}
    open_ones = periods.c.state.in_(("owed", "running"))
    for row in connection.execute(select(periods).where(open_ones, periods.c.first_tried_at.is_not(None))).all():
        if row.first_tried_at <= now - step if step > timedelta(0) else row.first_tried_at > now:
            noted = {name: getattr(row, name) for name in longest if getattr(row, name)}
            moved = {name: at + step for name, at in noted.items() if at <= now - step + longest[name]}
            connection.execute(update(periods).where(periods.c.id == row.id).values(**moved))


def rename(connection: Connection, old: str, new: str) -> None:
    """Give a job's past to the name that it bears now."""
    for table in (schedules, periods, runs):
        connection.execute(update(table).where(table.c.job == old).values(job=new))


def take_beat(connection: Connection, job: str, now: datetime, interval: timedelta) -> bool:
    """Take an open job's turn; True for one of the daemons that share the store.

    A beat that lies further ahead than the interval was set by a clock that was wrong, and counts for nothing.
    """
    following = now + interval - min(timedelta(seconds=1), interval / 10)
    if insert_once(connection, beats, job=job, next_at=following):
        return True
    changed = connection.execute(
        update(beats)
        .where(beats.c.job == job, or_(beats.c.next_at <= now, beats.c.next_at > now + 2 * interval))
        .values(next_at=following)
    )
    return changed.rowcount == 1


def find(connection: Connection, job: str, period: Period) -> Owed | None:
    row = connection.execute(
        select(periods).where(
            periods.c.job == job, periods.c.starts_at == period.start, periods.c.ends_at == period.end
        )
    ).one_or_none()
    return _owed(row) if row is not None else None


def of_job(connection: Connection, job: str | None, limit: int) -> list[Owed]:
    """The newest periods of a job, or of all jobs, newest first."""
    query = select(periods).order_by(periods.c.ends_at.desc(), periods.c.job).limit(limit)
    return [_owed(row) for row in connection.execute(query if job is None else query.where(periods.c.job == job))]


def claim(connection: Connection, period_id: int, token: str, now: datetime, lease: timedelta) -> bool:
    """Take a period in hand until the lease ends; True for exactly one of those who ask."""
    changed = connection.execute(
        update(periods)
        .where(periods.c.id == period_id, _claimable(now))
        .values(
            state="running",
            claim=token,
            claimed_until=now + lease,
            attempts=periods.c.attempts + 1,
            first_tried_at=func.coalesce(periods.c.first_tried_at, now),
        )
    )
    return changed.rowcount == 1


def settle(connection: Connection, period_id: int, token: str, run_id: str, now: datetime) -> bool:
    """Mark as reported; False if the claim was lost meanwhile, and then nothing may be sent."""
    changed = connection.execute(
        update(periods)
        .where(periods.c.id == period_id, periods.c.state == "running", periods.c.claim == token)
        .values(state="told", run_id=run_id, settled_at=now, claim=None, claimed_until=None, reason=None)
    )
    return changed.rowcount == 1


def bring_forward(connection: Connection, job: str, due_at: datetime) -> None:
    """Let what nobody has tried be due by then: an edited schedule comes sooner than the one before."""
    connection.execute(
        update(periods)
        .where(periods.c.job == job, periods.c.state == "owed", periods.c.attempts == 0, periods.c.due_at > due_at)
        .values(due_at=due_at, next_try_at=due_at)
    )


def hasten(connection: Connection, period_id: int, now: datetime) -> None:
    """Let a period that waits be tried now."""
    connection.execute(
        update(periods).where(periods.c.id == period_id, periods.c.state == "owed").values(next_try_at=now)
    )


def give_up(connection: Connection, period_id: int, reason: str, now: datetime) -> bool:
    """Nobody waits for it any more: it is settled without a report, with the reason. True for one of those who ask."""
    changed = connection.execute(
        update(periods)
        .where(periods.c.id == period_id, _claimable(now))
        .values(state="given_up", reason=reason, settled_at=now, claim=None, claimed_until=None)
    )
    return changed.rowcount == 1


def put_back(connection: Connection, period_id: int, token: str, reason: str, next_try_at: datetime) -> None:
    """It failed: it stays owed, with the reason, until `next_try_at`."""
    connection.execute(
        update(periods)
        .where(periods.c.id == period_id, periods.c.claim == token)
        .values(state="owed", reason=reason, next_try_at=next_try_at, claim=None, claimed_until=None)
    )


def _claimable(now: datetime) -> Any:
    left_behind = (periods.c.state == "running") & (periods.c.claimed_until < now)
    waiting = (periods.c.state == "owed") & (periods.c.next_try_at <= now)
    return or_(waiting, left_behind)


def _owed(row: Row[Any]) -> Owed:
    unit = Unit(row.unit) if row.unit else None
    return Owed(
        id=row.id,
        job=row.job,
        period=Period(row.starts_at, row.ends_at, row.label, row.zone, unit),
        due_at=row.due_at,
        state=row.state,
        attempts=row.attempts,
        first_tried_at=row.first_tried_at,
        next_try_at=row.next_try_at,
        reason=row.reason,
        run_id=row.run_id,
        settled_at=row.settled_at,
        claimed_until=row.claimed_until,
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """A period in our hand: `token` proves it at the moment of saving."""

    period_id: int
    token: str
    attempt: int
    due_at: datetime | None = None  # None where somebody asked for it by hand: it is not late
    left_out: int = 0  # how many periods before it were missed and are not reported
