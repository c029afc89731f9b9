"""Says what of a source's events is missing: its counter jumps, or it is silent for longer than it ever should be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from reporter.periods.time_text import duration_text
from reporter.store import events
from reporter.store.events import StoredEvent


def report_jump(connection: Connection, event: StoredEvent, now: datetime) -> None:
    """A counter that jumps means that events got lost before they reached us."""
    if event.seq is None:
        return
    last = events.last_sequence(connection, event.source, event.kind)
    if last is None or event.seq <= last + 1:
        return
    missing = event.seq - last - 1
    between = f"{missing} between {last} and {event.seq} {'is' if missing == 1 else 'are'} missing"
    text = f"{event.source or 'A program'} counts its {event.kind} events: {between}."
    _add(connection, event.source, f"gap/{event.kind}/{last}/{event.seq}", text, now, event.agent)


def report_silence(
    connection: Connection, expected: Mapping[str, timedelta], now: datetime, listening: timedelta
) -> int:
    """Say once of each source that it has sent none of a kind for longer than the kind's longest pause; returns how
    many that were. A source that has never sent any is not expected to. The daemon has been `listening` for so long;
    what came or did not come before that is nobody's silence."""
    count = 0
    for kind, longest in expected.items():
        for last in events.last_of_each_source(connection, kind):
            if min(now - last.received_at, listening) <= longest:
                continue
            text = (
                f"{last.source or 'A program'} sends {kind} at least every {duration_text(longest)}, and has sent none "
                f"for {duration_text(now - last.received_at)}."
            )
            count += _add(connection, last.source, f"silence/{kind}/{last.row}", text, now, last.agent)
    return count


def _add(connection: Connection, source: str, identity: str, text: str, now: datetime, agent: str) -> bool:
    notice = StoredEvent(
        source=source,
        id=identity[:128],
        kind="system",
        title="Events are missing",
        text=text,
        severity="warning",
        agent=agent,
        fields={},
        at=now,
        received_at=now,
    )
    return events.add(connection, notice)
