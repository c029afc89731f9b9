"""What was run and what is open: runs, alert states and their transitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from reporter.alerts import (
    AlertState,
    Change,
    Level,
    Observation,
    Phase,
    Transition,
    state_from_json,
    state_to_json,
)
from reporter.clock import Clock
from reporter.periods import Period
from reporter.store import Store, insert_once, uptime
from reporter.store.tables import alert_states, facts, runs, samples, transitions
from reporter.uptime import Span, Uptime


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job, which took so many seconds. `outcome` is told, quiet (nothing to tell), failed or skipped."""

    id: str
    job: str
    label: str
    trigger: str
    started_at: datetime
    seconds: float
    outcome: str
    messages: int = 0
    error: str | None = None


def add_run(connection: Connection, run: Run) -> None:
    connection.execute(
        insert(runs).values(
            id=run.id,
            job=run.job,
            label=run.label,
            trigger=run.trigger,
            started_at=run.started_at,
            seconds=f"{run.seconds:.3f}",
            outcome=run.outcome,
            messages=run.messages,
            error=run.error,
        )
    )


def newest_runs(connection: Connection, job: str | None, limit: int) -> list[Run]:
    query = select(runs).order_by(runs.c.started_at.desc()).limit(limit)
    return [_run(row) for row in connection.execute(query if job is None else query.where(runs.c.job == job))]


def runs_named(connection: Connection, ids: Sequence[str]) -> dict[str, Run]:
    """Runs by their ids."""
    return {row.id: _run(row) for row in connection.execute(select(runs).where(runs.c.id.in_(ids)))}


def skipped(connection: Connection, job: str) -> int:
    """How many runs of a job were left out because the one before was not done."""
    found = connection.execute(select(func.count()).where(runs.c.job == job, runs.c.outcome == "skipped"))
    return int(found.scalar_one())


def _run(r: Row[Any]) -> Run:
    return Run(r.id, r.job, r.label, r.trigger, r.started_at, float(r.seconds), r.outcome, r.messages, r.error)


def alert_state(connection: Connection, subject: str) -> AlertState:
    found = connection.execute(select(alert_states.c.state).where(alert_states.c.subject == subject)).scalar()
    return state_from_json(found) if found else AlertState(subject)


@dataclass(frozen=True, slots=True)
class Watched:
    """A subject that is to be looked at again: where it is told of without a route, and whose reading it is."""

    subject: str
    phase: Phase
    channels: tuple[str, ...]
    job: str | None


def put_alert_state(
    connection: Connection,
    state: AlertState,
    look_at: datetime | None,
    channels: Sequence[str],
    job: str | None,
    now: datetime,
) -> None:
    """Remember a state, when to look again, where its subject is told of when no route says, and who looks at it."""
    values = {
        "state": state_to_json(state),
        "phase": state.phase.value,
        "look_at": look_at,
        "channels": "\n".join(channels),
        "job": job,
        "updated_at": now,
    }
    changed = connection.execute(update(alert_states).where(alert_states.c.subject == state.subject).values(**values))
    if not changed.rowcount:
        insert_once(connection, alert_states, subject=state.subject, **values)


def to_look_at(connection: Connection, now: datetime) -> list[Watched]:
    """Subjects whose time has come without a reading."""
    c = alert_states.c
    rows = connection.execute(select(c.subject, c.phase, c.channels, c.job).where(c.look_at <= now))
    return [
        Watched(row.subject, Phase(row.phase), tuple(filter(None, row.channels.split("\n"))), row.job) for row in rows
    ]


def add_transition(connection: Connection, transition: Transition, at: datetime, run_id: str) -> None:
    seen = transition.observation
    connection.execute(
        insert(transitions).values(
            at=at,
            subject=transition.subject,
            change=transition.change.value,
            level=transition.level.value,
            was=transition.was.value,
            seen=seen.level.value,
            since=transition.since,
            reason=transition.reason,
            detail=seen.detail,
            value=seen.value,
            limit=seen.limit,
            run_id=run_id,
        )
    )


def remember(connection: Connection, name: str, value: str) -> None:
    """Set a single remembered value."""
    if not connection.execute(update(facts).where(facts.c.name == name).values(value=value)).rowcount:
        insert_once(connection, facts, name=name, value=value)


def prune(connection: Connection, before: datetime) -> int:
    """Forget runs, readings and transitions older than that; what is open stays open."""
    aged = ((runs, runs.c.started_at), (samples, samples.c.at), (transitions, transitions.c.at))
    return sum(connection.execute(delete(table).where(moment < before)).rowcount for table, moment in aged)


class StoredHistory:
    """What jobs may know of our own past, read-only."""

    def __init__(self, store: Store, clock: Clock, started_at: datetime | None = None) -> None:
        self._store = store
        self._clock = clock
        self._started_at = started_at

    def started_at(self) -> datetime | None:
        return self._started_at

    def open_alerts(self) -> list[AlertState]:
        with self._store.read() as connection:
            rows = connection.execute(select(alert_states.c.state).where(alert_states.c.phase != "ok"))
            return [state_from_json(text) for (text,) in rows]

    def transitions(self, period: Period) -> list[Transition]:
        with self._store.read() as connection:
            rows = connection.execute(
                select(transitions)
                .where(transitions.c.at >= period.start, transitions.c.at < period.end)
                .order_by(transitions.c.at, transitions.c.id)
            )
            return [_transition(row) for row in rows]

    def uptime(self, period: Period) -> dict[str, Uptime]:
        with self._store.read() as connection:
            return uptime.uptimes(connection, period.start, min(period.end, self._clock.wall()))

    def spans(self, subject: str, period: Period) -> list[Span]:
        with self._store.read() as connection:
            return uptime.of_subject(connection, subject, period.start, period.end)

    def unread_since(self, ledger: str) -> datetime | None:
        with self._store.read() as connection:
            state = alert_state(connection, f"probe/ledger-{ledger}")
        return state.since if state.level in {Level.CRITICAL, Level.UNKNOWN} else None


def _transition(row: Row[Any]) -> Transition:
    seen = Observation(row.subject, Level(row.seen), row.detail, row.value, row.limit)
    return Transition(row.subject, Change(row.change), row.since, row.reason, seen, Level(row.level), Level(row.was))
