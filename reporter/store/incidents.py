"""Stored incidents, the notifications sent for them and why, and the silences."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, or_, select, update

from reporter.alerts.incident import Incident, after_transition, incident_of_transition
from reporter.alerts.model import Level, Observation, Transition, TransitionKind
from reporter.alerts.suppression import Silence
from reporter.store.database import insert_once, prune_rows
from reporter.store.tables import incidents, outbox, sent, silences, transitions


@dataclass(frozen=True, slots=True)
class SentNotification:
    """A change of an alert as it was written down: when, whether anybody heard of it and why (not), and where.

    Of changes that an earlier version wrote, `told` is None.
    """

    at: datetime
    transition: Transition
    told: bool | None
    why: str | None
    channels: tuple[str, ...]
    run_id: str | None


def record_transition(connection: Connection, transition: Transition, now: datetime) -> Incident:
    """The incident that a change is part of, with what the change says about it; made if there is none yet."""
    known = get(connection, transition.incident)
    if known is None:
        known = incident_of_transition(transition, now)
        insert_once(connection, incidents, **_values(known))
    moved = after_transition(known, transition, now)
    if moved != known:
        save(connection, moved)
    return moved


def get(connection: Connection, incident_id: str) -> Incident | None:
    row = connection.execute(select(incidents).where(incidents.c.id == incident_id)).one_or_none()
    return None if row is None else _incident(row)


def save(connection: Connection, incident: Incident) -> None:
    """Save what has changed about an incident."""
    connection.execute(update(incidents).where(incidents.c.id == incident.id).values(**_values(incident)))


def open_ones(connection: Connection, *, ours: bool = False) -> list[Incident]:
    """Everything in trouble, the oldest first. If they are to be `ours`, nobody else decides about it meanwhile."""
    query = select(incidents).where(incidents.c.resolved_at.is_(None)).order_by(incidents.c.opened_at, incidents.c.id)
    return [_incident(row) for row in connection.execute(query.with_for_update() if ours else query)]


def any_open(connection: Connection) -> bool:
    return (
        connection.execute(select(incidents.c.id).where(incidents.c.resolved_at.is_(None)).limit(1)).first() is not None
    )


def grouped(connection: Connection, group: str) -> list[Incident]:
    """The incidents that one message tells together."""
    query = select(incidents).where(incidents.c.grouped == group).order_by(incidents.c.opened_at, incidents.c.subject)
    return [_incident(row) for row in connection.execute(query)]


def newest(
    connection: Connection, limit: int, subject: str | None = None, until: datetime | None = None
) -> list[Incident]:
    """The last incidents, of one subject or of all, opened no later than that; the newest first."""
    query = select(incidents).order_by(incidents.c.opened_at.desc(), incidents.c.id).limit(limit)
    query = query if subject is None else query.where(incidents.c.subject == subject)
    query = query if until is None else query.where(incidents.c.opened_at <= until)
    return [_incident(row) for row in connection.execute(query)]


def subjects(connection: Connection) -> list[str]:
    """Everything that was ever in trouble and is not forgotten."""
    return list(connection.execute(select(incidents.c.subject).distinct().order_by(incidents.c.subject)).scalars())


# --- What was told ---


def add_transition(
    connection: Connection,
    transition: Transition,
    at: datetime,
    run_id: str,
    *,
    told: bool = True,
    why: str = "",
    channels: Collection[str] = (),
) -> None:
    """Write down a change, whether it was told or not, and the reason."""
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
            incident=transition.incident,
            told=told,
            why=why,
            channels="\n".join(channels),
            until=transition.until,
            headline=seen.headline,
            notes=json.dumps(seen.notes, ensure_ascii=False),
        )
    )


def of_incidents(connection: Connection, ids: Iterable[str]) -> list[SentNotification]:
    """What was written down of some incidents, in order."""
    c = transitions.c
    rows = connection.execute(select(transitions).where(c.incident.in_(list(ids))).order_by(c.at, c.id))
    return [_told(row) for row in rows]


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
    )


def _told(row: Row[Any]) -> SentNotification:
    return SentNotification(row.at, transition_of(row), row.told, row.why, _lines(row.channels), row.run_id)


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What became of one message about an incident: `card` is the one that is edited, `edit` such an edit."""

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
    """The messages about some incidents or groups of them, and the lists of some runs, in the order of writing."""
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
    """The silences that hold at a moment, the one that ends last first."""
    return silences_between(connection, now, now)


def silences_between(connection: Connection, start: datetime, end: datetime) -> list[Silence]:
    """The silences that held at any time from one moment to another."""
    c = silences.c
    query = select(silences).where(c.begins_at <= end, or_(c.ends_at > start, c.begins_at == start))
    return [_silence(row) for row in connection.execute(query.order_by(c.ends_at.desc(), c.id))]


def end_silences(connection: Connection, ids: Collection[int], now: datetime) -> None:
    """Let silences end now. One that was to come never begins."""
    connection.execute(update(silences).where(silences.c.id.in_(list(ids))).values(ends_at=now))


def mark_reminded(connection: Connection, silence_id: int) -> bool:
    """Note that people were reminded of the end of a silence; False if they were before."""
    query = update(silences).where(silences.c.id == silence_id, silences.c.reminded.is_(False))
    return connection.execute(query.values(reminded=True)).rowcount > 0


def prune(connection: Connection, before: datetime) -> int:
    """Forget some of the incidents, and the silences, that were over before that moment."""
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
        told=_lines(r.told),
        untold=r.untold,
        group=r.grouped,
        acked_at=r.acked_at,
        acked_by=r.acked_by,
        note=r.note,
        escalated=_lines(r.escalated),
    )


def _values(one: Incident) -> dict[str, Any]:
    return {
        "id": one.id,
        "subject": one.subject,
        "opened_at": one.opened_at,
        "since": one.since,
        "level": one.level.value,
        "worst": one.worst.value,
        "resolved_at": one.resolved_at,
        "until": one.until,
        "told": "\n".join(one.told),
        "untold": one.untold,
        "grouped": one.group,
        "acked_at": one.acked_at,
        "acked_by": one.acked_by,
        "note": one.note,
        "escalated": "\n".join(one.escalated),
    }


def _silence(row: Row[Any]) -> Silence:
    return Silence(row.id, row.pattern, row.begins_at, row.ends_at, row.reason, row.author, row.reminded)


def _lines(text: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (text or "").split("\n")))
