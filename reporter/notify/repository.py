"""What the alert pipeline knows and decides, with two implementations: over the store, and from memory.

Neither writes while it is used: decisions are collected, and later questions see them. So one pipeline judges alike
whether the store can be written or not, and no template is filled in inside a transaction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection
from typing_extensions import override

from reporter.alerts.incident import Incident
from reporter.alerts.model import AlertState, Phase, Transition
from reporter.alerts.suppression import Silence, severity
from reporter.errors import StoreError
from reporter.store import alerts, channel_states, incidents, outbox
from reporter.store.alerts import StoredAlert
from reporter.store.incidents import TransitionRecord

T = TypeVar("T")

# Silences that begin within this time are read too: memory must know them while the store cannot be read.
AHEAD = timedelta(days=1)


class OutdatedError(StoreError):
    """What was decided is outdated: another thread or daemon has changed what it rests on."""

    def __init__(self) -> None:
        super().__init__("the alerts could not be saved: others kept changing them")


@dataclass(slots=True)
class Decisions:
    """What was decided and is not saved yet."""

    states: dict[str, StoredAlert] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    transitions: list[TransitionRecord] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)  # subjects that nothing observes any more
    reminded: set[int] = field(default_factory=set)  # silences whose end people were reminded of

    def copy(self) -> Decisions:
        return Decisions(
            dict(self.states), dict(self.incidents), list(self.transitions), set(self.dropped), set(self.reminded)
        )


@dataclass(frozen=True, slots=True)
class AlertSituation:
    """What decides whether people are notified: everything that is not well, incidents, silences, dead channels."""

    troubled: Mapping[str, AlertState] = field(default_factory=dict)
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    dead_channels: frozenset[tuple[str, str]] = frozenset()  # name and address

    @classmethod
    def read(cls, connection: Connection, now: datetime, incident_ids: Collection[str]) -> AlertSituation:
        """Read the store: of incidents those that are open, those with these ids, and the members of their groups."""
        return cls(
            {alert.subject: _in_brief(alert.state) for alert in alerts.troubled(connection)},
            {incident.id: incident for incident in incidents.open_or_named(connection, incident_ids)},
            tuple(incidents.silences_between(connection, now, now + AHEAD)),
            frozenset(
                (state.channel, state.address) for state in channel_states.all_states(connection) if state.dead_since
            ),
        )


@dataclass(frozen=True, slots=True)
class IncidentHistory:
    """What happened to some incidents, and in which channels their first messages are."""

    transitions: Mapping[str, tuple[Transition, ...]] = field(default_factory=dict)
    cards: Mapping[tuple[str, str], bool] = field(default_factory=dict)  # by slot and channel: is it delivered?

    @classmethod
    def read(
        cls, connection: Connection, incidents_: Collection[Incident], channels: Collection[str] = ()
    ) -> IncidentHistory:
        records = incidents.transitions_of(connection, [incident.id for incident in incidents_])
        known = {incident.id: tuple[Transition, ...]() for incident in incidents_}
        for record in records:
            known[record.transition.incident] += (record.transition,)
        return cls(known, outbox.cards(connection, channels, {incident.slot for incident in incidents_}))


def _in_brief(state: AlertState) -> AlertState:
    """What matters of a state to other subjects. Later readings like the last one leave it as it is."""
    return AlertState(state.subject, state.phase, severity(state))


class AlertRepository(ABC):
    """What is known of alerts, with what was decided since.

    `states` are known for the subjects that were asked for, everything else after `look_around`. The transitions and
    cards of incidents are known after `look_back`.
    """

    edits: bool  # whether the first message of an incident can be edited

    def __init__(self, decided: Decisions, now: datetime) -> None:
        self.decided = decided
        self.now = now
        self.troubled: list[AlertState] = []
        self.incidents: dict[str, Incident] = {}
        self.silences: list[Silence] = []
        self.dead_channels: frozenset[tuple[str, str]] = frozenset()
        self.transitions: dict[str, list[Transition]] = {}
        self.cards: Mapping[tuple[str, str], bool] = {}

    def states(self, subjects: Collection[str]) -> dict[str, StoredAlert]:
        """How some subjects stand, those that are known."""
        decided = {subject: alert for subject, alert in self.decided.states.items() if subject in subjects}
        return {**self._states([subject for subject in subjects if subject not in decided]), **decided}

    def look_around(self, incident_ids: Iterable[str] = ()) -> None:
        """Learn what decides whether people are notified, of these incidents and of all that are open."""
        situation = self._situation(set(incident_ids))
        decided = {name: _in_brief(alert.state) for name, alert in self.decided.states.items()}
        states = {**situation.troubled, **decided}
        names = sorted(states.keys() - self.decided.dropped)
        self.troubled = [states[name] for name in names if states[name].phase is not Phase.OK]
        self.incidents = {**situation.incidents, **self.decided.incidents}
        self.silences = [silence for silence in situation.silences if silence.holds(self.now)]
        self.dead_channels = situation.dead_channels

    def look_back(self, incidents_: Collection[Incident], channels: Collection[str]) -> None:
        """Learn what happened to these incidents, and which of the channels have their cards."""
        history = self._history(incidents_, channels)
        self.transitions = {name: list(known) for name, known in history.transitions.items()}
        for record in self.decided.transitions:
            self.transitions.setdefault(record.transition.incident, []).append(record.transition)
        self.cards = history.cards

    @property
    def open_incidents(self) -> list[Incident]:
        """The oldest first."""
        found = (incident for incident in self.incidents.values() if not incident.is_over)
        return sorted(found, key=lambda incident: (incident.opened_at, incident.id))

    def save_incident(self, incident: Incident) -> None:
        self.incidents[incident.id] = self.decided.incidents[incident.id] = incident

    @abstractmethod
    def _states(self, subjects: Collection[str]) -> Mapping[str, StoredAlert]: ...

    @abstractmethod
    def _situation(self, incident_ids: Collection[str]) -> AlertSituation: ...

    @abstractmethod
    def _history(self, incidents_: Collection[Incident], channels: Collection[str]) -> IncidentHistory: ...


class StoreRepository(AlertRepository):
    """Reads the store, and remembers its answers: they are checked before the decisions are saved."""

    edits = True

    def __init__(self, connection: Connection, decided: Decisions, now: datetime) -> None:
        super().__init__(decided, now)
        self._connection = connection
        self._seen: dict[str, StoredAlert | None] = {}
        self._answers: list[tuple[Callable[[Connection], object], object]] = []

    def save(self, connection: Connection) -> None:
        """Save what was decided. Raises OutdatedError if the store no longer answers as it did."""
        decided = self.decided
        # No other daemon changes these subjects from here until the transaction ends.
        stored = alerts.of_subjects(connection, {*self._seen, *decided.states}, lock=True)
        if any(stored.get(subject) != alert for subject, alert in self._seen.items()):
            raise OutdatedError
        if any(question(connection) != answer for question, answer in self._answers):
            raise OutdatedError
        for incident in decided.incidents.values():
            incidents.save(connection, incident)
        for record in decided.transitions:
            incidents.add_transition(connection, record)
        for silence_id in decided.reminded:
            incidents.mark_reminded(connection, silence_id)
        for subject in decided.dropped:
            alerts.drop(connection, subject)
        if not alerts.save(connection, decided.states.values(), stored.keys(), self.now):
            raise OutdatedError

    def _states(self, subjects: Collection[str]) -> Mapping[str, StoredAlert]:
        found = alerts.of_subjects(self._connection, subjects)
        self._seen |= {subject: found.get(subject) for subject in subjects}
        return found

    def _situation(self, incident_ids: Collection[str]) -> AlertSituation:
        return self._ask(lambda connection: AlertSituation.read(connection, self.now, incident_ids))

    def _history(self, incidents_: Collection[Incident], channels: Collection[str]) -> IncidentHistory:
        return self._ask(lambda connection: IncidentHistory.read(connection, incidents_, channels))

    def _ask(self, question: Callable[[Connection], T]) -> T:
        answer = question(self._connection)
        self._answers.append((question, answer))
        return answer


@dataclass(frozen=True, slots=True)
class AlertSnapshot:
    """What the store last said of alerts. It counts while the store cannot be read."""

    states: Mapping[str, StoredAlert] = field(default_factory=dict)
    situation: AlertSituation = field(default_factory=AlertSituation)
    history: IncidentHistory = field(default_factory=IncidentHistory)

    @classmethod
    def read(cls, connection: Connection, now: datetime, subjects: Collection[str] = ()) -> AlertSnapshot:
        """Read everything that is in trouble, and how these subjects stand."""
        troubled = {alert.subject: alert for alert in alerts.troubled(connection)}
        situation = AlertSituation.read(connection, now, ())
        history = (
            IncidentHistory.read(connection, situation.incidents.values()) if situation.incidents else IncidentHistory()
        )
        return cls(alerts.of_subjects(connection, subjects) | troubled, situation, history)


class MemoryRepository(AlertRepository):
    """Knows what the store last said. Each notification is a message of its own, which cannot be edited."""

    edits = False

    def __init__(self, snapshot: AlertSnapshot, decided: Decisions, now: datetime) -> None:
        super().__init__(decided, now)
        self._snapshot = snapshot

    def _states(self, subjects: Collection[str]) -> Mapping[str, StoredAlert]:
        return {subject: alert for subject, alert in self._snapshot.states.items() if subject in subjects}

    @override
    def _situation(self, incident_ids: Collection[str]) -> AlertSituation:
        return self._snapshot.situation

    @override
    def _history(self, incidents_: Collection[Incident], channels: Collection[str]) -> IncidentHistory:
        return IncidentHistory(self._snapshot.history.transitions)
