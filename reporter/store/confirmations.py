"""Confirmations that wait for their code, and the audit log of control: rows are added to it, and never changed."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select

from reporter.store.tables import audit, confirmations

GOOD_FOR = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What was asked and is not confirmed yet: by whom and where, and what was `seen` then."""

    operation: str
    values: dict[str, str]
    seen: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit log. `act` is asked, done, failed or refused."""

    at: datetime
    actor: str
    role: str
    place: str
    act: str
    operation: str
    values: dict[str, str]
    detail: str


def ask(connection: Connection, wanted: Confirmation, actor: str, place: str, now: datetime) -> str:
    """Keep what was asked; returns the code that confirms it once, for a minute, by this actor at this place.

    `actor` is the identity, never a display name.
    """
    code = f"{secrets.randbelow(1_000_000):06}"
    c, digest = confirmations.c, _digest(code, actor, place)
    connection.execute(delete(confirmations).where(or_(c.expires_at < now, c.digest == digest)))
    connection.execute(
        insert(confirmations).values(
            digest=digest,
            operation=wanted.operation,
            arguments=json.dumps(wanted.values),
            seen=wanted.seen,
            expires_at=now + GOOD_FOR,
        )
    )
    return code


def take(connection: Connection, code: str, actor: str, place: str, now: datetime) -> Confirmation | None:
    """What a code confirms; whoever comes second, late, or from elsewhere finds nothing."""
    c = confirmations.c
    row = connection.execute(select(confirmations).where(c.digest == _digest(code, actor, place))).first()
    if row is None or not connection.execute(delete(confirmations).where(c.id == row.id)).rowcount:
        return None
    return (
        Confirmation(row.operation, json.loads(row.arguments), row.seen)
        if now <= row.expires_at <= now + GOOD_FOR
        else None
    )


def note(connection: Connection, entry: AuditEntry) -> None:
    connection.execute(
        insert(audit).values(
            at=entry.at,
            actor=entry.actor,
            role=entry.role,
            place=entry.place,
            act=entry.act,
            operation=entry.operation,
            arguments=json.dumps(entry.values),
            detail=entry.detail,
        )
    )


def entries(connection: Connection, limit: int) -> list[AuditEntry]:
    """The newest lines of the audit log, the newest first."""
    return [_entry(row) for row in connection.execute(select(audit).order_by(audit.c.id.desc()).limit(limit))]


def _entry(r: Row[Any]) -> AuditEntry:
    return AuditEntry(r.at, r.actor, r.role, r.place, r.act, r.operation, json.loads(r.arguments), r.detail)


def _digest(code: str, actor: str, place: str) -> str:
    return hashlib.sha256(f"{code}\0{actor}\0{place}".encode()).hexdigest()
