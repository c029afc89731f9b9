"""The queue of messages. A row is saved with the fact it reports, and leaves the queue in exactly one of five states:
sent, dead, expired, superseded or dropped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, insert, or_, select, update

from reporter.messages.message import Message, Severity, from_dict, to_dict
from reporter.store.channel_states import ChannelState, all_states, recent_posts, save
from reporter.store.database import insert_once, prune_rows
from reporter.store.tables import channel_states, outbox, sent

Kind = Literal["report", "alert", "board"]

# After an outage alerts go first and boards last; messages of one kind keep the order of writing.
PRIORITIES = {"alert": 0, "report": 1, "board": 2}
# A board speaks of the present: what it showed a minute ago helps nobody. Every other message is kept until it is
# delivered, unless its channel says for how long.
BOARD_KEEP = timedelta(minutes=1)
# A board that has not changed is edited all the same after this long, so that its clock shows that we live.
BOARD_REFRESH = timedelta(minutes=5)

# Two daemons' clocks differ a little, and no pause or lease is this long: a later moment was noted by a wrong clock.
AHEAD, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
# At most this many rows travel in one request.
TOGETHER = 10

_OPEN = outbox.c.state.in_(("waiting", "unclear"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """A message to be queued: for which channel, under which key, until when it is kept, and until when and why held.

    `keep` is how long it is worth delivering; None means for ever. A message with a `slot` replaces the message before
    it; `repost` posts it again once the replaced one is older than that. A message that has not changed is edited after
    `refresh`, five minutes unless given. `about` are the names by which a channel may leave it out; they are not saved.
    """

    key: str
    channel: str
    kind: Kind
    message: Message
    slot: str | None = None
    repost: timedelta | None = None
    refresh: timedelta | None = None
    run_id: str = ""
    keep: timedelta | None = None
    held_until: datetime | None = None
    why: str | None = None
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedMessage:
    """A row of the outbox: a message, or one part of it, and what has become of it.

    `part` counts from 1; `parts` is None until the message is fitted. `maybe_sent` says that an earlier try may have
    arrived. `not_before` is when it may leave: what was held on purpose is not late. `batch` names the first row of
    those that travelled in one request. `message_id`, `url` and `sent_at` say where it is, of one that was delivered.
    A row that is claimed also knows `edit`, the id of the message to replace, and `post_again`: to post it again
    instead, at the end of its channel.
    """

    id: int
    channel: str
    kind: str
    state: str
    message: Message
    reference: str
    slot: str | None
    part: int
    parts: int | None
    batch: int | None
    attempts: int
    maybe_sent: bool
    created_at: datetime
    not_before: datetime
    keep_until: datetime | None
    error: str | None
    run_id: str | None
    message_id: str | None = None
    url: str | None = None
    sent_at: datetime | None = None
    edit: str | None = None
    post_again: bool = False

    @property
    def is_split(self) -> bool:
        return self.parts is not None and self.parts > 1

    @property
    def urgent(self) -> bool:
        """Whether it may use what is kept of the rate limits for alerts. A doubt holds up the alerts behind it."""
        return self.kind == "alert" or self.doubtful

    @property
    def doubtful(self) -> bool:
        """Whether an earlier try may have arrived and nobody has looked yet."""
        return self.state == "unclear"


def queued(row: Row[Any], message: Message, **more: Any) -> QueuedMessage:
    """A row of the outbox as it stands."""
    return QueuedMessage(
        id=row.id,
        channel=row.channel,
        kind=row.kind,
        state=row.state,
        message=message,
        reference=row.reference,
        slot=row.slot,
        part=row.part,
        parts=row.parts,
        batch=row.batch,
        attempts=row.attempts,
        maybe_sent=row.maybe_sent,
        created_at=row.created_at,
        not_before=row.not_before,
        keep_until=row.keep_until,
        error=row.error,
        run_id=row.run_id,
        **more,
    )


def enqueue(connection: Connection, outgoing: OutgoingMessage, now: datetime) -> bool:
    """Queue a message for delivery; False if its key was used before, or if it is a board that did not change."""
    digest = fingerprint(outgoing.message) if outgoing.slot else None
    if outgoing.slot and _unchanged(connection, outgoing, digest, now):
        return False
    keep = outgoing.keep or (BOARD_KEEP if outgoing.kind == "board" else None)
    urgent = outgoing.kind == "alert" and outgoing.message.severity is Severity.CRITICAL
    added = insert_once(
        connection,
        outbox,
        key=outgoing.key,
        part=1,
        channel=outgoing.channel,
        kind=outgoing.kind,
        severity=outgoing.message.severity.value,
        priority=-1 if urgent else PRIORITIES[outgoing.kind],
        slot=outgoing.slot,
        digest=digest,
        repost=None if outgoing.repost is None else int(outgoing.repost.total_seconds()),
        message=json.dumps(to_dict(outgoing.message), ensure_ascii=False),
        # Short enough to be read aloud; both copies of a message that may be a repeat bear the same.
        reference=hashlib.sha256(outgoing.key.encode()).hexdigest()[:6],
        state="held" if outgoing.held_until else "waiting",
        attempts=0,
        maybe_sent=False,
        created_at=now,
        not_before=outgoing.held_until or now,
        error=outgoing.why,
        keep_until=now + keep if keep else None,
        run_id=outgoing.run_id,
    )
    if added and outgoing.slot:
        _supersede(connection, outgoing, now)
    return added


def backlog(connection: Connection, now: datetime) -> dict[str, bool]:
    """Every channel that has something to send, those with the most urgent first; and whether that is urgent."""
    urgent = func.min(case((outbox.c.state == "waiting", outbox.c.priority), else_=PRIORITIES["alert"]))
    rows = connection.execute(
        select(outbox.c.channel, urgent.label("first"))
        .where(or_(_OPEN, _left_behind(now)), outbox.c.not_before <= now)
        .group_by(outbox.c.channel)
        .order_by(func.min(outbox.c.priority), func.min(outbox.c.id))
    )
    return {row.channel: row.first <= PRIORITIES["alert"] for row in rows}


def upcoming(connection: Connection, channels: Iterable[str], now: datetime, limit: int) -> list[QueuedMessage]:
    """The next rows of some channels in the order to send them, those in doubt first.

    A row that cannot be read is marked dead. A row that was being sent when its process died is in doubt from then on.
    """
    names = list(channels)
    connection.execute(
        update(outbox)
        .where(outbox.c.channel.in_(names), _left_behind(now))
        .values(state="unclear", maybe_sent=True, lease=None, leased_until=None)
    )
    rows = connection.execute(
        select(outbox)
        .where(outbox.c.channel.in_(names), _OPEN, outbox.c.not_before <= now)
        .order_by(
            case((outbox.c.state == "unclear", 0), else_=1),
            outbox.c.priority,
            func.coalesce(outbox.c.thread, outbox.c.id),
            outbox.c.part,
        )
        .limit(limit)
    ).all()
    return [found for row in rows if (found := _read(connection, row, now))]


def batch_of(connection: Connection, row: QueuedMessage, now: datetime) -> list[QueuedMessage]:
    """The row and those that were sent in one request with it: they arrived together or not at all."""
    if row.batch is None:
        return [row]
    rows = connection.execute(
        select(outbox).where(outbox.c.batch == row.batch, outbox.c.state == "unclear").order_by(outbox.c.id)
    ).all()
    return [found for other in rows if (found := _read(connection, other, now))]


def claim_rows(
    connection: Connection,
    rows: Sequence[QueuedMessage],
    states: Sequence[ChannelState],
    owner: str,
    now: datetime,
    lease: timedelta,
) -> None:
    """Claim rows that are to be sent in one request, and lease with them every channel of their destination."""
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
        update(channel_states)
        .where(channel_states.c.channel.in_([state.channel for state in states]))
        .values(lease=owner, leased_until=now + lease)
    )
    own = next(state for state in states if state.channel == head.channel)
    save(connection, head.channel, posts=recent_posts((*own.posts, now.timestamp())))


def end_leases_of_others(connection: Connection, process: str, lease: timedelta, grace: timedelta) -> None:
    """End what processes have leased that live no more, `grace` after they claimed it: what they sent has arrived by
    then or never will. `process` is how the leases of the living one begin."""
    for table, key in ((outbox, outbox.c.id), (channel_states, channel_states.c.channel)):
        others = and_(table.c.lease.is_not(None), table.c.lease.not_like(f"{process}%"))
        leased = select(key, table.c.leased_until).where(others)
        for row in connection.execute(leased).all():
            until = row.leased_until - lease + grace
            connection.execute(update(table).where(key == row[0]).values(leased_until=until))


def known_ids(connection: Connection, address: str, limit: int) -> list[str]:
    """The messages that were last posted to an address and neither edited since nor taken back, the newest first."""
    names = connection.execute(select(channel_states.c.channel).where(channel_states.c.address == address)).scalars()
    found = sorted((post for name in names.all() for post in _last_posts(connection, name, limit)), reverse=True)
    return list(dict.fromkeys(message_id for _, message_id in found))[:limit]


def _last_posts(connection: Connection, channel: str, limit: int) -> list[tuple[int, str]]:
    """The last posts of one channel: an index gives them in order for each channel alone."""
    rows = connection.execute(
        select(sent.c.id, sent.c.message_id)
        .where(sent.c.channel == channel, sent.c.edited.is_(False), sent.c.withdrawn_at.is_(None))
        .order_by(sent.c.id.desc())
        .limit(limit * TOGETHER)
    )
    return [(row.id, row.message_id) for row in rows]


def overdue(connection: Connection, now: datetime) -> bool:
    """Whether some open row is older than it is kept."""
    found = select(outbox.c.id).where(_OPEN, outbox.c.keep_until <= now).limit(1)
    return connection.execute(found).first() is not None


def expire(connection: Connection, now: datetime) -> int:
    """Give up what is no longer to be kept; returns how many rows that were."""
    return connection.execute(
        update(outbox)
        .where(_OPEN, outbox.c.keep_until <= now)
        .values(state="expired", settled_at=now, error=func.coalesce(outbox.c.error, "not delivered in its time"))
    ).rowcount


def split_parts(connection: Connection, row: QueuedMessage, parts: int) -> QueuedMessage:
    """Queue the further parts of a message for which its outlet needs several messages."""
    original = connection.execute(select(outbox).where(outbox.c.id == row.id)).one()
    connection.execute(update(outbox).where(outbox.c.id == row.id).values(thread=row.id, part=1, parts=parts))
    copied = {column.name: getattr(original, column.name) for column in outbox.columns if column.name != "id"}
    fresh = {"state": "waiting", "attempts": 0, "lease": None, "leased_until": None, "maybe_sent": False, "batch": None}
    for part in range(2, parts + 1):
        own = {"key": f"{original.key}#{part}", "part": part, "slot": row.slot and f"{row.slot}#{part}"}
        connection.execute(insert(outbox).values({**copied, **fresh, "thread": row.id, "parts": parts, **own}))
    return replace(row, part=1, parts=parts)


def mark_delivered(
    connection: Connection,
    row: QueuedMessage,
    now: datetime,
    *,
    message_id: str,
    destination: str | None,
    url: str | None,
) -> None:
    """The message is there: note under which id."""
    mark_settled(connection, row, "sent", None, now)
    connection.execute(
        insert(sent).values(
            outbox_id=row.id,
            channel=row.channel,
            slot=row.slot,
            message_id=message_id,
            destination=destination,
            url=url,
            sent_at=now,
            edited=row.edit == message_id,
        )
    )


def mark_settled(
    connection: Connection,
    row: QueuedMessage,
    state: Literal["sent", "dead", "superseded"],
    why: str | None,
    now: datetime,
) -> None:
    """The message leaves the queue, and the channel goes on."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id == row.id)
        .values(state=state, error=why, settled_at=now, lease=None, leased_until=None)
    )


def mark_retry(connection: Connection, row: QueuedMessage, why: str, *, in_doubt: bool, review: bool = False) -> None:
    """The message waits again at the head of its channel, or with `review` until a person decides.

    That it may have been sent is never forgotten. What another process has sent meanwhile, because we were away for
    longer than a lease, stays sent.
    """
    state = "held" if review else "unclear" if in_doubt or row.doubtful else "waiting"
    values: dict[str, Any] = {"state": state, "error": why} | ({"maybe_sent": True} if in_doubt else {})
    mine = and_(outbox.c.id == row.id, outbox.c.state != "sent")
    connection.execute(update(outbox).where(mine).values(lease=None, leased_until=None, **values))


def withdraw(connection: Connection, channel: str, message_id: str, now: datetime) -> None:
    """A message of ours is gone, or is to be replaced by a new one."""
    connection.execute(
        update(sent).where(sent.c.channel == channel, sent.c.message_id == message_id).values(withdrawn_at=now)
    )


def counts(connection: Connection) -> dict[str, int]:
    """How many rows are in each state."""
    rows = connection.execute(select(outbox.c.state, func.count().label("number")).group_by(outbox.c.state))
    return {row.state: row.number for row in rows}


def rewind(connection: Connection, now: datetime, back: timedelta = timedelta()) -> None:
    """Forget what a clock that ran ahead has noted: when rows may leave, and when channels may be tried again.

    `back` is by how much the clock was set back, where somebody saw that: pauses of channels end sooner by as much.
    """
    ahead, no_lease = now + AHEAD, now + LONGEST_PAUSE
    written = and_(outbox.c.state.in_(("waiting", "unclear", "held")), outbox.c.created_at > ahead)
    connection.execute(update(outbox).where(written).values(created_at=now, not_before=now))
    claimed = and_(outbox.c.state == "sending", outbox.c.leased_until > no_lease)
    connection.execute(update(outbox).where(claimed).values(leased_until=now))
    for state in all_states(connection):
        changes: dict[str, Any] = {}
        if state.ready_at > now:
            changes["ready_at"] = now if state.ready_at > no_lease else max(now, state.ready_at - back)
        if state.leased_until and state.leased_until > no_lease:
            changes["leased_until"] = now
        if any(moment > ahead.timestamp() for moment in state.posts):
            changes["posts"] = "[]"
        if changes:
            save(connection, state.channel, **changes)


def follow_clock(connection: Connection, step: timedelta, now: datetime) -> None:
    """Tell what is queued, leased and paused by a clock that was just set by `step` and shows `now`.

    No message gets older by that, and no pause longer. What was queued since by the new clock stays, and so does what
    is held until a time of day. A pause or lease that another thread has noted by the new clock already stays too: the
    old clock cannot have noted one that lies so far ahead of it.
    """

    def is_of_before(moment: datetime) -> bool:
        return moment <= now - step if step > timedelta(0) else moment > now

    def moved_on(moment: datetime) -> datetime:
        return moment + step if moment <= now - step + LONGEST_PAUSE else moment

    waiting = outbox.c.state.in_(("waiting", "unclear", "sending", "held"))
    for row in connection.execute(select(outbox).where(waiting)).all():
        if is_of_before(row.created_at):
            left = row.state != "held" and is_of_before(row.not_before)
            names = ("created_at", "keep_until", *(("not_before",) if left else ()))
            moved = {name: getattr(row, name) + step for name in names if getattr(row, name)}
            moved |= {"leased_until": row.leased_until and moved_on(row.leased_until)}
            connection.execute(update(outbox).where(outbox.c.id == row.id).values(**moved))
    for state in all_states(connection):
        of_before = {post for post in state.posts if is_of_before(datetime.fromtimestamp(post, UTC))}
        posts = json.dumps([post + step.total_seconds() * (post in of_before) for post in state.posts])
        until = state.leased_until and moved_on(state.leased_until)
        save(connection, state.channel, ready_at=moved_on(state.ready_at), leased_until=until, posts=posts)


def prune(connection: Connection, before: datetime) -> int:
    """Forget some of the settled rows older than that; returns how many.

    Of each board the newest row stays, and the last that was sent, for that message is still edited.
    """
    newer = outbox.alias()
    board = and_(newer.c.channel == outbox.c.channel, newer.c.slot == outbox.c.slot, newer.c.id > outbox.c.id)
    replaced = select(newer.c.id).where(board, or_(outbox.c.state != "sent", newer.c.state == "sent")).exists()
    return prune_rows(connection, outbox, and_(outbox.c.settled_at < before, or_(outbox.c.kind != "board", replaced)))


def cards(connection: Connection, channels: Collection[str], slots: Collection[str]) -> dict[tuple[str, str], bool]:
    """Which of the channels have a message in which of the slots, as (slot, channel).

    True if the message arrived, may have arrived, or is being sent.
    """
    arrived = or_(outbox.c.state.in_(("sent", "sending", "unclear")), outbox.c.maybe_sent)
    query = select(outbox.c.slot, outbox.c.channel, func.max(case((arrived, 1), else_=0)).label("arrived"))
    rows = connection.execute(
        query.where(outbox.c.channel.in_(channels), outbox.c.slot.in_(slots)).group_by(outbox.c.slot, outbox.c.channel)
    )
    return {(str(row.slot), str(row.channel)): bool(row.arrived) for row in rows}


def park(connection: Connection, row_id: int, error: Exception, now: datetime) -> None:
    """Mark a row dead whose message cannot be read: those behind it go on."""
    parked = {"state": "dead", "error": f"the message cannot be read: {error}", "settled_at": now}
    connection.execute(update(outbox).where(outbox.c.id == row_id).values(**parked))


def _left_behind(now: datetime) -> ColumnElement[bool]:
    return and_(outbox.c.state == "sending", outbox.c.leased_until < now)


def _read(connection: Connection, row: Row[Any], now: datetime) -> QueuedMessage | None:
    """The row with what is to be done with it; None, and it is marked dead, if its message cannot be read."""
    try:
        message = from_dict(json.loads(row.message))
    except (ValueError, KeyError, TypeError) as error:
        park(connection, row.id, error, now)
        return None
    if not row.slot:
        return queued(row, message)
    posted = and_(sent.c.channel == row.channel, sent.c.slot == row.slot, sent.c.withdrawn_at.is_(None))
    edit = connection.execute(select(sent.c.message_id).where(posted).order_by(sent.c.id.desc()).limit(1)).scalar()
    again = edit is not None and _is_to_be_posted_again(connection, row, edit, now)
    return queued(row, message, edit=edit, post_again=again)


def _is_to_be_posted_again(connection: Connection, row: Row[Any], message_id: str, now: datetime) -> bool:
    """Whether a board's message is older than it may become. A board in doubt is edited: the new one may be there."""
    if row.repost is None or row.state == "unclear" or (row.parts or 1) > 1:
        return False
    first = connection.execute(
        select(func.min(sent.c.sent_at)).where(sent.c.channel == row.channel, sent.c.message_id == message_id)
    ).scalar()
    return first is not None and now - first >= timedelta(seconds=row.repost)


def fingerprint(message: Message) -> str:
    """A fingerprint of everything but the clock: the footer and the moment."""
    still = replace(message, footer=(), at=None, silent=False)
    return hashlib.sha256(json.dumps(to_dict(still), sort_keys=True).encode()).hexdigest()


def _unchanged(connection: Connection, outgoing: OutgoingMessage, digest: str | None, now: datetime) -> bool:
    last = connection.execute(
        select(outbox.c.digest, outbox.c.created_at)
        .where(
            outbox.c.channel == outgoing.channel,
            outbox.c.slot == outgoing.slot,
            outbox.c.state.in_(("waiting", "sending", "unclear", "sent")),
        )
        .order_by(outbox.c.id.desc())
        .limit(1)
    ).one_or_none()
    age = abs(now - last.created_at) if last else timedelta.max  # a clock that ran ahead may have written it
    return last is not None and last.digest == digest and age < (outgoing.refresh or BOARD_REFRESH)


def _supersede(connection: Connection, outgoing: OutgoingMessage, now: datetime) -> None:
    """Of a slot only the newest message is needed.

    The open rows are found first: a board's past is long, and few of its rows are open.
    """
    mine = connection.execute(select(outbox.c.id).where(outbox.c.key == outgoing.key)).scalar_one()
    gone = update(outbox).values(state="superseded", superseded_by=mine, settled_at=now)
    # An alert that may have arrived stays open until that is known, so that it is edited. An alert that quiet hours
    # hold back was seen by nobody yet.
    held = and_(outbox.c.state.in_(("waiting", "held")), outbox.c.maybe_sent.is_(False))
    replaceable = _OPEN if outgoing.kind == "board" else held
    at_rest = select(outbox.c.id).where(outbox.c.channel == outgoing.channel, replaceable)
    older = connection.execute(
        gone.where(outbox.c.id.in_(at_rest), outbox.c.slot == outgoing.slot, outbox.c.id != mine).returning(outbox.c.id)
    )
    if heads := older.scalars().all():
        connection.execute(gone.where(outbox.c.thread.in_(heads), _OPEN))
