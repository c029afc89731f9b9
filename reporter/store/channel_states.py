"""The state of each channel: its lease, its pause, its last posts, and the destination that it leads to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select, update

from reporter.store.database import insert_once
from reporter.store.tables import channel_states, outbox

# No rate limit that we know of looks further back than this, in seconds, or at more posts.
_LOOKS_BACK, _LOOKS_AT = 300.0, 60


@dataclass(frozen=True, slots=True)
class ChannelState:
    """The state of a channel: when it may be tried again, and why not now.

    `address` is a fingerprint of the webhook: a channel that was found dead is alive again under a new address.
    `destination` is the service's own channel, such as Discord's, and None until it is known. `posts` are the moments
    of the last posts, in seconds since 1970. `lease` begins with the process that holds it.
    """

    channel: str
    ready_at: datetime
    failures: int
    dead_since: datetime | None
    error: str | None
    address: str
    destination: str | None
    lease: str | None
    leased_until: datetime | None
    posts: tuple[float, ...]

    @property
    def webhook(self) -> str:
        """The part of the address that two channels share which post through one webhook into different threads."""
        return self.address.partition("-")[0]

    def leads_where(self, other: ChannelState) -> bool:
        """Whether both lead to one destination. A channel whose destination is unknown stands alone."""
        return self.channel == other.channel or (self.destination is not None and self.destination == other.destination)


def channel_state(connection: Connection, channel: str) -> ChannelState | None:
    row = connection.execute(select(channel_states).where(channel_states.c.channel == channel)).one_or_none()
    return None if row is None else _state(row)


def all_states(connection: Connection) -> list[ChannelState]:
    rows = connection.execute(select(channel_states).order_by(channel_states.c.channel))
    return [_state(row) for row in rows]


def lock_channels(connection: Connection, channel: str, address: str, now: datetime) -> list[ChannelState]:
    """Lock a channel and all others with its destination until the end of the transaction; returns their states.

    The channel's row is made if need be. Under a new address the channel is alive again.
    """
    insert_once(connection, channel_states, channel=channel, address=address, ready_at=now, failures=0, posts="[]")
    connection.execute(
        update(channel_states)
        .where(channel_states.c.channel == channel, channel_states.c.address != address)
        .values(address=address, dead_since=None, failures=0, error=None, ready_at=now, destination=None)
    )
    own = select(channel_states.c.destination).where(channel_states.c.channel == channel).scalar_subquery()
    mine = or_(channel_states.c.channel == channel, channel_states.c.destination == own)
    rows = connection.execute(select(channel_states).where(mine).order_by(channel_states.c.channel).with_for_update())
    return [_state(row) for row in rows]


def lock_leased(connection: Connection, owner: str, channel: str) -> ChannelState | None:
    """Lock a channel and all that `owner` has leased, in the order of `lock_channels`: two transactions that lock
    several in different orders could wait for each other. Returns the state of the channel."""
    mine = or_(channel_states.c.lease == owner, channel_states.c.channel == channel)
    rows = connection.execute(
        select(channel_states).where(mine).order_by(channel_states.c.channel).with_for_update()
    ).all()
    return next((_state(row) for row in rows if row.channel == channel), None)


def save(connection: Connection, channel: str, **changes: Any) -> None:
    """Change columns of a channel's state."""
    connection.execute(update(channel_states).where(channel_states.c.channel == channel).values(**changes))


def recent_posts(moments: Sequence[float]) -> str:
    """The column of the last posts; what is older than any limit looks back is forgotten."""
    recent = [moment for moment in moments if moment > moments[-1] - _LOOKS_BACK]
    return json.dumps(recent[-_LOOKS_AT:])


def renew_lease(connection: Connection, owner: str, channel: str, until: datetime) -> None:
    """Hold what `owner` has leased for longer."""
    lock_leased(connection, owner, channel)
    connection.execute(update(channel_states).where(channel_states.c.lease == owner).values(leased_until=until))
    mine = and_(outbox.c.state == "sending", outbox.c.lease == owner)
    connection.execute(update(outbox).where(mine).values(leased_until=until))


def release(connection: Connection, owner: str) -> None:
    """End the lease of the channels that `owner` has leased."""
    connection.execute(
        update(channel_states).where(channel_states.c.lease == owner).values(lease=None, leased_until=None)
    )


def _state(row: Row[Any]) -> ChannelState:
    return ChannelState(
        channel=row.channel,
        ready_at=row.ready_at,
        failures=row.failures,
        dead_since=row.dead_since,
        error=row.error,
        address=row.address,
        destination=row.destination,
        lease=row.lease,
        leased_until=row.leased_until if row.lease else None,
        posts=tuple(json.loads(row.posts)),
    )
