"""Hands every channel that can be served to a thread of its own, so that no channel waits for another."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from reporter.delivery.worker import DeliveryWorker
from reporter.errors import ReporterError
from reporter.scheduler.guarded import LastingTrouble, guarded
from reporter.scheduler.in_progress import InProgress
from reporter.scheduler.liveness import DELIVERY, Liveness
from reporter.scheduler.runtime import Runtime

log = logging.getLogger(__name__)

# How often, in seconds, delivery looks for messages that other processes have queued.
POLL = 15.0
# A channel rests this many seconds when our own store has failed and not the channel.
REST = 2.0


class DeliveryLoop:
    """Delivers until `stopping` is set. `runtime` returns the runtime that counts now."""

    def __init__(
        self, worker: DeliveryWorker, runtime: Callable[[], Runtime], liveness: Liveness, stopping: threading.Event
    ) -> None:
        self._worker = worker
        self._runtime = runtime
        self._liveness = liveness
        self._stopping = stopping
        self._queued = threading.Event()
        self._serving = InProgress()
        self._trouble = LastingTrouble()

    def start(self) -> None:
        threading.Thread(target=self._run, name="delivery", daemon=True).start()

    def wake(self) -> None:
        """A message may be due: look at once."""
        self._queued.set()

    @property
    def under_way(self) -> frozenset[str]:
        return self._serving.names

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._queued.clear()
            wait = POLL
            try:
                channels, soon = self._worker.ready(self._runtime().channels)
                wait = min(POLL, max(0.05, soon))
                for channel in channels:
                    if self._serving.begin(channel):
                        self._begin(channel)
                self._liveness.turned(DELIVERY)
                self._trouble.is_over()
            except ReporterError as error:
                self._trouble.goes_on(f"delivery failed to read the outbox: {error}")
            except Exception:
                log.exception("delivery failed to read the outbox")  # a bug of ours must not end all delivery
            self._liveness.looked(DELIVERY)
            self._queued.wait(wait)

    def _begin(self, channel: str) -> None:
        try:
            threading.Thread(target=self._serve, args=(channel,), name=f"channel-{channel}", daemon=True).start()
        except RuntimeError:  # the machine gives no more threads
            self._serving.end(channel)
            raise

    def _serve(self, channel: str) -> None:
        serve = partial(self._worker.serve, self._runtime().channels, channel, self._stopping)
        if not guarded(f"delivery to {channel}", serve):
            self._stopping.wait(REST)
        self._serving.end(channel)
        self._queued.set()
