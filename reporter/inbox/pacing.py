"""The pace of a kind of events: how many go out alone in a span of time, and what becomes of the rest.

With `per` the pace counts for each value of a field by itself, such as the signals of one asset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from reporter.inbox.settings import KindRule
from reporter.messages.formats import plural
from reporter.messages.message import Message, Run, Severity, Text
from reporter.store import events
from reporter.store.events import StoredEvent

_LISTED = 15


def state_of(connection: Connection, rule: KindRule, event: StoredEvent, now: datetime) -> str:
    """`sent`, or `bundled` where its kind has had its share; a critical event never waits."""
    pace = rule.pace
    if pace is None or event.severity == Severity.CRITICAL:
        return "sent"
    since = now - pace.span
    if rule.per:
        own = _value_of(event.fields, rule.per)
        sent = events.sent_fields(connection, event.kind, since, now)
        recent = sum(_value_of(fields, rule.per) == own for fields in sent)
    else:
        recent = events.count_sent(connection, event.kind, since, now)
    return "sent" if recent < pace.most else "bundled"


def ripe(kept: Sequence[StoredEvent], per: str | None, span: timedelta, now: datetime) -> Iterator[list[StoredEvent]]:
    """What was kept back, by the value of a field, once the first of it was kept back for that span."""
    found: dict[str, list[StoredEvent]] = {}
    for event in kept:
        found.setdefault(_value_of(event.fields, per), []).append(event)
    for own in found.values():
        if own[0].settled_at is not None and abs(now - own[0].settled_at) >= span:
            yield own


def bundle(kind: str, kept: Sequence[StoredEvent], per: str | None) -> Message:
    """One message of several events: how many, and a line for each of the first."""
    names = kind.replace("_", " ")
    whose = f": {kept[0].fields.get(per, 'others')}" if per else ""
    lines = [f"{event.at:%H:%M:%S} {in_short(event) or names}"[:200] for event in kept[:_LISTED]]
    lines += [f"…and {len(kept) - _LISTED} more"] if len(kept) > _LISTED else []
    worst = max((Severity(event.severity) for event in kept), key=[Severity.INFO, Severity.WARNING].index)
    return Message(
        title=(Run("text", f"{plural(len(kept), f'more {names} event')}{whose}"),),
        body=(Text(tuple((Run("text", line),) for line in ("Held back by the pace of their kind:", *lines))),),
        severity=worst,
        at=kept[-1].at,
    )


def _value_of(fields: Mapping[str, Any], name: str | None) -> str:
    return str(fields.get(name, "")).casefold() if name else ""


def in_short(event: StoredEvent) -> str:
    """An event in a line: its title or text, else its first fields."""
    fields = (f"{name.replace('_', ' ')} {value}" for name, value in list(event.fields.items())[:4])
    return event.title or event.text or ", ".join(fields)
