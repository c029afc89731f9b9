"""One occasion to judge: observations move alerts on, and it is decided who is notified of what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from reporter.alerts.cascade import is_alike, released_at
from reporter.alerts.incident import (
    Incident,
    after_transition,
    incident_of_transition,
    with_notified,
    with_withheld,
    without_ack,
)
from reporter.alerts.maintenance import fits
from reporter.alerts.model import AlertState, Level, Observation, Phase, Transition, TransitionKind
from reporter.alerts.notification import (
    decide,
    delayed_transition,
    due_escalations,
    is_notification_owed,
    transition_by_time,
)
from reporter.alerts.policies import EscalationStep
from reporter.alerts.state_machine import after_step, closed, next_state
from reporter.alerts.suppression import Silence, Suppression, suppression_of
from reporter.messages.formats import plural
from reporter.notify.alert_messages import AlertDraft, silence_text
from reporter.notify.incident_cards import IncidentNotifier, Notification
from reporter.notify.repository import AlertRepository
from reporter.notify.routing import Observer, notified_channels, reminder_channels
from reporter.notify.settings import NotifySettings
from reporter.periods.time_text import clock_time, duration_text
from reporter.store.alerts import StoredAlert
from reporter.store.incidents import TransitionRecord

Repository = TypeVar("Repository", bound=AlertRepository)


class Evaluation(Generic[Repository]):
    """What was decided on one occasion: `repository.decided`, the drafts of messages, lines for the log,
    and notes for those who ask why nothing was said."""

    def __init__(self, repository: Repository, settings: NotifySettings, run_id: str) -> None:
        self.repository = repository
        self.lines: list[str] = []
        self.notes: list[str] = []
        self._settings = settings
        self.run_id = run_id
        self.now = now = repository.now
        self._local = now.astimezone(settings.zone)
        self._notifier = IncidentNotifier(repository, settings, now)

    @property
    def drafts(self) -> list[AlertDraft]:
        return self._notifier.drafts

    @property
    def _dead_channels(self) -> set[str]:
        """The channels that were found dead at their present address."""
        channels = self._settings.channels
        dead = self.repository.dead_channels
        return {name for name, address in dead if name in channels and channels[name].address == address}

    # --- What is judged ---

    def process(self, observations: Iterable[Observation], observer: Observer) -> None:
        """Judge observations."""
        self._judge([(seen.subject, seen, observer) for seen in observations])

    def open_now(self, observations: Iterable[Observation], observer: Observer) -> None:
        """Let each observation of trouble open an alert at once, as if it had lasted long enough: for a preview."""
        opened = [
            (
                Transition(
                    seen.subject,
                    TransitionKind.OPENED,
                    self.now,
                    "a preview: the alert opens now",
                    seen,
                    seen.level,
                    incident=f"preview-{number}",
                ),
                observer.channels,
            )
            for number, seen in enumerate(observations)
            if seen.level is not Level.OK
        ]
        self._notify(opened)

    def tick(self, subjects: Iterable[tuple[str, Observer]]) -> None:
        """Let time pass for subjects without an observation."""
        self._judge([(subject, None, observer) for subject, observer in subjects])

    def process_due(self) -> None:
        """Send what time brings: notifications that nothing suppresses any more, escalations, ends of silences."""
        self.repository.look_around()
        incidents = self.repository.open_incidents
        alerts = self.repository.states({incident.subject for incident in incidents})
        for incident in [one for one in incidents if one.acked_until and one.acked_until <= self.now]:
            self._end_acknowledgement(incident, alerts.get(incident.subject))
        incidents = self.repository.open_incidents
        self._notifier.notify([one for incident in incidents for one in self._overdue(incident, alerts)])
        for silence in self.repository.silences:
            self._remind(silence, incidents, alerts)

    def step(self, step: timedelta) -> None:
        """Take into account that the clock was set: no trouble gets longer or shorter by it."""
        self.repository.look_around()
        for subject, alert in self.repository.states({state.subject for state in self.repository.troubled}).items():
            self.repository.decided.states[subject] = replace(alert, state=after_step(alert.state, step))

    def close(self, alerts: Iterable[StoredAlert], reason: str) -> None:
        """End the alerts of subjects that nothing observes any more, and forget the subjects."""
        transitions = []
        for alert in alerts:
            if alert.state.is_open:
                transitions.append((closed(alert.state, reason), alert.channels))
            self.repository.decided.dropped.add(alert.subject)
        self._notify(transitions)

    def open_incidents(self) -> list[Incident]:
        """Every open incident, the oldest first."""
        self.repository.look_around()
        return self.repository.open_incidents

    def acknowledge(self, incident: Incident, by: str, note: str, until: datetime | None = None) -> None:
        """Record that a person works on an incident, and show that in its messages, in every channel."""
        acknowledged = replace(incident, acked_at=self.now, acked_by=by, acked_until=until, note=note or None)
        self.repository.save_incident(acknowledged)
        self._notifier.show([acknowledged])

    def unacknowledge(self, incident: Incident) -> None:
        """Record that nobody works on an incident any more, and show that in its messages."""
        reopened = without_ack(incident)
        self.repository.save_incident(reopened)
        self._notifier.show([reopened])

    def _end_acknowledgement(self, incident: Incident, alert: StoredAlert | None) -> None:
        """An acknowledgement was for a while: people are reminded, unless something else suppresses that."""
        self.unacknowledge(incident)
        reopened = without_ack(incident)
        if alert is None or alert.phase is not Phase.OPEN or self._suppression(incident.subject, incident.level):
            return
        reason = f"the acknowledgement of {incident.acked_by} has ended"
        transition = transition_by_time(reopened, alert.state, TransitionKind.REMINDER, reason)
        self._notifier.notify([self._notified(transition, reopened, alert.channels, reason)])

    # --- States ---

    def _judge(self, seen: Sequence[tuple[str, Observation | None, Observer]]) -> None:
        """Move each subject on, and notify people of what changed."""
        latest = self.repository.states({subject for subject, *_ in seen})
        transitions = []
        for subject, observation, observer in seen:
            before = latest.get(subject, StoredAlert(AlertState(subject)))
            policy = self._settings.rules.policy(subject, observer.interval)
            state, transition, look_at = next_state(before.state, self._local, observation, policy)
            if _is_worth_saving(before.state, state, observation):
                latest[subject] = StoredAlert(state, observer.channels, observer.job or before.job, look_at)
                self.repository.decided.states[subject] = latest[subject]
            if transition:
                transitions.append((transition, observer.channels))
            elif observation and observation.level is not Level.OK:
                self.notes.append(f"{subject} is {observation.level}, and nothing new is said: {_standing(state)}")
        self._notify(transitions)

    # --- Notifications ---

    def _notify(self, transitions: Sequence[tuple[Transition, Sequence[str]]]) -> None:
        """Decide about each transition, in order, and draft the messages."""
        if not transitions:
            return
        self.repository.look_around(transition.incident for transition, _ in transitions)
        notifications, blamed = [], set()
        for transition, channels in transitions:
            known = self.repository.incidents.get(transition.incident) or incident_of_transition(transition, self.now)
            incident = after_transition(known, transition, self.now)
            suppressed = self._suppression(transition.subject, transition.level)
            if suppressed is None and transition.change is TransitionKind.OPENED:
                self.repository.save_incident(incident)  # those of this moment open together
                suppressed = self._waits_for_its_group(incident)
            decision = decide(transition, incident, suppressed)
            if decision.notify:
                notifications.append(self._notified(transition, incident, channels, decision.reason))
                continue
            self.repository.save_incident(with_withheld(incident, transition.change, decision.reason))
            self._record(transition, decision.reason, (), notified=False)
            why = f"{decision.reason} ({transition.reason})"
            self.lines.append(f"{transition.subject} {transition.change} is not sent: {why}")
            if suppressed and suppressed.parent:
                blamed.add(suppressed.parent)
        self._notifier.notify(notifications)
        # The message of a parent names what is in trouble because of it.
        blamed -= {notification.transition.subject for notification in notifications}
        parents = [one for one in self.repository.open_incidents if one.subject in blamed and one.notified]
        self._notifier.show(parents)

    def _notified(
        self,
        transition: Transition,
        incident: Incident,
        channels: Sequence[str],
        reason: str,
        step: EscalationStep | None = None,
    ) -> Notification:
        """Record that people are notified of a transition, and choose the channels."""
        if step:
            chosen = tuple(name for name in step.channels if name in self._settings.channels)
            incident = replace(incident, escalated=(*incident.escalated, step.name))
        else:
            chosen = notified_channels(self._settings, transition, channels, self._dead_channels, incident.notified)
        moved = with_notified(incident, chosen)
        self.repository.save_incident(moved)
        self._record(transition, reason, chosen, notified=True)
        seen = transition.observation.detail
        why = seen if seen == transition.reason else f"{seen} ({transition.reason})"
        self.lines.append(f"{transition.subject} {transition.change}: {why}")
        return Notification(transition, moved, chosen, step)

    def _record(self, transition: Transition, reason: str, channels: tuple[str, ...], *, notified: bool) -> None:
        record = TransitionRecord(self.now, transition, notified, reason, channels, self.run_id)
        self.repository.decided.transitions.append(record)

    # --- What time brings ---

    def _overdue(self, incident: Incident, alerts: dict[str, StoredAlert]) -> Iterator[Notification]:
        """The notifications of an open incident that are due by now: those that were withheld, and escalations."""
        alert = alerts.get(incident.subject)
        if alert is None or alert.phase is not Phase.OPEN:
            return
        owed = is_notification_owed(incident, alert.state)
        steps = due_escalations(incident, alert.state, self._settings.rules.steps, self.now)
        if not (owed or steps) or self._suppression(incident.subject, incident.level):
            return
        owed = owed and self._waits_for_its_group(incident) is None
        if owed:
            transition = delayed_transition(incident, alert.state, self._local)
            late = self._notified(transition, incident, alert.channels, "what suppressed it is over")
            incident = late.incident
            yield late
        for step in steps:
            reason = f"not acknowledged and not over {duration_text(step.after)} after it was opened"
            transition = transition_by_time(incident, alert.state, TransitionKind.ESCALATED, reason)
            escalated = self._notified(transition, incident, (), "an escalation step is due", step)
            incident = escalated.incident
            yield escalated

    def _remind(self, silence: Silence, incidents: Sequence[Incident], alerts: dict[str, StoredAlert]) -> None:
        """Say that a silence ends soon, if something under it is in trouble."""
        under = [incident for incident in incidents if fits(silence.pattern, incident.subject)]
        reminded = silence.reminded or silence.id in self.repository.decided.reminded
        if not under or reminded or not silence.ends_soon(self.now):
            return
        self.repository.decided.reminded.add(silence.id)
        since = {subject: alert.state.since for subject, alert in alerts.items()}
        present = [replace(one, since=since.get(one.subject) or one.since) for one in under]
        text = silence_text(silence, present, self.now)
        for name in reminder_channels(self._settings):
            key = f"silence/{silence.id}/{silence.ends_at.isoformat()}/{name}"
            self.drafts.append(AlertDraft(key, name, text))

    def _waits_for_its_group(self, incident: Incident) -> Suppression | None:
        """Why an alert that opens soon after others like it is not sent yet."""
        if self._settings.rules.group is None or incident.notified:
            return None
        alike = [one.opened_at for one in self.repository.open_incidents if is_alike(one, incident)]
        release = released_at(incident.opened_at, alike)
        if release <= self.now:
            return None
        until = clock_time(release, self._local)
        return Suppression(f"held back to go out at {until} with others like it that have just opened")

    def _suppression(self, subject: str, level: Level) -> Suppression | None:
        silences, troubled = self.repository.silences, self.repository.troubled
        rules = self._settings.rules
        return suppression_of(subject, level, self._local, rules=rules, silences=silences, troubled=troubled)


def _is_worth_saving(before: AlertState, after: AlertState, observation: Observation | None) -> bool:
    """A job or channel that is well and was never in trouble is not saved at each run."""
    seldom = observation is not None and not observation.subject.startswith("probe/")
    well = before == AlertState(before.subject) and after.phase is Phase.OK and after.level is Level.OK
    return not (seldom and well)


def _standing(state: AlertState) -> str:
    """How far an alert is between all well and over."""
    if state.phase is Phase.SUSPECT:
        return f"bad {plural(state.failures, 'time')} in a row, which is not enough yet"
    return {Phase.OK: "no alert is open", Phase.OPEN: "the alert is open"}.get(state.phase, "the alert is nearly over")
