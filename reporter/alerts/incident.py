"""An incident: one failure of a subject, from its first opening to its resolution, and who was notified."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from reporter.alerts.model import Level, Transition, TransitionKind

# Stands for the channels that an earlier version notified: it did not write them down.
NOTIFIED_BY_EARLIER_VERSION = "?"


@dataclass(frozen=True, slots=True)
class Incident:
    """One trouble of a subject, from its first opening to its end, and who was notified of it.

    The trouble lasted from `since` to `until`. Its end is certain only a while later, at `resolved_at`. `notified` are
    the channels that were notified of the present trouble. `withheld` says why no channel was notified of the trouble,
    or of its present level. One message can describe several incidents: these have the same `group`. `escalated` are
    the names of the escalation steps that were taken. An acknowledgement ends at `acked_until`, or with the incident.
    """

    id: str
    subject: str
    opened_at: datetime
    since: datetime
    level: Level
    worst: Level
    resolved_at: datetime | None = None
    until: datetime | None = None
    notified: tuple[str, ...] = ()
    withheld: str | None = None
    group: str | None = None
    acked_at: datetime | None = None
    acked_by: str | None = None
    note: str | None = None
    acked_until: datetime | None = None
    escalated: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        return self.resolved_at is not None

    @property
    def slot(self) -> str:
        """Under this name its first message is edited. The incidents of a group share one message."""
        return f"incident/{self.group or self.id}"


def incident_of_transition(transition: Transition, now: datetime) -> Incident:
    """The incident that a transition begins. If an earlier version opened it, that version also notified people."""
    opens = transition.change in {TransitionKind.OPENED, TransitionKind.FLAPPING}
    level = transition.was if transition.level is Level.OK else transition.level
    return Incident(
        id=transition.incident,
        subject=transition.subject,
        opened_at=now if opens else transition.since,
        since=transition.since,
        level=level,
        worst=level,
        notified=() if opens else (NOTIFIED_BY_EARLIER_VERSION,),
    )


def after_transition(known: Incident, transition: Transition, now: datetime) -> Incident:
    """The incident after a transition."""
    ended = now if transition.change.ends else None
    worst = transition.level if transition.level.worse_than(known.worst) else known.worst
    level = known.level if ended else transition.level
    until = (transition.until or now) if ended else None
    moved = replace(known, level=level, worst=worst, resolved_at=ended, until=until)
    if ended or known.is_over:
        moved = without_ack(moved)
    if known.is_over:  # the trouble is back: the channels that were notified of the last one also saw its end
        moved = replace(moved, notified=(), withheld=None)
    return moved


def without_ack(incident: Incident) -> Incident:
    """The incident with nobody working on it."""
    return replace(incident, acked_at=None, acked_by=None, acked_until=None, note=None)


def with_notified(incident: Incident, channels: Iterable[str]) -> Incident:
    """The incident once these channels are notified of it as it stands."""
    return replace(incident, notified=tuple(dict.fromkeys((*incident.notified, *channels))), withheld=None)


def with_withheld(incident: Incident, change: TransitionKind, reason: str) -> Incident:
    """The incident once a notification was withheld: the reason stays while people know less than is true."""
    if change is TransitionKind.WORSENED or not (incident.notified or change.ends):
        return replace(incident, withheld=reason)
    return incident
