"""Puts a message into the outbox: at once, silently, held for quiet hours or a digest; and releases held messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from reporter.delivery.channels import Channel
from reporter.delivery.digest import HeldMessage, digest
from reporter.messages.quiet_hours import Noise, QuietRules, handling
from reporter.store import held, outbox
from reporter.store.database import Store


def enqueue_message(
    connection: Connection,
    channels: Mapping[str, Channel],
    letter: outbox.OutgoingMessage,
    now: datetime,
    *,
    noise: Noise | None = None,
    relief: bool = False,
    edit: bool = False,
) -> bool:
    """Save a letter for delivery, or to be held; False if nothing was to be saved.

    `noise` is what its job says of it; `relief` is the end of what was critical; an `edit` of what is there already
    makes no sound and is not held.
    """
    known = channels.get(letter.channel)
    etiquette = known.etiquette if known else QuietRules()
    board = edit or letter.kind == "board"
    how = handling(etiquette, letter.message.severity, now, job=noise, board=board, relief=relief)
    if how.dropped:
        return False
    message = replace(letter.message, silent=True) if how.silent else letter.message
    return outbox.enqueue(connection, replace(letter, message=message, held_until=how.held_until, why=how.why), now)


def enqueue_digests(store: Store, channels: Mapping[str, Channel], now: datetime) -> int:
    """Let go what was held until now, one message for each channel; returns how many messages that were."""
    with store.read() as connection:
        names = held.due_channels(connection, now)
    open_ = [known for name in names if (known := channels.get(name)) and not known.etiquette.quiet(now)]
    for channel in open_:
        with store.begin() as connection:
            _tell(connection, channel, now)
    return len(open_)


def _tell(connection: Connection, channel: Channel, now: datetime) -> None:
    """One message alone goes out as it is, several as a digest. Of two daemons the second finds the key taken."""
    rows = held.due(connection, channel.name, now)
    if len(rows) == 1:
        held.release(connection, rows[0].id, now)
    elif rows:
        letter = _digest(channel, rows, now)
        if outbox.enqueue(connection, letter, now):
            held.told_by(connection, [row.id for row in rows], letter.key, now)


def _digest(channel: Channel, rows: list[held.Row], now: datetime) -> outbox.OutgoingMessage:
    message = digest([HeldMessage(row.created_at, row.message) for row in rows], channel.etiquette.zone, now)
    return outbox.OutgoingMessage(
        key=f"digest/{channel.name}/{rows[0].id}",
        channel=channel.name,
        kind="report",
        message=message,
        reference=f"digest-{rows[0].id}",
        wanted=channel.wanted,
    )
