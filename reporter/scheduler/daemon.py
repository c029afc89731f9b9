"""The daemon: runs the planner, the interval jobs and the delivery, and reloads edited files without a restart.

APScheduler is the clockwork: it drives the planner's tick and the interval jobs, and decides nothing about closed
periods. The planner decides those, from the store.
"""

from __future__ import annotations

import gc
import logging
import signal
import threading
from collections.abc import Callable, Mapping
from functools import partial
from queue import SimpleQueue
from typing import Protocol
from zoneinfo import ZoneInfo

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, JobEvent, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor as Pool
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from reporter.alerts.model import Level, Observation
from reporter.delivery.worker import DeliveryWorker
from reporter.errors import ConfigError, ReporterError, ScarceError, StoreLostError, is_scarce
from reporter.jobs.binding import BoundJob
from reporter.jobs.changes import differences, terms
from reporter.messages.formats import plural
from reporter.periods.clock import Clock, ClockSteps, SystemClock
from reporter.periods.schedules import Every
from reporter.scheduler.beginning_threads import BeginningThreads
from reporter.scheduler.delivery_loop import DeliveryLoop
from reporter.scheduler.guarded import LastingTrouble, guarded
from reporter.scheduler.heap import give_back, leave_few_gaps
from reporter.scheduler.job_runs import WORKERS, JobRuns
from reporter.scheduler.liveness import PLANNER, Liveness
from reporter.scheduler.ping_watch import PingWatch
from reporter.scheduler.planner import Planner
from reporter.scheduler.rollup_loop import RollupLoop
from reporter.scheduler.runner import Runner
from reporter.scheduler.runtime import Runtime
from reporter.scheduler.service_notify import ServiceNotify
from reporter.scheduler.upkeep import StoreUpkeep

log = logging.getLogger(__name__)

# All times in seconds. How often the planner looks, and how often the files of the home are looked at for edits.
TICK = 10.0
WATCH = 5.0
# On a stop, work under way gets this long; a hung query is not waited for.
STOP_PATIENCE = 5.0
# A replaced runtime is closed when no run can use it any more.
CLOSE_AFTER = 300.0
# So many turns of the planner in a row get no memory or threads before the daemon ends: a new one begins with little.
STARVED = 3
DAY, HOUR, MINUTE = 86400.0, 3600.0, 60.0


class Home(Protocol):
    """Where the runtime comes from: the config and the files beside it."""

    def build(self) -> Runtime:
        """Read all files again. Raises ConfigError and leaves what runs untouched."""

    def edited(self) -> bool:
        """Whether the files differ from those last read, and have settled."""


class Daemon:
    """Runs until `stopping` is set."""

    def __init__(
        self,
        home: Home,
        runtime: Runtime,
        *,
        planner: Planner,
        runner: Runner,
        upkeep: StoreUpkeep,
        delivery: DeliveryWorker,
        clock: Clock,
        stopping: threading.Event,
        tick: float = TICK,
        watch: float = WATCH,
        reloaded: Callable[[Runtime], None] = lambda _: None,
        rollups: RollupLoop | None = None,
        pings: PingWatch | None = None,
        service: ServiceNotify | None = None,
    ) -> None:
        self._home = home
        self._runtime = runtime
        self._planner = planner
        self._runner = runner
        self._upkeep = upkeep
        self._clock = clock
        self._stopping = stopping
        self._tick_seconds = tick
        self._watch_seconds = watch
        self._reloaded = reloaded
        self._reloading = threading.Lock()
        self._intervals: dict[str, int] = {}
        self._pruned = -1  # in which day, by the wall clock
        self._gave_back = (-1, -1)  # in which hour by the wall clock, and in which minute of the other one
        self._store_trouble, self._planner_trouble = LastingTrouble(), LastingTrouble()
        self._starved = 0
        self._beginning = BeginningThreads(clock)
        self._service = service or ServiceNotify()
        self._hung: str | None = None
        self._broken: Mapping[str, str] = {}  # the jobs that an alert says cannot be loaded, and why
        self._liveness = Liveness(clock, tick)
        self._delivery = DeliveryLoop(delivery, self._current, self._liveness, stopping)
        self._rollups = rollups
        self._pings = pings
        self._runs = JobRuns(planner, runner, self._current, self._liveness, clock, stopping, self._delivery.wake)
        self._clockwork = BackgroundScheduler(
            timezone="UTC",
            executors={"planner": Pool(1), "interval": Pool(WORKERS)},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    @property
    def runtime(self) -> Runtime:
        """What the config says now."""
        return self._runtime

    def wake_delivery(self) -> None:
        """There are new messages in the outbox."""
        self._delivery.wake()

    def run(self) -> None:
        """Work until `stopping` is set, by a signal or by the owner of the event.

        Raises ScarceError where the machine gives no more memory or threads, and StoreLostError.
        """
        leave_few_gaps()
        _on_signals(stop=self._stopping.set, reload=partial(guarded, "the config", self._reload))
        self._clockwork.add_listener(self._overlapped, EVENT_JOB_MAX_INSTANCES)
        self._clockwork.add_listener(self._failed, EVENT_JOB_ERROR)
        for bound in _enabled(self._runtime):
            log.info("%s", in_words(bound, self._planner))
        self._record_config()
        interval = IntervalTrigger(seconds=self._tick_seconds, timezone="UTC")
        first = SystemClock().wall()
        self._clockwork.add_job(self._tick, interval, executor="planner", id=PLANNER, next_run_time=first)
        self._schedule_intervals()
        self._clockwork.start()
        self._delivery.start()
        if self._rollups:
            self._rollups.start()
        gc.collect()
        gc.freeze()  # what was loaded stays: the collector need not walk through it again
        self._service.ready(self._status())
        self._watch()
        self._shut_down()

    def _status(self) -> str:
        """The line that `systemctl status` shows."""
        return f"{plural(len(_enabled(self._runtime)), 'job')} by config version {self._runtime.version}"

    def _current(self) -> Runtime:
        return self._runtime

    def _record_config(self) -> None:
        """Save the terms of the jobs, for commands that say what an edit would change."""
        try:
            self._upkeep.adopt(self._runtime)
        except ReporterError as error:
            log.error("the terms of the jobs could not be saved: %s", error)

    def _report_broken(self, runtime: Runtime) -> None:
        """A job whose file cannot be loaded opens an alert like a job that fails, and resolves like one.

        What could not be saved is reported at the next tick.
        """
        now, before = runtime.broken, self._broken
        if now == before:
            return
        seen = [Observation(f"job/{name}", Level.WARNING, f"{name} cannot run: {why}") for name, why in now.items()]
        seen += [Observation(f"job/{name}", Level.OK, "can be loaded again") for name in before if name not in now]
        self._runner.observe(runtime, seen)
        self._broken = now

    def _schedule_intervals(self) -> None:
        """Give the clockwork the interval jobs; unchanged ones keep their rhythm."""
        wanted = _intervals(self._runtime)
        for name in self._intervals.keys() - wanted.keys():
            self._clockwork.remove_job(name)
        for name, seconds in wanted.items():
            if self._intervals.get(name) != seconds:
                self._clockwork.add_job(
                    self._runs.run_open,
                    IntervalTrigger(seconds=seconds, timezone="UTC"),
                    args=[name],
                    id=name,
                    executor="interval",
                    next_run_time=SystemClock().wall(),
                    replace_existing=True,
                )
        self._intervals = wanted

    def _overlapped(self, event: JobEvent) -> None:
        """The clockwork skipped a run because the one before is still going."""
        bound = self._runtime.jobs.get(event.job_id)
        if bound is not None:
            self._runs.submit_skipped(bound)
        log.warning("%s: a run was skipped because the one before is still going", event.job_id)

    def _failed(self, event: JobExecutionEvent) -> None:
        """Count the planner's turns in a row that got no memory."""
        if event.job_id == PLANNER and is_scarce(event.exception):
            self._starved += 1

    def _end_without_memory(self) -> None:
        """Raise ScarceError where work stands still for want of memory or threads. What is owed is in the store.

        Nothing is shut down: it could wait for a lock of a thread that waits for ever.
        """
        if self._starved >= STARVED:
            raise ScarceError("the planner got no more memory or threads, again and again")
        if self._beginning.one_never_began():
            raise ScarceError("a thread got no memory to begin")

    def _tick(self) -> None:
        """The planner's turn: owed periods go to the pool, and time passes for alerts that wait for it."""
        runtime = self._runtime
        try:
            for name in self._runner.tick(runtime):  # first: a suspect waits for nothing that the planner waits for
                self._runs.submit_open(name)
            if self._pings:
                self._pings.look(runtime)
            self._report_broken(runtime)
            for turn in self._planner.tick(runtime):
                self._runs.submit_owed(turn)
            for bound in self._planner.open_turns(runtime):
                self._runs.submit_open(bound.job.name)
            self._upkeep.release_digests(runtime)
            self._prune_daily(runtime)
            self._give_back_often()
            self._liveness.turned(PLANNER)
            self._starved = 0
            if not any(bound.job.covers.unit is None for bound in _enabled(runtime)):
                self._liveness.beat(runtime, self._runner)  # no run of a job shows how the daemon is
            self._planner_trouble.is_over()
        except ReporterError as error:
            self._planner_trouble.goes_on(f"the planner could not look: {error}")
        self._liveness.looked(PLANNER)
        self._delivery.wake()

    def _prune_daily(self, runtime: Runtime) -> None:
        """Delete old rows once a day. By a clock that cannot be right, a whole history would seem old."""
        day = int(self._clock.wall().timestamp() // DAY)
        if day != self._pruned and not self._planner.doubt(runtime):
            self._pruned = day
            self._runs.submit("pruning", partial(self._upkeep.prune, runtime))

    def _give_back_often(self) -> None:
        """Once a minute, and in each hour of the wall clock: what a burst of reports freed waits for no other."""
        now = (int(self._clock.wall().timestamp() // HOUR), int(self._clock.monotonic() // MINUTE))
        if now != self._gave_back:
            self._gave_back = now
            give_back()

    def _watch(self) -> None:
        """The main thread's life: edited files, and a clock that was set."""
        steps = ClockSteps(self._clock)
        while not self._stopping.wait(self._watch_seconds):
            self._end_without_memory()
            guarded("the config", self._reload_if_edited)
            self._keep_store()
            self._feed_watchdog()
            if moved := steps.since_last():
                self._replan(moved.total_seconds())

    def _keep_store(self) -> None:
        """Look whether our store is in its place. Raises StoreLostError where nothing is left to go on with."""
        try:
            self._upkeep.keep_store(self._runtime)
        except StoreLostError:
            self._stopping.set()
            self._shut_down()
            raise
        except ReporterError as error:
            self._store_trouble.goes_on(str(error))
        else:
            self._store_trouble.is_over()

    def _feed_watchdog(self) -> None:
        """Ask systemd for a new start by silence, where a part hangs."""
        hung = self._liveness.hung(**{"the probes' loop": self._runtime.probes_rested()})
        if hung and hung != self._hung:
            log.error("%s; a watchdog may restart the daemon", hung)
        self._hung = hung
        if not hung:
            self._service.alive()

    def _replan(self, moved: float) -> None:
        """The wall clock stepped: the clockwork waits by it and would stand still, or run wild."""
        log.warning("the clock was moved by %+.0f s: everything is planned again", moved)
        if abs(moved) >= DAY:
            self._pruned = int(self._clock.wall().timestamp() // DAY)  # nothing is deleted on the day of a leap
        for job in self._clockwork.get_jobs():
            job.modify(next_run_time=SystemClock().wall())

    def _reload_if_edited(self) -> None:
        if self._home.edited():
            self._reload()

    def _reload(self) -> None:
        """Apply edited files; a config that cannot be used changes nothing."""
        with self._reloading:  # a signal may come during a reload
            self._service.reloading()
            note = ""
            try:
                self._replace_runtime(self._home.build())
            except ConfigError as error:
                note = "; the edited config cannot be used"
                version = self._runtime.version
                log.error("the edited config cannot be used; still running version %s:\n%s", version, error)
            finally:
                self._service.ready(f"{self._status()}{note}")

    def _replace_runtime(self, new: Runtime) -> None:
        old = self._runtime
        changes = differences(terms(old.jobs), terms(new.jobs))
        log.info("config version %s applied: %s", new.version, "; ".join(changes) or "no job changed")
        self._runtime = new
        self._reloaded(new)
        self._record_config()
        self._schedule_intervals()
        closing = threading.Timer(CLOSE_AFTER, old.close)
        closing.daemon = True
        closing.start()
        self._clockwork.modify_job(PLANNER, next_run_time=SystemClock().wall())

    def _shut_down(self) -> None:
        """Let work under way be saved, but wait for no hung query."""
        self._service.stopping()
        self._clockwork.shutdown(wait=False)
        self._runs.shut_down()
        self._delivery.wake()
        end = self._clock.monotonic() + STOP_PATIENCE
        while (left := self._runs.under_way | self._delivery.under_way) and self._clock.monotonic() < end:
            threading.Event().wait(0.05)
        log.info("stopped%s", f" without waiting any longer for {', '.join(sorted(left))}" if left else "")


def _on_signals(stop: Callable[[], None], reload: Callable[[], object]) -> None:
    """Stop on SIGTERM and SIGINT, reload on SIGHUP.

    A thread of its own acts on them: a handler may interrupt the very thread that holds the lock of an event.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    received: SimpleQueue[int] = SimpleQueue()
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        signal.signal(getattr(signal, name), lambda number, _frame: received.put(number))

    def act() -> None:
        while (number := received.get()) == signal.SIGHUP:
            threading.Thread(target=reload, name="reload", daemon=True).start()  # a stop does not wait for it
        log.info("stopping (%s)", signal.Signals(number).name)
        stop()

    threading.Thread(target=act, name="signals", daemon=True).start()


def in_words(bound: BoundJob, planner: Planner) -> str:
    """When a job runs, and when next, in its own zone."""
    moment = planner.next_due(bound).astimezone(ZoneInfo(bound.timezone))
    return f"{bound.job.name}: {bound.schedule.describe()}, next {moment:%a %Y-%m-%d %H:%M:%S %Z}"


def _enabled(runtime: Runtime) -> list[BoundJob]:
    return [bound for bound in runtime.jobs.values() if bound.enabled]


def _intervals(runtime: Runtime) -> dict[str, int]:
    """The jobs that the clockwork runs on an interval of its own, with that in seconds."""
    return {
        bound.name: bound.schedule.seconds
        for bound in _enabled(runtime)
        if isinstance(bound.schedule, Every) and not bound.job.covers.closed
    }
