"""Alerts on their way from observations to the outbox: judge, write, commit.

1. Judge: observations and what the store says of them become decisions. Nothing is locked.
2. Write: the templates of the messages are filled in. No transaction is open.
3. Commit: decisions and messages are saved in one transaction, if the store still says the same. Otherwise the
   pipeline judges again.

While the store takes nothing the same pipeline judges from memory, and the messages are posted at once.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial

from sqlalchemy import Connection

from reporter.alerts.model import Observation
from reporter.delivery.enqueue import enqueue_message
from reporter.errors import StoreError, StoreLockedError
from reporter.messages.message import Message
from reporter.notify.alert_messages import AlertDraft, AlertWriter
from reporter.notify.evaluation import Evaluation
from reporter.notify.fallback import AlertMemory, Pending
from reporter.notify.repository import Decisions, OutdatedError, StoreRepository
from reporter.notify.routing import Observer
from reporter.notify.settings import NotifySettings
from reporter.periods.clock import Clock, ClockSteps
from reporter.store import alerts
from reporter.store.alerts import StoredAlert
from reporter.store.database import BUSY, Store, after_commit
from reporter.store.outbox import OutgoingMessage, fingerprint

log = logging.getLogger(__name__)

# If others change what is judged so often in a row, the last judgement is made inside the transaction.
ATTEMPTS = 4
# So long, in seconds, what was seen waits for others that write to the store. Then it is judged from memory.
LOOKS_WAIT = 2.0

Judge = Callable[[Evaluation[StoreRepository]], object]
# Saves what belongs to the same transaction. It is given the number of messages about alerts.
Save = Callable[[Connection, int], object]


class AlertPipeline:
    """Judges, writes and saves alerts. It holds no settings: each call gets those that count at that moment."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._memory = AlertMemory(store, clock)
        self._steps = ClockSteps(clock)
        self._locked_since: float | None = None

    def remember(self, connection: Connection) -> None:
        """Keep in memory what the store says of alerts, for the time when it cannot be read."""
        self._memory.remember(connection)

    def process(
        self,
        settings: NotifySettings,
        observations: Sequence[Observation],
        observer: Observer,
        *,
        run_id: str | None = None,
        save: Save | None = None,
        once_saved: Sequence[Observation] = (),
        patience: float | None = None,
    ) -> int:
        """Judge observations. Returns how many messages people get.

        `once_saved` are observations that are true only if everything can be saved. If the store cannot be written,
        alerts are judged from memory and posted, and StoreError is raised all the same. A store that others write to is
        waited for, `patience` in seconds, by default a moment.
        """
        run_id, seen = run_id or secrets.token_hex(4), [*observations, *once_saved]
        patience = LOOKS_WAIT if patience is None else patience
        try:
            messages = self.commit(
                settings, lambda one: one.process(seen, observer), run_id=run_id, save=save, patience=patience
            )
        except StoreError as error:
            self._memory.process(settings, observations, observer, run_id, self._trouble(error))
            raise
        self._locked_since = None
        return messages

    def due(self, connection: Connection) -> list[StoredAlert]:
        """The alerts that wait for time to pass, by the store and by what is not saved yet."""
        now, decided = self._clock.wall(), self._memory.pending().decided.states
        stored = [alert for alert in alerts.due(connection, now) if alert.subject not in decided]
        return [*stored, *(one for one in decided.values() if one.look_at and one.look_at <= now)]

    def _trouble(self, error: StoreError) -> str | None:
        """What people hear of the store itself: nothing of a lock that lasts no longer than a writer waits anyway."""
        if not isinstance(error, StoreLockedError):
            return str(error)
        now = self._clock.monotonic()
        self._locked_since = self._locked_since or now
        return str(error) if now - self._locked_since >= BUSY else None

    def preview(
        self, settings: NotifySettings, observations: Sequence[Observation], observer: Observer
    ) -> tuple[list[tuple[str, Message]], list[str]]:
        """The messages that people get when these observations open alerts, each with its channel; nothing is saved.

        The lines say what would not be sent, and why.
        """
        with self._store.read() as connection:
            judgement = Evaluation(StoreRepository(connection, Decisions(), self._clock.wall()), settings, "preview")
            judgement.open_now(observations, observer)
        writer = AlertWriter(settings.renderer)
        messages = [(draft.channel, writer.message(draft)) for draft in judgement.drafts]
        return messages, [line for line in judgement.lines if "is not sent" in line]

    def tick(self, settings: NotifySettings, subjects: Sequence[tuple[str, Observer]]) -> None:
        """Let time pass for subjects without an observation, and send what is due. Raises StoreError."""

        def judge(judgement: Evaluation[StoreRepository]) -> None:
            judgement.tick(subjects)
            judgement.process_due()

        self.commit(settings, judge, patience=LOOKS_WAIT)

    def close(self, settings: NotifySettings, ended: Sequence[StoredAlert], reason: str) -> None:
        """End the alerts of subjects that nothing observes any more, and forget these. Raises StoreError."""
        self.commit(settings, lambda judgement: judgement.close(ended, reason))

    def commit(
        self,
        settings: NotifySettings,
        judge: Judge,
        *,
        run_id: str | None = None,
        save: Save | None = None,
        patience: float = BUSY,
    ) -> int:
        """Judge, write and commit. Returns how many messages people get.

        Raises StoreError, and whatever `save` raises: then nothing is saved.
        """
        with self._steps.taken() as step:
            judge = partial(_after_step, step, judge)
            return self._committed(settings, judge, run_id or secrets.token_hex(4), save, patience)

    def _committed(
        self, settings: NotifySettings, judge: Judge, run_id: str, save: Save | None, patience: float
    ) -> int:
        writer = AlertWriter(settings.renderer)
        for _ in range(ATTEMPTS):
            pending = self._memory.pending()
            with self._store.read() as connection:
                judgement = self._judged(connection, settings, judge, run_id, pending)
            messages = [(draft, writer.message(draft)) for draft in judgement.drafts]
            if not (save or messages or judgement.repository.decided != Decisions()):
                return 0
            saving, writing = self._memory.saving(pending), self._store.begin(patience)
            with suppress(OutdatedError), saving as claim, writing as connection:
                claim()
                return self._saved(connection, settings, judgement, (*pending.unsent, *messages), save)
        pending = self._memory.pending()
        with self._memory.saving(pending) as claim, self._store.begin(patience) as connection:
            judgement = self._judged(connection, settings, judge, run_id, pending)
            messages = [(draft, writer.message(draft, plain=True)) for draft in judgement.drafts]
            claim()
            return self._saved(connection, settings, judgement, (*pending.unsent, *messages), save)

    def _judged(
        self, connection: Connection, settings: NotifySettings, judge: Judge, run_id: str, pending: Pending
    ) -> Evaluation[StoreRepository]:
        """Judge by what the store says now, after what was decided from memory and is not saved yet."""
        repository = StoreRepository(connection, pending.decided.copy(), self._clock.wall())
        judgement = Evaluation(repository, settings, run_id)
        judge(judgement)
        for note in judgement.notes:
            log.debug("%s", note)
        return judgement

    def _saved(
        self,
        connection: Connection,
        settings: NotifySettings,
        judgement: Evaluation[StoreRepository],
        messages: Iterable[tuple[AlertDraft, Message]],
        save: Save | None,
    ) -> int:
        """Save decisions and messages in an open transaction. Returns how many messages people get."""
        judgement.repository.save(connection)
        number = 0
        for draft, message in messages:
            letter = OutgoingMessage(
                key=f"{draft.key}/{fingerprint(message)}",  # within one instant a card may change twice
                channel=draft.channel,
                kind="alert",
                message=message,
                slot=draft.slot,
                run_id=judgement.run_id,
                about=("alerts", *draft.subjects),
            )
            relief, edit = draft.relief, draft.edit
            saved = enqueue_message(connection, settings.channels, letter, judgement.now, relief=relief, edit=edit)
            number += saved and not edit
        if save:
            save(connection, number)
        after_commit(connection, partial(_log, judgement.lines))
        return number


def _after_step(step: timedelta, judge: Judge, judgement: Evaluation[StoreRepository]) -> None:
    if step:
        judgement.step(step)
    judge(judgement)


def _log(lines: Iterable[str]) -> None:
    for line in lines:
        log.info("%s", line)
