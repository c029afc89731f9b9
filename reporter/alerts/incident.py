"""An incident: one failure of a subject, from its first opening to its resolution, and who was notified."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from reporter.alerts.model import Level, Transition, TransitionKind

# Stands for the channels that an earlier version told, which it did not write down.
TOLD_BY_EARLIER_VERSION = "?"


@dataclass(frozen=True, slots=True)
class Incident:
    """One trouble of a subject, from its first opening to its end, and what people were told of it.

    The trouble lasted from `since` to `until`; that it was over is known only a while later, at `resolved_at`.
    `told` are the channels that heard of the present trouble; `untold` says why nobody did yet, or not of its present
    level. `group` names the incidents that one message tells together. `escalated` are the names of the steps that
    were taken.
    """

    id: str
    subject: str
    opened_at: datetime
    since: datetime
    level: Level
    worst: Level
    resolved_at: datetime | None = None
    until: datetime | None = None
    told: tuple[str, ...] = ()
    untold: str | None = None
    group: str | None = None
    acked_at: datetime | None = None
    acked_by: str | None = None
    note: str | None = None
    escalated: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        return self.resolved_at is not None


def incident_of_transition(transition: Transition, now: datetime) -> Incident:
    """The incident of a change of which nothing is known yet. One that an earlier version opened was told by it."""
    opens = transition.change in {TransitionKind.OPENED, TransitionKind.FLAPPING}
    level = max(transition.level, transition.was, key=lambda level: level.worse_than(Level.OK))
    return Incident(
        id=transition.incident,
        subject=transition.subject,
        opened_at=now if opens else transition.since,
        since=transition.since,
        level=level,
        worst=level,
        told=() if opens else (TOLD_BY_EARLIER_VERSION,),
    )


def after_transition(known: Incident, transition: Transition, now: datetime) -> Incident:
    """The incident with what a change says about it."""
    ended = now if transition.change is TransitionKind.RESOLVED else None
    worst = transition.level if transition.level.worse_than(known.worst) else known.worst
    level = known.level if ended else transition.level
    until = (transition.until or now) if ended else None
    moved = replace(known, level=level, worst=worst, resolved_at=ended, until=until)
    if ended or known.is_over:
        moved = replace(moved, acked_at=None, acked_by=None, note=None)
    if known.is_over:  # it is in trouble again: whoever heard of the last time has heard of its end
        moved = replace(moved, told=(), untold=None)
    return moved


def marked_told(incident: Incident, channels: Iterable[str]) -> Incident:
    """The incident once people in these channels have heard of it as it stands."""
    return replace(incident, told=tuple(dict.fromkeys((*incident.told, *channels))), untold=None)


def marked_untold(incident: Incident, change: TransitionKind, why: str) -> Incident:
    """The incident once a change of it was not told: the reason counts as long as people know less than is true."""
    if change is TransitionKind.WORSENED or not (incident.told or change is TransitionKind.RESOLVED):
        return replace(incident, untold=why)
    return incident
