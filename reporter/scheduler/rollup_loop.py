"""Keeps the roll-ups of the configured ledgers up in the background of the daemon, at a pace that nobody feels."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import perf_counter

from reporter.errors import ReporterError
from reporter.periods.clock import Clock
from reporter.scheduler.restatements import Restatements
from reporter.scheduler.rollup_upkeep import SOME, Progress, RollupUpkeep
from reporter.scheduler.runtime import Runtime
from reporter.store.database import Store
from reporter.trading.ledger.reader import Reader

log = logging.getLogger(__name__)

# Seconds between two looks where nothing has to be done, and after a source or the store could not be read.
IDLE = 30.0
# A piece of work is followed by a pause of so many times its own length: a build takes a quarter of one core's time at
# most, a check a fiftieth.
PAUSES = {"building": 3.0, "adding": 3.0, "checking": 50.0}
SHORTEST = 0.05


class RollupLoop:
    """Works until `stopping` is set. `runtime` returns the runtime that counts now; `queued` is called when messages
    were queued."""

    def __init__(
        self,
        store: Store,
        runtime: Callable[[], Runtime],
        clock: Clock,
        stopping: threading.Event,
        queued: Callable[[], None] = lambda: None,
    ) -> None:
        self._upkeep = RollupUpkeep(store, clock, many=SOME, some=SOME)
        self._restatements = Restatements(store, clock)
        self._queued = queued
        self._runtime = runtime
        self._stopping = stopping
        self._failing: dict[str, str] = {}

    def start(self) -> None:
        threading.Thread(target=self._run, name="roll-ups", daemon=True).start()

    def turn(self) -> float:
        """Do the next piece of each ledger's roll-up; returns how many seconds to pause then."""
        pauses = [self._piece(reader) for reader in self._runtime().portfolio.readers if not self._stopping.is_set()]
        return min(pauses, default=IDLE)

    def _run(self) -> None:
        while not self._stopping.wait(self.turn()):
            pass

    def _piece(self, reader: Reader) -> float:
        began = perf_counter()
        try:
            done = self._upkeep.step(reader)
            if self._restatements.step(reader, self._runtime()):
                self._queued()
        except ReporterError as error:
            self._failed(reader.name, str(error))
            return IDLE
        except Exception:
            log.exception("the roll-up of %s failed", reader.name)
            return IDLE
        self._failing.pop(reader.name, None)
        self._log(reader.name, done)
        return max(SHORTEST, PAUSES[done.what] * (perf_counter() - began)) if done else IDLE

    def _failed(self, ledger: str, why: str) -> None:
        """Log an error once, until it is another one: the ledger's own probe alerts people."""
        if self._failing.get(ledger) != why:
            self._failing[ledger] = why
            log.warning("the roll-up of %s has to wait: %s", ledger, why)

    def _log(self, ledger: str, done: Progress | None) -> None:
        if done and done.what == "building" and done.until >= done.end:
            log.info("the roll-up of %s is built", ledger)
