"""Make messages of events: template to message first, then one short transaction for outbox and event rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from reporter.delivery.enqueue import enqueue_message
from reporter.errors import TemplateError
from reporter.inbox import pacing
from reporter.inbox.event import Event, Value
from reporter.inbox.settings import EventSettings, KindRule
from reporter.messages.message import Attachment, Message, Run, Severity, Text, Tone
from reporter.store import events, outbox
from reporter.store.database import Store
from reporter.store.events import StoredEvent

log = logging.getLogger(__name__)

AT_ONCE = 100  # events in one transaction
GENERAL = "events/_event"
# The words for the strength of a signal, from the least.
STRENGTHS = ("weak", "moderate", "strong")
# Parts of a signal that `hide` names by one word.
PARTS = {"risk": ("stop_loss", "take_profit", "max_risk"), "volatility": ("volatility", "volatility_ratio")}
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")


@dataclass(frozen=True, slots=True)
class EventPlan:
    """What becomes of one event: a message for these channels, or nothing and why."""

    event: StoredEvent
    state: str
    why: str | None = None
    message: Message | None = None
    rule: KindRule | None = None


def send_events(store: Store, settings: EventSettings, now: datetime, limit: int = AT_ONCE) -> int:
    """Bring waiting events into the outbox, each once; returns how many were settled. Raises StoreError."""
    with store.read() as connection:
        found = events.waiting(connection, now, limit)
    if not found:
        return 0
    planned = [_planned(settings, event, now) for event in found]
    with store.begin() as connection:
        for plan in planned:
            _enter(connection, settings, plan, now)
    return len(found)


def _planned(settings: EventSettings, event: StoredEvent, now: datetime) -> EventPlan:
    rule = settings.rule(event.kind)
    if rule is None or not rule.channels:
        return EventPlan(event, "off", "no channel is configured for this kind")
    if event.until and event.until <= now:
        return EventPlan(event, "expired", "its time had passed before it could be sent")
    if why := _left_out(rule, event):
        return EventPlan(event, "off", why)
    return EventPlan(event, "sent", None, _written(settings, rule, event, now), rule)


def _left_out(rule: KindRule, event: StoredEvent) -> str | None:
    """Which filter an event does not pass."""
    for name, least in rule.least.items():
        read = _strength if isinstance(least, str) else _figure
        value, lowest = read(event.fields.get(name)), read(least)
        if value is None or lowest is None or value < lowest:
            unknown = f"is none of {', '.join(STRENGTHS)}" if isinstance(least, str) else "is not a number"
            return f"{name} {unknown if value is None else f'is below {least}'}"
    for name, allowed in rule.only.items():
        chosen = str(event.fields.get(name, "")).casefold()
        if chosen not in {choice.casefold() for choice in allowed}:
            return f"{name} is none of {', '.join(allowed)}"
    return None


def _figure(value: object) -> Decimal | None:
    try:
        figure = Decimal(str(value))
    except ArithmeticError:
        return None
    return figure if figure.is_finite() else None


def _strength(value: object) -> Decimal | None:
    word = str(value).strip().casefold()
    return Decimal(STRENGTHS.index(word)) if word in STRENGTHS else None


def _written(settings: EventSettings, rule: KindRule, event: StoredEvent, now: datetime) -> Message:
    shown = Event.model_construct(kind=event.kind, severity=Severity(event.severity), fields=event.fields)
    tone = shown.tone
    severity = Severity(event.severity)
    hidden = {name for word in rule.hide for name in (word, *PARTS.get(word, ()))}
    visible = {name: value for name, value in event.fields.items() if name not in hidden}
    facts: dict[str, Any] = {"event": replace(event, fields=visible), "now": now}
    try:
        message = settings.renderer.render(
            _template(settings, rule, event.kind), facts, tone=tone, severity=severity, at=event.at
        )
    except TemplateError as error:
        log.error("an event of kind %s is sent without its template, which failed: %s", event.kind, error)
        message = _plain(event, visible, tone, severity)
    return replace(message, attachments=(*message.attachments, *_files(event)))


def _template(settings: EventSettings, rule: KindRule, kind: str) -> str:
    own = rule.template or f"events/{kind}"
    return own if rule.template or settings.renderer.has_template(own) else GENERAL


def _plain(event: StoredEvent, fields: dict[str, Value], tone: Tone, severity: Severity) -> Message:
    """The event without any template: a report must not be lost for a mistake in one."""
    lines = [event.text] if event.text else []
    lines += [f"{name}: {value}" for name, value in fields.items()]
    body = (Text(tuple((Run("text", line),) for line in lines)),) if lines else ()
    title = (Run("text", event.title or event.kind.replace("_", " ")),)
    return Message(title=title, body=body, tone=tone, severity=severity, at=event.at)


def _files(event: StoredEvent) -> Sequence[Attachment]:
    if event.file is None or not event.file_name:
        return ()
    picture = event.file_name.lower().endswith(_PICTURES)
    return (Attachment(event.file_name, event.file, shown=picture, alt=event.title),)


def _enter(connection: Connection, settings: EventSettings, plan: EventPlan, now: datetime) -> None:
    """Save one event's end and its messages. Of two daemons the second finds it settled."""
    event = plan.event
    state = pacing.state_of(connection, plan.rule, event, now) if plan.message and plan.rule else plan.state
    if not events.settle(connection, [event.row], state, plan.why, now) or plan.message is None or plan.rule is None:
        return
    if state != "sent":
        return
    for channel in plan.rule.channels:
        enqueue_message(
            connection, settings.channels, _outgoing(event, channel, plan.message), now, noise=plan.rule.noise
        )


def send_bundles(store: Store, settings: EventSettings, now: datetime) -> int:
    """Send together what came faster than the pace of its kind allows; returns the number of messages."""
    sent = 0
    for kind, rule in settings.rules.items():
        if rule.pace is None:
            continue
        with store.begin() as connection:
            for kept in pacing.ripe(events.bundled(connection, kind), rule.per, rule.pace.span, now):
                message = pacing.bundle(kind, kept, rule.per)
                for channel in rule.channels:
                    letter = _outgoing(kept[0], channel, message, key=f"events/{kept[0].row}/{channel}")
                    sent += enqueue_message(connection, settings.channels, letter, now, noise=rule.noise)
                events.mark_bundled_sent(connection, [event.row for event in kept], now)
    return sent


def _outgoing(event: StoredEvent, channel: str, message: Message, key: str | None = None) -> outbox.OutgoingMessage:
    urgent = message.severity is Severity.CRITICAL
    return outbox.OutgoingMessage(
        key=key or f"event/{event.row}/{channel}",
        channel=channel,
        kind="alert" if urgent else "report",
        message=message,
        slot=f"event/{event.source}/{event.slot}" if event.slot and key is None else None,
        keep=(event.until - event.received_at) if event.until else None,
        about=(event.kind, "events"),
    )
