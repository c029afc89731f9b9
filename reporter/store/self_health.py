"""Reads the reporter's own health from its store: late reports, queued messages, skipped runs."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, func, select, true

from reporter.alerts.self_health import LateJob, SelfHealth
from reporter.store.database import CHANNELS, TERMS, fact
from reporter.store.tables import outbox, periods, runs

SKIPPED_WITHIN = timedelta(hours=1)
REFUSED_WITHIN = timedelta(days=1)
_ON_THEIR_WAY = ("waiting", "sending", "unclear")


def self_health(connection: Connection, now: datetime) -> SelfHealth:
    """What is late, what waits and what was refused. `seconds` is left to whoever knows a clock."""
    due = and_(outbox.c.state.in_(_ON_THEIR_WAY), outbox.c.not_before <= now, _has_a_way(connection))
    waiting, oldest = connection.execute(select(func.count(), func.min(outbox.c.not_before)).where(due)).one()
    refused = select(func.count()).where(
        outbox.c.state == "dead", outbox.c.settled_at.between(now - REFUSED_WITHIN, now)
    )
    skipped = select(func.count()).where(
        runs.c.outcome == "skipped", runs.c.started_at.between(now - SKIPPED_WITHIN, now)
    )
    return SelfHealth(
        late=_late(connection, now),
        skipped=connection.execute(skipped).scalar_one(),
        waiting=waiting,
        oldest=oldest,
        refused=connection.execute(refused).scalar_one(),
    )


def _has_a_way(connection: Connection) -> ColumnElement[bool]:
    """What was written for a channel that the config has no more waits for no delivery, but for that channel."""
    channels = json.loads(fact(connection, CHANNELS) or "null")
    return true() if channels is None else outbox.c.channel.in_(channels)


def _late(connection: Connection, now: datetime) -> tuple[LateJob, ...]:
    """The oldest period of each job that is due and not reported. One that does not run any more is not late."""
    running = json.loads(fact(connection, TERMS) or "null")
    rows = connection.execute(
        select(periods.c.job, func.min(periods.c.due_at).label("due_at"))
        .where(periods.c.state.in_(("owed", "running")), periods.c.due_at < now)
        .group_by(periods.c.job)
        .order_by("due_at")
    )
    return tuple(LateJob(row.job, row.due_at) for row in rows if running is None or row.job in running)
