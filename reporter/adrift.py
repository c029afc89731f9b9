"""Alerts while our own store cannot be written: judged from memory, posted at once, and marked.

A full disk is when alerts are needed most. What is told this way is handed to the store as soon as it can be written
again, so that it is not told a second time. What is not critical and meets quiet hours, or a channel that wants a
digest, is kept in mind until they end or the store can hold it. Should the process end before, it is judged anew.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from reporter import outbox
from reporter.alert_letters import alert_message
from reporter.alerts import AlertState, Level, Observation, Transition
from reporter.clock import Clock
from reporter.errors import StoreError
from reporter.judge import judge
from reporter.judging import Witness, heard_in
from reporter.message import Message
from reporter.noise import handling
from reporter.outlets import Later
from reporter.posting import post
from reporter.store import Store, incidents
from reporter.store.alerts import Watched, alert_state, put, watched
from reporter.wiring import Wiring

log = logging.getLogger(__name__)

MARK = "told from memory: our own store cannot be written"
SUBJECT = "store/state"
# So many messages are kept for a channel that cannot be reached either.
KEPT = 100


@dataclass(frozen=True, slots=True)
class _Alert:
    """What is to be told in a channel; `relief` says that it is the end of what was critical."""

    channel: str
    message: Message
    relief: bool


class Adrift:
    """What is known of alerts since the store failed. Empty as long as all is well."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._guard = threading.Lock()
        self._judged: dict[str, Watched] = {}
        self._told: list[tuple[Transition, datetime, tuple[str, ...]]] = []
        self._untold: list[_Alert] = []

    def hear(self, wiring: Wiring, observations: Sequence[Observation], witness: Witness, why: str) -> None:
        """Judge what was seen when it could not be saved, and tell at once what people should hear of."""
        itself = Observation(SUBJECT, Level.CRITICAL, f"reports wait, and alerts are told from memory: {why}")
        with self._guard:
            alerts, self._untold = self._untold, []
            for seen in (itself, *observations):
                alerts += self._decide(wiring, seen, witness)
            now = self._clock.wall()
            self._keep([alert for alert in alerts if not _told(wiring, alert, now)])

    def _keep(self, alerts: Sequence[_Alert]) -> None:
        if len(alerts) > KEPT:
            log.error("%d alerts could neither be told nor saved, and are let go", len(alerts) - KEPT)
        self._untold = list(alerts[-KEPT:])

    def hand_over(self, connection: Connection, wiring: Wiring, run_id: str) -> list[Observation]:
        """Save what was judged from memory; returns what is to be judged now: that the store is well again."""
        now = self._clock.wall()
        put(connection, self._judged.values(), watched(connection, self._judged), now)
        for transition, at, channels in self._told:
            incident = incidents.follow(connection, transition, at)
            incidents.add_transition(connection, transition, at, run_id, why=MARK, channels=channels)
            incidents.put(connection, replace(incident, told=tuple(dict.fromkeys((*incident.told, *channels)))))
        for alert in self._untold:
            post(connection, wiring, _letter(alert, run_id), now, relief=alert.relief)
        return [Observation(SUBJECT, Level.OK, "the store can be written again")] if self._judged else []

    def over(self) -> None:
        """All of that is saved."""
        with self._guard:
            self._judged, self._told, self._untold = {}, [], []

    def _decide(self, wiring: Wiring, seen: Observation, witness: Witness) -> list[_Alert]:
        now = self._clock.wall()
        policy = wiring.rules.policy(seen.subject, witness.interval)
        state, transition, look_at = judge(self._state(seen.subject), now.astimezone(wiring.zone), seen, policy)
        self._judged[seen.subject] = Watched(state, witness.channels, witness.job, look_at)
        if transition is None:
            return []
        log.error("%s %s: %s (%s)", transition.subject, transition.change, seen.detail, MARK)
        channels = heard_in(wiring, transition, witness)
        self._told.append((transition, now, channels))
        message = alert_message(wiring, transition, now).noted(MARK)
        relief = transition.was is Level.CRITICAL
        return [_Alert(name, message, relief) for name in channels]

    def _state(self, subject: str) -> AlertState:
        """Where a subject stood last; one that cannot be looked up begins anew."""
        if subject in self._judged:
            return self._judged[subject].state
        try:
            with self._store.read() as connection:
                return alert_state(connection, subject)
        except StoreError:
            return AlertState(subject)


def _told(wiring: Wiring, alert: _Alert, now: datetime) -> bool:
    """Post without outbox and lane, as loud as the channel wants it; False if it should be tried again."""
    channel = wiring.channels.get(alert.channel)
    if channel is None:
        return True
    how = handling(channel.etiquette, alert.message.severity, now, relief=alert.relief)
    if how.dropped:
        return True
    if how.held_until or channel.outlet.pause() > 0:
        return False
    message = replace(alert.message, silent=True) if how.silent else alert.message
    verdicts = [channel.outlet.post(part) for part in channel.outlet.fit(message)]
    return not any(isinstance(verdict, Later) for verdict in verdicts)


def _letter(alert: _Alert, run_id: str) -> outbox.Letter:
    return outbox.Letter(
        key=f"adrift/{secrets.token_hex(8)}/{alert.channel}",
        channel=alert.channel,
        kind="alert",
        message=alert.message,
        reference=run_id[:6],
        run_id=run_id,
    )
