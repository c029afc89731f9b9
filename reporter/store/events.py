"""Events of other programs: saved before they are accepted, and unique by source and id."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, update

from reporter.store.database import insert_once, prune_rows
from reporter.store.tables import events, rejected_events

RECENT = 100
"""Rows among which a counter's new beginning is looked for."""
OVERTAKEN = 10
"""So many events may overtake one of the same counter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event as it stands in the store. `state` is waiting, sent, off, expired or failed; `why` says the reason."""

    row: int = 0
    source: str
    id: str
    kind: str
    title: str
    text: str
    severity: str
    agent: str
    fields: dict[str, Any]
    at: datetime
    received_at: datetime
    slot: str | None = None
    until: datetime | None = None
    not_before: datetime | None = None
    seq: int | None = None
    state: str = "waiting"
    why: str | None = None
    settled_at: datetime | None = None
    file_name: str | None = None
    file: bytes | None = None


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """What an authentic sender handed in and nobody could make an event of."""

    row: int
    hook: str
    received_at: datetime
    why: str
    body: str


def add(connection: Connection, event: StoredEvent) -> bool:
    """Save an event; False if one of the same source and id was saved before."""
    return insert_once(
        connection,
        events,
        source=event.source,
        event_id=event.id,
        kind=event.kind,
        title=event.title,
        text=event.text,
        severity=event.severity,
        agent=event.agent,
        fields=_packed(event.fields),
        at=event.at,
        received_at=event.received_at,
        slot=event.slot,
        until=event.until,
        not_before=event.not_before,
        seq=event.seq,
        state="waiting",
        file_name=event.file_name,
        file=event.file,
    )


def received_at(connection: Connection, source: str, event_id: str) -> datetime | None:
    """When an event came; None where there is none of this source and id."""
    wanted = (events.c.source == source) & (events.c.event_id == event_id)
    found: datetime | None = connection.execute(select(events.c.received_at).where(wanted)).scalar()
    return found


def waiting(connection: Connection, now: datetime, limit: int) -> list[StoredEvent]:
    """The events that are not sent yet, in the order in which they came."""
    due = or_(events.c.not_before.is_(None), events.c.not_before <= now)
    rows = connection.execute(select(events).where(events.c.state == "waiting", due).order_by(events.c.id).limit(limit))
    return [_event(row) for row in rows]


def settle(connection: Connection, rows: Sequence[int], state: str, why: str | None, now: datetime) -> int:
    """Give waiting events their end; returns how many were still waiting, for two daemons may be at it."""
    if not rows:
        return 0
    still = (events.c.id.in_(rows)) & (events.c.state == "waiting")
    return connection.execute(update(events).where(still).values(state=state, why=why, settled_at=now)).rowcount


def count_sent(connection: Connection, kind: str, since: datetime, now: datetime) -> int:
    """How many events of a kind were sent one by one since a moment."""
    found = select(func.count()).where(events.c.kind == kind, events.c.state == "sent", _between(since, now))
    return connection.execute(found).scalar_one()


def _between(since: datetime, now: datetime) -> ColumnElement[bool]:
    """Settled since a moment; what a clock that ran ahead has noted is not."""
    return and_(events.c.settled_at > since, events.c.settled_at <= now)


def sent_fields(connection: Connection, kind: str, since: datetime, now: datetime) -> list[dict[str, Any]]:
    """The fields of the events of a kind that were sent one by one since a moment."""
    found = select(events.c.fields).where(events.c.kind == kind, events.c.state == "sent", _between(since, now))
    return [_unpacked(text) for text in connection.execute(found).scalars()]


def bundled(connection: Connection, kind: str) -> list[StoredEvent]:
    """The events of a kind that came too fast and are kept back, each with the moment when it was."""
    kept = (events.c.kind == kind) & (events.c.state == "bundled")
    return [_event(row) for row in connection.execute(select(events).where(kept).order_by(events.c.id).limit(1000))]


def mark_bundled_sent(connection: Connection, rows: Sequence[int], now: datetime) -> None:
    connection.execute(update(events).where(events.c.id.in_(rows)).values(state="sent together", settled_at=now))


def newest(
    connection: Connection, limit: int, *, kind: str | None = None, source: str | None = None, before: int | None = None
) -> list[StoredEvent]:
    """The newest events first, without their files; `before` is a row to go on behind."""
    columns = [column for column in events.c if column.name != "file"]
    query = select(*columns).order_by(events.c.id.desc()).limit(limit)
    for column, wanted in ((events.c.kind, kind), (events.c.source, source)):
        query = query.where(column == wanted) if wanted else query
    query = query.where(events.c.id < before) if before is not None else query
    return [_event(row) for row in connection.execute(query)]


def of_kind(connection: Connection, kind: str, since: datetime, limit: int = 500) -> list[StoredEvent]:
    """The newest events of a kind that came since a moment, oldest first and without their files."""
    columns = [column for column in events.c if column.name != "file"]
    wanted = select(*columns).where(events.c.kind == kind, events.c.received_at >= since)
    return [_event(row) for row in connection.execute(wanted.order_by(events.c.id.desc()).limit(limit))][::-1]


def last_sequence(connection: Connection, source: str, kind: str) -> int | None:
    """The highest counter that a source has given to events of a kind since it began to count.

    A fall among its newest events is a new beginning, as of a bot that was started again. Only the newest rows of all
    are looked through for one, so that a long past costs nothing.
    """
    recent = select(events.c.source, events.c.kind, events.c.seq).order_by(events.c.id.desc()).limit(RECENT)
    own = [row.seq for row in connection.execute(recent) if (row.source, row.kind) == (source, kind)]
    highest: int | None = None
    for seq in (one for one in own if one is not None):
        if highest is not None and seq > highest + OVERTAKEN:
            return highest
        highest = seq if highest is None else max(seq, highest)
    wanted = (events.c.source == source) & (events.c.kind == kind)
    return highest if highest is not None else connection.execute(select(func.max(events.c.seq)).where(wanted)).scalar()


def last_of_each_source(connection: Connection, kind: str) -> list[StoredEvent]:
    """The event of a kind that came last from each source."""
    newest = select(func.max(events.c.id)).where(events.c.kind == kind).group_by(events.c.source)
    return [
        _event(row) for row in connection.execute(select(events).where(events.c.id.in_(newest)).order_by(events.c.id))
    ]


def reject(connection: Connection, hook: str, why: str, body: str, now: datetime) -> None:
    """Keep what could not be read, for a person to look at."""
    connection.execute(insert(rejected_events).values(hook=hook, received_at=now, why=why, body=body))


def rejected(connection: Connection, limit: int) -> list[RejectedEvent]:
    rows = connection.execute(select(rejected_events).order_by(rejected_events.c.id.desc()).limit(limit))
    return [RejectedEvent(row.id, row.hook, row.received_at, row.why, row.body) for row in rows]


def prune(connection: Connection, before: datetime) -> int:
    """Delete settled events and kept-aside bodies from before a moment, a batch at a time; returns how many."""
    old = (events.c.state != "waiting") & (events.c.received_at < before)
    aside = prune_rows(connection, rejected_events, rejected_events.c.received_at < before)
    return prune_rows(connection, events, old) + aside


def _event(row: Row[Any]) -> StoredEvent:
    return StoredEvent(
        row=row.id,
        source=row.source,
        id=row.event_id,
        kind=row.kind,
        title=row.title,
        text=row.text,
        severity=row.severity,
        agent=row.agent,
        fields=_unpacked(row.fields),
        at=row.at,
        received_at=row.received_at,
        slot=row.slot,
        until=row.until,
        not_before=row.not_before,
        seq=row.seq,
        state=row.state,
        why=row.why,
        settled_at=row.settled_at,
        file_name=row.file_name,
        file=getattr(row, "file", None),
    )


def _packed(fields: dict[str, Any]) -> str:
    """Fields as JSON in their order; a number keeps all its digits as text, with a mark."""
    rows = [
        [name, str(value), "n"] if isinstance(value, Decimal | int) and not isinstance(value, bool) else [name, value]
        for name, value in fields.items()
    ]
    return json.dumps(rows, ensure_ascii=False)


def _unpacked(text: str) -> dict[str, Any]:
    return {name: Decimal(value) if mark else value for name, value, *mark in json.loads(text)}
