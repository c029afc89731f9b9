"""The state of each channel: leases, pauses, posts and the destination that it leads to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select, update

from reporter.store.database import insert_once
from reporter.store.tables import lanes, outbox

# No limit of pace that we know of looks further back than this, in seconds, or at more posts.
_PACE_LOOKS_BACK, _PACE_LOOKS_AT = 300.0, 60


@dataclass(frozen=True, slots=True)
class ChannelState:
    """Where a channel stands: when it may be tried again, and why not now.

    `address` is a fingerprint of where it leads: one that was found dead is alive again under a new one. `place` is the
    service's own channel, once it is known. `posts` are the moments of the last posts, in seconds since 1970.
    """

    channel: str
    ready_at: datetime
    failures: int
    dead_since: datetime | None
    error: str | None
    address: str
    place: str | None
    leased_until: datetime | None
    posts: tuple[float, ...]

    @property
    def destination(self) -> str:
        """What lanes that lead to one place have in common; one whose place is not known stands alone."""
        return self.place or f"channel {self.channel}"


def channel_state(connection: Connection, channel: str) -> ChannelState | None:
    row = connection.execute(select(lanes).where(lanes.c.channel == channel)).one_or_none()
    return None if row is None else _state_of_row(row)


def all_states(connection: Connection) -> list[ChannelState]:
    return [_state_of_row(row) for row in connection.execute(select(lanes).order_by(lanes.c.channel))]


def lock_channels(connection: Connection, channel: str, address: str, now: datetime) -> list[ChannelState]:
    """The lane of a channel, made if need be and alive again under a new address, and before it all others that lead to
    the same place. Until the end of the transaction nobody else can take them."""
    insert_once(connection, lanes, channel=channel, address=address, ready_at=now, failures=0, posts="[]")
    connection.execute(
        update(lanes)
        .where(lanes.c.channel == channel, lanes.c.address != address)
        .values(address=address, dead_since=None, failures=0, error=None, ready_at=now, place=None)
    )
    place = select(lanes.c.place).where(lanes.c.channel == channel).scalar_subquery()
    mine = or_(lanes.c.channel == channel, lanes.c.place == place)
    rows = connection.execute(select(lanes).where(mine).order_by(lanes.c.channel).with_for_update())
    return [_state_of_row(row) for row in rows]


def record_destination(connection: Connection, channel: str, place: str | None) -> None:
    """The channel was looked at: note to which place it leads."""
    connection.execute(update(lanes).where(lanes.c.channel == channel).values(place=place or None))


def record_posts(connection: Connection, channel: str, moments: Sequence[float]) -> None:
    """Remember when the last messages were posted; what is older than any limit looks back is forgotten."""
    recent = [moment for moment in moments if moment > moments[-1] - _PACE_LOOKS_BACK][-_PACE_LOOKS_AT:]
    connection.execute(update(lanes).where(lanes.c.channel == channel).values(posts=json.dumps(recent)))


def lock_leased(connection: Connection, owner: str) -> None:
    """Lock the lanes in hand in the order of `enter`: else two who change several could wait for each other."""
    connection.execute(
        select(lanes.c.channel).where(lanes.c.lease == owner).order_by(lanes.c.channel).with_for_update()
    ).all()


def renew_lease(connection: Connection, owner: str, until: datetime) -> None:
    """Keep what is in hand for longer."""
    lock_leased(connection, owner)
    connection.execute(update(lanes).where(lanes.c.lease == owner).values(leased_until=until))
    mine = and_(outbox.c.state == "sending", outbox.c.lease == owner)
    connection.execute(update(outbox).where(mine).values(leased_until=until))


def mark_working(connection: Connection, channel: str) -> None:
    """The channel takes messages."""
    connection.execute(update(lanes).where(lanes.c.channel == channel).values(failures=0, error=None))


def mark_waiting(connection: Connection, channel: str, ready_at: datetime, why: str, *, failed: bool) -> None:
    """Nothing goes there before that moment."""
    connection.execute(
        update(lanes)
        .where(lanes.c.channel == channel)
        .values(failures=lanes.c.failures + int(failed), error=why, ready_at=ready_at)
    )


def mark_dead(connection: Connection, channel: str, now: datetime, why: str) -> None:
    """The channel is dead: no further request goes there until its address changes; the rows wait."""
    connection.execute(update(lanes).where(lanes.c.channel == channel).values(dead_since=now, error=why))


def release(connection: Connection, owner: str) -> None:
    """Give back the lanes that were taken."""
    connection.execute(update(lanes).where(lanes.c.lease == owner).values(lease=None, leased_until=None))


def _state_of_row(row: Row[Any]) -> ChannelState:
    return ChannelState(
        channel=row.channel,
        ready_at=row.ready_at,
        failures=row.failures,
        dead_since=row.dead_since,
        error=row.error,
        address=row.address,
        place=row.place,
        leased_until=row.leased_until if row.lease else None,
        posts=tuple(json.loads(row.posts)),
    )
