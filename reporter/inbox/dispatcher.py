"""The thread that sends events as they come in, apart from the schedule."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from reporter.errors import ReporterError
from reporter.inbox.gaps import report_silence
from reporter.inbox.send import AT_ONCE, send_bundles, send_events
from reporter.inbox.settings import EventSettings
from reporter.periods.clock import Clock
from reporter.store.database import Store

log = logging.getLogger(__name__)

# How often it is looked whether another process has written to the store, in seconds.
PAUSE = 1.0
# How often the store is asked though nobody has: an event may have waited for its time, or for its pace.
ASK = 10.0
# How often it is looked who is silent.
SILENCE = 30.0
LONGEST_PAUSE = 60.0


class EventDispatcher:
    """Brings events into the outbox. `settings` gives what counts now; `sent` is called when messages wait."""

    def __init__(
        self, store: Store, clock: Clock, settings: Callable[[], EventSettings], sent: Callable[[], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._sent = sent
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._began = clock.monotonic()
        self._bundles_at = self._silence_at = 0.0
        self._asked_at = -ASK
        self._asked_of: object = None
        self._thread = threading.Thread(target=self._work, name="events", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There are new events: look now."""
        self._wake.set()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        self._thread.join(2)

    def _work(self) -> None:
        pause = PAUSE
        while not self._stopping.is_set():
            try:
                full = self._step()
                pause = PAUSE
            except ReporterError as error:
                log.error("events wait: %s", error)
                full, pause, self._asked_of = False, min(LONGEST_PAUSE, 2 * pause), None
            except Exception:  # a defect of ours must not end the thread: the events are still there
                log.exception("events wait")
                full, pause, self._asked_of = False, LONGEST_PAUSE, None
            if not full:
                self._rest(pause)

    def _rest(self, pause: float) -> None:
        """Wait until there may be something to send. A question to the store costs a hundred times what a look does."""
        while not self._wake.wait(pause) and not self._stopping.is_set():
            stamp = self._store.write_stamp()
            if stamp is None or stamp != self._asked_of or self._clock.monotonic() - self._asked_at >= ASK:
                break
        self._wake.clear()

    def _step(self) -> bool:
        """Send what waits; whether there may be more."""
        settings = self._settings()
        self._asked_of, self._asked_at = self._store.write_stamp(), self._clock.monotonic()
        count = send_events(self._store, settings, self._clock.wall())
        if self._clock.monotonic() >= self._bundles_at:
            self._bundles_at = self._clock.monotonic() + ASK
            count += send_bundles(self._store, settings, self._clock.wall())
            if settings.expected and self._clock.monotonic() >= self._silence_at:
                self._silence_at = self._clock.monotonic() + SILENCE
                with self._store.begin() as connection:
                    listening = timedelta(seconds=self._clock.monotonic() - self._began)
                    report_silence(connection, settings.expected, self._clock.wall(), listening)
        if count:
            self._sent()
        return count >= AT_ONCE
