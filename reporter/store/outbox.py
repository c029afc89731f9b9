"""The outbox: queued messages. A row is saved in the transaction of its run, and leaves by exactly one state: sent,
dead, expired, superseded or dropped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, insert, or_, select, update

from reporter.messages.message import Message, Severity, from_dict, to_dict
from reporter.store.channel_states import ChannelState, all_states, record_posts
from reporter.store.database import insert_once, prune_rows
from reporter.store.tables import lanes, outbox, sent

Kind = Literal["report", "alert", "board"]

# After an outage alerts go first, boards last; within a class the order of writing holds.
PRIORITIES = {"alert": 0, "report": 1, "board": 2}
# A board speaks of the present: what it said a minute ago helps nobody. Everything else waits until it is delivered,
# unless its channel says for how long it is wanted.
BOARD_WANTED = timedelta(minutes=1)
# A board that has not changed is edited all the same after this long, so that its clock shows that we live.
BOARD_REFRESH = timedelta(minutes=5)

# Two daemons' clocks differ a little, and no pause or lease is so long: what lies further ahead than that was noted by
# a clock that was wrong.
AHEAD, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
# So many rows travel in one request at most.
TOGETHER = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """A message on its way out: for which channel, under which key, how urgent, and until when and why it is held.

    One with a `slot` replaces the message before it; with `repost` that is posted anew when it is older. Where nothing
    has changed, it is edited after `refresh`, five minutes if not said.
    """

    key: str
    channel: str
    kind: Kind
    message: Message
    reference: str
    slot: str | None = None
    repost: timedelta | None = None
    refresh: timedelta | None = None
    run_id: str = ""
    wanted: timedelta | None = None
    held_until: datetime | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A row in hand, to be sent now.

    `edit` names the message to replace, and `anew` says that it is to be posted again at the end of its channel. `part`
    of `of` counts from 1, and `of` is 0 while it is not known. `doubtful` says that an earlier try may have arrived and
    that nobody has looked yet; `batch` names the first row of those that went with it in one request.
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
    doubtful: bool = False
    batch: int | None = None
    anew: bool = False


def enqueue(connection: Connection, letter: OutgoingMessage, now: datetime) -> bool:
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
        repost=None if letter.repost is None else int(letter.repost.total_seconds()),
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
        _supersede(connection, letter, now)
    return added


def backlog(connection: Connection, now: datetime) -> list[str]:
    """Every channel that has something to send, those with the most urgent first."""
    rows = connection.execute(
        select(outbox.c.channel)
        .where(or_(_open(), _left_behind(now)), outbox.c.not_before <= now)
        .group_by(outbox.c.channel)
        .order_by(func.min(outbox.c.priority), func.min(outbox.c.id))
    )
    return [row.channel for row in rows]


def upcoming(connection: Connection, channels: Iterable[str], now: datetime, limit: int) -> list[QueuedMessage]:
    """The next rows of some channels in the order to send them, those in doubt first.

    One that cannot be read is parked. What was being sent when somebody died is in doubt, for ever after.
    """
    named = list(channels)
    _settle_left_behind(connection, named, now)
    rows = connection.execute(
        select(outbox)
        .where(outbox.c.channel.in_(named), _open(), outbox.c.not_before <= now)
        .order_by(
            case((outbox.c.state == "unclear", 0), else_=1),
            outbox.c.priority,
            func.coalesce(outbox.c.thread, outbox.c.id),
            outbox.c.part,
        )
        .limit(limit)
    ).all()
    read = [_read(connection, row, now) for row in rows]
    return [row for row in read if row is not None]


def batch_of(connection: Connection, row: QueuedMessage, now: datetime) -> list[QueuedMessage]:
    """The row and those that were sent in one request with it: they arrived together or not at all."""
    if row.batch is None:
        return [row]
    rows = connection.execute(
        select(outbox).where(outbox.c.batch == row.batch, outbox.c.state == "unclear").order_by(outbox.c.id)
    ).all()
    read = [_read(connection, other, now) for other in rows]
    return [other for other in read if other is not None]


def claim_rows(
    connection: Connection,
    rows: Sequence[QueuedMessage],
    destination: Sequence[ChannelState],
    owner: str,
    now: datetime,
    lease: timedelta,
) -> None:
    """Take rows in hand, to be sent in one request, and with them every lane to their place."""
    head = rows[0]
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_([row.id for row in rows]))
        .values(
            state="sending",
            attempts=outbox.c.attempts + 1,
            lease=owner,
            leased_until=now + lease,
            batch=head.id if len(rows) > 1 else None,
        )
    )
    connection.execute(
        update(lanes)
        .where(lanes.c.channel.in_([lane.channel for lane in destination]))
        .values(lease=owner, leased_until=now + lease)
    )
    own = next(lane for lane in destination if lane.channel == head.channel)
    record_posts(connection, head.channel, (*own.posts, now.timestamp()))


def known_ids(connection: Connection, address: str, limit: int) -> list[str]:
    """The messages that were last posted to an address and not edited since or taken back, the newest first."""
    names = connection.execute(select(lanes.c.channel).where(lanes.c.address == address)).scalars().all()
    found = sorted((post for name in names for post in _last_posts(connection, name, limit)), reverse=True)
    return list(dict.fromkeys(message_id for _, message_id in found))[:limit]


def _last_posts(connection: Connection, channel: str, limit: int) -> list[tuple[int, str]]:
    """The ends of a channel's past, one channel at a time: so that an index gives them in order."""
    rows = connection.execute(
        select(sent.c.id, sent.c.message_id)
        .where(sent.c.channel == channel, sent.c.edited.is_(False), sent.c.withdrawn_at.is_(None))
        .order_by(sent.c.id.desc())
        .limit(limit * TOGETHER)
    )
    return [(row.id, row.message_id) for row in rows]


def expire(connection: Connection, now: datetime) -> int:
    """Let go of what is no longer wanted; how many rows that were."""
    return connection.execute(
        update(outbox)
        .where(outbox.c.state.in_(("waiting", "unclear")), outbox.c.expires_at <= now)
        .values(state="expired", settled_at=now, error=func.coalesce(outbox.c.error, "not delivered in its time"))
    ).rowcount


def split_parts(connection: Connection, row: QueuedMessage, parts: int) -> QueuedMessage:
    """Enter the further parts of a message that its outlet needs several messages for."""
    original = connection.execute(select(outbox).where(outbox.c.id == row.id)).one()
    connection.execute(update(outbox).where(outbox.c.id == row.id).values(thread=row.id, part=1, of=parts))
    copied = {column.name: getattr(original, column.name) for column in outbox.columns if column.name != "id"}
    fresh = {"state": "waiting", "attempts": 0, "lease": None, "leased_until": None, "maybe_sent": False, "batch": None}
    mine = {"thread": row.id, "of": parts}
    for part in range(2, parts + 1):
        own = {"key": f"{original.key}#{part}", "part": part, "slot": row.slot and f"{row.slot}#{part}"}
        connection.execute(insert(outbox).values({**copied, **fresh, **mine, **own}))
    return replace(row, part=1, of=parts)


def mark_delivered(
    connection: Connection,
    row: QueuedMessage,
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


def mark_retry(connection: Connection, row: QueuedMessage, *, why: str, in_doubt: bool) -> None:
    """Not now: the row waits again, at the head of its channel. That it may have been sent is never forgotten.

    What another has sent meanwhile, because we were away for longer than a lease, stays sent.
    """
    values: dict[str, Any] = {"state": "unclear" if in_doubt or row.doubtful else "waiting", "error": why}
    if in_doubt:
        values["maybe_sent"] = True
    mine = and_(outbox.c.id == row.id, outbox.c.state != "sent")
    connection.execute(update(outbox).where(mine).values(lease=None, leased_until=None, **values))


def mark_needs_review(connection: Connection, row: QueuedMessage, why: str) -> None:
    """It may be there or not, and its channel wants no repeats: it waits for a person."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id == row.id, outbox.c.state != "sent")
        .values(state="held", maybe_sent=True, lease=None, leased_until=None, error=why)
    )


def mark_dead(connection: Connection, row: QueuedMessage, now: datetime, why: str) -> None:
    """The message itself can never be taken: it is parked and the channel goes on."""
    _settle(connection, row, now, "dead", why)


def mark_obsolete(connection: Connection, row: QueuedMessage, now: datetime, why: str) -> None:
    """Nobody needs it any more."""
    _settle(connection, row, now, "superseded", why)


def withdraw(connection: Connection, channel: str, message_id: str, now: datetime) -> None:
    """A message that was ours is gone, or is to be replaced by a new one."""
    connection.execute(
        update(sent).where(sent.c.channel == channel, sent.c.message_id == message_id).values(withdrawn_at=now)
    )


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """What became of one row."""

    channel: str
    state: str
    error: str | None
    url: str | None
    sent_at: datetime | None
    message_id: str | None
    part: int
    of: int


def delivery_states(connection: Connection, run_ids: Iterable[str]) -> list[DeliveryState]:
    """What became of the messages of some runs, in the order of writing."""
    rows = connection.execute(
        select(outbox, sent.c.url, sent.c.sent_at, sent.c.message_id, lanes.c.error.label("of_the_lane"))
        .select_from(
            outbox.outerjoin(sent, sent.c.outbox_id == outbox.c.id).outerjoin(
                lanes, lanes.c.channel == outbox.c.channel
            )
        )
        .where(outbox.c.run_id.in_(list(run_ids)))
        .order_by(outbox.c.id)
    )
    return [
        DeliveryState(r.channel, r.state, _why(r), r.url, r.sent_at, r.message_id, r.part, max(r.of, 1)) for r in rows
    ]


def _why(row: Row[Any]) -> str | None:
    """What is wrong with a row itself, or with the channel that it waits for."""
    return row.error or (row.of_the_lane if row.state in {"waiting", "unclear"} else None)


def counts(connection: Connection) -> dict[str, int]:
    """How many rows are in each state."""
    rows = connection.execute(select(outbox.c.state, func.count().label("number")).group_by(outbox.c.state))
    return {row.state: row.number for row in rows}


def rewind(connection: Connection, now: datetime, back: timedelta = timedelta()) -> None:
    """Forget what a clock that ran ahead has noted: when rows may leave, and when channels may be tried again.

    By how much it was set `back`, where somebody saw that, pauses of channels end sooner by that clock.
    """
    ahead, no_lease = now + AHEAD, now + LONGEST_PAUSE
    written = and_(outbox.c.state.in_(("waiting", "unclear", "held")), outbox.c.created_at > ahead)
    connection.execute(update(outbox).where(written).values(created_at=now, not_before=now))
    in_hand = and_(outbox.c.state == "sending", outbox.c.leased_until > no_lease)
    connection.execute(update(outbox).where(in_hand).values(leased_until=now))
    connection.execute(update(lanes).where(lanes.c.ready_at > no_lease).values(ready_at=now))
    connection.execute(update(lanes).where(lanes.c.leased_until > no_lease).values(leased_until=now))
    for one in all_states(connection):
        if one.ready_at > now:
            sooner = max(now, one.ready_at - back)
            connection.execute(update(lanes).where(lanes.c.channel == one.channel).values(ready_at=sooner))
        if any(moment > ahead.timestamp() for moment in one.posts):
            connection.execute(update(lanes).where(lanes.c.channel == one.channel).values(posts="[]"))


def prune(connection: Connection, before: datetime) -> int:
    """Forget some of the settled rows older than that; returns how many.

    Of each board the newest stays, and the last that was sent, for that is still edited.
    """
    newer = outbox.alias()
    board = and_(newer.c.channel == outbox.c.channel, newer.c.slot == outbox.c.slot, newer.c.id > outbox.c.id)
    replaced = select(newer.c.id).where(board, or_(outbox.c.state != "sent", newer.c.state == "sent")).exists()
    return prune_rows(connection, outbox, and_(outbox.c.settled_at < before, or_(outbox.c.kind != "board", replaced)))


def _open() -> ColumnElement[bool]:
    return outbox.c.state.in_(("waiting", "unclear"))


def _left_behind(now: datetime) -> ColumnElement[bool]:
    return and_(outbox.c.state == "sending", outbox.c.leased_until < now)


def _settle_left_behind(connection: Connection, channels: Sequence[str], now: datetime) -> None:
    connection.execute(
        update(outbox)
        .where(outbox.c.channel.in_(channels), _left_behind(now))
        .values(state="unclear", maybe_sent=True, lease=None, leased_until=None)
    )


def _read(connection: Connection, row: Row[Any], now: datetime) -> QueuedMessage | None:
    try:
        edit = _posted(connection, row.channel, row.slot) if row.slot else None
        return _waiting(row, edit, anew=edit is not None and _is_to_be_posted_anew(connection, row, edit, now))
    except (ValueError, KeyError, TypeError) as error:
        parked = {"state": "dead", "error": f"the message cannot be read: {error}", "settled_at": now}
        connection.execute(update(outbox).where(outbox.c.id == row.id).values(**parked))
        return None


def _settle(connection: Connection, row: QueuedMessage, now: datetime, state: str, why: str | None) -> None:
    connection.execute(
        update(outbox)
        .where(outbox.c.id == row.id)
        .values(state=state, error=why, settled_at=now, lease=None, leased_until=None)
    )


def _priority(letter: OutgoingMessage) -> int:
    if letter.kind == "alert" and letter.message.severity is Severity.CRITICAL:
        return -1
    return PRIORITIES[letter.kind]


def _wanted(kind: Kind) -> timedelta | None:
    return BOARD_WANTED if kind == "board" else None


def _digest(message: Message) -> str:
    """A fingerprint of everything but the clock: the footer and the moment."""
    still = replace(message, footer=(), at=None, silent=False)
    return hashlib.sha256(json.dumps(to_dict(still), sort_keys=True).encode()).hexdigest()


def _unchanged(connection: Connection, letter: OutgoingMessage, digest: str | None, now: datetime) -> bool:
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
    age = abs(now - last.created_at) if last else timedelta.max  # a clock that ran ahead may have written it
    return last is not None and last.digest == digest and age < (letter.refresh or BOARD_REFRESH)


def _supersede(connection: Connection, letter: OutgoingMessage, now: datetime) -> None:
    """Of a board only the newest state is wanted.

    What is at rest is found first: a board's past is long, and what of it is open are a few rows.
    """
    mine = connection.execute(select(outbox.c.id).where(outbox.c.key == letter.key)).scalar_one()
    gone = update(outbox).values(state="superseded", superseded_by=mine, settled_at=now)
    at_rest = select(outbox.c.id).where(outbox.c.channel == letter.channel, _replaceable(letter.kind))
    older = connection.execute(
        gone.where(outbox.c.id.in_(at_rest), outbox.c.slot == letter.slot, outbox.c.id != mine).returning(outbox.c.id)
    )
    if heads := older.scalars().all():
        connection.execute(gone.where(outbox.c.thread.in_(heads), _open()))


def _replaceable(kind: Kind) -> ColumnElement[bool]:
    """Which older states of a message a newer one stands for. An alert that may have arrived is left to be found out
    about, so that it is edited; one that quiet hours hold back was told to nobody yet."""
    if kind == "board":
        return _open()
    return and_(outbox.c.state.in_(("waiting", "held")), outbox.c.maybe_sent.is_(False))


def was_delivered(connection: Connection, channel: str, slot: str) -> bool:
    """Whether the message of a slot arrived in a channel, may have, or is on its way."""
    arrived = or_(outbox.c.state.in_(("sent", "sending", "unclear")), outbox.c.maybe_sent)
    mine = and_(outbox.c.channel == channel, outbox.c.slot == slot)
    return connection.execute(select(outbox.c.id).where(mine, arrived).limit(1)).first() is not None


def channels_of(connection: Connection, slot: str, among: Collection[str]) -> list[str]:
    """The channels, among some, for which a message of a slot was ever written."""
    mine = and_(outbox.c.channel.in_(among), outbox.c.slot == slot)
    rows = connection.execute(select(outbox.c.channel).where(mine).distinct())
    return sorted(row.channel for row in rows)


def _posted(connection: Connection, channel: str, slot: str) -> str | None:
    """The id of the message that shows this board."""
    found = connection.execute(
        select(sent.c.message_id)
        .where(sent.c.channel == channel, sent.c.slot == slot, sent.c.withdrawn_at.is_(None))
        .order_by(sent.c.id.desc())
        .limit(1)
    ).scalar()
    return str(found) if found is not None else None


def _is_to_be_posted_anew(connection: Connection, row: Row[Any], message_id: str, now: datetime) -> bool:
    """Whether a board's message is older than it may become. One in doubt is edited, for a new one may have arrived."""
    if row.repost is None or row.state == "unclear" or row.of > 1:
        return False
    first = connection.execute(
        select(func.min(sent.c.sent_at)).where(sent.c.channel == row.channel, sent.c.message_id == message_id)
    ).scalar()
    return first is not None and now - first >= timedelta(seconds=row.repost)


def _waiting(row: Row[Any], edit: str | None, *, anew: bool = False) -> QueuedMessage:
    return QueuedMessage(
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
        doubtful=row.state == "unclear",
        batch=row.batch,
        anew=anew,
    )
