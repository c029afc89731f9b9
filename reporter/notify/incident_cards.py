"""Which messages announce a transition: the first message of an incident is edited, later transitions get their own.

The first message of an incident in a channel is its card. While the card waits for delivery, a newer card replaces it,
and nothing else is sent. Once the card is delivered, each transition is a message of its own and an edit of the card.
So nobody reads of an end without the beginning, and after an outage of the channel nobody reads old news.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from itertools import groupby

from reporter.alerts.cascade import growing_group, sent_alone
from reporter.alerts.incident import Incident
from reporter.alerts.model import Level, Observation, Transition, TransitionKind
from reporter.alerts.policies import EscalationStep
from reporter.alerts.suppression import affected_subjects
from reporter.notify.alert_messages import AlertCase, AlertDraft, AlertText, alert_text, group_text
from reporter.notify.repository import AlertRepository
from reporter.notify.settings import NotifySettings

# These transitions leave an incident as it stands, so they do not edit its card.
_REPEATS = {TransitionKind.REMINDER, TransitionKind.ESCALATED}
_TROUBLE = {TransitionKind.OPENED, TransitionKind.FLAPPING, TransitionKind.WORSENED, TransitionKind.EASED}


@dataclass(frozen=True, slots=True)
class Notification:
    """A transition that these channels are notified of. `step` is the escalation step that sends it, if any."""

    transition: Transition
    incident: Incident
    channels: tuple[str, ...]
    step: EscalationStep | None = None


@dataclass(frozen=True, slots=True)
class IncidentNotifier:
    """Drafts the messages of one occasion."""

    repository: AlertRepository
    settings: NotifySettings
    now: datetime
    drafts: list[AlertDraft] = field(default_factory=list)

    def notify(self, notifications: Sequence[Notification]) -> None:
        """Draft the messages of some notifications."""
        if not notifications:
            return
        grouped = [one for alike in _together(notifications) for one in self._grouped(alike)]
        self._look_back([one.incident for one in grouped])
        sent = [(one, channel) for one in grouped for channel in one.channels if self._has_message(one, channel)]
        for _, alike in groupby(sorted(sent, key=_kind), key=_kind):
            self._announce(list(alike))
        if not self.repository.edits:
            return
        repeated = {(one.incident.id, channel) for one, channel in sent if one.transition.change in _REPEATS}
        shown = [one for one in grouped if any((one.incident.id, name) not in repeated for name in one.channels)]
        cards: dict[str, list[Notification]] = {}
        for one in shown:
            cards.setdefault(one.incident.slot, []).append(one)
        for members in cards.values():
            # Escalation adds channels for itself and for the end. No card is begun there.
            self._draft_card(
                members[0].incident, [name for member in members if not member.step for name in member.channels]
            )

    def show(self, incidents: Sequence[Incident]) -> None:
        """Draft the cards of some incidents as they stand now, in every channel that has them."""
        if incidents and self.repository.edits:
            self._look_back(incidents)
            for incident in incidents:
                self._draft_card(incident)

    def _draft_card(self, incident: Incident, channels: Sequence[str] = ()) -> None:
        """Draft the card of an incident, in every channel that has it and in these."""
        shown_in = sorted(channel for slot, channel in self.repository.cards if slot == incident.slot)
        known = [name for name in dict.fromkeys((*shown_in, *channels)) if name in self.settings.channels]
        if not known:
            return
        text = self._card(incident)
        relief = incident.is_over and incident.worst is Level.CRITICAL
        for channel in known:
            key = f"{incident.slot}/{self.now.isoformat()}/{channel}"
            edit = self.repository.cards.get((incident.slot, channel), False)
            self.drafts.append(
                AlertDraft(
                    key,
                    channel,
                    text,
                    incident.slot,
                    relief=relief,
                    edit=edit,
                    subjects=(incident.subject,),
                    incident=self._acted_on(incident),
                    members=self._choices(incident),
                )
            )

    def _acted_on(self, incident: Incident) -> str:
        """What the buttons of a card act on: its incident, or the group while a member of it is open."""
        if incident.group is None:
            return "" if incident.is_over else incident.id
        return incident.group if self._open_members(incident) else ""

    def _choices(self, incident: Incident) -> tuple[tuple[str, str], ...]:
        """The incidents of a group of which one can be chosen: several that are open, by subject."""
        members = self._open_members(incident) if incident.group else []
        return tuple((one.id, one.subject) for one in members) if len(members) > 1 else ()

    def _open_members(self, incident: Incident) -> list[Incident]:
        alike = [one for one in self.repository.incidents.values() if one.group == incident.group]
        return sorted((one for one in alike if not one.is_over), key=lambda one: one.subject)

    def _look_back(self, incidents: Sequence[Incident]) -> None:
        groups = {incident.group for incident in incidents if incident.group}
        members = [incident for incident in self.repository.incidents.values() if incident.group in groups]
        known = {incident.id: incident for incident in (*incidents, *members)}
        self.repository.look_back(known.values(), self.settings.channels.keys())

    # --- Messages of their own ---

    def _grouped(self, notifications: list[Notification]) -> list[Notification]:
        """Give several openings one card, if there are enough of them or if others like them have one.

        The first of a cascade was sent alone. Its card becomes that of the group.
        """
        if self.settings.rules.group is None or notifications[0].transition.change is not TransitionKind.OPENED:
            return notifications
        first, known = notifications[0].incident, self._notified_alike(notifications[0])
        group, before = growing_group(first, known), sent_alone(first, known)
        if group is None and len(before) + len(notifications) < self.settings.rules.group:
            return notifications
        if group is None and before:
            group = before[0].id
            self.repository.save_incident(replace(before[0], group=group))
        group = (
            group
            or sha256(" ".join(notification.incident.id for notification in notifications).encode()).hexdigest()[:8]
        )
        joined = [
            replace(notification, incident=replace(notification.incident, group=group))
            for notification in notifications
        ]
        for one in joined:
            self.repository.save_incident(one.incident)
        return joined

    def _notified_alike(self, one: Notification) -> list[Incident]:
        """The incidents that the same channels were notified of."""
        return [other for other in self.repository.incidents.values() if set(other.notified) == set(one.channels)]

    def _has_message(self, one: Notification, channel: str) -> bool:
        """Whether a transition has a message of its own: its card was delivered, and no member of its group is open."""
        if one.step:
            return True
        if self.repository.edits and not self.repository.cards.get((one.incident.slot, channel)):
            return False
        if one.transition.change.ends and one.incident.group:
            return all(case.incident.is_over for case in self._members(one.incident.group) if case.incident)
        return True

    def _announce(self, sent: Sequence[tuple[Notification, str]]) -> None:
        """Draft transitions of one kind in one channel: each in a message, or several as a list."""
        channel, ended = sent[0][1], sent[0][0].transition.change.ends
        groups = {one.incident.group: one for one, _ in sent if ended and one.incident.group}
        alone = [one for one, _ in sent if not (ended and one.incident.group)]
        for group, one in groups.items():
            self._draft_list(str(group), self._members(str(group)), one, channel)
        joined = bool(alone) and not ended and alone[0].incident.group is not None  # to a card that is there already
        if self.settings.rules.group is not None and len(alone) >= (2 if joined else self.settings.rules.group):
            self._draft_list(alone[0].incident.id, [self._case(one) for one in alone], alone[0], channel)
            return
        for one in alone:
            text = alert_text(self.settings.rules, self._case(one), self.now, affected=self._affected(one.transition))
            self._draft(one, f"{one.incident.id}/{one.transition.change}", text, channel)

    def _draft_list(self, name: str, cases: Sequence[AlertCase], first: Notification, channel: str) -> None:
        change = first.transition.change
        subjects = tuple(case.incident.subject for case in cases if case.incident)
        self._draft(first, f"{name}/{change}-list", group_text(cases, change, self.now), channel, subjects)

    def _draft(
        self, one: Notification, what: str, text: AlertText, channel: str, subjects: tuple[str, ...] = ()
    ) -> None:
        key = f"alert/{what}/{self.now.isoformat()}/{channel}"
        mention = one.step.mention if one.step else ()
        relief = one.transition.was is Level.CRITICAL
        about = subjects or (one.incident.subject,)
        self.drafts.append(AlertDraft(key, channel, text, mention=mention, relief=relief, subjects=about))

    # --- How an incident stands ---

    def _card(self, incident: Incident) -> AlertText:
        if incident.group:
            return group_text(self._members(incident.group), TransitionKind.OPENED, self.now, card=True)
        case = self._as_it_stands(incident)
        affected = () if incident.is_over else self._affected(case.transition)
        return alert_text(self.settings.rules, case, self.now, affected=affected, card=True)

    def _members(self, group: str) -> list[AlertCase]:
        members = (incident for incident in self.repository.incidents.values() if incident.group == group)
        return [
            self._as_it_stands(incident) for incident in sorted(members, key=lambda one: (one.opened_at, one.subject))
        ]

    def _case(self, one: Notification) -> AlertCase:
        trouble = _trouble(self.repository.transitions.get(one.incident.id, []))
        return AlertCase(one.transition, trouble or one.transition, one.incident)

    def _as_it_stands(self, incident: Incident) -> AlertCase:
        """The incident with its last transition that was no repetition."""
        transitions = self.repository.transitions.get(incident.id, [])
        last = next((transition for transition in reversed(transitions) if transition.change not in _REPEATS), None)
        if last is None:  # they are so old that the store has none of them
            seen, since, reason = Observation(incident.subject, incident.level), incident.since, "it is long ago"
            last = Transition(incident.subject, TransitionKind.OPENED, since, reason, seen, incident.level)
        return AlertCase(last, _trouble(transitions) or last, incident)

    def _affected(self, transition: Transition) -> list[str]:
        """What depends on the subject of a transition and is in trouble too."""
        if transition.level is Level.OK:
            return []
        return affected_subjects(transition.subject, self.repository.troubled, self.settings.rules)


def _together(notifications: Sequence[Notification]) -> list[list[Notification]]:
    """Openings that are alike in urgency and channels are together, everything else is by itself."""
    together: dict[tuple[object, ...], list[Notification]] = {}
    for number, one in enumerate(notifications):
        opened = one.transition.change is TransitionKind.OPENED
        key = (one.transition.level is Level.CRITICAL, one.channels) if opened else (number,)
        together.setdefault(key, []).append(one)
    return list(together.values())


def _kind(sent: tuple[Notification, str]) -> tuple[str, bool, str]:
    """What transitions must have in common to share a message."""
    one, channel = sent
    step = one.step.name if one.step else ""
    return f"{one.transition.change} {step}", one.transition.level is Level.CRITICAL, channel


def _trouble(transitions: Sequence[Transition]) -> Transition | None:
    """The last transition that describes the trouble."""
    return next((transition for transition in reversed(transitions) if transition.change in _TROUBLE), None)
