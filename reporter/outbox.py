"""What waits to be delivered. A row is saved with the fact it tells, and leaves by exactly one door: sent, dead,
expired or superseded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, or_, select, update

from reporter.message import Message, Severity, from_dict, to_dict
from reporter.store import insert_once
from reporter.store.tables import lanes, outbox, sent

Kind = Literal["report", "alert", "board"]

# After an outage alerts go first, boards last; within a class the order of writing holds.
PRIORITIES = {"alert": 0, "report": 1, "board": 2}
# A board speaks of the present: what it said a minute ago helps nobody. Everything else waits until it is delivered,
# unless its channel says for how long it is wanted.
BOARD_WANTED = timedelta(minutes=1)
# A board that has not changed is edited all the same after this long, so that its clock shows that we live.
BOARD_REFRESH = timedelta(minutes=5)

_LANE_FIELDS = ("ready_at", "leased_until", "dead_since", "address")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message on its way out: for which channel, under which key, how urgent, and until when and why it is held."""

    key: str
    channel: str
    kind: Kind
    message: Message
    reference: str
    slot: str | None = None
    run_id: str = ""
    wanted: timedelta | None = None
    held_until: datetime | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row in hand, to be sent now.

    `edit` names the message to replace; `part` of `of` counts from 1, and `of` is 0 while it is not known.
    """

    id: int
    channel: str
    kind: str
    message: Message
    reference: str
    slot: str | None
    part: int
    of: int
    attempts: int
    maybe_sent: bool
    created_at: datetime
    edit: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """A channel that has something to send, from when on it may, and the address at which it was found dead."""

    channel: str
    ready_at: datetime
    dead_address: str | None


@dataclass(frozen=True, slots=True)
class Lane:
    """Where a channel stands: when it may be tried again, and why not now."""

    channel: str
    ready_at: datetime
    failures: int
    dead_since: datetime | None
    error: str | None


def enqueue(connection: Connection, letter: Letter, now: datetime) -> bool:
    """Save a message for delivery; False if its key was used before, or if it is a board that did not change."""
    digest = _digest(letter.message) if letter.slot else None
    if letter.slot and _unchanged(connection, letter, digest, now):
        return False
    added = insert_once(
        connection,
        outbox,
        key=letter.key,
        part=1,
        of=0,
        channel=letter.channel,
        kind=letter.kind,
        severity=letter.message.severity.value,
        priority=_priority(letter),
        slot=letter.slot,
        digest=digest,
        message=json.dumps(to_dict(letter.message), ensure_ascii=False),
        reference=letter.reference,
        state="held" if letter.held_until else "waiting",
        attempts=0,
        maybe_sent=False,
        created_at=now,
        not_before=letter.held_until or now,
        error=letter.why,
        expires_at=now + wanted if (wanted := letter.wanted or _wanted(letter.kind)) else None,
        run_id=letter.run_id,
    )
    if added and letter.slot:
        _supersede(connection, letter)
    return added


def backlog(connection: Connection, now: datetime) -> list[Backlog]:
    """Every channel that has something to send, those with the most urgent first."""
    rows = connection.execute(
        select(outbox.c.channel, lanes.c.ready_at, lanes.c.leased_until, lanes.c.dead_since, lanes.c.address)
        .select_from(outbox.outerjoin(lanes, lanes.c.channel == outbox.c.channel))
        .where(or_(_open(), _left_behind(now)), outbox.c.not_before <= now)
        .group_by(outbox.c.channel, *(lanes.c[name] for name in _LANE_FIELDS))
        .order_by(func.min(outbox.c.priority), func.min(outbox.c.id))
    )
    return [
        Backlog(r.channel, max(filter(None, (r.ready_at, r.leased_until, now))), r.address if r.dead_since else None)
        for r in rows
    ]


def claim(
    connection: Connection, channel: str, address: str, owner: str, now: datetime, lease: timedelta
) -> Waiting | None:
    """Take the channel's lane and its most urgent row; None when another has the lane, or nothing is to be sent.

    `address` is a fingerprint of where the channel leads: a lane that was found dead is alive again under a new one.
    """
    _settle_left_behind(connection, channel, now)
    if not _take_lane(connection, channel, address, owner, now, lease):
        return None
    row = connection.execute(
        select(outbox)
        .where(outbox.c.channel == channel, _open(), outbox.c.not_before <= now)
        .order_by(outbox.c.priority, func.coalesce(outbox.c.thread, outbox.c.id), outbox.c.part)
        .limit(1)
    ).one_or_none()
    if row is None:
        _release_lane(connection, channel, owner)
        return None
    connection.execute(
        update(outbox)
        .where(outbox.c.id == row.id)
        .values(state="sending", attempts=outbox.c.attempts + 1, lease=owner, leased_until=now + lease)
    )
    return _waiting(row, _posted(connection, channel, row.slot) if row.slot else None)


def expire(connection: Connection, now: datetime) -> int:
    """Let go of what is no longer wanted; how many rows that were."""
    return connection.execute(
        update(outbox)
        .where(outbox.c.state.in_(("waiting", "unclear")), outbox.c.expires_at <= now)
        .values(state="expired", settled_at=now, error=func.coalesce(outbox.c.error, "not delivered in its time"))
    ).rowcount


def divide(connection: Connection, row: Waiting, parts: int) -> Waiting:
    """Enter the further parts of a message that its outlet needs several messages for."""
    original = connection.execute(select(outbox).where(outbox.c.id == row.id)).one()
    connection.execute(update(outbox).where(outbox.c.id == row.id).values(thread=row.id, part=1, of=parts))
    copied = {column.name: getattr(original, column.name) for column in outbox.columns if column.name != "id"}
    fresh = {"state": "waiting", "attempts": 0, "lease": None, "leased_until": None, "thread": row.id, "of": parts}
    for part in range(2, parts + 1):
        own = {"key": f"{original.key}#{part}", "part": part, "slot": row.slot and f"{row.slot}#{part}"}
        connection.execute(insert(outbox).values({**copied, **fresh, **own}))
    return replace(row, part=1, of=parts)


def delivered(
    connection: Connection,
    row: Waiting,
    owner: str,
    now: datetime,
    *,
    message_id: str,
    place: str | None,
    url: str | None,
) -> None:
    """It is there: note under which id."""
    _settle(connection, row, now, "sent", None)
    connection.execute(
        insert(sent).values(
            outbox_id=row.id,
            channel=row.channel,
            slot=row.slot,
            message_id=message_id,
            place=place,
            url=url,
            sent_at=now,
            edited=row.edit == message_id,
        )
    )
    connection.execute(
        update(lanes).where(lanes.c.channel == row.channel).values(failures=0, error=None, place=place, ready_at=now)
    )
    _release_lane(connection, row.channel, owner)


def later(
    connection: Connection,
    row: Waiting,
    owner: str,
    *,
    ready_at: datetime,
    why: str,
    failed: bool,
    maybe_sent: bool,
) -> None:
    """Not now: the row waits again, at the head of its channel, and the channel with it. `maybe_sent` is sticky."""
    doubt = {"maybe_sent": True} if maybe_sent else {}
    connection.execute(
        update(outbox)
        .where(outbox.c.id == row.id)
        .values(state="waiting", lease=None, leased_until=None, error=why, **doubt)
    )
    connection.execute(
        update(lanes)
        .where(lanes.c.channel == row.channel)
        .values(failures=lanes.c.failures + int(failed), error=why, ready_at=ready_at)
    )
    _release_lane(connection, row.channel, owner)


def refused(connection: Connection, row: Waiting, owner: str, now: datetime, why: str) -> None:
    """The message itself can never be taken: it is parked and the channel goes on."""
    _settle(connection, row, now, "dead", why)
    _release_lane(connection, row.channel, owner)


def channel_gone(connection: Connection, row: Waiting, owner: str, now: datetime, why: str) -> None:
    """The channel is dead: no further request goes there until its address changes; the rows wait."""
    connection.execute(
        update(outbox).where(outbox.c.id == row.id).values(state="waiting", lease=None, leased_until=None, error=why)
    )
    connection.execute(update(lanes).where(lanes.c.channel == row.channel).values(dead_since=now, error=why))
    _release_lane(connection, row.channel, owner)


def withdraw(connection: Connection, channel: str, message_id: str, now: datetime) -> None:
    """A message that was ours is gone, or is to be replaced by a new one."""
    connection.execute(
        update(sent).where(sent.c.channel == channel, sent.c.message_id == message_id).values(withdrawn_at=now)
    )


def release(connection: Connection, row: Waiting, owner: str) -> None:
    """Give a row back untouched."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id == row.id, outbox.c.lease == owner)
        .values(state="waiting", lease=None, leased_until=None)
    )
    _release_lane(connection, row.channel, owner)


def lane(connection: Connection, channel: str) -> Lane | None:
    row = connection.execute(select(lanes).where(lanes.c.channel == channel)).one_or_none()
    return Lane(row.channel, row.ready_at, row.failures, row.dead_since, row.error) if row is not None else None


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one row."""

    channel: str
    state: str
    error: str | None
    url: str | None
    sent_at: datetime | None
    message_id: str | None
    part: int
    of: int


def fates(connection: Connection, run_ids: Iterable[str]) -> list[Fate]:
    """What became of the messages of some runs, in the order of writing."""
    rows = connection.execute(
        select(outbox, sent.c.url, sent.c.sent_at, sent.c.message_id)
        .select_from(outbox.outerjoin(sent, sent.c.outbox_id == outbox.c.id))
        .where(outbox.c.run_id.in_(list(run_ids)))
        .order_by(outbox.c.id)
    )
    return [Fate(r.channel, r.state, r.error, r.url, r.sent_at, r.message_id, r.part, max(r.of, 1)) for r in rows]


def counts(connection: Connection) -> dict[str, int]:
    """How many rows are in each state."""
    rows = connection.execute(select(outbox.c.state, func.count().label("number")).group_by(outbox.c.state))
    return {row.state: row.number for row in rows}


def prune(connection: Connection, before: datetime) -> int:
    """Forget settled rows older than that; the newest of each board stays, for it is still edited."""
    newest = select(func.max(outbox.c.id)).where(outbox.c.slot.is_not(None)).group_by(outbox.c.channel, outbox.c.slot)
    live = select(sent.c.outbox_id).where(sent.c.slot.is_not(None), sent.c.withdrawn_at.is_(None))
    return connection.execute(
        delete(outbox).where(
            outbox.c.settled_at < before,
            outbox.c.id.not_in(newest),
            outbox.c.id.not_in(live),
        )
    ).rowcount


def _open() -> ColumnElement[bool]:
    return outbox.c.state.in_(("waiting", "unclear"))


def _left_behind(now: datetime) -> ColumnElement[bool]:
    return and_(outbox.c.state == "sending", outbox.c.leased_until < now)


def _lane_free(now: datetime) -> ColumnElement[bool]:
    unleased = or_(lanes.c.lease.is_(None), lanes.c.leased_until < now)
    return or_(lanes.c.channel.is_(None), and_(unleased, lanes.c.ready_at <= now))


def _take_lane(connection: Connection, channel: str, address: str, owner: str, now: datetime, lease: timedelta) -> bool:
    insert_once(connection, lanes, channel=channel, address=address, ready_at=now, failures=0)
    connection.execute(
        update(lanes)
        .where(lanes.c.channel == channel, lanes.c.address != address)
        .values(address=address, dead_since=None, failures=0, error=None, ready_at=now, place=None)
    )
    taken = connection.execute(
        update(lanes)
        .where(lanes.c.channel == channel, lanes.c.dead_since.is_(None), _lane_free(now))
        .values(lease=owner, leased_until=now + lease)
    )
    return taken.rowcount == 1


def _release_lane(connection: Connection, channel: str, owner: str) -> None:
    connection.execute(
        update(lanes).where(lanes.c.channel == channel, lanes.c.lease == owner).values(lease=None, leased_until=None)
    )


def _settle_left_behind(connection: Connection, channel: str, now: datetime) -> None:
    """Rows that somebody was sending when he died: whether they arrived is unclear, for ever after."""
    connection.execute(
        update(outbox)
        .where(outbox.c.channel == channel, _left_behind(now))
        .values(state="unclear", maybe_sent=True, lease=None, leased_until=None)
    )


def _settle(connection: Connection, row: Waiting, now: datetime, state: str, why: str | None) -> None:
    connection.execute(
        update(outbox)
        .where(outbox.c.id == row.id)
        .values(state=state, error=why, settled_at=now, lease=None, leased_until=None)
    )


def _priority(letter: Letter) -> int:
    if letter.kind == "alert" and letter.message.severity is Severity.CRITICAL:
        return -1
    return PRIORITIES[letter.kind]


def _wanted(kind: Kind) -> timedelta | None:
    return BOARD_WANTED if kind == "board" else None


def _digest(message: Message) -> str:
    """A fingerprint of everything but the clock: the footer and the moment."""
    still = replace(message, footer=(), at=None, silent=False)
    return hashlib.sha256(json.dumps(to_dict(still), sort_keys=True).encode()).hexdigest()


def _unchanged(connection: Connection, letter: Letter, digest: str | None, now: datetime) -> bool:
    last = connection.execute(
        select(outbox.c.digest, outbox.c.created_at)
        .where(
            outbox.c.channel == letter.channel,
            outbox.c.slot == letter.slot,
            outbox.c.state.in_(("waiting", "sending", "unclear", "sent")),
        )
        .order_by(outbox.c.id.desc())
        .limit(1)
    ).one_or_none()
    return last is not None and last.digest == digest and now - last.created_at < BOARD_REFRESH


def _supersede(connection: Connection, letter: Letter) -> None:
    """Of a board only the newest state is wanted."""
    mine = connection.execute(select(outbox.c.id).where(outbox.c.key == letter.key)).scalar_one()
    connection.execute(
        update(outbox)
        .where(
            outbox.c.channel == letter.channel,
            outbox.c.slot == letter.slot,
            outbox.c.id != mine,
            outbox.c.state.in_(("waiting", "unclear")),
        )
        .values(state="superseded", superseded_by=mine)
    )
    older = select(outbox.c.id).where(outbox.c.superseded_by == mine)
    connection.execute(
        update(outbox)
        .where(outbox.c.thread.in_(older), outbox.c.state.in_(("waiting", "unclear")))
        .values(state="superseded", superseded_by=mine)
    )


def _posted(connection: Connection, channel: str, slot: str) -> str | None:
    """The id of the message that shows this board."""
    found = connection.execute(
        select(sent.c.message_id)
        .where(sent.c.channel == channel, sent.c.slot == slot, sent.c.withdrawn_at.is_(None))
        .order_by(sent.c.id.desc())
        .limit(1)
    ).scalar()
    return str(found) if found is not None else None


def _waiting(row: Row[Any], edit: str | None) -> Waiting:
    return Waiting(
        id=row.id,
        channel=row.channel,
        kind=row.kind,
        message=from_dict(json.loads(row.message)),
        reference=row.reference,
        slot=row.slot,
        part=row.part,
        of=row.of,
        attempts=row.attempts + 1,
        maybe_sent=row.maybe_sent or row.state == "unclear",
        created_at=row.not_before,  # what was held back on purpose is not late
        edit=edit,
    )
