"""The alert pipeline: readings move alerts on, and the changes that people should hear of become messages.

Step 4 of the way from schedule to Discord.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from reporter.alerts.incident import Incident, marked_told, marked_untold
from reporter.alerts.maintenance import fits
from reporter.alerts.model import AlertState, Level, Observation, Phase, Transition, TransitionKind
from reporter.alerts.policies import EscalationStep
from reporter.alerts.state_machine import closed, next_state
from reporter.alerts.suppression import (
    Silence,
    Suppression,
    decide,
    delayed_transition,
    due_escalations,
    is_notification_owed,
    suppression_of,
    transition_by_time,
)
from reporter.delivery.enqueue import enqueue_message
from reporter.messages.message import Severity
from reporter.notify.alert_messages import silence_message
from reporter.notify.incident_cards import IncidentNotifier, Notification
from reporter.notify.routing import Observer, notified_channels
from reporter.notify.settings import NotifySettings
from reporter.periods.time_text import duration_text
from reporter.store import alerts, channel_states, incidents, outbox
from reporter.store.alerts import StoredAlert
from reporter.store.database import after_commit

log = logging.getLogger(__name__)

_OPENINGS = {TransitionKind.OPENED, TransitionKind.FLAPPING}


@dataclass(frozen=True, slots=True)
class AlertContext:
    """What bears on whether people are told: the silences that hold, and everything that is not well."""

    silences: tuple[Silence, ...]
    troubled: tuple[AlertState, ...]


@dataclass(frozen=True, slots=True)
class AlertPipeline:
    """One occasion to judge, in one transaction: states, transitions and letters are saved together or not at all."""

    connection: Connection
    settings: NotifySettings
    run_id: str
    now: datetime

    def process(self, observations: Iterable[Observation], observer: Observer) -> int:
        """Judge what was seen; returns how many letters came of it."""
        seen = [(one.subject, one, observer) for one in observations]
        return self._tell(self._judged(seen))

    def tick(self, subjects: Iterable[tuple[str, Observer]]) -> int:
        """Let time pass for subjects without a reading."""
        return self._tell(self._judged([(subject, None, observer) for subject, observer in subjects]))

    def process_due(self) -> int:
        """Tell what was kept from people and need not be any more, whom else to tell, and which silences end soon."""
        found = incidents.open_ones(self.connection, ours=True)
        states = alerts.watched(self.connection, {one.subject for one in found})
        known = self._known()
        news = [news for one in found for news in self._overdue(one, states, known)]
        messages = self._notifier.tell(news)
        return messages + sum(self._remind(silence, found) for silence in known.silences)

    def close(self, watched: Iterable[StoredAlert], why: str) -> int:
        """End the alerts of subjects that nobody looks at any more, and forget these."""
        news = []
        for one in watched:
            if one.state.is_open:
                news.append((closed(one.state, why), Observer(one.channels, job=one.job)))
            alerts.drop(self.connection, one.subject)
        return self._tell(news)

    def acknowledge(self, incident: Incident, by: str, note: str) -> int:
        """Note that somebody has taken it on, and let its message say so."""
        taken = replace(incident, acked_at=self.now, acked_by=by, note=note or None)
        incidents.save(self.connection, taken)
        return self._notifier.show(taken)

    # --- Judging ---

    def _judged(self, seen: Sequence[tuple[str, Observation | None, Observer]]) -> list[tuple[Transition, Observer]]:
        """Move each subject on and save how it stands; returns what changed."""
        known = alerts.watched(self.connection, {subject for subject, *_ in seen}, ours=True)
        latest, changes = dict(known), []
        local = self.now.astimezone(self.settings.zone)
        for subject, observation, observer in seen:
            before = latest.get(subject, StoredAlert(AlertState(subject)))
            policy = self.settings.rules.policy(subject, observer.interval)
            state, transition, look_at = next_state(before.state, local, observation, policy)
            if _leaves_a_trace(before.state, state, observation):
                latest[subject] = StoredAlert(state, observer.channels, observer.job or before.job, look_at)
            if transition:
                changes.append((transition, observer))
        moved = [one for subject, one in latest.items() if one is not known.get(subject)]
        alerts.save(self.connection, moved, known, self.now)
        return changes

    # --- Telling ---

    def _tell(self, changes: Sequence[tuple[Transition, Observer]]) -> int:
        if not changes:
            return 0
        known = self._known()
        followed = [
            (change, observer, incidents.record_transition(self.connection, change, self.now))
            for change, observer in changes
        ]
        news, blamed = [], set()
        for change, observer, incident in followed:
            suppressed = self._suppression(change.subject, change.level, known)
            decision = decide(change, incident, suppressed)
            if decision.told:
                news.append(self._noted(change, incident, self._heard_in(change, observer, incident), decision.why))
            else:
                self._kept_back(change, incident, decision.why)
                blamed |= {suppressed.parent} if suppressed and suppressed.parent else set()
        return self._notifier.tell(news) + self._name_affected(blamed - {one.transition.subject for one in news})

    def _noted(
        self,
        change: Transition,
        incident: Incident,
        channels: tuple[str, ...],
        why: str,
        step: EscalationStep | None = None,
    ) -> Notification:
        """Write down that a change is told, and in which channels."""
        self._log("%s %s: %s", change.subject, change.change, _in_words(change))
        self._write(change, why, channels, told=True)
        taken = (*incident.escalated, step.name) if step else incident.escalated
        moved = replace(marked_told(incident, channels), escalated=taken)
        incidents.save(self.connection, moved)
        return Notification(change, moved, channels, step)

    def _kept_back(self, change: Transition, incident: Incident, why: str) -> None:
        """Write down that a change is not told, and why not."""
        self._log("%s %s is not told: %s (%s)", change.subject, change.change, why, change.reason)
        self._write(change, why, (), told=False)
        if (kept := marked_untold(incident, change.change, why)) != incident:
            incidents.save(self.connection, kept)

    def _log(self, *line: object) -> None:
        after_commit(self.connection, partial(log.info, *line))

    def _write(self, change: Transition, why: str, channels: tuple[str, ...], *, told: bool) -> None:
        incidents.add_transition(self.connection, change, self.now, self.run_id, told=told, why=why, channels=channels)

    def _name_affected(self, subjects: Collection[str]) -> int:
        """Let the message about a trouble name what is in trouble because of it."""
        found = [one for one in incidents.open_ones(self.connection) if one.subject in subjects] if subjects else []
        return sum(self._notifier.show(one) for one in found if one.told)

    # --- What time brings ---

    def _overdue(
        self, incident: Incident, states: dict[str, StoredAlert], known: AlertContext
    ) -> Iterator[Notification]:
        """What people should hear of an open trouble by now: what was kept from them, and what lasts too long."""
        watched = states.get(incident.subject)
        if watched is None or watched.phase is not Phase.OPEN:
            return
        owed = is_notification_owed(incident, watched.state)
        if not owed and not due_escalations(incident, self.settings.rules.steps, self.now):
            return
        if self._suppression(incident.subject, incident.level, known):
            return
        if owed:
            news = self._late(incident, watched)
            incident = news.incident
            yield news
        for step in due_escalations(incident, self.settings.rules.steps, self.now):
            news = self._escalated(incident, watched, step)
            incident = news.incident
            yield news

    def _late(self, incident: Incident, watched: StoredAlert) -> Notification:
        """The news of a trouble that was kept from people."""
        change = delayed_transition(incident, watched.state, self.now.astimezone(self.settings.zone))
        channels = self._heard_in(change, Observer(watched.channels), incident)
        return self._noted(change, incident, channels, "what kept it from being told is over")

    def _escalated(self, incident: Incident, watched: StoredAlert, step: EscalationStep) -> Notification:
        """The news of a trouble for those who hear of it only when it lasts."""
        reason = f"not acknowledged and not over {duration_text(step.after)} after it was opened"
        change = transition_by_time(incident, watched.state, TransitionKind.ESCALATED, reason)
        channels = tuple(name for name in step.channels if name in self.settings.channels)
        return self._noted(change, incident, channels, "it is time for the next to hear of it", step)

    def _remind(self, silence: Silence, found: Sequence[Incident]) -> int:
        """Say that a silence ends soon, where something under it is in trouble."""
        under = [one for one in found if fits(silence.pattern, one.subject)]
        if not under or not silence.ends_soon(self.now) or not incidents.mark_reminded(self.connection, silence.id):
            return 0
        message = silence_message(self.settings, silence, under, self.now)
        names = (
            self.settings.routes.of(Severity.WARNING)
            or self.settings.routes.fallback
            or tuple(self.settings.channels)[:1]
        )
        letters = [
            outbox.OutgoingMessage(
                key=f"silence/{silence.id}/{silence.ends_at.isoformat()}/{name}",
                channel=name,
                kind="alert",
                message=message,
                run_id=self.run_id,
            )
            for name in names
        ]
        return sum(enqueue_message(self.connection, self.settings.channels, letter, self.now) for letter in letters)

    # --- What is known ---

    def _known(self) -> AlertContext:
        troubled = tuple(one.state for one in alerts.troubled(self.connection))
        return AlertContext(tuple(incidents.silences_at(self.connection, self.now)), troubled)

    def _suppression(self, subject: str, level: Level, known: AlertContext) -> Suppression | None:
        local = self.now.astimezone(self.settings.zone)
        rules = self.settings.rules
        return suppression_of(subject, level, local, rules=rules, silences=known.silences, troubled=known.troubled)

    def _heard_in(self, change: Transition, observer: Observer, incident: Incident) -> tuple[str, ...]:
        return notified_channels(self.settings, change, observer, self._closed(), incident.told)

    def _closed(self) -> frozenset[str]:
        """The channels that were found dead, and whose address is still the same."""
        known = self.settings.channels
        return frozenset(
            state.channel
            for state in channel_states.all_states(self.connection)
            if state.dead_since and state.channel in known and state.address == known[state.channel].address
        )

    @property
    def _notifier(self) -> IncidentNotifier:
        return IncidentNotifier(self.connection, self.settings, self.run_id, self.now)


def _leaves_a_trace(before: AlertState, after: AlertState, observation: Observation | None) -> bool:
    """A job or channel that was never in trouble and is well need not be written down at each run."""
    seldom = observation is not None and not observation.subject.startswith("probe/")
    well = before == AlertState(before.subject) and after.phase is Phase.OK and after.level is Level.OK
    return not (seldom and well)


def _in_words(change: Transition) -> str:
    """What was seen and why that is a change, which may be the same."""
    seen, why = change.observation.detail, change.reason
    return seen if seen == why else f"{seen} ({why})"
