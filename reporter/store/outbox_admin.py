"""The outbox for people: list, show, retry and drop messages."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, literal, or_, select, update

from reporter.messages.message import Message, Run, from_dict
from reporter.store.outbox import QueuedMessage, queued
from reporter.store.tables import channel_states, outbox, sent

_AT_REST = ("waiting", "unclear", "held")
# What is still in the queue; `held` for a digest, or for a doubt that a person has to settle.
OPEN = (*_AT_REST, "sending")
# What stands for a message that cannot be read.
UNREADABLE = Message(title=(Run("text", "(cannot be read)"),))


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many messages of a channel are in one state, and since when the oldest."""

    channel: str
    state: str
    number: int
    oldest: datetime


def state_counts(connection: Connection) -> list[StateCount]:
    """All messages, counted by channel and state."""
    rows = connection.execute(
        select(
            outbox.c.channel,
            outbox.c.state,
            func.count().label("number"),
            func.min(outbox.c.created_at, type_=outbox.c.created_at.type).label("oldest"),
        ).group_by(outbox.c.channel, outbox.c.state)
    )
    return [StateCount(row.channel, row.state, row.number, row.oldest) for row in rows]


def entry(connection: Connection, number: int) -> QueuedMessage | None:
    row = connection.execute(_rows().where(outbox.c.id == number)).first()
    return _queued(row) if row is not None else None


def find(connection: Connection, name: str) -> QueuedMessage | None:
    """The message with a number, else the newest with a reference, which is what its footer shows."""
    if name.isdecimal() and int(name) < 2**31 and (found := entry(connection, int(name))):
        return found
    mine = outbox.c.reference == name.removeprefix("ref ").strip().lower()
    row = connection.execute(_rows().where(mine).order_by(outbox.c.id.desc(), outbox.c.part).limit(1)).first()
    return _queued(row) if row is not None else None


def of_run(connection: Connection, run_id: str) -> list[QueuedMessage]:
    """The messages of a run, in the order of writing."""
    rows = connection.execute(_rows().where(outbox.c.run_id == run_id).order_by(outbox.c.id))
    return [_queued(row) for row in rows]


def entries(
    connection: Connection,
    *,
    states: Collection[str],
    channel: str | None = None,
    limit: int = 20,
    kinds: Collection[str] = (),
    before: int | None = None,
) -> list[QueuedMessage]:
    """The newest messages in some states, the oldest of them first; `before` is the row to go on behind."""
    mine = [outbox.c.state.in_(states), *([outbox.c.channel == channel] if channel else [])]
    mine += [outbox.c.kind.in_(kinds)] if kinds else []
    mine += [outbox.c.id < before] if before is not None else []
    rows = connection.execute(_rows().where(*mine).order_by(outbox.c.id.desc()).limit(limit)).all()
    return [_queued(row) for row in reversed(rows)]


def last_errors(connection: Connection) -> dict[str, QueuedMessage]:
    """Of each channel the newest message that something went wrong with and that did not arrive."""
    wrong = and_(outbox.c.error.is_not(None), outbox.c.state.in_(("waiting", "unclear", "dead", "expired")))
    newest = select(func.max(outbox.c.id)).where(wrong).group_by(outbox.c.channel)
    rows = connection.execute(_rows().where(outbox.c.id.in_(newest)))
    return {row.channel: _queued(row) for row in rows}


def waiting_for_a_person(connection: Connection, channel: str) -> list[int]:
    """The messages of a channel that nothing but a person will send: the dead, and those held for a doubt."""
    doubtful = and_(outbox.c.state == "held", outbox.c.maybe_sent.is_(True))
    stuck = or_(outbox.c.state == "dead", doubtful)
    rows = connection.execute(select(outbox.c.id).where(outbox.c.channel == channel, stuck).order_by(outbox.c.id))
    return [row.id for row in rows]


def put_back(connection: Connection, numbers: Collection[int], now: datetime) -> None:
    """Let messages be sent now, however old, held or dead they are. That one may have been sent is not forgotten."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(numbers), outbox.c.state.not_in(("sent", "sending", "superseded")))
        .values(state="waiting", not_before=_earlier(now), keep_until=None, settled_at=None, error=None)
    )


def drop(connection: Connection, number: int, now: datetime) -> int:
    """Let go of a message with all its parts that were not sent yet; returns how many parts that were."""
    thread = select(outbox.c.thread).where(outbox.c.id == number).scalar_subquery()
    return connection.execute(
        update(outbox)
        .where(or_(outbox.c.id == number, outbox.c.thread == thread), outbox.c.state.in_((*_AT_REST, "dead")))
        .values(state="dropped", settled_at=now, error="dropped by hand")
    ).rowcount


def reopen(connection: Connection, channel: str, now: datetime) -> None:
    """Let a channel be tried at once, though it failed or was found dead."""
    connection.execute(
        update(channel_states)
        .where(channel_states.c.channel == channel)
        .values(ready_at=now, failures=0, dead_since=None, error=None)
    )


def _earlier(now: datetime) -> ColumnElement[datetime]:
    """Now, or the earlier moment from which on a message may be sent: it stays late."""
    return case((outbox.c.not_before < now, outbox.c.not_before), else_=literal(now, outbox.c.not_before.type))


def _rows() -> Select[Any]:
    """Rows of the outbox with where they are. A row that waits for its channel bears the channel's error."""
    known = outbox.outerjoin(sent, sent.c.outbox_id == outbox.c.id).outerjoin(
        channel_states, channel_states.c.channel == outbox.c.channel
    )
    columns = (sent.c.url, sent.c.message_id, sent.c.sent_at, channel_states.c.error.label("channel_error"))
    return select(outbox, *columns).select_from(known)


def _queued(row: Row[Any]) -> QueuedMessage:
    try:
        message = from_dict(json.loads(row.message))
    except (ValueError, KeyError, TypeError):
        message = UNREADABLE
    found = queued(row, message, message_id=row.message_id, url=row.url, sent_at=row.sent_at)
    return found if found.error or row.state not in {"waiting", "unclear"} else replace(found, error=row.channel_error)


def settled_since(connection: Connection, moment: datetime) -> dict[str, dict[str, int]]:
    """How many messages of each channel came to each end since a moment."""
    found: dict[str, dict[str, int]] = {}
    counted = select(outbox.c.channel, outbox.c.state, func.count().label("n")).where(outbox.c.settled_at >= moment)
    for row in connection.execute(counted.group_by(outbox.c.channel, outbox.c.state)):
        found.setdefault(row.channel, {})[row.state] = row.n
    return found
