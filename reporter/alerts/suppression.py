"""Decides whether people hear of an alert, and why: dependencies, maintenance, silences, acknowledgement, escalation.

Pure: the caller passes what is known of a subject. People who were notified of a failure are notified of its
resolution, whatever suppression applies then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reporter.alerts.incident import Incident
from reporter.alerts.maintenance import fits, fits_any
from reporter.alerts.model import AlertState, Level, Observation, Phase, Transition, TransitionKind
from reporter.alerts.policies import OWN_NETWORK, EscalationStep, Rules
from reporter.periods.time_text import clock_time

# People are reminded of a silence so long before its end, and of a short one when a tenth of it is left.
REMIND_BEFORE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Silence:
    """Somebody wants to hear nothing of some subjects for a while."""

    id: int
    pattern: str
    begins_at: datetime
    ends_at: datetime
    reason: str
    by: str
    reminded: bool = False

    def holds(self, now: datetime) -> bool:
        return self.begins_at <= now < self.ends_at

    def ends_soon(self, now: datetime) -> bool:
        """Whether it is time to remind people that it ends."""
        return self.holds(now) and self.ends_at - now <= min(REMIND_BEFORE, (self.ends_at - self.begins_at) / 10)


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why nothing new is told of a subject at present; `parent` is whose trouble it is said to be."""

    why: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a change is told, and the reason."""

    told: bool
    why: str


def suppression_of(
    subject: str,
    level: Level,
    now: datetime,
    *,
    rules: Rules,
    silences: Iterable[Silence] = (),
    troubled: Iterable[AlertState] = (),
) -> Suppression | None:
    """What keeps people from hearing of a subject's trouble at that level now, if anything does.

    `troubled` are the states that are not well. Times in words are in the zone of `now`.
    """
    for silence in silences:
        if silence.holds(now) and fits(silence.pattern, subject):
            until = f"{silence.ends_at.astimezone(now.tzinfo):%H:%M %Z}"
            return Suppression(f"silenced by {silence.by} until {until}: {silence.reason}")
    for window in rules.windows:
        if fits_any(window.subjects, subject) and (ends := window.until(now)):
            return Suppression(f"maintenance until {ends.astimezone(now.tzinfo):%H:%M %Z}: {window.reason}")
    if not rules.parents(subject) and level is not Level.UNKNOWN:
        return None
    parent = next((state for state in troubled if _is_to_blame(state, subject, level, rules)), None)
    return Suppression(f"it depends on {parent.subject}, which is in trouble", parent.subject) if parent else None


def _is_to_blame(state: AlertState, subject: str, level: Level, rules: Rules) -> bool:
    """Whether the trouble of one subject explains that of another: it must be as bad, and the other depend on it.

    What cannot be looked at while our own network is in trouble is no news of its own.
    """
    if state.phase is Phase.OK or level.worse_than(_level(state)):
        return False
    unseen = level is Level.UNKNOWN and state.subject == OWN_NETWORK != subject
    return unseen or rules.depends(subject, state.subject)


def _level(state: AlertState) -> Level:
    """How bad a subject is: its alert's level, or before there is one that of its last reading."""
    seen = state.observation.level if state.observation else Level.OK
    return seen if seen.worse_than(state.level) else state.level


def decide(transition: Transition, incident: Incident, suppressed: Suppression | None) -> Decision:
    """Whether a change is told. Whoever heard of trouble hears of its end, and nobody else does."""
    if transition.change in {TransitionKind.RESOLVED, TransitionKind.EASED}:
        if incident.told:
            return Decision(True, "who heard of the trouble hears of this")
        return Decision(False, incident.untold or "nobody was told of the trouble")
    if suppressed:
        return Decision(False, suppressed.why)
    if incident.acked_at and transition.change in {TransitionKind.REMINDER, TransitionKind.ESCALATED}:
        return Decision(False, f"acknowledged by {incident.acked_by}")
    return Decision(True, "nothing speaks against it")


def is_notification_owed(incident: Incident, state: AlertState | None) -> bool:
    """Whether people should hear of an open trouble that was kept from them, as soon as nothing hushes it."""
    return state is not None and state.phase is Phase.OPEN and bool(not incident.told or incident.untold)


def delayed_transition(incident: Incident, state: AlertState, now: datetime) -> Transition:
    """The news of a trouble that was kept from people. Times in its reason are in the zone of `now`."""
    again = TransitionKind.FLAPPING if state.openings > 1 else TransitionKind.OPENED
    reason = f"{incident.level} since {clock_time(incident.since, now)}, kept back until now: {incident.untold}"
    return transition_by_time(incident, state, TransitionKind.WORSENED if incident.told else again, reason)


def transition_by_time(incident: Incident, state: AlertState, change: TransitionKind, reason: str) -> Transition:
    """What time, and no reading, gives cause to tell of an open trouble."""
    seen = state.observation or Observation(incident.subject, incident.level)
    level = incident.level
    return Transition(incident.subject, change, incident.since, reason, seen, level, level, incident.id)


def due_escalations(incident: Incident, steps: Sequence[EscalationStep], now: datetime) -> list[EscalationStep]:
    """The steps of escalation whose time has come and that were not taken yet."""
    if incident.is_over or incident.acked_at:
        return []
    return [
        step
        for step in steps
        if step.concerns(incident.subject, incident.level)
        and step.name not in incident.escalated
        and now - incident.opened_at >= step.after
    ]


def affected_subjects(subject: str, troubled: Iterable[AlertState], rules: Rules) -> list[str]:
    """What is in trouble and depends on a subject, also by way of others."""
    states = [state for state in troubled if state.phase is not Phase.OK and state.subject != subject]
    if subject != OWN_NETWORK:
        states = [state for state in states if rules.parents(state.subject)]
    found = [state.subject for state in states if rules.depends(state.subject, subject)]
    if subject == OWN_NETWORK:
        found += [state.subject for state in states if _level(state) is Level.UNKNOWN]
    further = [
        name for child in found for name in affected_subjects(child, [s for s in states if s.subject != child], rules)
    ]
    return list(dict.fromkeys([*found, *further]))
