"""Watches for pings that do not come, and lets their alerts open and close."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from reporter.alerts.model import Observation
from reporter.alerts.pings import PREFIX, PingState, after_absence, awaited, observed
from reporter.notify.pipeline import AlertPipeline
from reporter.notify.routing import Observer
from reporter.periods.clock import Clock
from reporter.scheduler.runtime import Runtime
from reporter.store import pings, run_log, uptime
from reporter.store.database import Store, fact

# The fact in the store that says when pings could be taken last.
LOOKED = "pings looked at"
# How often what is well is written down. A longer silence than `ABSENT` means that nobody could take pings.
BEAT = timedelta(minutes=1)
ABSENT = timedelta(minutes=3)


class PingWatch:
    """Looks at each turn of the planner. A time when nobody could take pings is nobody's missed ping."""

    def __init__(self, store: Store, clock: Clock, alerts: AlertPipeline) -> None:
        self._store = store
        self._clock = clock
        self._alerts = alerts
        self._looked: datetime | None = None  # by this process
        self._written: datetime | None = None
        self._last: list[Observation] = []

    def look(self, runtime: Runtime) -> None:
        """Judge every job that reports itself. Raises StoreError."""
        if not runtime.pings:
            self._looked = None
            return
        now = self._clock.wall()
        states = self._states(runtime, now)
        local = now.astimezone(runtime.zone)
        seen = [observed(rule, states[name], local) for name, rule in runtime.pings.items()]
        expected = [one for one in seen if not states[one.subject.removeprefix(PREFIX)].paused_at]
        self._looked = now
        if seen == self._last and self._written and timedelta() <= now - self._written < BEAT:
            return

        def save(connection: Connection, _: int) -> None:
            uptime.record(connection, expected, now, BEAT)  # whether a paused job is well, nobody knows
            run_log.remember(connection, LOOKED, now.isoformat())

        self._alerts.process(runtime.notify, seen, Observer(), save=save)
        self._last, self._written = seen, now

    def _states(self, runtime: Runtime, now: datetime) -> dict[str, PingState]:
        """How each job stands, with what a new schedule and a time of absence change."""
        with self._store.read() as connection:
            kept, looked = pings.states(connection), self._looked or _moment(fact(connection, LOOKED))
        absent = looked is not None and (self._looked is None or now - looked > ABSENT)
        found, changed = dict[str, PingState](), list[PingState]()
        for name, rule in runtime.pings.items():
            state = kept.get(name)
            if state is None or state.schedule != str(rule.schedule):
                state = awaited(rule, now, state)
            elif absent and looked:
                state = after_absence(rule, state, looked, now)
            found[name] = state
            if state != kept.get(name):
                changed.append(state)
        if changed or kept.keys() - runtime.pings.keys():
            self._put(changed, runtime.pings.keys())
        return found

    def _put(self, changed: Sequence[PingState], names: Collection[str]) -> None:
        with self._store.begin() as connection:
            for state in changed:
                pings.put(connection, state)
            pings.forget_others(connection, list(names))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
