"""How a message gets into the outbox: as loud as its channel and its job allow, and together with others if held."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from reporter.delivery.channels import Channel, Channels
from reporter.delivery.digest import HeldMessage, digest
from reporter.messages.quiet_hours import Noise, QuietRules, handling
from reporter.store import held, outbox
from reporter.store.database import Store
from reporter.store.outbox import OutgoingMessage

log = logging.getLogger(__name__)


def enqueue_message(
    connection: Connection,
    channels: Channels,
    outgoing: OutgoingMessage,
    now: datetime,
    *,
    noise: Noise | None = None,
    relief: bool = False,
    edit: bool = False,
) -> bool:
    """Queue a message for delivery, or hold it; False if nothing was to be saved, for the channel does not take it.

    A report is kept for as long as it says itself or else its channel, an alert until it is delivered. `noise` is what
    its job says of it; `relief` is the end of what was critical; an `edit` of what is there already makes no sound and
    is not held.
    """
    channel = channels.get(outgoing.channel)
    if channel and not edit and not channel.filter.takes(outgoing.about):
        log.debug("%s: %s is left out: the channel does not take %s", *_named(outgoing), "/".join(outgoing.about))
        return False
    rules = channel.quiet_rules if channel else QuietRules()
    board = edit or outgoing.kind == "board"
    how = handling(rules, outgoing.message.severity, now, job=noise, board=board, relief=relief)
    if how.dropped:
        log.debug("%s: %s is left out: %s", *_named(outgoing), how.why)
        return False
    message = replace(outgoing.message, silent=True) if how.silent else outgoing.message
    keep = outgoing.keep or (channel.keep if channel and outgoing.kind == "report" else None)
    told = replace(outgoing, message=message, keep=keep, held_until=how.held_until, why=how.why)
    new = outbox.enqueue(connection, told, now)
    where = f"held until {how.held_until.isoformat(timespec='seconds')}" if how.held_until else "queued"
    log.debug("%s: %s is %s%s", *_named(outgoing), where if new else "nothing new", f": {how.why}" if how.why else "")
    return new


def _named(outgoing: OutgoingMessage) -> tuple[str, str]:
    return outgoing.channel, f"the {outgoing.kind} {outgoing.key}"


def enqueue_digests(store: Store, channels: Channels, now: datetime) -> None:
    """Queue what was held until now, one message for each channel."""
    with store.read() as connection:
        names = held.due_channels(connection, now)
    for channel in (channels[name] for name in names if name in channels):
        if not channel.quiet_rules.quiet(now):
            with store.begin() as connection:
                _enqueue_held(connection, channel, now)


def _enqueue_held(connection: Connection, channel: Channel, now: datetime) -> None:
    """A single message goes out as it is, several as a digest. Of two daemons the second finds the key taken."""
    rows = held.due(connection, channel.name, now)
    if len(rows) == 1:
        held.release(connection, rows[0].id, now)
    elif rows:
        messages = [HeldMessage(row.created_at, row.message) for row in rows]
        outgoing = OutgoingMessage(
            key=f"digest/{channel.name}/{rows[0].id}",
            channel=channel.name,
            kind="report",
            message=digest(messages, channel.quiet_rules.zone, now),
            keep=channel.keep,
        )
        if outbox.enqueue(connection, outgoing, now):
            held.superseded_by_digest(connection, [row.id for row in rows], outgoing.key, now)
