"""Hand in events: the one way that every door takes."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Literal

from sqlalchemy import Connection

from reporter.inbox.event import CLOCK_SKEW, FURTHEST, LARGEST_FILE, Event, EventError
from reporter.store import events
from reporter.store.events import StoredEvent


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one event that was handed in. `known`: handed in before, and not sent again."""

    id: str
    status: Literal["accepted", "known", "refused"]
    why: str = ""


def submit(
    connection: Connection,
    given: Sequence[Event],
    now: datetime,
    *,
    source: str = "",
    file: tuple[str, bytes] | None = None,
) -> list[Verdict]:
    """Save events in the caller's transaction; `source` counts where an event names none. Raises EventError."""
    return [_saved(connection, event, now, source, file) for event in given]


def _saved(connection: Connection, event: Event, now: datetime, source: str, file: tuple[str, bytes] | None) -> Verdict:
    at = event.at or now
    if at > now + FURTHEST:
        raise EventError("at", "lies more than a year ahead")
    if file and len(file[1]) > LARGEST_FILE:
        raise EventError("file", f"is larger than {LARGEST_FILE // 1_000_000} MB")
    stored = StoredEvent(
        source=event.source or source,
        id=event.id or secrets.token_hex(16),
        kind=event.kind,
        title=event.title,
        text=event.text,
        severity=event.severity.value,
        agent=event.agent,
        fields=dict(event.fields),
        at=at,
        received_at=now,
        slot=event.slot or None,
        until=event.until,
        not_before=at if at > now + CLOCK_SKEW else None,
        seq=event.seq,
        file_name=PurePath(file[0]).name[:255] if file else None,
        file=file[1] if file else None,
    )
    _report_gap(connection, stored, now)
    added = events.add(connection, stored)
    return Verdict(stored.id, "accepted" if added else "known")


def _report_gap(connection: Connection, event: StoredEvent, now: datetime) -> None:
    """A counter that jumps means that events got lost before they reached us."""
    if event.seq is None:
        return
    last = events.last_sequence(connection, event.source, event.kind)
    if last is None or event.seq <= last + 1:
        return
    missing = event.seq - last - 1
    between = f"{missing} between {last} and {event.seq} {'is' if missing == 1 else 'are'} missing"
    gap = StoredEvent(
        source=event.source,
        id=f"gap/{event.kind}/{last}/{event.seq}"[:128],
        kind="system",
        title="Events are missing",
        text=f"{event.source or 'A program'} counts its {event.kind} events: {between}.",
        severity="warning",
        agent=event.agent,
        fields={},
        at=now,
        received_at=now,
    )
    events.add(connection, gap)
