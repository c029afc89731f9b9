"""Cards of incidents and groups of alerts: the first message shows the incident's state and is edited.

The first message of an incident in a channel is its card. A card that is still queued is replaced by the present state,
and nothing else is sent. A delivered card is edited on each change, and the change is also a message of its own.
Nobody therefore reads of a resolution without the alert, and after an outage of the channel nobody reads a history.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from itertools import groupby

from sqlalchemy import Connection

from reporter.alerts.incident import Incident
from reporter.alerts.model import Level, Observation, Transition, TransitionKind
from reporter.alerts.policies import EscalationStep
from reporter.alerts.suppression import affected_subjects
from reporter.delivery.enqueue import enqueue_message
from reporter.messages.message import Message
from reporter.notify.alert_messages import AlertCase, alert_message, group_message
from reporter.notify.settings import NotifySettings
from reporter.store import alerts, incidents, outbox

# What says nothing new about how an incident stands: where its card is there already, that need not be edited.
_REPEATS = {TransitionKind.REMINDER, TransitionKind.ESCALATED}
_TROUBLE = {TransitionKind.OPENED, TransitionKind.FLAPPING, TransitionKind.WORSENED, TransitionKind.EASED}


@dataclass(frozen=True, slots=True)
class Notification:
    """A change that is told, in which channels; `step` is the escalation that it is told by."""

    transition: Transition
    incident: Incident
    channels: tuple[str, ...]
    step: EscalationStep | None = None


@dataclass(frozen=True, slots=True)
class IncidentNotifier:
    """Writes what is told in one sitting into the outbox."""

    connection: Connection
    settings: NotifySettings
    run_id: str
    now: datetime

    def tell(self, news: Sequence[Notification]) -> int:
        """Queue the messages for what is told; returns how many there are."""
        told = [one for alike in self._together(news) for one in self._grouped(alike)]
        heard = [(one, name) for one in told for name in one.channels if self._speaks(one, name)]
        messages = sum(self._say(list(alike)) for _, alike in groupby(sorted(heard, key=_kind), key=_kind))
        spoken = {(one.incident.id, name) for one, name in heard if one.transition.change in _REPEATS}
        shown = [one for one in told if any((one.incident.id, name) not in spoken for name in one.channels)]
        return messages + sum(self.show(of[0].incident, self._places(of)) for of in _by_card(shown))

    def show(self, incident: Incident, channels: Sequence[str] = ()) -> int:
        """Let the card of an incident say how it stands now, where it is and in further channels; returns how many
        messages that makes."""
        slot = _slot(incident)
        shown_in = outbox.channels_of(self.connection, slot, self.settings.channels.keys())
        known = [name for name in dict.fromkeys((*shown_in, *channels)) if name in self.settings.channels]
        message = self._card(incident) if known else Message()
        return sum(self._shown(incident, message, slot, name) for name in known)

    # --- What goes together ---

    def _together(self, news: Sequence[Notification]) -> Iterator[list[Notification]]:
        """Openings of one sitting, by how urgent they are and where they are told; everything else by itself."""

        def alike(one: Notification) -> tuple[bool, bool, tuple[str, ...]]:
            return one.transition.change is TransitionKind.OPENED, one.transition.level is Level.CRITICAL, one.channels

        for (opened, *_), found in groupby(sorted(news, key=alike), key=alike):
            several = list(found)
            yield from [several] if opened else ([one] for one in several)

    def _grouped(self, news: list[Notification]) -> list[Notification]:
        """Let one card tell of several openings, if they are enough."""
        if self.settings.rules.group is None or len(news) < self.settings.rules.group:
            return news
        group = sha256(" ".join(one.incident.id for one in news).encode()).hexdigest()[:8]
        joined = [replace(one, incident=replace(one.incident, group=group)) for one in news]
        for one in joined:
            incidents.save(self.connection, one.incident)
        return joined

    def _places(self, news: Sequence[Notification]) -> tuple[str, ...]:
        """Where a card is begun: who hears of an escalation hears of nothing but that, and of the end."""
        return tuple(name for one in news if not one.step for name in one.channels)

    # --- News ---

    def _speaks(self, one: Notification, channel: str) -> bool:
        """Whether a change is a message of its own: its card is there already, and a group is not over by halves."""
        if one.step:
            return True
        if not outbox.was_delivered(self.connection, channel, _slot(one.incident)):
            return False
        if one.transition.change is TransitionKind.RESOLVED and one.incident.group:
            return all(member.is_over for member in incidents.grouped(self.connection, one.incident.group))
        return True

    def _say(self, heard: Sequence[tuple[Notification, str]]) -> int:
        """Tell changes of one kind in one channel, each by itself or as a list; the end of a group is one message."""
        channel, ended = heard[0][1], heard[0][0].transition.change is TransitionKind.RESOLVED
        over = {one.incident.group: one for one, _ in heard if ended and one.incident.group}
        alone = [one for one, _ in heard if not (ended and one.incident.group)]
        messages = sum(self._list(group, self._members(group), one, channel) for group, one in over.items() if group)
        if self.settings.rules.group is not None and len(alone) >= self.settings.rules.group:
            return messages + self._list(alone[0].incident.id, [self._case(one) for one in alone], alone[0], channel)
        return messages + sum(self._one(one, channel) for one in alone)

    def _one(self, one: Notification, channel: str) -> int:
        change, case = one.transition, self._case(one)
        message = alert_message(
            self.settings,
            change,
            self.now,
            trouble=case.trouble,
            incident=one.incident,
            affected=self._affected(change),
        )
        return self._post(one, f"{one.incident.id}/{change.change}", message, channel)

    def _list(self, name: str, cases: Sequence[AlertCase], first: Notification, channel: str) -> int:
        change = first.transition.change
        return self._post(
            first, f"{name}/{change}-list", group_message(self.settings, cases, change, self.now), channel
        )

    def _post(self, one: Notification, what: str, message: Message, channel: str) -> int:
        if one.step:
            message = replace(message, mention=one.step.mention)
        key = f"alert/{what}/{self.now.isoformat()}/{channel}"
        relief = one.transition.was is Level.CRITICAL
        return int(
            enqueue_message(
                self.connection, self.settings.channels, self._letter(key, channel, message), self.now, relief=relief
            )
        )

    # --- Cards ---

    def _shown(self, incident: Incident, message: Message, slot: str, channel: str) -> int:
        """An edit is no message; a card that was never there is one."""
        edit = outbox.was_delivered(self.connection, channel, slot)
        letter = self._letter(f"{slot}/{self.now.isoformat()}/{channel}", channel, message, slot)
        relief = incident.is_over and incident.worst is Level.CRITICAL
        saved = enqueue_message(self.connection, self.settings.channels, letter, self.now, relief=relief, edit=edit)
        return int(saved and not edit)

    def _card(self, incident: Incident) -> Message:
        if incident.group:
            return group_message(
                self.settings, self._members(incident.group), TransitionKind.OPENED, self.now, card=True
            )
        changes = [one.transition for one in incidents.of_incidents(self.connection, [incident.id])]
        last = _last(changes, incident)
        return alert_message(
            self.settings,
            last,
            self.now,
            trouble=_trouble(changes),
            incident=incident,
            affected=() if incident.is_over else self._affected(last),
            card=True,
        )

    def _members(self, group: str) -> list[AlertCase]:
        members = incidents.grouped(self.connection, group)
        written = incidents.of_incidents(self.connection, [one.id for one in members])
        return [
            _as_it_stands(one, [told.transition for told in written if told.transition.incident == one.id])
            for one in members
        ]

    def _case(self, one: Notification) -> AlertCase:
        written = incidents.of_incidents(self.connection, [one.incident.id])
        trouble = _trouble([told.transition for told in written])
        return AlertCase(one.transition, trouble or one.transition, one.incident)

    def _affected(self, change: Transition) -> list[str]:
        """What depends on it and is in trouble."""
        if change.level is Level.OK:
            return []
        states = [one.state for one in alerts.troubled(self.connection)]
        return affected_subjects(change.subject, states, self.settings.rules)

    def _letter(self, key: str, channel: str, message: Message, slot: str | None = None) -> outbox.OutgoingMessage:
        return outbox.OutgoingMessage(
            key=key,
            channel=channel,
            kind="alert",
            message=message,
            slot=slot,
            run_id=self.run_id,
        )


def _by_card(news: Sequence[Notification]) -> list[list[Notification]]:
    cards: dict[str, list[Notification]] = {}
    for one in news:
        cards.setdefault(_slot(one.incident), []).append(one)
    return list(cards.values())


def _slot(incident: Incident) -> str:
    return f"incident/{incident.group or incident.id}"


def _kind(heard: tuple[Notification, str]) -> tuple[str, bool, str]:
    """What messages must have in common to be one."""
    one, channel = heard
    step = one.step.name if one.step else ""
    return f"{one.transition.change} {step}", one.transition.level is Level.CRITICAL, channel


def _trouble(changes: Sequence[Transition]) -> Transition | None:
    """The last change that says what the trouble is."""
    return next((change for change in reversed(changes) if change.change in _TROUBLE), None)


def _as_it_stands(incident: Incident, changes: Sequence[Transition]) -> AlertCase:
    last = _last(changes, incident)
    return AlertCase(last, _trouble(changes) or last, incident)


def _last(changes: Sequence[Transition], incident: Incident) -> Transition:
    """The change that says how an incident stands: the last one that was no reminder.

    Of one so old that its changes are forgotten there is only the incident itself.
    """
    seen = Observation(incident.subject, incident.level)
    bare = Transition(
        incident.subject,
        TransitionKind.OPENED,
        incident.since,
        "it is long ago",
        seen,
        incident.level,
        incident=incident.id,
    )
    return next((change for change in reversed(changes) if change.change not in _REPEATS), bare)
