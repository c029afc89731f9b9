"""Incidents, their transitions, the notifications about them, and the silences that people asked for."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, or_, select, update

from reporter.alerts.incident import Incident
from reporter.alerts.model import Level, Observation, Transition, TransitionKind
from reporter.alerts.suppression import Silence
from reporter.store.database import insert_once, prune_rows
from reporter.store.tables import incidents, outbox, sent, silences, transitions


@dataclass(frozen=True, slots=True)
class TransitionRecord:
    """A transition as it was recorded: when, whether people were notified and why, and in which channels.

    `notified` is None if an earlier version recorded it.
    """

    at: datetime
    transition: Transition
    notified: bool | None
    reason: str | None
    channels: tuple[str, ...]
    run_id: str | None


def save(connection: Connection, incident: Incident) -> None:
    """Save an incident, new or changed."""
    values = _values(incident)
    if not connection.execute(update(incidents).where(incidents.c.id == incident.id).values(**values)).rowcount:
        insert_once(connection, incidents, **values)


def open_incidents(connection: Connection) -> list[Incident]:
    """Every open incident, the oldest first."""
    query = select(incidents).where(incidents.c.resolved_at.is_(None)).order_by(incidents.c.opened_at, incidents.c.id)
    return [_incident(row) for row in connection.execute(query)]


def any_open(connection: Connection) -> bool:
    return (
        connection.execute(select(incidents.c.id).where(incidents.c.resolved_at.is_(None)).limit(1)).first() is not None
    )


def open_or_named(connection: Connection, ids: Collection[str]) -> list[Incident]:
    """Every open incident, those with these ids, and those that share a message with one of them; the oldest first."""
    chosen = or_(incidents.c.resolved_at.is_(None), incidents.c.id.in_(ids))
    groups = select(incidents.c.grouped).where(chosen, incidents.c.grouped.is_not(None))
    query = select(incidents).where(or_(chosen, incidents.c.grouped.in_(groups)))
    return [_incident(row) for row in connection.execute(query.order_by(incidents.c.opened_at, incidents.c.id))]


def newest(
    connection: Connection, limit: int, subject: str | None = None, until: datetime | None = None
) -> list[Incident]:
    """The last incidents of one subject or of all, opened no later than `until`; the newest first."""
    query = select(incidents).order_by(incidents.c.opened_at.desc(), incidents.c.id).limit(limit)
    query = query if subject is None else query.where(incidents.c.subject == subject)
    query = query if until is None else query.where(incidents.c.opened_at <= until)
    return [_incident(row) for row in connection.execute(query)]


def page(
    connection: Connection,
    limit: int,
    *,
    open_only: bool = False,
    subject: str | None = None,
    before: tuple[datetime, str] | None = None,
) -> list[Incident]:
    """Incidents, the newest first; `before` is the opening and the id of the last one known."""
    c = incidents.c
    query = select(incidents).order_by(c.opened_at.desc(), c.id.desc()).limit(limit)
    query = query.where(c.resolved_at.is_(None)) if open_only else query
    query = query if subject is None else query.where(c.subject == subject)
    if before is not None:
        query = query.where(or_(c.opened_at < before[0], and_(c.opened_at == before[0], c.id < before[1])))
    return [_incident(row) for row in connection.execute(query)]


def named(connection: Connection, name: str) -> Incident | None:
    """The incident with an id."""
    row = connection.execute(select(incidents).where(incidents.c.id == name)).first()
    return None if row is None else _incident(row)


def subjects(connection: Connection) -> list[str]:
    """Every subject that has an incident in the store."""
    return list(connection.execute(select(incidents.c.subject).distinct().order_by(incidents.c.subject)).scalars())


# --- Transitions and the messages about them ---


def add_transition(connection: Connection, record: TransitionRecord) -> None:
    """Record a transition, whether people were notified of it or not, and the reason."""
    transition, seen = record.transition, record.transition.observation
    connection.execute(
        insert(transitions).values(
            at=record.at,
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
            run_id=record.run_id,
            incident=transition.incident,
            told=record.notified,
            why=record.reason,
            channels="\n".join(record.channels),
            until=transition.until,
            unobserved=round(transition.unobserved.total_seconds()),
            headline=seen.headline,
            notes=json.dumps(seen.notes, ensure_ascii=False),
        )
    )


def transitions_of(connection: Connection, ids: Iterable[str]) -> list[TransitionRecord]:
    """The recorded transitions of some incidents, in order."""
    c = transitions.c
    rows = connection.execute(select(transitions).where(c.incident.in_(list(ids))).order_by(c.at, c.id))
    return [_record(row) for row in rows]


def transition_of(row: Row[Any]) -> Transition:
    notes = tuple(json.loads(row.notes or "[]"))
    seen = Observation(
        row.subject, Level(row.seen), row.detail, row.value, row.limit, headline=row.headline or "", notes=notes
    )
    return Transition(
        subject=row.subject,
        change=TransitionKind(row.change),
        since=row.since,
        reason=row.reason,
        observation=seen,
        level=Level(row.level),
        was=Level(row.was),
        incident=row.incident or "",
        until=row.until,
        unobserved=timedelta(seconds=row.unobserved or 0),
    )


def _record(row: Row[Any]) -> TransitionRecord:
    return TransitionRecord(row.at, transition_of(row), row.told, row.why, _lines(row.channels), row.run_id)


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One message about an incident and its delivery. A `card` is the message that is edited; an `edit` edits it."""

    channel: str
    created_at: datetime
    run_id: str | None
    state: str
    card: bool
    edit: bool
    sent_at: datetime | None
    url: str | None
    error: str | None
    not_before: datetime


def dispatches(connection: Connection, names: Collection[str], run_ids: Collection[str]) -> list[Dispatch]:
    """The messages about some incidents or groups, and the lists that some runs sent, in the order of writing."""
    mine = (
        outbox.c.slot.in_([f"incident/{name}" for name in names]),
        and_(outbox.c.run_id.in_(list(run_ids)), outbox.c.key.like("alert/%-list/%")),
        *(outbox.c.key.like(f"alert/{name}/%") for name in names),
    )
    rows = connection.execute(
        select(outbox, sent.c.sent_at, sent.c.url, sent.c.edited)
        .select_from(outbox.outerjoin(sent, sent.c.outbox_id == outbox.c.id))
        .where(or_(*mine))
        .order_by(outbox.c.id)
    )
    return [
        Dispatch(
            channel=row.channel,
            created_at=row.created_at,
            run_id=row.run_id,
            state=row.state,
            card=row.slot is not None,
            edit=bool(row.edited),
            sent_at=row.sent_at,
            url=row.url,
            error=row.error,
            not_before=row.not_before,
        )
        for row in rows
    ]


# --- Silences ---


def add_silence(connection: Connection, pattern: str, begins: datetime, ends: datetime, reason: str, by: str) -> int:
    values = {"pattern": pattern, "begins_at": begins, "ends_at": ends, "reason": reason, "author": by}
    return int(connection.execute(insert(silences).values(**values).returning(silences.c.id)).scalar_one())


def silences_at(connection: Connection, now: datetime) -> list[Silence]:
    """The silences that hold at a moment. The one that ends last comes first."""
    return silences_between(connection, now, now)


def silences_between(connection: Connection, start: datetime, end: datetime) -> list[Silence]:
    """The silences that hold at any time from one moment to another."""
    c = silences.c
    query = select(silences).where(c.begins_at <= end, or_(c.ends_at > start, c.begins_at == start))
    return [_silence(row) for row in connection.execute(query.order_by(c.ends_at.desc(), c.id))]


def end_silences(connection: Connection, ids: Collection[int], now: datetime) -> None:
    """End silences now. A silence that has not begun never begins."""
    connection.execute(update(silences).where(silences.c.id.in_(list(ids))).values(ends_at=now))


def mark_reminded(connection: Connection, silence_id: int) -> bool:
    """Record that people were reminded of the end of a silence. Returns False if they were reminded before."""
    query = update(silences).where(silences.c.id == silence_id, silences.c.reminded.is_(False))
    return connection.execute(query.values(reminded=True)).rowcount > 0


def prune(connection: Connection, before: datetime) -> int:
    """Delete some of the incidents, and the silences, that were over before that moment. Returns how many rows."""
    gone = prune_rows(connection, incidents, incidents.c.resolved_at < before)
    return gone + connection.execute(delete(silences).where(silences.c.ends_at < before)).rowcount


def _incident(r: Row[Any]) -> Incident:
    return Incident(
        id=r.id,
        subject=r.subject,
        opened_at=r.opened_at,
        since=r.since,
        level=Level(r.level),
        worst=Level(r.worst),
        resolved_at=r.resolved_at,
        until=r.until,
        notified=_lines(r.told),
        withheld=r.untold,
        group=r.grouped,
        acked_at=r.acked_at,
        acked_by=r.acked_by,
        acked_until=r.acked_until,
        note=r.note,
        escalated=_lines(r.escalated),
    )


def _values(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "subject": incident.subject,
        "opened_at": incident.opened_at,
        "since": incident.since,
        "level": incident.level.value,
        "worst": incident.worst.value,
        "resolved_at": incident.resolved_at,
        "until": incident.until,
        "told": "\n".join(incident.notified),
        "untold": incident.withheld,
        "grouped": incident.group,
        "acked_at": incident.acked_at,
        "acked_by": incident.acked_by,
        "acked_until": incident.acked_until,
        "note": incident.note,
        "escalated": "\n".join(incident.escalated),
    }


def _silence(row: Row[Any]) -> Silence:
    return Silence(row.id, row.pattern, row.begins_at, row.ends_at, row.reason, row.author, row.reminded)


def _lines(text: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (text or "").split("\n")))
