"""Announcements: what somebody tells those who look at the status page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from reporter.store.tables import announcements


@dataclass(frozen=True, slots=True)
class Announcement:
    """A text for the status page. Without `ends_at` it stands until somebody withdraws it."""

    id: int
    text: str
    severity: str
    begins_at: datetime
    ends_at: datetime | None
    author: str

    def is_over(self, now: datetime) -> bool:
        return self.ends_at is not None and self.ends_at <= now


def add(connection: Connection, text: str, severity: str, begins: datetime, ends: datetime | None, by: str) -> int:
    values = {"text": text, "severity": severity, "begins_at": begins, "ends_at": ends, "author": by}
    return int(connection.execute(insert(announcements).values(values).returning(announcements.c.id)).scalar_one())


def standing(connection: Connection, now: datetime) -> list[Announcement]:
    """Those that are not over, the newest first."""
    c = announcements.c
    query = select(announcements).where(or_(c.ends_at.is_(None), c.ends_at > now))
    return [_announcement(row) for row in connection.execute(query.order_by(c.id.desc()))]


def newest(connection: Connection, limit: int) -> list[Announcement]:
    """Those that were made last, over or not."""
    query = select(announcements).order_by(announcements.c.id.desc()).limit(limit)
    return [_announcement(row) for row in connection.execute(query)]


def end(connection: Connection, number: int, now: datetime) -> None:
    """End one now."""
    connection.execute(update(announcements).where(announcements.c.id == number).values(ends_at=now))


def prune(connection: Connection, before: datetime) -> int:
    """Delete those that were over before that moment; returns how many those were."""
    return connection.execute(delete(announcements).where(announcements.c.ends_at < before)).rowcount


def _announcement(r: Row[Any]) -> Announcement:
    return Announcement(r.id, r.text, r.severity, r.begins_at, r.ends_at, r.author)
