"""Messages held until quiet hours end or a digest is due."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, update

from reporter.messages.message import Message, from_dict
from reporter.store.tables import outbox


@dataclass(frozen=True, slots=True)
class Row:
    """A held message of the outbox."""

    id: int
    message: Message
    created_at: datetime


def due_channels(connection: Connection, now: datetime) -> list[str]:
    """The channels for which something was held until now."""
    return [str(row.channel) for row in connection.execute(select(outbox.c.channel).where(_due(now)).distinct())]


def due(connection: Connection, channel: str, now: datetime) -> list[Row]:
    """What was held for a channel until now, in the order of writing. What cannot be read is parked."""
    rows = connection.execute(
        select(outbox.c.id, outbox.c.message, outbox.c.created_at)
        .where(outbox.c.channel == channel, _due(now))
        .order_by(outbox.c.id)
        .with_for_update()
    )
    read = [_read(connection, row, now) for row in rows.all()]
    return [row for row in read if row is not None]


def _read(connection: Connection, row: Any, now: datetime) -> Row | None:
    try:
        return Row(row.id, from_dict(json.loads(row.message)), row.created_at)
    except (ValueError, KeyError, TypeError) as error:
        parked = {"state": "dead", "error": f"the message cannot be read: {error}", "settled_at": now}
        connection.execute(update(outbox).where(outbox.c.id == row.id).values(**parked))
        return None


def release(connection: Connection, row_id: int, now: datetime) -> None:
    """Send a held message as it is."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id == row_id, outbox.c.state == "held")
        .values(state="waiting", not_before=now, error=None)
    )


def told_by(connection: Connection, rows: Iterable[int], key: str, now: datetime) -> None:
    """Note that held messages are told by another one, which was saved under that key."""
    teller = select(outbox.c.id).where(outbox.c.key == key).scalar_subquery()
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(list(rows)), outbox.c.state == "held")
        .values(state="superseded", superseded_by=teller, settled_at=now, error="told in a digest")
    )


def _due(now: datetime) -> ColumnElement[bool]:
    # What is held for a doubt about its delivery waits for a person, not for a time.
    return and_(outbox.c.state == "held", outbox.c.maybe_sent.is_(False), outbox.c.not_before <= now)
