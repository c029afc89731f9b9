"""The alert state of every subject, and when to look at it again."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from reporter.alerts.model import AlertState, Phase, state_from_json, state_to_json
from reporter.store.database import insert_once
from reporter.store.tables import alert_states

# SQLite takes some thousands of values in one statement.
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """The alert state of a subject as it was last judged.

    `channels` are the channels of the job that saw it, used if no route names others. `look_at` is when it is judged
    again without a reading.
    """

    state: AlertState
    channels: tuple[str, ...] = ()
    job: str | None = None
    look_at: datetime | None = None

    @property
    def subject(self) -> str:
        return self.state.subject

    @property
    def phase(self) -> Phase:
        return self.state.phase


def alert_state(connection: Connection, subject: str) -> AlertState:
    """The state of one subject. An unknown subject is well."""
    return of_subjects(connection, [subject]).get(subject, StoredAlert(AlertState(subject))).state


def of_subjects(connection: Connection, subjects: Collection[str], *, lock: bool = False) -> dict[str, StoredAlert]:
    """The states of those of the subjects that are known.

    With `lock`, no other daemon judges them until the transaction ends.
    """
    names, found = sorted(subjects), dict[str, StoredAlert]()
    for first in range(0, len(names), AT_ONCE):
        some = alert_states.c.subject.in_(names[first : first + AT_ONCE])
        query = select(alert_states).where(some).order_by(alert_states.c.subject)
        rows = connection.execute(query.with_for_update() if lock else query)
        found |= {row.subject: _alert_of(row) for row in rows}
    return found


def troubled(connection: Connection) -> list[StoredAlert]:
    """Every subject that is not well, in the order of their names."""
    query = select(alert_states).where(alert_states.c.phase != Phase.OK.value).order_by(alert_states.c.subject)
    return [_alert_of(row) for row in connection.execute(query)]


def due(connection: Connection, now: datetime) -> list[StoredAlert]:
    """The subjects that are to be judged now even without a reading."""
    query = select(alert_states).where(alert_states.c.look_at <= now).order_by(alert_states.c.subject)
    return [_alert_of(row) for row in connection.execute(query)]


def all_alerts(connection: Connection) -> list[StoredAlert]:
    """Every subject in the store, in the order of their names."""
    return [_alert_of(row) for row in connection.execute(select(alert_states).order_by(alert_states.c.subject))]


def subjects(connection: Connection) -> list[str]:
    """The name of every subject in the store, in order."""
    return list(connection.execute(select(alert_states.c.subject).order_by(alert_states.c.subject)).scalars())


def save(connection: Connection, judged: Iterable[StoredAlert], known: Collection[str], now: datetime) -> bool:
    """Save the states of subjects. `known` are the subjects that the store has already.

    Returns False if another daemon was first to save one of the others.
    """
    rows = {alert.subject: _values(alert, now) for alert in judged}
    changed = [values for subject, values in rows.items() if subject in known]
    if changed:
        columns: dict[str, Any] = {name: bindparam(name) for name in changed[0] if name != "of"}
        query = update(alert_states).where(alert_states.c.subject == bindparam("of")).values(columns)
        connection.execute(query, changed)
    new = [values for subject, values in rows.items() if subject not in known]
    inserted = [insert_once(connection, alert_states, subject=values.pop("of"), **values) for values in new]
    return all(inserted)


def drop(connection: Connection, subject: str) -> None:
    """Delete a subject that nothing observes any more."""
    connection.execute(delete(alert_states).where(alert_states.c.subject == subject))


def prune(connection: Connection, before: datetime) -> int:
    """Delete the subjects that are well and were not observed since. Returns how many."""
    well = alert_states.c.phase == Phase.OK.value
    return connection.execute(delete(alert_states).where(well, alert_states.c.updated_at < before)).rowcount


def _values(alert: StoredAlert, now: datetime) -> dict[str, Any]:
    return {
        "of": alert.subject,
        "state": state_to_json(alert.state),
        "phase": alert.phase.value,
        "look_at": alert.look_at,
        "channels": "\n".join(alert.channels),
        "job": alert.job,
        "updated_at": now,
    }


def _alert_of(row: Row[Any]) -> StoredAlert:
    channels = tuple(filter(None, row.channels.split("\n")))
    return StoredAlert(state_from_json(row.state), channels, row.job, row.look_at)
