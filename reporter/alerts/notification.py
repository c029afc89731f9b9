"""Whether people are notified of a transition, and why; and the notifications that only time makes due.

These functions are pure. Whatever suppresses notifications, the channels that were notified of trouble are also
notified of its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reporter.alerts.incident import Incident
from reporter.alerts.model import AlertState, Observation, Phase, Transition, TransitionKind
from reporter.alerts.policies import EscalationStep
from reporter.alerts.suppression import Suppression
from reporter.periods.time_text import clock_time


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether people are notified of a transition, and the reason."""

    notify: bool
    reason: str


def decide(transition: Transition, incident: Incident, suppressed: Suppression | None) -> Decision:
    """Whether people are notified of a transition. Only those who were notified of trouble are notified of its end."""
    if transition.change.ends or transition.change is TransitionKind.EASED:
        if incident.notified:
            return Decision(True, "the channels that were notified of the trouble are notified of this")
        early = "over before it was sent: " if transition.change.ends else ""
        why = f"{early}{incident.withheld}" if incident.withheld else "nobody was notified of the trouble"
        return Decision(False, why)
    if suppressed:
        return Decision(False, suppressed.reason)
    if incident.acked_at and transition.change in {TransitionKind.REMINDER, TransitionKind.ESCALATED}:
        return Decision(False, f"acknowledged by {incident.acked_by}")
    return Decision(True, "nothing suppresses it")


def is_notification_owed(incident: Incident, state: AlertState | None) -> bool:
    """Whether a notification of an open trouble was withheld and is still due once nothing suppresses it."""
    return state is not None and state.phase is Phase.OPEN and bool(not incident.notified or incident.withheld)


def delayed_transition(incident: Incident, state: AlertState, now: datetime) -> Transition:
    """The transition for a notification that was withheld. Times in its reason are in the zone of `now`."""
    again = TransitionKind.FLAPPING if state.openings > 1 else TransitionKind.OPENED
    since = clock_time(state.since or incident.since, now)
    reason = f"{incident.level} since {since}, withheld until now: {incident.withheld}"
    return transition_by_time(incident, state, TransitionKind.WORSENED if incident.notified else again, reason)


def transition_by_time(incident: Incident, state: AlertState, change: TransitionKind, reason: str) -> Transition:
    """A transition of the present trouble that time brings, without a new reading."""
    seen = state.observation or Observation(incident.subject, incident.level)
    level, since = incident.level, state.since or incident.since
    return Transition(
        incident.subject, change, since, reason, seen, level, level, incident.id, unobserved=state.unobserved
    )


def due_escalations(
    incident: Incident, state: AlertState, steps: Sequence[EscalationStep], now: datetime
) -> list[EscalationStep]:
    """The escalation steps whose time has come and that were not taken yet.

    Time counts from the opening of the present trouble, without what nobody observed.
    """
    lasted = now - (state.opened_at or incident.opened_at) - state.unobserved
    if incident.is_over or incident.acked_at:
        return []
    return [
        step
        for step in steps
        if step.concerns(incident.subject, incident.level)
        and step.name not in incident.escalated
        and lasted >= step.after
    ]
