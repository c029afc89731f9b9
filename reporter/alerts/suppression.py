"""What suppresses the notifications of a subject: a silence, maintenance, or the trouble of what it depends on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from reporter.alerts.maintenance import fits, fits_any
from reporter.alerts.model import AlertState, Level, Phase
from reporter.alerts.policies import OWN_NETWORK, Rules

# People are reminded of a silence so long before its end, and of a short one when a tenth of it is left.
REMIND_BEFORE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Silence:
    """A person's request to suppress the notifications of some subjects for a while."""

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
        """Whether it is time to remind people that the silence ends."""
        return self.holds(now) and self.ends_at - now <= min(REMIND_BEFORE, (self.ends_at - self.begins_at) / 10)


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why notifications of a subject are suppressed at present. `parent` is the subject whose trouble explains it."""

    reason: str
    parent: str | None = None


def suppression_of(
    subject: str,
    level: Level,
    now: datetime,
    *,
    rules: Rules,
    silences: Iterable[Silence] = (),
    troubled: Iterable[AlertState] = (),
) -> Suppression | None:
    """What suppresses the notifications of a subject at that level now; None if nothing does.

    `troubled` are the states that are not well. Times in the reason are in the zone of `now`.
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
    """Whether the trouble of one subject explains that of another: it is as bad, and the other subject depends on it.

    While our own network is in trouble, it explains every subject that cannot be reached.
    """
    if state.phase is Phase.OK or level.worse_than(severity(state)):
        return False
    unseen = level is Level.UNKNOWN and state.subject == OWN_NETWORK != subject
    return unseen or rules.depends(subject, state.subject)


def severity(state: AlertState) -> Level:
    """How bad a subject is: the worse of its alert's level and its last reading's level."""
    seen = state.observation.level if state.observation else Level.OK
    return seen if seen.worse_than(state.level) else state.level


def affected_subjects(subject: str, troubled: Iterable[AlertState], rules: Rules) -> list[str]:
    """The subjects in trouble that depend on a subject, directly or through other subjects."""
    states = [state for state in troubled if state.phase is not Phase.OK and state.subject != subject]
    if subject != OWN_NETWORK:
        states = [state for state in states if rules.parents(state.subject)]
    found = [state.subject for state in states if rules.depends(state.subject, subject)]
    if subject == OWN_NETWORK:
        found += [state.subject for state in states if severity(state) is Level.UNKNOWN]
    further = [
        name for child in found for name in affected_subjects(child, [s for s in states if s.subject != child], rules)
    ]
    return list(dict.fromkeys([*found, *further]))
