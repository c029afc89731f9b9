"""The calendar of owed periods: what each job owes, who is at it, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select, update

from reporter.periods import Period, Unit
from reporter.store import insert_once
from reporter.store.tables import periods, schedules


@dataclass(frozen=True, slots=True)
class Version:
    """One wording of a job's schedule. Nothing that ended before `active_from` is owed by it."""

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
    next_try_at: datetime
    reason: str | None
    run_id: str | None
    settled_at: datetime | None
    claimed_until: datetime | None

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


def begin_version(connection: Connection, job: str, spec: str, zone: str, now: datetime) -> Version:
    """A new wording of a job's schedule, active from now."""
    newest = newest_version(connection, job)
    version = Version(newest.number + 1 if newest else 1, now, spec, zone)
    insert_once(connection, schedules, job=job, version=version.number, spec=spec, zone=zone, active_from=now)
    return version


def cursor(connection: Connection, job: str, version: Version) -> datetime:
    """Up to which moment this version's turns have been entered."""
    found = connection.execute(
        select(func.max(periods.c.fire_at)).where(periods.c.job == job, periods.c.schedule_version == version.number)
    ).scalar()
    return max(found, version.active_from) if found else version.active_from


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
        .values(state="running", claim=token, claimed_until=now + lease, attempts=periods.c.attempts + 1)
    )
    return changed.rowcount == 1


def settle(connection: Connection, period_id: int, token: str, run_id: str, now: datetime) -> bool:
    """Mark as told; False if the claim was lost meanwhile, and then nothing may be told."""
    changed = connection.execute(
        update(periods)
        .where(periods.c.id == period_id, periods.c.state == "running", periods.c.claim == token)
        .values(state="told", run_id=run_id, settled_at=now, claim=None, claimed_until=None, reason=None)
    )
    return changed.rowcount == 1


def hasten(connection: Connection, period_id: int, now: datetime) -> None:
    """Let a period that waits be tried now."""
    connection.execute(
        update(periods).where(periods.c.id == period_id, periods.c.state == "owed").values(next_try_at=now)
    )


def give_up(connection: Connection, period_id: int, reason: str, now: datetime) -> None:
    """Nobody waits for it any more: it is settled untold, with the reason."""
    connection.execute(
        update(periods)
        .where(periods.c.id == period_id, periods.c.state == "owed")
        .values(state="given_up", reason=reason, settled_at=now)
    )


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
        next_try_at=row.next_try_at,
        reason=row.reason,
        run_id=row.run_id,
        settled_at=row.settled_at,
        claimed_until=row.claimed_until,
    )
