"""The process that stays: clockwork, delivery, and an edited config taken up without a restart.

APScheduler is the clockwork: it drives the planner's tick and the jobs on an interval, and decides nothing about
closed periods. The planner does, from the store.
"""

from __future__ import annotations

import gc
import json
import logging
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Protocol
from zoneinfo import ZoneInfo

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobEvent
from apscheduler.executors.pool import ThreadPoolExecutor as Pool
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from reporter.alerts.model import HEARTBEAT_SUBJECT, Level, Observation
from reporter.delivery.worker import DeliveryWorker
from reporter.errors import ConfigError, ReporterError
from reporter.jobs.binding import BoundJob
from reporter.jobs.changes import differences, terms
from reporter.periods.civil import covered
from reporter.periods.clock import Clock, SystemClock
from reporter.periods.schedules import Every
from reporter.periods.time_text import duration_text
from reporter.scheduler.planner import Planner, Turn
from reporter.scheduler.runner import Runner
from reporter.scheduler.runtime import Runtime

log = logging.getLogger(__name__)

TICK = 10.0
# How often the config and the home are looked at for edits, and how often delivery looks for what others queued.
WATCH = 5.0
POLL = 15.0
# So long, in seconds, a channel rests when not it but our own store has failed.
REST = 2.0
WORKERS = 4
# What is under way when we are told to stop gets this long; a hung query is not waited for.
FAREWELL = 5.0
# What a replaced wiring holds open is closed when no run can still be using it.
CLOSE_AFTER = 300.0
# The wall clock is steered by fractions of a second; more than this is a step.
CLOCK_STEP = 5.0
DAY = 86400.0
# The planner and delivery turn every few seconds; from this many seconds on they stand still.
STANDS_STILL = 300.0
PLANNER = "the planner"


class Home(Protocol):
    """Where the wiring comes from: the config and the files beside it."""

    def wire(self) -> Runtime:
        """Read everything anew. Raises ConfigError and leaves what runs untouched."""

    def edited(self) -> bool:
        """Whether the files differ from those last read, and have settled down."""


class Daemon:
    """Runs until it is told to stop."""

    def __init__(
        self,
        home: Home,
        runtime: Runtime,
        *,
        planner: Planner,
        runner: Runner,
        delivery: DeliveryWorker,
        clock: Clock,
        stopping: threading.Event,
        tick: float = TICK,
        watch: float = WATCH,
    ) -> None:
        self._home = home
        self._runtime = runtime
        self._planner = planner
        self._runner = runner
        self._delivery = delivery
        self._clock = clock
        self._stopping = stopping
        self._tick_seconds = tick
        self._watch_seconds = watch
        self._reload_requested = threading.Event()
        self._waiting_mail = threading.Event()
        self._busy: set[str] = set()
        self._looking: set[str] = set()
        self._serving: set[str] = set()
        self._lock = threading.Lock()
        self._intervals: dict[str, int] = {}
        self._forget_at = 0.0
        self._planned_at = self._delivered_at = clock.monotonic()
        self._unheard = True  # whether it is known that the heartbeat does not arrive, or not known yet
        self._broken: Mapping[str, str] = {}  # the jobs that people were told cannot be loaded, and why
        self._troubles: dict[str, str | None] = {}  # of each job that looks at the present, how its last run went
        self.skipped: dict[str, int] = {}
        self._reports = ThreadPoolExecutor(WORKERS, thread_name_prefix="report")
        self._clockwork = BackgroundScheduler(
            timezone="UTC",
            executors={"planner": Pool(1), "interval": Pool(WORKERS)},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    def run(self) -> None:
        """Work until `stopping` is set, by a signal or by whoever owns the event."""
        self._catch_signals()
        self._clockwork.add_listener(self._overlapped, EVENT_JOB_MAX_INSTANCES)
        self._announce()
        self._take_note()
        beat = IntervalTrigger(seconds=self._tick_seconds, timezone="UTC")
        first = SystemClock().wall()
        self._clockwork.add_job(self._tick, beat, executor="planner", id=PLANNER, next_run_time=first)
        self._schedule_intervals()
        self._clockwork.start()
        threading.Thread(target=self._deliver, name="delivery", daemon=True).start()
        gc.collect()
        gc.freeze()  # what was loaded stays: the collector need not walk through it again
        self._watch()
        self._shut_down()

    def _catch_signals(self) -> None:
        """A thread of its own heeds them: a handler may interrupt the one who holds the lock of an event to be set."""
        if threading.current_thread() is not threading.main_thread():
            return
        heard: SimpleQueue[int] = SimpleQueue()
        for name in ("SIGTERM", "SIGINT", "SIGHUP"):
            signal.signal(getattr(signal, name), lambda number, _frame: heard.put(number))
        threading.Thread(target=self._wait_for_signal, args=(heard,), name="signals", daemon=True).start()

    def _wait_for_signal(self, heard: SimpleQueue[int]) -> None:
        while (number := heard.get()) == signal.SIGHUP:
            self._reload_requested.set()
        log.info("stopping (%s)", signal.Signals(number).name)
        self._stopping.set()

    def _announce(self) -> None:
        """Say in words what runs next."""
        for bound in self._runtime.jobs.values():
            if bound.enabled:
                log.info("%s", in_words(bound, self._planner))

    def _take_note(self) -> None:
        """Remember by which terms we run, for whoever wants to know what an edit would change."""
        try:
            self._runner.record_config(json.dumps(terms(self._runtime.jobs)))
            self._runner.close_removed(self._runtime)
        except ReporterError as error:
            log.error("the terms that we run by could not be saved: %s", error)

    def _tell_broken(self, runtime: Runtime) -> None:
        """A job whose file cannot be loaded is told of like one that fails; so is its recovery.

        What could not be saved is told at the next turn.
        """
        now, before = runtime.broken, self._broken
        if now == before:
            return
        seen = [Observation(f"job/{name}", Level.WARNING, f"{name} cannot run: {why}") for name, why in now.items()]
        seen += [Observation(f"job/{name}", Level.OK, "can be loaded again") for name in before if name not in now]
        self._runner.observe(runtime, seen)
        self._broken = now

    def _schedule_intervals(self) -> None:
        """Give the clockwork the interval jobs of the present wiring; those that did not change keep their beat."""
        wanted = _intervals(self._runtime)
        for name in self._intervals.keys() - wanted.keys():
            self._clockwork.remove_job(name)
        for name, seconds in wanted.items():
            if self._intervals.get(name) != seconds:
                self._clockwork.add_job(
                    self._run_open,
                    IntervalTrigger(seconds=seconds, timezone="UTC"),
                    args=[name],
                    id=name,
                    executor="interval",
                    next_run_time=SystemClock().wall(),
                    replace_existing=True,
                )
        self._intervals = wanted

    def _overlapped(self, event: JobEvent) -> None:
        """A run was left out because the one before is still at it."""
        self.skipped[event.job_id] = self.skipped.get(event.job_id, 0) + 1
        times = self.skipped[event.job_id]
        bound = self._runtime.jobs.get(event.job_id)
        if bound is not None:
            self._hand_over(event.job_id, partial(self._runner.skipped, bound))
        log.warning("%s: a run was skipped, for the one before is not done (%d so far)", event.job_id, times)

    def _tick(self) -> None:
        """The planner's turn: what is owed is handed to the pool, and alerts that wait for time are looked at."""
        runtime = self._runtime
        try:
            self._tell_broken(runtime)
            for turn in self._planner.tick(runtime):
                self._once_at_a_time(turn.bound.job.name, partial(self._run_owed, turn))
            for bound in self._planner.open_turns(runtime):
                self._once_at_a_time(bound.job.name, partial(self._run_open, bound.job.name))
            for name in self._runner.tick(runtime):
                self._once_at_a_time(name, partial(self._run_open, name))
            self._runner.tell_digests(runtime)
            self._forget()
            self._planned_at = self._clock.monotonic()
            if not _looks_at_present(runtime):
                self._beat()
        except ReporterError as error:
            log.error("the planner could not look: %s", error)
        self._waiting_mail.set()

    def _forget(self) -> None:
        """Once a day, what is too old is let go of."""
        now = self._clock.monotonic()
        if now >= self._forget_at:
            self._forget_at = now + DAY
            self._hand_over("what is old", partial(self._runner.forget, self._runtime))

    def _hand_over(self, what: str, work: Callable[[], object]) -> Future[bool] | None:
        """Let the pool do it; None once we have stopped and it takes nothing any more."""
        try:
            return self._reports.submit(guarded, what, work)
        except RuntimeError:
            return None

    def _once_at_a_time(self, job: str, work: Callable[[], None]) -> None:
        with self._lock:
            if job in self._busy or self._stopping.is_set() or not (running := self._hand_over(job, work)):
                return
            self._busy.add(job)

        def release(_: Future[bool]) -> None:
            with self._lock:
                self._busy.discard(job)

        running.add_done_callback(release)  # which hears of one that is called off before it began, too

    def _run_owed(self, turn: Turn) -> None:
        claim = self._planner.claim(turn)
        if claim is not None:
            self._runner.run(self._runtime, turn.bound, turn.owed.period, trigger="schedule", claim=claim)
            self._waiting_mail.set()

    def _run_open(self, name: str) -> None:
        """Let a job look, unless it is at it: its beat and a suspicion may come at once, and the later look be saved
        before the earlier."""
        with self._lock:
            if name in self._looking:
                return
            self._looking.add(name)
        try:
            self._look(name)
        finally:
            with self._lock:
                self._looking.discard(name)

    def _look(self, name: str) -> None:
        bound = self._runtime.jobs.get(name)
        if bound is None or self._stopping.is_set():
            return
        try:
            ours = self._planner.may_run(self._runtime, bound)
        except ReporterError as error:
            log.error("%s: %s", name, error)
            if bound.job.covers.unit is not None:
                return
            ours = True  # alerts must not fall silent: rather told twice than not at all
        if not ours and not bound.job.everywhere:
            return
        period = covered(bound.job.covers, self._clock.wall(), bound.timezone)
        outcome = self._runner.run(self._runtime, bound, period, trigger="interval", ours=ours)
        self._waiting_mail.set()
        self._note_round(bound, outcome.error or outcome.unwell)

    def _note_round(self, bound: BoundJob, trouble: str | None) -> None:
        if bound.job.covers.unit is None:
            self._troubles[bound.name] = trouble
            self._beat()

    def _beat(self) -> None:
        """Tell the service elsewhere how we are; that it does not hear us is told here."""
        pulse = self._runtime.heartbeat
        if pulse is None:
            return
        running = [name for name in _enabled(self._runtime) if self._troubles.get(name)]
        trouble = next((self._troubles[name] for name in running), None)
        pulse.beat(trouble or standing_still(self._rested(), self._tick_seconds))
        lost = pulse.trouble
        if lost or (self._unheard and pulse.arrived):
            level, words = (Level.WARNING, f"does not arrive: {lost}") if lost else (Level.OK, "arrives")
            with suppress(ReporterError):  # it is said again at the next round
                self._runner.observe(self._runtime, [Observation(HEARTBEAT_SUBJECT, level, words)])
                self._unheard = bool(lost)

    def _rested(self) -> dict[str, float]:
        """For how many seconds those who turn all the time have not been seen."""
        now = self._clock.monotonic()
        return {"the planner": now - self._planned_at, "delivery": now - self._delivered_at}

    def _deliver(self) -> None:
        """Hand each channel that can be served to a thread of its own; none waits for another."""
        while not self._stopping.is_set():
            self._waiting_mail.clear()
            wait = POLL
            try:
                channels, soon = self._delivery.ready(self._runtime)
                wait = min(POLL, max(0.05, soon))
                for channel in channels:
                    self._serve(channel)
                self._delivered_at = self._clock.monotonic()
            except ReporterError as error:
                log.error("delivery could not look: %s", error)
            except Exception:
                log.exception("delivery could not look")  # a mistake of ours costs a round, not all messages to come
            self._waiting_mail.wait(wait)

    def _serve(self, channel: str) -> None:
        with self._lock:
            if channel in self._serving:
                return
            self._serving.add(channel)

        def work() -> None:
            serve = partial(self._delivery.serve, self._runtime, channel, self._stopping)
            if not guarded(f"delivery to {channel}", serve):
                self._stopping.wait(REST)
            with self._lock:
                self._serving.discard(channel)
            self._waiting_mail.set()

        threading.Thread(target=work, name=f"channel-{channel}", daemon=True).start()

    def _watch(self) -> None:
        """The main thread's life: signals, edits, and a clock that was moved."""
        offset = self._clock_offset()
        while not self._stopping.wait(self._watch_seconds):
            guarded("the config", self._look_for_edits)
            moved = self._clock_offset() - offset
            if abs(moved) > CLOCK_STEP:
                offset += moved
                self._replan(moved)

    def _look_for_edits(self) -> None:
        if self._reload_requested.is_set() or self._home.edited():
            self._reload_requested.clear()
            self._reload()

    def _clock_offset(self) -> float:
        return self._clock.wall().timestamp() - self._clock.monotonic()

    def _replan(self, moved: float) -> None:
        """The wall clock stepped: the clockwork waits by it and would stand still, or run wild."""
        log.warning("the clock was moved by %+.0f s: everything is planned anew", moved)
        for job in self._clockwork.get_jobs():
            job.modify(next_run_time=SystemClock().wall())

    def _reload(self) -> None:
        """Take up an edited config or home; one that cannot be used changes nothing."""
        old = self._runtime
        try:
            new = self._home.wire()
        except ConfigError as error:
            log.error("the edited config cannot be used; still running version %s:\n%s", old.version, error)
            return
        changes = differences(terms(old.jobs), terms(new.jobs))
        log.info("config version %s taken up: %s", new.version, "; ".join(changes) or "nothing of a job changed")
        self._runtime = new
        self._take_note()
        self._schedule_intervals()
        closing = threading.Timer(CLOSE_AFTER, old.close)
        closing.daemon = True
        closing.start()
        self._clockwork.modify_job(PLANNER, next_run_time=SystemClock().wall())

    def _shut_down(self) -> None:
        """Let what is under way be saved, but wait for no hung query."""
        self._clockwork.shutdown(wait=False)
        self._reports.shutdown(wait=False, cancel_futures=True)
        self._waiting_mail.set()
        end = self._clock.monotonic() + FAREWELL
        while (self._busy or self._looking or self._serving) and self._clock.monotonic() < end:
            threading.Event().wait(0.05)
        left = ", ".join(sorted(self._busy | self._looking | self._serving))
        log.info("stopped%s", f" without waiting any longer for {left}" if left else "")


def guarded(what: str, work: Callable[[], object]) -> bool:
    """Do it; False if it failed. A mistake of ours costs what was under way, and nothing that is to come."""
    try:
        work()
    except ReporterError as error:
        log.error("%s: %s", what, error)
    except Exception:
        log.exception("%s: what was under way is lost", what)
    else:
        return True
    return False


def in_words(bound: BoundJob, planner: Planner) -> str:
    """When a job runs, and when next, in the words of its own zone."""
    moment = planner.next_due(bound).astimezone(ZoneInfo(bound.timezone))
    return f"{bound.job.name}: {bound.schedule.describe()}, next {moment:%a %Y-%m-%d %H:%M:%S %Z}"


def _enabled(runtime: Runtime) -> dict[str, BoundJob]:
    return {name: bound for name, bound in runtime.jobs.items() if bound.enabled}


def standing_still(rested: Mapping[str, float], tick: float) -> str | None:
    """Who has not been seen for too long, as a sentence: by itself nobody would notice. Seconds."""
    for who, seconds in rested.items():
        if seconds > STANDS_STILL + 3 * tick:
            return f"{who} has stood still for {duration_text(seconds)}"
    return None


def _looks_at_present(runtime: Runtime) -> bool:
    """Whether there is a job by whose runs one knows how we are; else the planner's turns must do."""
    return any(bound.job.covers.unit is None for bound in _enabled(runtime).values())


def _intervals(runtime: Runtime) -> dict[str, int]:
    """The jobs that run by the clockwork's own beat, and how many seconds it has."""
    return {
        name: bound.schedule.seconds
        for name, bound in _enabled(runtime).items()
        if isinstance(bound.schedule, Every) and not bound.job.covers.closed
    }
