"""Runs jobs in threads, each job at most once at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from reporter.errors import ReporterError
from reporter.jobs.binding import BoundJob
from reporter.periods.civil import covered
from reporter.periods.clock import Clock
from reporter.scheduler.guarded import guarded
from reporter.scheduler.in_progress import InProgress
from reporter.scheduler.liveness import Liveness
from reporter.scheduler.planner import Planner, Turn
from reporter.scheduler.runner import Runner
from reporter.scheduler.runtime import Runtime

log = logging.getLogger(__name__)

WORKERS = 4


class JobRuns:
    """A pool of threads for what the planner decides. `queued` is called when a run may have queued messages."""

    def __init__(
        self,
        planner: Planner,
        runner: Runner,
        runtime: Callable[[], Runtime],
        liveness: Liveness,
        clock: Clock,
        stopping: threading.Event,
        queued: Callable[[], None],
    ) -> None:
        self._planner = planner
        self._runner = runner
        self._runtime = runtime
        self._liveness = liveness
        self._clock = clock
        self._stopping = stopping
        self._queued = queued
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="report")
        self._submitted = InProgress()
        self._running_open = InProgress()
        self._skipped = InProgress()

    def submit_owed(self, turn: Turn) -> None:
        """Let the pool run a job for a closed period, unless it has work of that job."""
        self._submit_once(self._submitted, turn.bound.job.name, partial(self._run_owed, turn))

    def submit_open(self, name: str) -> None:
        """Let the pool run a job that covers an open period, unless it has work of that job."""
        self._submit_once(self._submitted, name, partial(self.run_open, name))

    def submit_skipped(self, bound: BoundJob) -> None:
        """Let the pool note that a run was left out. While one such note of the job waits, no other joins it."""
        self._submit_once(self._skipped, bound.name, partial(self._runner.skipped, bound))

    def run_open(self, name: str) -> None:
        """Run a job that covers an open period in this thread, unless it is running.

        Its interval and a suspicion may come at the same time; the later run must not be saved before the earlier.
        """
        with self._running_open.alone(name) as free:
            if free:
                self._run_open(name)
            else:
                log.debug("%s: this turn is left out, for a run is under way", name)

    def submit(self, what: str, work: Callable[[], object]) -> Future[bool] | None:
        """Let the pool do some work; None once it is shut down and takes nothing more."""
        try:
            return self._pool.submit(guarded, what, work)
        except RuntimeError:
            return None

    @property
    def under_way(self) -> frozenset[str]:
        return self._submitted.names | self._running_open.names

    def shut_down(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit_once(self, names: InProgress, job: str, work: Callable[[], None]) -> None:
        if self._stopping.is_set() or not names.begin(job):
            return
        future = self.submit(job, work)
        if future is None:
            names.end(job)
        else:
            future.add_done_callback(lambda _: names.end(job))  # called for a cancelled one, too

    def _run_owed(self, turn: Turn) -> None:
        claim = self._planner.claim(turn)
        if claim is not None:
            self._runner.run(self._runtime(), turn.bound, turn.owed.period, trigger="schedule", claim=claim)
            self._queued()

    def _run_open(self, name: str) -> None:
        runtime = self._runtime()
        bound = runtime.jobs.get(name)
        if bound is None or self._stopping.is_set():
            return
        try:
            ours = self._planner.may_run(runtime, bound)
        except ReporterError as error:
            log.error("%s: %s", name, error)
            if bound.job.covers.unit is not None:
                return
            ours = True  # better a second copy of an alert than none
        if not ours and not bound.job.everywhere:
            doubted = self._planner.doubt(runtime)
            log.debug("%s: this turn is left out: %s", name, doubted or "another daemon has taken it")
            return
        period = covered(bound.job.covers, self._clock.wall(), bound.timezone)
        outcome = self._runner.run(runtime, bound, period, trigger="interval", ours=ours)
        self._queued()
        if bound.job.covers.unit is None:
            self._liveness.ran(bound.name, outcome.error or outcome.unwell)
            self._liveness.beat(runtime, self._runner)
