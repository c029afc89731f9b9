"""Composes the program: from a home and a clock to an App that runs jobs, commands or the daemon."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from reporter.app.home import FolderHome
from reporter.delivery.worker import DeliveryWorker
from reporter.errors import JobError, ReporterError, nearest
from reporter.jobs import changes
from reporter.jobs.binding import BoundJob
from reporter.notify.pipeline import AlertPipeline
from reporter.periods.civil import Period, asked, containing, covered, named_end, parse_at
from reporter.periods.clock import Clock, SystemClock
from reporter.scheduler.chat_settings import DoorStates
from reporter.scheduler.clock_check import ClockCheck
from reporter.scheduler.daemon import TICK, WATCH, Daemon
from reporter.scheduler.door_log import DoorLog
from reporter.scheduler.ping_watch import PingWatch
from reporter.scheduler.planner import Planner
from reporter.scheduler.rollup_loop import RollupLoop
from reporter.scheduler.runner import Findings, Outcome, Runner, explain
from reporter.scheduler.runtime import Runtime
from reporter.scheduler.upkeep import StoreUpkeep
from reporter.store import channel_states, outbox_admin, run_log
from reporter.store.database import TERMS, fact, open_store
from reporter.store.outbox import QueuedMessage
from reporter.store.owed_periods import Claim, Owed
from reporter.store.rollups import StoredRollups

log = logging.getLogger(__name__)


class App:
    """A home at work on a store: to `hold` it as its daemon, or to work on an `existing` one only."""

    def __init__(
        self,
        home: FolderHome,
        *,
        clock: Clock | None = None,
        hold: bool = False,
        existing: bool = False,
        stopping: threading.Event | None = None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.home = home
        self.stopping = stopping or threading.Event()
        self.runtime = home.build()
        self.store = open_store(home.store.reveal(), existing=existing)
        if hold:
            self.store.hold()
        self.door_log = DoorLog(self.store)
        self.history = run_log.StoredHistory(self.store, self.clock, self.clock.wall() if hold else None)
        self.doors = DoorStates(self.clock.wall, self.door_log.save if hold else lambda _: None)
        self._daemon: Daemon | None = None
        self.followers: list[Callable[[Runtime], None]] = []
        self._rollups = StoredRollups(self.store, self.clock)
        self.runtime.portfolio.use(self._rollups)
        self.alerts = AlertPipeline(self.store, self.clock)
        self.runner = Runner(self.store, self.clock, self.history, self.alerts, self.stopping)
        self.upkeep = StoreUpkeep(self.store, self.clock, self.alerts, self.stopping)
        self.ping_watch = PingWatch(self.store, self.clock, self.alerts)
        self.planner = Planner(self.store, self.clock, ClockCheck(self.clock), self.alerts)
        self.delivery = DeliveryWorker(
            self.store,
            self.clock,
            lambda seen: self.runner.observe(self.runtime, seen),
            lambda: self.planner.doubt(self.runtime) is not None,
        )

    def daemon(
        self, tick: float = TICK, watch: float = WATCH, reloaded: Callable[[Runtime], None] = lambda _: None
    ) -> Daemon:
        """The daemon of this home; `reloaded` is called with what an edited config makes."""

        def take_up(runtime: Runtime) -> None:
            self._reloaded(runtime)
            reloaded(runtime)
            for follow in self.followers:
                follow(runtime)

        self._daemon = Daemon(
            self.home,
            self.runtime,
            planner=self.planner,
            runner=self.runner,
            upkeep=self.upkeep,
            delivery=self.delivery,
            clock=self.clock,
            stopping=self.stopping,
            tick=tick,
            watch=watch,
            reloaded=take_up,
            pings=self.ping_watch,
            rollups=RollupLoop(self.store, lambda: self.runtime, self.clock, self.stopping, self._wake),
        )
        return self._daemon

    def _wake(self) -> None:
        if self._daemon:
            self._daemon.wake_delivery()

    def _reloaded(self, runtime: Runtime) -> None:
        """What the daemon runs by counts for whatever is reported to it."""
        runtime.portfolio.use(self._rollups)
        self.runtime = runtime

    def job(self, name: str) -> BoundJob:
        """A job of the config by its name. Raises ReporterError with a suggestion."""
        if name in self.runtime.jobs:
            return self.runtime.jobs[name]
        broken = [problem for problem in self.home.catalog.problems if Path(problem.file).stem == name]
        if broken:
            raise ReporterError(f"the job {name} cannot be loaded:\n{broken[0]}")
        if name in self.home.catalog.jobs:
            raise ReporterError(f"the job {name} is not in {self.home.path}: add `{name}:` under `jobs:` there")
        near = nearest(name, self.runtime.jobs)
        known = ", ".join(self.runtime.jobs) or "none"
        raise ReporterError(
            f"there is no job {name}: " + (f"did you mean {near}?" if near else f"the jobs are {known}")
        )

    def ask(self, bound: BoundJob, at: str | None, *, drawn: bool = True) -> Findings:
        """What a job would report: nothing is saved or sent. With `drawn`, its pictures too.

        Raises ReporterError, and JobError for whatever the job itself raises.
        """
        period = self.period(bound, at)
        try:
            return self.runner.ask(self.runtime, bound, period, drawn=drawn)
        except ReporterError:
            raise
        except Exception as error:
            raise JobError(explain(error, bound)) from error

    def period(self, bound: BoundJob, at: str | None) -> Period:
        """The period that a run by hand speaks of: the last complete one, or that which contains `at`.

        Raises ReporterError when `at` is no date, lies in the future, or means nothing to the job.
        """
        now, covers, zone = self.clock.wall(), bound.job.covers, bound.timezone
        if at is None:
            return covered(covers, now, zone)
        if covers.unit is None:
            raise ReporterError(f"{bound.name} covers the present: leave out --at")
        try:
            return asked(covers, parse_at(at, zone, covers.unit, now), now, zone)
        except ValueError as error:
            raise ReporterError(str(error)) from None

    def run_by_hand(self, bound: BoundJob, at: str | None, *, force: bool = False) -> ManualRun:
        """Run a job now. A period that was sent before is not sent again unless forced."""
        return self.run_period(bound, self.period(bound, at), force=force)

    def run_period(self, bound: BoundJob, period: Period, *, force: bool = False) -> ManualRun:
        """Run a job now for a period; one that was sent before only with `force`."""
        claim: Claim | None = None
        if bound.job.covers.closed and not period.so_far and not force:
            if why := self.planner.doubt(self.runtime):
                raise ReporterError(f"this machine's clock cannot be right: {why}")
            owed, claim = self.planner.claim_by_hand(bound, period)
            period = owed.period
            if claim is None:
                return ManualRun(period, None, owed)
        return ManualRun(period, self.runner.run(self.runtime, bound, period, trigger="hand", claim=claim), None)

    def periods_between(self, bound: BoundJob, first: str, last: str | None) -> list[Period]:
        """The periods of a job that are over, from the one that `first` names to the one that `last` names, in order.

        Raises ReporterError when one of the two is no date, the second does not lie behind the first, or the job speaks
        of no periods that are over.
        """
        unit, zone, now = bound.job.covers.unit, bound.timezone, self.clock.wall()
        if unit is None or not bound.job.covers.closed:
            raise ReporterError(f"{bound.name} covers the present: there are no past periods to send")
        try:
            start = parse_at(first, zone, now=now)
            end = named_end(last, zone, unit, now) if last else now
        except ValueError as error:
            raise ReporterError(str(error)) from None
        if last and end <= start:
            raise ReporterError(f"nothing lies between {first} and {last}: --from must be before --to")
        period, found = containing(unit, start, zone), []
        while period.end <= min(end, now):
            found.append(period)
            period = containing(unit, period.end, zone)
        return found

    def terms(self) -> changes.Terms | None:
        """The terms by which the daemon on this store last ran; None if there was none."""
        with self.store.read() as connection:
            found = fact(connection, TERMS)
        return json.loads(found) if found else None

    def deliver(self, run_id: str, patience: timedelta = timedelta(seconds=20)) -> list[QueuedMessage]:
        """Bring a run's messages to their channels now, beside a running daemon; returns what became of them."""
        end = self.clock.monotonic() + patience.total_seconds()
        while True:
            messages = self.messages_of(run_id)
            waiting = {message.channel for message in messages if message.state in {"waiting", "sending", "unclear"}}
            waiting = {name for name in waiting if not self.unavailable(name)}
            if not waiting or self.clock.monotonic() >= end:
                return messages
            served = sum(self.delivery.serve(self.runtime.channels, channel) for channel in waiting)
            if not served and self._no_hope_soon(waiting):
                return self.messages_of(run_id)
            if not served:
                self.stopping.wait(0.5)

    def unavailable(self, channel: str) -> str:
        """Why this process cannot post to a channel; empty if it can."""
        return self.runtime.channels[channel].unavailable if channel in self.runtime.channels else ""

    def messages_of(self, run_id: str) -> list[QueuedMessage]:
        with self.store.read() as connection:
            return outbox_admin.of_run(connection, run_id)

    def _no_hope_soon(self, channels: set[str]) -> bool:
        """Whether nobody should wait at a terminal: each channel is dead, has failed, or has to wait for long."""
        soon = self.clock.wall() + timedelta(seconds=5)
        with self.store.read() as connection:
            states = [channel_states.channel_state(connection, channel) for channel in channels]
        return all(state and (state.dead_since or state.failures or state.ready_at > soon) for state in states)

    def close(self) -> None:
        self.runtime.close()
        self.store.close()


@dataclass(frozen=True, slots=True)
class ManualRun:
    """A run by hand: its outcome, or the period that was sent before or that another process runs now."""

    period: Period
    outcome: Outcome | None
    standing: Owed | None


@contextmanager
def opened(
    home: FolderHome, *, clock: Clock | None = None, hold: bool = False, existing: bool = False
) -> Iterator[App]:
    """An app that is closed at the end."""
    app = App(home, clock=clock, hold=hold, existing=existing)
    try:
        yield app
    finally:
        app.close()
