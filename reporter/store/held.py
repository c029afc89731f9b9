"""Messages held until quiet hours end or a digest is due."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select, update

from reporter.messages.message import from_dict
from reporter.store.outbox import QueuedMessage, park, queued
from reporter.store.tables import outbox


def due_channels(connection: Connection, now: datetime) -> list[str]:
    """The channels for which something was held until now."""
    return [str(row.channel) for row in connection.execute(select(outbox.c.channel).where(_due(now)).distinct())]


def due(connection: Connection, channel: str, now: datetime) -> list[QueuedMessage]:
    """What was held for a channel until now, in the order of writing. A row that cannot be read is marked dead."""
    rows = connection.execute(
        select(outbox).where(outbox.c.channel == channel, _due(now)).order_by(outbox.c.id).with_for_update()
    )
    found = []
    for row in rows.all():
        try:
            found.append(queued(row, from_dict(json.loads(row.message))))
        except (ValueError, KeyError, TypeError) as error:
            park(connection, row.id, error, now)
    return found


def release(connection: Connection, row_id: int, now: datetime) -> None:
    """Send a held message as it is."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id == row_id, outbox.c.state == "held")
        .values(state="waiting", not_before=now, error=None)
    )


def superseded_by_digest(connection: Connection, rows: Iterable[int], key: str, now: datetime) -> None:
    """Note that a digest, which was queued under that key, stands for held messages."""
    digest = select(outbox.c.id).where(outbox.c.key == key).scalar_subquery()
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(list(rows)), outbox.c.state == "held")
        .values(state="superseded", superseded_by=digest, settled_at=now, error="sent in a digest")
    )


def _due(now: datetime) -> ColumnElement[bool]:
    # A message held for a doubt about its delivery waits for a person, not for a time.
    return and_(outbox.c.state == "held", outbox.c.maybe_sent.is_(False), outbox.c.not_before <= now)
