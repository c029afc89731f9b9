"""Alerts while the store cannot be written: what was decided from memory, and messages that are posted at once.

A full disk is when alerts are needed most. What is decided from memory is saved as soon as the store can be written
again, so nobody is notified twice. A message that quiet hours or a digest hold back waits in memory until they end or
the store can hold it. If the process ends before that, the same observations are judged again.

Silences, maintenance, dependencies and acknowledgements still count: mostly the store can be read when it cannot be
written, and otherwise its last answers count.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from reporter.alerts.model import STORE_SUBJECT, Level, Observation
from reporter.delivery.outlets.outlet import Later
from reporter.errors import StoreError
from reporter.messages.message import Message
from reporter.messages.quiet_hours import handling
from reporter.notify.alert_messages import AlertDraft, AlertWriter
from reporter.notify.evaluation import Evaluation
from reporter.notify.repository import AlertSnapshot, Decisions, MemoryRepository, OutdatedError
from reporter.notify.routing import Observer
from reporter.notify.settings import NotifySettings
from reporter.periods.clock import Clock
from reporter.store.database import Store

log = logging.getLogger(__name__)
T = TypeVar("T")

MARK = "sent from memory: our own store cannot be written"
# At most so many messages wait in memory for channels that cannot be reached either.
UNSENT = 100
# At most so many transitions wait in memory to be recorded, should the store be away for weeks.
UNRECORDED = 5000
# How long one thread waits, in seconds, while another one saves what was decided from memory.
HAND_OVER = 1.0


@dataclass(frozen=True, slots=True)
class Pending:
    """What was decided from memory and is not saved yet, and the messages that could not be posted."""

    version: int
    decided: Decisions
    unsent: tuple[tuple[AlertDraft, Message], ...]


class AlertMemory:
    """What is known of alerts since the store failed."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._changed = threading.Condition()
        self._snapshot = AlertSnapshot()
        self._decided = Decisions()
        self._unsent: list[tuple[AlertDraft, Message]] = []
        self._version = 0
        self._is_being_saved = False

    def remember(self, connection: Connection) -> None:
        """Keep in memory what the store says of alerts."""
        self._snapshot = AlertSnapshot.read(connection, self._clock.wall())

    def process(
        self, settings: NotifySettings, seen: Sequence[Observation], observer: Observer, run_id: str, why: str | None
    ) -> None:
        """Judge observations that could not be saved, and post the messages.

        `why` says why the store failed, if people should hear of that.
        """
        now = self._clock.wall()
        words = f"reports wait, and alerts are sent from memory: {why}"
        seen = [*([Observation(STORE_SUBJECT, Level.CRITICAL, words)] if why else []), *seen]
        self._read_again([one.subject for one in seen])
        with self._changed:
            known = len(self._decided.transitions)
            judgement = Evaluation(MemoryRepository(self._snapshot, self._decided, now), settings, run_id)
            judgement.process(seen, observer)
            judgement.process_due()
            records = self._decided.transitions
            records[known:] = [
                replace(record, reason=MARK) if record.notified else record for record in records[known:]
            ]
            del records[:-UNRECORDED]
            self._version += 1
            waiting, self._unsent = self._unsent, []
        for line in judgement.lines:
            log.error("judged from memory: %s", line)
        writer = AlertWriter(settings.renderer)
        written = [(draft, writer.message(draft).noted(MARK)) for draft in judgement.drafts]
        unsent = [one for one in (*waiting, *written) if not _posted(settings, *one, now)]
        with self._changed:
            self._unsent[:0] = unsent
            self._version += 1
            if len(self._unsent) > UNSENT:
                log.error("%d alerts could be neither posted nor saved, and are dropped", len(self._unsent) - UNSENT)
                del self._unsent[:-UNSENT]

    def _read_again(self, subjects: Collection[str]) -> None:
        """Read the store once more, if it can be read."""
        with suppress(StoreError), self._store.read() as connection:
            self._snapshot = AlertSnapshot.read(connection, self._clock.wall(), set(subjects))

    def pending(self) -> Pending:
        """What is to be saved with the next decisions."""
        with self._changed:
            return Pending(self._version, self._decided.copy(), tuple(self._unsent))

    @contextmanager
    def saving(self, pending: Pending) -> Iterator[Callable[[], None]]:
        """Around a transaction that saves what is pending. It is forgotten when the transaction is committed.

        Call what this gives inside the transaction. It raises OutdatedError if more was decided from memory meanwhile,
        or if another thread saves it.
        """
        claimed = False

        def claim() -> None:
            nonlocal claimed
            with self._changed:
                free = self._changed.wait_for(lambda: not self._is_being_saved, HAND_OVER)
                if not free or self._version != pending.version:
                    raise OutdatedError
                self._is_being_saved = claimed = pending.decided != Decisions() or bool(pending.unsent)

        try:
            yield claim
            if claimed:
                self._forget(pending)
        finally:
            if claimed:
                with self._changed:
                    self._is_being_saved = False
                    self._changed.notify_all()

    def _forget(self, pending: Pending) -> None:
        """Forget what is saved. What was decided since then is kept."""
        with self._changed:
            known, saved = self._decided, pending.decided
            known.states = {key: one for key, one in known.states.items() if saved.states.get(key) is not one}
            known.incidents = {key: one for key, one in known.incidents.items() if saved.incidents.get(key) is not one}
            known.transitions = _without(known.transitions, saved.transitions)
            known.reminded -= saved.reminded
            self._unsent = _without(self._unsent, pending.unsent)
            self._version += 1


def _without(known: Iterable[T], saved: Iterable[T]) -> list[T]:
    """What is not among the saved objects. Equal objects are different ones."""
    ids = {id(one) for one in saved}
    return [one for one in known if id(one) not in ids]


def _posted(settings: NotifySettings, draft: AlertDraft, message: Message, now: datetime) -> bool:
    """Post a message at once, as loud as its channel wants it; False if it is to be tried again."""
    channel = settings.channels.get(draft.channel)
    if channel is None:
        return True
    how = handling(channel.quiet_rules, message.severity, now, relief=draft.relief)
    if how.dropped:
        return True
    if how.held_until or channel.outlet.pause() > 0:
        return False
    message = replace(message, silent=True) if how.silent else message
    verdicts = [channel.outlet.post(part) for part in channel.outlet.fit(message)]
    return not any(isinstance(verdict, Later) for verdict in verdicts)
