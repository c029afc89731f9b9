"""What the alert pipeline knows and decides: one interface with two implementations, over the store and from memory.

Neither writes while it is used. Decisions are collected, and every question sees what was decided before it. So one
pipeline judges alike whether the store can be written or not, and no template is filled in inside a transaction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

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

# From memory, silences that begin within this time are known too.
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

    def __bool__(self) -> bool:
        return bool(self.states or self.incidents or self.transitions or self.dropped or self.reminded)


class AlertRepository(ABC):
    """What is known of alerts, with what was decided since."""

    edits: bool  # whether the first message of an incident can be edited

    def __init__(self, decided: Decisions, now: datetime) -> None:
        self.decided = decided
        self.now = now

    def states(self, subjects: Collection[str]) -> dict[str, StoredAlert]:
        """How some subjects stand, those that are known."""
        unseen = [subject for subject in subjects if subject not in self.decided.states]
        own = {subject: self.decided.states[subject] for subject in subjects if subject in self.decided.states}
        return self._stored_states(unseen) | own

    def troubled(self) -> list[AlertState]:
        """Every subject that is not well, in the order of their names."""
        known = {state.subject: state for state in self._stored_troubled()}
        known |= {subject: alert.state for subject, alert in self.decided.states.items()}
        names = sorted(known.keys() - self.decided.dropped)
        return [known[name] for name in names if known[name].phase is not Phase.OK]

    def incident(self, incident_id: str) -> Incident | None:
        return self.decided.incidents.get(incident_id) or self._stored_incident(incident_id)

    def open_incidents(self) -> list[Incident]:
        """Every open incident, the oldest first."""
        known = {incident.id: incident for incident in self._stored_open_incidents()} | self.decided.incidents
        return sorted((one for one in known.values() if not one.is_over), key=lambda one: (one.opened_at, one.id))

    def group(self, group: str) -> list[Incident]:
        """The incidents that share one message, the oldest first."""
        known = {incident.id: incident for incident in self._stored_group(group)} | self.decided.incidents
        mine = (incident for incident in known.values() if incident.group == group)
        return sorted(mine, key=lambda incident: (incident.opened_at, incident.subject))

    def transitions(self, incident_id: str) -> list[Transition]:
        """What happened to an incident, in order."""
        decided = (record.transition for record in self.decided.transitions)
        return [*self._stored_transitions(incident_id), *(one for one in decided if one.incident == incident_id)]

    def silences(self) -> list[Silence]:
        """The silences that hold now."""
        return [silence for silence in self._stored_silences() if silence.holds(self.now)]

    @abstractmethod
    def closed_channels(self, addresses: Mapping[str, str]) -> frozenset[str]:
        """Of some channels, by name and address, those that were found dead at that address."""

    @abstractmethod
    def message_channels(self, slot: str, channels: Collection[str]) -> list[str]:
        """The channels, among some, that have a message in a slot."""

    @abstractmethod
    def is_delivered(self, slot: str, channel: str) -> bool:
        """Whether the message of a slot arrived in a channel, may have arrived, or is on its way."""

    @abstractmethod
    def _stored_states(self, subjects: Collection[str]) -> dict[str, StoredAlert]: ...

    @abstractmethod
    def _stored_troubled(self) -> Iterable[AlertState]: ...

    @abstractmethod
    def _stored_incident(self, incident_id: str) -> Incident | None: ...

    @abstractmethod
    def _stored_open_incidents(self) -> Iterable[Incident]: ...

    @abstractmethod
    def _stored_group(self, group: str) -> Iterable[Incident]: ...

    @abstractmethod
    def _stored_transitions(self, incident_id: str) -> Iterable[Transition]: ...

    @abstractmethod
    def _stored_silences(self) -> Iterable[Silence]: ...


def _whole(answer: T) -> T:
    return answer


class StoreRepository(AlertRepository):
    """Reads the store, and remembers its answers: they are checked before the decisions are saved."""

    edits = True

    def __init__(self, connection: Connection, decided: Decisions, now: datetime) -> None:
        super().__init__(decided, now)
        self._connection = connection
        self._seen: dict[str, StoredAlert | None] = {}
        self._answers: dict[tuple[str, ...], Any] = {}
        self._asked: dict[tuple[str, ...], tuple[Callable[[Connection], Any], Any]] = {}

    def save(self, connection: Connection) -> None:
        """Save what was decided. Raises OutdatedError if the store no longer answers as it did."""
        decided = self.decided
        # No other daemon changes these subjects from here until the transaction ends.
        stored = alerts.of_subjects(connection, {*self._seen, *decided.states}, lock=True)
        if any(stored.get(subject) != alert for subject, alert in self._seen.items()):
            raise OutdatedError
        if any(question(connection) != answer for question, answer in self._asked.values()):
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

    def _ask(
        self, key: tuple[str, ...], question: Callable[[Connection], T], essence: Callable[[T], Any] = _whole
    ) -> T:
        """Ask each question once. Its answer is outdated when the `essence` of it changes."""
        if key not in self._answers:
            self._answers[key] = question(self._connection)
            self._asked[key] = lambda connection: essence(question(connection)), essence(self._answers[key])
        answer: T = self._answers[key]
        return answer

    def closed_channels(self, addresses: Mapping[str, str]) -> frozenset[str]:
        def question(connection: Connection) -> frozenset[str]:
            dead = [state for state in channel_states.all_states(connection) if state.dead_since]
            return frozenset(state.channel for state in dead if addresses.get(state.channel) == state.address)

        return self._ask(("closed channels",), question)

    def message_channels(self, slot: str, channels: Collection[str]) -> list[str]:
        return self._ask(("channels", slot), lambda connection: outbox.channels_of(connection, slot, channels))

    def is_delivered(self, slot: str, channel: str) -> bool:
        return self._ask(
            ("delivered", slot, channel), lambda connection: outbox.was_delivered(connection, channel, slot)
        )

    def _stored_states(self, subjects: Collection[str]) -> dict[str, StoredAlert]:
        found = alerts.of_subjects(self._connection, subjects)
        self._seen |= {subject: found.get(subject) for subject in subjects}
        return found

    def _stored_troubled(self) -> Iterable[AlertState]:
        found = self._ask(
            ("troubled",),
            alerts.troubled,
            lambda troubled: [(alert.subject, alert.phase, severity(alert.state)) for alert in troubled],
        )
        return [alert.state for alert in found]

    def _stored_incident(self, incident_id: str) -> Incident | None:
        return self._ask(("incident", incident_id), lambda connection: incidents.get(connection, incident_id))

    def _stored_open_incidents(self) -> Iterable[Incident]:
        return self._ask(("open incidents",), incidents.open_incidents)

    def _stored_group(self, group: str) -> Iterable[Incident]:
        return self._ask(("group", group), lambda connection: incidents.of_group(connection, group))

    def _stored_transitions(self, incident_id: str) -> Iterable[Transition]:
        key = ("transitions", incident_id)
        records = self._ask(key, lambda connection: incidents.transitions_of(connection, [incident_id]))
        return [record.transition for record in records]

    def _stored_silences(self) -> Iterable[Silence]:
        return self._ask(("silences",), lambda connection: incidents.silences_at(connection, self.now))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the store last said of alerts. It counts while the store cannot be read."""

    silences: tuple[Silence, ...] = ()
    states: Mapping[str, StoredAlert] = field(default_factory=dict)
    incidents: Mapping[str, Incident] = field(default_factory=dict)  # those that are open
    transitions: Mapping[str, tuple[Transition, ...]] = field(default_factory=dict)  # of these, by incident

    @classmethod
    def read(cls, connection: Connection, now: datetime, subjects: Collection[str] = ()) -> Snapshot:
        """Read what bears on alerts: everything that is in trouble, and how these subjects stand."""
        troubled = {alert.subject: alert for alert in alerts.troubled(connection)}
        found = {incident.id: incident for incident in incidents.open_incidents(connection)}
        records = incidents.transitions_of(connection, found) if found else []
        return cls(
            tuple(incidents.silences_between(connection, now, now + AHEAD)),
            alerts.of_subjects(connection, subjects) | troubled,
            found,
            {name: tuple(one.transition for one in records if one.transition.incident == name) for name in found},
        )


class MemoryRepository(AlertRepository):
    """Knows what the store last said. It sends each notification as a message of its own, which cannot be edited."""

    edits = False

    def __init__(self, snapshot: Snapshot, decided: Decisions, now: datetime) -> None:
        super().__init__(decided, now)
        self._snapshot = snapshot

    @override
    def closed_channels(self, addresses: Mapping[str, str]) -> frozenset[str]:
        return frozenset()

    @override
    def message_channels(self, slot: str, channels: Collection[str]) -> list[str]:
        return []

    @override
    def is_delivered(self, slot: str, channel: str) -> bool:
        return True

    def _stored_states(self, subjects: Collection[str]) -> dict[str, StoredAlert]:
        known = self._snapshot.states
        return {subject: known[subject] for subject in subjects if subject in known}

    def _stored_troubled(self) -> Iterable[AlertState]:
        return [alert.state for alert in self._snapshot.states.values()]

    def _stored_incident(self, incident_id: str) -> Incident | None:
        return self._snapshot.incidents.get(incident_id)

    def _stored_open_incidents(self) -> Iterable[Incident]:
        return self._snapshot.incidents.values()

    def _stored_group(self, group: str) -> Iterable[Incident]:
        return [incident for incident in self._snapshot.incidents.values() if incident.group == group]

    def _stored_transitions(self, incident_id: str) -> Iterable[Transition]:
        return self._snapshot.transitions.get(incident_id, ())

    def _stored_silences(self) -> Iterable[Silence]:
        return self._snapshot.silences
