"""Alerts while the store cannot be written: judged in memory, posted at once, and marked.

A full disk is when alerts are needed most. Messages sent this way are handed to the store as soon as the store can be
written again, so that none is sent twice. An alert that is not critical and meets quiet hours or a digest stays in
memory until they end or the store can hold it. If the process ends before that, the next reading is judged again.

Silences, maintenance, dependencies and acknowledgements still hold: a store that accepts no write can mostly still be
read, and otherwise the last known state counts.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from reporter.alerts.incident import Incident, after_transition, incident_of_transition, marked_told, marked_untold
from reporter.alerts.model import STORE_SUBJECT, AlertState, Level, Observation, Transition, TransitionKind
from reporter.alerts.state_machine import next_state
from reporter.alerts.suppression import (
    Decision,
    Silence,
    Suppression,
    decide,
    delayed_transition,
    is_notification_owed,
    suppression_of,
)
from reporter.delivery.enqueue import enqueue_message
from reporter.delivery.outlets.outlet import Later
from reporter.errors import StoreError
from reporter.messages.message import Message
from reporter.messages.quiet_hours import handling
from reporter.notify.alert_messages import alert_message
from reporter.notify.routing import Observer, notified_channels
from reporter.notify.settings import NotifySettings
from reporter.periods.clock import Clock
from reporter.store import alerts, incidents, outbox
from reporter.store.alerts import StoredAlert
from reporter.store.database import Store

log = logging.getLogger(__name__)

MARK = "told from memory: our own store cannot be written"
# So many messages are kept for a channel that cannot be reached either.
KEPT = 100
# So many changes are kept to be written down, should the store be away for weeks while things come and go.
WRITTEN_LATER = 5000
# Silences that begin within this time are kept in mind too.
AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Memory:
    """What was last read of our own store that bears on what people are told: the silences, how subjects stand, and
    the troubles that are not over."""

    silences: tuple[Silence, ...] = ()
    states: Mapping[str, StoredAlert] = field(default_factory=dict)
    incidents: Mapping[str, Incident] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Noted:
    """A change as it is to be written down: when it was, whether it was told and why (not), and in which channels."""

    transition: Transition
    at: datetime
    decision: Decision
    channels: tuple[str, ...]

    def after(self, incident: Incident) -> Incident:
        if self.decision.told:
            return marked_told(incident, self.channels)
        return marked_untold(incident, self.transition.change, self.decision.why)


@dataclass(frozen=True, slots=True)
class _Alert:
    """What is to be told in a channel; `relief` says that it is the end of what was critical."""

    channel: str
    message: Message
    relief: bool


class InMemoryAlerts:
    """What is known of alerts since the store failed, and what it last said of them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._memory = _Memory()
        self._judged: dict[str, StoredAlert] = {}
        self._followed: dict[str, Incident] = {}
        self._troubles: dict[str, Observation] = {}  # how each subject was seen when it was not well
        self._noted: list[_Noted] = []
        self._untold: list[_Alert] = []
        self._handed: tuple[dict[str, StoredAlert], list[_Noted], list[_Alert]] = {}, [], []

    def remember(self, connection: Connection) -> None:
        """Keep in mind what bears on alerts, for when it cannot be read any more."""
        memory = _read(connection, self._clock.wall())
        with self._lock:
            self._memory = memory

    def process(
        self, settings: NotifySettings, observations: Sequence[Observation], observer: Observer, why: str
    ) -> None:
        """Judge what was seen when it could not be saved, and tell at once what people should hear of."""
        itself = Observation(STORE_SUBJECT, Level.CRITICAL, f"reports wait, and alerts are told from memory: {why}")
        seen = (itself, *observations)
        with self._lock:
            self._look(one.subject for one in seen)
            told, self._untold = self._untold, []
            told += self._decide(settings, [change for one in seen for change in self._judge(settings, one, observer)])
            told += self._make_up(settings)
        now = self._clock.wall()
        untold = [alert for alert in told if not _told(settings, alert, now)]  # by the network: nobody waits for that
        with self._lock:
            self._keep([*untold, *self._untold])

    def _keep(self, untold: Sequence[_Alert]) -> None:
        if len(untold) > KEPT:
            log.error("%d alerts could neither be told nor saved, and are let go", len(untold) - KEPT)
        self._untold = list(untold[-KEPT:])

    def hand_over(self, connection: Connection, settings: NotifySettings, run_id: str) -> list[Observation]:
        """Save what was judged from memory; returns what is to be judged now: that the store is well again."""
        now = self._clock.wall()
        with self._lock:
            self._handed = judged, noted, untold = dict(self._judged), list(self._noted), list(self._untold)
        alerts.save(connection, judged.values(), alerts.watched(connection, judged), now)
        for one in noted:
            incident = incidents.record_transition(connection, one.transition, one.at)
            told, why = one.decision.told, MARK if one.decision.told else one.decision.why
            incidents.add_transition(
                connection, one.transition, one.at, run_id, told=told, why=why, channels=one.channels
            )
            incidents.save(connection, one.after(incident))
        for alert in untold:
            enqueue_message(connection, settings.channels, _letter(alert, run_id), now, relief=alert.relief)
        return [Observation(STORE_SUBJECT, Level.OK, "the store can be written again")] if judged else []

    def over(self) -> None:
        """What was handed over is saved; what was heard since, because another run could not save it, is not."""
        with self._lock:
            judged, noted, untold = self._handed
            self._judged = {name: one for name, one in self._judged.items() if judged.get(name) is not one}
            self._noted = [one for one in self._noted if not any(one is other for other in noted)]
            self._untold = [one for one in self._untold if not any(one is other for other in untold)]
            self._followed = self._followed if self._noted else {}

    # --- Judging ---

    def _judge(
        self, settings: NotifySettings, seen: Observation, observer: Observer
    ) -> Iterator[tuple[Transition, Observer]]:
        """Move a subject on, in memory; gives what changed."""
        local = self._clock.wall().astimezone(settings.zone)
        before = self._states.get(seen.subject, StoredAlert(AlertState(seen.subject)))
        last = before.state.observation
        if last and last.level is not Level.OK:
            self._troubles[seen.subject] = last
        policy = settings.rules.policy(seen.subject, observer.interval)
        state, transition, look_at = next_state(before.state, local, seen, policy)
        self._judged[seen.subject] = StoredAlert(state, observer.channels, observer.job or before.job, look_at)
        if transition:
            yield transition, observer

    def _decide(self, settings: NotifySettings, changes: Sequence[tuple[Transition, Observer]]) -> list[_Alert]:
        """The messages for those changes that are told."""
        told = list[_Alert]()
        for change, observer in changes:
            now = self._clock.wall()
            incident = after_transition(self._incident(change), change, now)
            decision = decide(change, incident, self._suppression(settings, change.subject, change.level))
            told += self._tell(settings, change, observer, incident, decision)
        return told

    def _make_up(self, settings: NotifySettings) -> list[_Alert]:
        """The messages for what was kept from people and need not be any more."""
        told, states = list[_Alert](), self._states
        for incident in [*{**self._memory.incidents, **self._followed}.values()]:
            known = states.get(incident.subject)
            if known is None or incident.is_over or not is_notification_owed(incident, known.state):
                continue
            if self._suppression(settings, incident.subject, incident.level) is None:
                change = delayed_transition(incident, known.state, self._clock.wall().astimezone(settings.zone))
                over = Decision(True, "what kept it from being told is over")
                told += self._tell(settings, change, Observer(known.channels), incident, over)
        return told

    def _tell(
        self, settings: NotifySettings, change: Transition, observer: Observer, incident: Incident, decision: Decision
    ) -> list[_Alert]:
        """Note a change, and what is to be posted of it."""
        now, why = self._clock.wall(), MARK if decision.told else f"not told: {decision.why}"
        loud = logging.ERROR if decision.told else logging.INFO
        log.log(loud, "%s %s: %s (%s)", change.subject, change.change, change.observation.detail, why)
        channels = notified_channels(settings, change, observer, told=incident.told) if decision.told else ()
        noted = _Noted(change, now, decision, channels)
        self._noted = [*self._noted[1 - WRITTEN_LATER :], noted]
        self._followed[incident.id] = noted.after(incident)
        last = self._troubles.get(change.subject) if change.change is TransitionKind.RESOLVED else None
        trouble = replace(change, observation=last) if last else None
        message = alert_message(settings, change, now, trouble=trouble, incident=incident).noted(MARK)
        return [_Alert(name, message, change.was is Level.CRITICAL) for name in channels]

    # --- What is known ---

    def _look(self, subjects: Iterator[str]) -> None:
        """Read the store once more, if it can be read."""
        with suppress(StoreError), self._store.read() as connection:
            self._memory = _read(connection, self._clock.wall(), set(subjects))

    @property
    def _states(self) -> Mapping[str, StoredAlert]:
        """How subjects stand by what was judged since, or else by what was read last."""
        return {**self._memory.states, **self._judged}

    def _incident(self, change: Transition) -> Incident:
        known = self._followed.get(change.incident) or self._memory.incidents.get(change.incident)
        return known or incident_of_transition(change, self._clock.wall())

    def _suppression(self, settings: NotifySettings, subject: str, level: Level) -> Suppression | None:
        local = self._clock.wall().astimezone(settings.zone)
        troubled = [one.state for one in self._states.values()]
        return suppression_of(
            subject, level, local, rules=settings.rules, silences=self._memory.silences, troubled=troubled
        )


def _read(connection: Connection, now: datetime, subjects: Collection[str] = ()) -> _Memory:
    """What bears on alerts: of everything that is in trouble, and of these subjects."""
    troubled = {one.subject: one for one in alerts.troubled(connection)}
    return _Memory(
        tuple(incidents.silences_between(connection, now, now + AHEAD)),
        {**alerts.watched(connection, subjects), **troubled},
        {one.id: one for one in incidents.open_ones(connection)},
    )


def _told(settings: NotifySettings, alert: _Alert, now: datetime) -> bool:
    """Post without outbox and lane, as loud as the channel wants it; False if it should be tried again."""
    channel = settings.channels.get(alert.channel)
    if channel is None:
        return True
    how = handling(channel.quiet_rules, alert.message.severity, now, relief=alert.relief)
    if how.dropped:
        return True
    if how.held_until or channel.outlet.pause() > 0:
        return False
    message = replace(alert.message, silent=True) if how.silent else alert.message
    verdicts = [channel.outlet.post(part) for part in channel.outlet.fit(message)]
    return not any(isinstance(verdict, Later) for verdict in verdicts)


def _letter(alert: _Alert, run_id: str) -> outbox.OutgoingMessage:
    return outbox.OutgoingMessage(
        key=f"adrift/{secrets.token_hex(8)}/{alert.channel}",
        channel=alert.channel,
        kind="alert",
        message=alert.message,
        run_id=run_id,
    )
