"""The stored alert state of each subject, and when to judge it again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
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
    """A subject as it was last judged: where it is told of without a route, whose reading it is, when to look again."""

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
    """How one subject stands; one that is not known is well."""
    return watched(connection, [subject]).get(subject, StoredAlert(AlertState(subject))).state


def watched(connection: Connection, subjects: Collection[str], *, ours: bool = False) -> dict[str, StoredAlert]:
    """How some subjects stand, those that are known. If they are to be `ours`, nobody else judges them meanwhile."""
    found = (one for chunk in _chunks(sorted(subjects)) for one in _some(connection, chunk, ours=ours))
    return {one.subject: one for one in found}


def _some(connection: Connection, subjects: Sequence[str], *, ours: bool) -> Iterator[StoredAlert]:
    query = select(alert_states).where(alert_states.c.subject.in_(subjects)).order_by(alert_states.c.subject)
    return (_watched(row) for row in connection.execute(query.with_for_update() if ours else query))


def troubled(connection: Connection) -> list[StoredAlert]:
    """Every subject that is not well, by name."""
    query = select(alert_states).where(alert_states.c.phase != Phase.OK.value).order_by(alert_states.c.subject)
    return [_watched(row) for row in connection.execute(query)]


def to_look_at(connection: Connection, now: datetime) -> list[StoredAlert]:
    """Subjects whose time has come without a reading."""
    query = select(alert_states).where(alert_states.c.look_at <= now).order_by(alert_states.c.subject)
    return [_watched(row) for row in connection.execute(query)]


def everyone(connection: Connection) -> list[StoredAlert]:
    """Every subject that was judged and is not forgotten, by name."""
    return [_watched(row) for row in connection.execute(select(alert_states).order_by(alert_states.c.subject))]


def subjects(connection: Connection) -> list[str]:
    """Every subject that was judged and is not forgotten."""
    return list(connection.execute(select(alert_states.c.subject).order_by(alert_states.c.subject)).scalars())


def save(
    connection: Connection, judged: Collection[StoredAlert], known: Mapping[str, StoredAlert], now: datetime
) -> None:
    """Remember how subjects stand; `known` are those that the store has already."""
    rows = [_values(one, now) for one in judged if one.subject in known]
    if rows:
        columns: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "of"}
        connection.execute(update(alert_states).where(alert_states.c.subject == bindparam("of")).values(columns), rows)
    for one in judged:
        if one.subject not in known:
            values = _values(one, now)
            insert_once(connection, alert_states, subject=values.pop("of"), **values)


def drop(connection: Connection, subject: str) -> None:
    """Forget a subject that nobody looks at any more."""
    connection.execute(delete(alert_states).where(alert_states.c.subject == subject))


def prune(connection: Connection, before: datetime) -> int:
    """Forget subjects that are well and that nobody has looked at since."""
    well = alert_states.c.phase == Phase.OK.value
    return connection.execute(delete(alert_states).where(well, alert_states.c.updated_at < before)).rowcount


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[first : first + AT_ONCE] for first in range(0, len(names), AT_ONCE))


def _values(one: StoredAlert, now: datetime) -> dict[str, Any]:
    return {
        "of": one.subject,
        "state": state_to_json(one.state),
        "phase": one.phase.value,
        "look_at": one.look_at,
        "channels": "\n".join(one.channels),
        "job": one.job,
        "updated_at": now,
    }


def _watched(row: Row[Any]) -> StoredAlert:
    channels = tuple(filter(None, row.channels.split("\n")))
    return StoredAlert(state_from_json(row.state), channels, row.job, row.look_at)
