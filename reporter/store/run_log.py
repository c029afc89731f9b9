"""The log of runs, and the reporter's own history as jobs see it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, func, insert, select, update

from reporter.alerts.model import AlertState, Level, Transition
from reporter.alerts.self_health import SelfHealth
from reporter.alerts.uptime import HOUR, StateSpan, Uptime, is_component
from reporter.errors import StoreError
from reporter.periods.civil import Period
from reporter.periods.clock import Clock
from reporter.plans.model import TradingPlan, plans_of
from reporter.store import alerts, announcements, events, incidents, market_prices, uptime
from reporter.store.database import Store, insert_once, prune_rows
from reporter.store.plans import PlanTable
from reporter.store.self_health import self_health
from reporter.store.tables import facts, runs, samples, transitions
from reporter.trading.signals import Signal, signal_of

log = logging.getLogger(__name__)
T = TypeVar("T")

# A store that could not be read is left alone by jobs for so many seconds: a run asks it several times.
AWAY = 10.0


@dataclass(frozen=True, slots=True)
class RunRecord:
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


def add_run(connection: Connection, run: RunRecord) -> None:
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


def newest_runs(connection: Connection, job: str | None, limit: int) -> list[RunRecord]:
    query = select(runs).order_by(runs.c.started_at.desc()).limit(limit)
    return [_run(row) for row in connection.execute(query if job is None else query.where(runs.c.job == job))]


def last_run_by_daemon(connection: Connection) -> datetime | None:
    """When a daemon last began to run a job; None where none has done so."""
    query = select(func.max(runs.c.started_at)).where(runs.c.trigger.in_(("schedule", "interval")))
    last: datetime | None = connection.execute(query).scalar_one()
    return last


def counts_since(connection: Connection, moment: datetime) -> dict[str, int]:
    """How many runs had each outcome."""
    query = select(runs.c.outcome, func.count().label("number")).where(runs.c.started_at >= moment)
    return {row.outcome: row.number for row in connection.execute(query.group_by(runs.c.outcome))}


def runs_named(connection: Connection, ids: Sequence[str]) -> dict[str, RunRecord]:
    """Runs by their ids."""
    return {row.id: _run(row) for row in connection.execute(select(runs).where(runs.c.id.in_(ids)))}


def skipped(connection: Connection, job: str) -> int:
    """How many runs of a job were left out because the one before was not done."""
    found = connection.execute(select(func.count()).where(runs.c.job == job, runs.c.outcome == "skipped"))
    return int(found.scalar_one())


def _run(r: Row[Any]) -> RunRecord:
    return RunRecord(r.id, r.job, r.label, r.trigger, r.started_at, float(r.seconds), r.outcome, r.messages, r.error)


def remember(connection: Connection, name: str, value: str) -> None:
    """Set a single remembered value."""
    if not connection.execute(update(facts).where(facts.c.name == name).values(value=value)).rowcount:
        insert_once(connection, facts, name=name, value=value)


def prune(connection: Connection, before: datetime) -> int:
    """Forget some of the runs, readings and transitions older than that; what is open stays open."""
    aged = ((runs, runs.c.started_at), (samples, samples.c.at), (transitions, transitions.c.at))
    gone = sum(prune_rows(connection, table, moment < before) for table, moment in aged)
    gone += announcements.prune(connection, before)
    return gone + incidents.prune(connection, before) + alerts.prune(connection, before)


@dataclass(slots=True)
class _Lately:
    """What the store last said of the present, and until when it need not be asked again because it does not answer."""

    alerts: list[AlertState] = field(default_factory=list)
    means: dict[str, float] = field(default_factory=dict)
    spans: dict[str, list[StateSpan]] = field(default_factory=dict)
    away_until: float = 0.0  # in monotonic seconds


class StoredHistory:
    """What jobs may know of our own past, read-only.

    Of the present it gives what it last knew where the store cannot be read: whoever looks at the machine and the floor
    must not be blind because of that. What speaks of the past raises StoreError then.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        started_at: datetime | None = None,
        maintenance: uptime.Maintenance | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._started_at = started_at
        self._maintenance = maintenance
        self._lately = _Lately()

    def with_maintenance(self, maintenance: uptime.Maintenance) -> StoredHistory:
        """The same, but these times are left out of uptime."""
        other = StoredHistory(self._store, self._clock, self._started_at, maintenance)
        other._lately = self._lately
        return other

    def signals(self, since: datetime) -> list[Signal]:
        with self._store.read() as connection:
            told = events.of_kind(connection, "signal_generated", since)
        found = (signal_of(one.at, one.agent or one.source, one.fields) for one in told)
        return [one for one in found if one]

    def prices(self, market: str, source: str, since: datetime, until: datetime) -> list[tuple[datetime, Decimal]]:
        with self._store.read() as connection:
            return market_prices.between(connection, market, source, since, until)

    def plans(self, first: date, last: date) -> list[TradingPlan]:
        with self._store.read() as connection:
            return plans_of(PlanTable(connection).between(first, last))

    def started_at(self) -> datetime | None:
        return self._started_at

    def open_alerts(self) -> list[AlertState]:
        self._lately.alerts = self._read(
            lambda connection: [one.state for one in alerts.troubled(connection)], self._lately.alerts
        )
        return self._lately.alerts

    def transitions(self, period: Period) -> list[Transition]:
        with self._store.read() as connection:
            rows = connection.execute(
                select(transitions)
                .where(transitions.c.at >= period.start, transitions.c.at < period.end)
                .order_by(transitions.c.at, transitions.c.id)
            )
            return [incidents.transition_of(row) for row in rows]

    def self_health(self) -> SelfHealth | None:
        began = self._clock.monotonic()
        found = self._read(lambda connection: self_health(connection, self._clock.wall()), None)
        return found and replace(found, seconds=self._clock.monotonic() - began)

    def uptime(self, period: Period) -> dict[str, Uptime]:
        with self._store.read() as connection:
            known = [subject for subject in uptime.subjects(connection) if is_component(subject)]
            end = min(period.end, self._clock.wall())
            return uptime.uptimes(connection, period.start, end, known, self._maintenance)

    def spans(self, subject: str, period: Period) -> list[StateSpan]:
        self._lately.spans[subject] = self._read(
            lambda connection: uptime.of_subject(connection, subject, period.start, period.end),
            self._lately.spans.get(subject, []),
        )
        return self._lately.spans[subject]

    def means(self) -> dict[str, float]:
        self._lately.means = self._read(
            lambda connection: uptime.means(connection, self._clock.wall() - HOUR), self._lately.means
        )
        return self._lately.means

    def unread_since(self, ledger: str) -> datetime | None:
        with self._store.read() as connection:
            state = alerts.alert_state(connection, f"probe/ledger-{ledger}")
        return state.since if state.level in {Level.CRITICAL, Level.UNKNOWN} else None

    def _read(self, question: Callable[[Connection], T], otherwise: T) -> T:
        """The answer of the store, or the other one while it gives none: one that is away costs seconds each time."""
        if self._clock.monotonic() < self._lately.away_until:
            return otherwise
        try:
            with self._store.read() as connection:
                return question(connection)
        except StoreError as error:
            self._lately.away_until = self._clock.monotonic() + AWAY
            log.warning("jobs go by what was last known: %s", error)
            return otherwise
