"""Hand in events: the one way that every door takes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any, Literal

from sqlalchemy import Connection

from reporter.inbox.event import CLOCK_SKEW, FURTHEST, LARGEST_FILE, Event, EventError, read_event
from reporter.inbox.gaps import report_jump
from reporter.store import events
from reporter.store.events import StoredEvent

KEPT_BODY = 64_000  # characters of a body that nobody could read
OF_A_BODY = "body/"  # begins the id of an event that has none of its own: a hash of what was sent


@dataclass(frozen=True, slots=True)
class SubmitResult:
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
    same_body: timedelta | None = None,
) -> list[SubmitResult]:
    """Save events in the caller's transaction; `source` counts where an event names none. Raises EventError.

    With `same_body`, events that are known by their body alone are repetitions within so long of the first.
    """
    if same_body:
        given = [_by_its_body(connection, event, now, source, same_body) for event in given]
    return [_saved(connection, event, now, source, file) for event in given]


def _by_its_body(connection: Connection, event: Event, now: datetime, source: str, span: timedelta) -> Event:
    """The event with an id that tells it from the same body of another time. Time alone is never an id.

    The id has the number of the span in which the first one came. The spans beside it are looked into, so that two
    that came close together are one, on whichever side of a bound.
    """
    if not (event.id or "").startswith(OF_A_BODY):
        return event
    number = int(now.timestamp() // span.total_seconds())
    for beside in (number, number - 1, number + 1):
        came = events.received_at(connection, event.source or source, f"{event.id}/{beside}")
        if came and abs(now - came) < span:
            return event.model_copy(update={"id": f"{event.id}/{beside}"})
    return event.model_copy(update={"id": f"{event.id}/{number}"})


@dataclass(frozen=True, slots=True)
class CheckedEvent:
    """What somebody handed in, read before any transaction: an event, or why it is none."""

    source: str
    event: Event | EventError
    body: str


def checked(parts: Mapping[str, Any], source: str) -> CheckedEvent:
    """Read what was handed in, for `take_in`."""
    event: Event | EventError
    try:
        event = read_event(dict(parts))
    except EventError as error:
        event = error
    return CheckedEvent(source, event, json.dumps(parts, default=str, ensure_ascii=False))


def take_in(connection: Connection, given: Sequence[CheckedEvent], now: datetime) -> None:
    """Save events one by one in the caller's transaction; what cannot be read is kept aside and holds up no other."""
    for one in given:
        try:
            if isinstance(one.event, EventError):
                raise one.event
            submit(connection, [one.event], now, source=one.source)
        except EventError as error:
            set_aside(connection, one.source, str(error), one.body, now)


def set_aside(connection: Connection, sender: str, why: str, body: str, now: datetime) -> None:
    """Keep what an authentic sender handed in and nobody can read; once a day the reporter says so."""
    events.reject(connection, sender, why, body.replace("\0", "")[:KEPT_BODY], now)
    notice = StoredEvent(
        source="reporter",
        id=f"rejected/{sender}/{now:%Y-%m-%d}"[:128],
        kind="system",
        title="An event could not be read",
        text=f"{sender} handed it in: {why}. `reporter events rejected` shows it, and what else comes today."[:1000],
        severity="warning",
        agent="",
        fields={},
        at=now,
        received_at=now,
    )
    events.add(connection, notice)


def _saved(
    connection: Connection, event: Event, now: datetime, source: str, file: tuple[str, bytes] | None
) -> SubmitResult:
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
    report_jump(connection, stored, now)
    added = events.add(connection, stored)
    return SubmitResult(stored.id, "accepted" if added else "known")
