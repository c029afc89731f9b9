"""Runs a job within its deadline: gathers its reports and observations, judges, writes, and saves all of it at once.

The schedule and every command go through this module. Steps 2 to 6 of the way from schedule to Discord: gather, values,
judge, write, commit.
"""

from __future__ import annotations

import logging
import secrets
import threading
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from reporter.alerts.maintenance import maintenance_spans
from reporter.alerts.model import STORE_SUBJECT, Level, Observation, Phase
from reporter.delivery.enqueue import enqueue_message
from reporter.errors import ClaimLostError, JobError, LedgerError, ReporterError, StoreError
from reporter.inbox.submit import CheckedEvent, checked, take_in
from reporter.jobs.binding import BoundJob
from reporter.jobs.context import Context, HandedIn, JobState, Params, Report
from reporter.jobs.context import Outcome as JobOutcome
from reporter.messages.formats import plural
from reporter.messages.message import Message, Run, visible
from reporter.messages.report_pictures import with_pictures
from reporter.notify.pipeline import AlertPipeline
from reporter.notify.routing import Observer
from reporter.periods.civil import Period, before, covered
from reporter.periods.clock import Clock
from reporter.periods.schedules import Every
from reporter.periods.time_text import duration_text
from reporter.scheduler import logs
from reporter.scheduler.deadline_threads import DeadlineThreads
from reporter.scheduler.runtime import Runtime
from reporter.scheduler.unsaved_readings import UnsavedReadings
from reporter.secret import masked
from reporter.store import incidents, job_states, market_prices, outbox, owed_periods, run_log, uptime
from reporter.store.alerts import StoredAlert
from reporter.store.database import BUSY, Store
from reporter.store.job_states import StoredStates
from reporter.store.owed_periods import Claim
from reporter.store.sent_figures import remember
from reporter.trading.books import Book
from reporter.trading.markets import MarketPrice

log = logging.getLogger(__name__)
T = TypeVar("T")

# Characters that are kept of why a run failed.
LONGEST_REASON = 2000
# A failed period is tried again after half a minute, then after twice as long each time.
FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(minutes=15)
# From this lateness on a report says that it is late.
LATE = timedelta(minutes=15)
# So often a report waits for a ledger that cannot be read; then it goes out without it, and says so.
TRIES_FOR_ALL_LEDGERS = 3


@dataclass(frozen=True, slots=True)
class RenderedReport:
    """A report as it would go out."""

    report: Report
    message: Message
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a job found, before anything is judged, saved or sent."""

    written: tuple[RenderedReport, ...]
    observations: tuple[Observation, ...]
    states: tuple[JobState, ...] = ()
    events: tuple[CheckedEvent, ...] = ()
    prices: tuple[MarketPrice, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.written or self.observations or self.states or self.events or self.prices)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `error` is a sentence for people; None means that it was saved."""

    run_id: str
    messages: int = 0
    error: str | None = None
    retry_at: datetime | None = None
    unwell: str | None = None  # what the run found critical about the reporter itself


class Runner:
    """Runs jobs. It holds no config: each call is given the wiring that counts at that moment."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        history: run_log.StoredHistory,
        alerts: AlertPipeline,
        stopping: threading.Event | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._history = history
        self._alerts = alerts
        self._stopping = stopping or threading.Event()
        self._threads = DeadlineThreads(clock, self._stopping)
        self._unsaved = UnsavedReadings()
        self._renamed = set[str]()

    def ask(
        self, runtime: Runtime, bound: BoundJob, period: Period, *, drawn: bool = False, ours: bool = True
    ) -> Findings:
        """Let the job look and write its letters, in its own time limit; nothing is saved.

        Pictures are drawn where a channel shows them, or in any case with `drawn`.
        Raises DeadlineError, JobError, TemplateError, LedgerError.
        """
        context = self._context(runtime, bound, period, ours=ours)
        work = partial(self._findings, runtime, bound, context, drawn=drawn)
        return self._threads.run(bound.name, bound.job.function, bound.deadline, work)

    def run(
        self,
        runtime: Runtime,
        bound: BoundJob,
        period: Period,
        *,
        trigger: str,
        claim: Claim | None = None,
        ours: bool = True,
    ) -> Outcome:
        """Ask the job and save what it found, together with the period it covers. Never raises for what a job does."""
        run_id = secrets.token_hex(4)
        started, began = self._clock.wall(), self._clock.monotonic()
        with logs.run_named(run_id, bound.name, period.label):
            try:
                findings = _noted(self.ask(runtime, bound, period, ours=ours), _notes(claim, started))
                _insist_on_all_ledgers(findings, claim)
                if not findings and bound.job.frequent and self._is_well(bound):
                    return Outcome(run_id)
                outcome = self._save(runtime, bound, period, findings, claim, _Entry(run_id, trigger, started, began))
            except Exception as error:  # noqa: BLE001 - a job may raise anything; it is reported, and others go on
                outcome = self._failed(runtime, bound, period, error, claim, _Entry(run_id, trigger, started, began))
        return outcome

    def _is_well(self, bound: BoundJob) -> bool:
        """Whether a run of this job that found nothing ends no alert."""
        return all(alert.subject not in {f"job/{bound.name}", STORE_SUBJECT} for alert in self._history.open_alerts())

    def observe(self, runtime: Runtime, observations: Sequence[Observation]) -> None:
        """Judge what the engine itself has noticed, and save what people should hear of it."""
        self._alerts.process(runtime.notify, observations, Observer())

    def skipped(self, bound: BoundJob) -> None:
        """Note that a run was left out, for the one before is still at it."""
        now = self._clock.wall()
        label = covered(bound.job.covers, now, bound.timezone).label
        run = run_log.RunRecord(secrets.token_hex(4), bound.name, label, "interval", now, 0.0, "skipped")
        with self._store.begin() as connection:
            run_log.add_run(connection, run)

    def tick(self, runtime: Runtime) -> set[str]:
        """Let time pass for alerts that wait for it; returns the jobs to ask anew because something is suspect."""
        with self._store.read() as connection:
            due, any_open = self._alerts.due(connection), incidents.any_open(connection)
            self._alerts.remember(connection)
        suspect = {alert.job for alert in due if alert.phase is Phase.SUSPECT and alert.job in _probing(runtime)}
        waiting = [(alert.subject, _observer_of(runtime, alert)) for alert in due if alert.job not in suspect]
        if waiting or any_open:
            try:
                self._alerts.tick(runtime.notify, waiting)
            except StoreError as error:  # what is suspect is looked at all the same
                log.error("what time brings could not be saved: %s", error)
        return {name for name in suspect if name}

    def _context(self, runtime: Runtime, bound: BoundJob, period: Period, *, ours: bool) -> Context[Params]:
        inputs = runtime.inputs
        return Context(
            now=self._clock.wall(),
            period=period,
            previous=before(period),
            ledger=inputs.ledger,
            host=inputs.host,
            probe_all=partial(inputs.probe_all, self._history.open_alerts),
            readings=lambda wanted: inputs.readings(wanted, self._history.open_alerts),
            targets=inputs.targets,
            basis=inputs.basis,
            rates=inputs.rates,
            formats=inputs.formats,
            plan_settings=runtime.plans,
            audit=inputs.audit,
            quotes=inputs.quotes,
            markets=inputs.markets,
            history=self._history.with_maintenance(partial(maintenance_spans, runtime.maintenance)),
            params=bound.params,
            log=logging.getLogger(f"reporter.jobs.{bound.job.name}"),
            ours=ours,
            kept=self._kept(bound),
        )

    def _kept(self, bound: BoundJob) -> StoredStates:
        """What a job kept, under its present name; nothing is read before the job asks."""
        if bound.renamed_from and bound.name not in self._renamed:
            with self._store.begin() as connection:
                job_states.rename(connection, bound.renamed_from, bound.name)
            self._renamed.add(bound.name)
        return StoredStates(self._store, bound.name)

    def _findings(self, runtime: Runtime, bound: BoundJob, context: Context[Params], *, drawn: bool) -> Findings:
        written: list[RenderedReport] = []
        observations: list[Observation] = []
        states: list[JobState] = []
        events: list[CheckedEvent] = []
        prices: list[MarketPrice] = []
        for found in _outcomes(bound, context):
            match found:
                case Observation():
                    observations.append(found)
                case JobState():
                    states.append(found)
                case HandedIn():
                    events.append(checked(found.parts, found.source))
                case MarketPrice():
                    prices.append(found)
                case _:
                    written.append(_write(runtime, bound, context, found, drawn=drawn))
        return Findings(tuple(written), tuple(observations), tuple(states), tuple(events), tuple(prices))

    def _save(
        self,
        runtime: Runtime,
        bound: BoundJob,
        period: Period,
        findings: Findings,
        claim: Claim | None,
        entry: _Entry,
    ) -> Outcome:
        """Save what was found, in one transaction. While the store takes nothing, alerts are sent all the same."""
        job, messages, seen_at = bound.job.name, 0, self._clock.wall()
        looks = [*self._unsaved.take(), (findings.observations, seen_at, _observer(bound).interval)]

        def save(connection: Connection, alert_messages: int) -> None:
            nonlocal messages
            now, messages = self._clock.wall(), alert_messages
            if claim and not owed_periods.settle(connection, claim.period_id, claim.token, entry.run_id, now):
                raise ClaimLostError("another daemon took this period over during the run; nothing was sent twice")
            for number, written in enumerate(findings.written):
                for channel in written.channels:
                    letter = _letter(job, period, written, number, channel, entry.run_id, claimed=bool(claim))
                    messages += enqueue_message(connection, runtime.channels, letter, now, noise=bound.noise)
            for state in findings.states:
                _keep(connection, job, state, now)
            take_in(connection, findings.events, now)
            market_prices.save(connection, findings.prices, now)
            if bound.job.covers.closed and not period.so_far:
                for written in findings.written:
                    remember(connection, job, written.report.books, period, now)
            for look in looks:
                uptime.record(connection, *look)
            run_log.add_run(connection, entry.of(job, period, self._clock, "told" if messages else "quiet", messages))

        try:
            self._alerts.process(
                runtime.notify,
                findings.observations,
                _observer(bound),
                run_id=entry.run_id,
                save=save,
                once_saved=[
                    Observation(STORE_SUBJECT, Level.OK, "the store can be written again"),
                    Observation(f"job/{job}", Level.OK, "runs again"),
                ],
                patience=BUSY if claim else None,  # a report can wait for the store, a look cannot
            )
        except BaseException:
            self._unsaved.put_back(looks)
            raise
        taken = f"{plural(len(findings.events), 'event')} taken in" if findings.events else "nothing new"
        told = f"{plural(messages, 'message')} to deliver" if messages else taken
        log.info("%s %s: %s", job, period.label, told)
        return Outcome(entry.run_id, messages, unwell=_unwell(findings.observations))

    def _failed(
        self,
        runtime: Runtime,
        bound: BoundJob,
        period: Period,
        error: Exception,
        claim: Claim | None,
        entry: _Entry,
    ) -> Outcome:
        why = masked(explain(error, bound), LONGEST_REASON)
        retry_at = self._clock.wall() + _patience(claim.attempt) if claim else None
        log.error("%s %s failed: %s", bound.job.name, period.label, why)

        def save(connection: Connection, _: int) -> None:
            if claim and retry_at:
                owed_periods.put_back(connection, claim.period_id, claim.token, why, retry_at)
            run_log.add_run(connection, entry.of(bound.job.name, period, self._clock, "failed", 0, why))

        failure = Observation(f"job/{bound.job.name}", Level.WARNING, f"{bound.job.name} for {period.label}: {why}")
        seen = [failure] if not self._stopping.is_set() and _is_news(error, claim) else []
        try:
            self._alerts.process(runtime.notify, seen, _observer(bound), run_id=entry.run_id, save=save)
        except ReporterError as store_error:
            log.error("%s: and the failure could not be saved: %s", bound.job.name, store_error)
        return Outcome(entry.run_id, error=why, retry_at=retry_at)


def _keep(connection: Connection, job: str, state: JobState, now: datetime) -> None:
    if not job_states.save(
        connection, job, state.name, state.version, state.value, now, seen=state.seen, forget=state.forget
    ):
        raise ClaimLostError(f"another run of {job} was saved while we were at it; nothing was sent twice")


def _unwell(seen: Iterable[Observation]) -> str | None:
    """What is critical about the reporter itself, in a sentence."""
    bad = (one.detail for one in seen if one.subject.startswith("self/") and one.level is Level.CRITICAL)
    return "; ".join(bad) or None


def _is_news(error: Exception, claim: Claim | None) -> bool:
    """Whether people should hear of a failure. A period that is owed is first tried once more, which often mends it."""
    return not isinstance(error, ClaimLostError | StoreError) and (claim is None or claim.attempt > 1)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A run while it is under way."""

    run_id: str
    trigger: str
    started: datetime
    began: float

    def of(
        self, job: str, period: Period, clock: Clock, outcome: str, messages: int, error: str | None = None
    ) -> run_log.RunRecord:
        seconds = clock.monotonic() - self.began
        return run_log.RunRecord(
            self.run_id, job, period.label, self.trigger, self.started, seconds, outcome, messages, error
        )


def explain(error: BaseException, bound: BoundJob) -> str:
    """A failure in one sentence: ours speak for themselves, a job's own says where in its file it happened."""
    if isinstance(error, ReporterError):
        return _one_line(str(error))
    place = next(
        (
            f"{bound.job.origin.name}:{frame.lineno}: "
            for frame in reversed(traceback.extract_tb(error.__traceback__))
            if bound.job.origin and frame.filename == str(bound.job.origin)
        ),
        "",
    )
    return f"{place}{type(error).__name__}: {error}"


def _one_line(text: str) -> str:
    """A problem with its excerpt and hint, as one line of a message; the caret below the excerpt is left out."""
    return " · ".join(line for part in text.splitlines() if (line := part.strip()) and line != "^")


def _outcomes(bound: BoundJob, context: Context[Params]) -> Iterable[JobOutcome]:
    for found in bound.job.function(context) or ():
        if not isinstance(found, JobOutcome):
            raise JobError(f"{bound.job.name} yielded a {type(found).__name__}: yield Report(...) or Observation(...)")
        yield found


def _write(
    runtime: Runtime, bound: BoundJob, context: Context[Params], report: Report, *, drawn: bool
) -> RenderedReport:
    """Step 5: the template makes a letter of the report's values, and another one a picture."""
    name, channels = report.template or bound.job.name, (report.channel,) if report.channel else bound.channels
    facts = {
        "period": context.period,
        "previous": context.previous,
        "now": context.now,
        "books": report.books,
        "params": bound.params,
        "targets": runtime.inputs.targets,
        "basis": runtime.inputs.basis,
        **report.facts,
    }
    message = runtime.renderer.render(name, facts, tone=report.tone, severity=report.severity, at=context.now)
    message = replace(message, attachments=(*message.attachments, *report.files))
    if bound.job.covers.closed and context.period.so_far:
        message = replace(message, title=(*message.title, Run("text", " (so far)")))
    message = message.noted(*_unreadable(report.books), *_unrated(report.books), *_stale(report.books))
    if report.channel and report.channel not in runtime.channels:
        known = ", ".join(runtime.channels)
        raise JobError(f"{bound.job.name} reports to the channel {report.channel}, which is none of: {known}")
    if bound.charts and (drawn or any(runtime.channels[channel].pictures for channel in channels)):
        message = with_pictures(message, runtime.renderer, runtime.charts, name, facts)
    return RenderedReport(report, message, channels)


def _unreadable(books: Sequence[Book]) -> Iterator[str]:
    """What no figure of a report counts because it cannot be read, so that a person can find and mend it."""
    found = {one.ledger: one for book in books for one in book.left_out}
    for one in found.values():
        yield visible(f"{one.ledger}: {one}")


def _unrated(books: Sequence[Book]) -> Iterator[str]:
    """How many trades have a fee that nobody knows, because its token has no rate."""
    for one in dict.fromkeys(one for book in books for one in book.unrated):
        yield visible(f"{one.ledger}: {one}")


def _stale(books: Sequence[Book]) -> Iterator[str]:
    """Which ledgers have written nothing for longer than they may, so that the figures are those of back then."""
    found = {one.ledger: one for book in books for one in book.stale}
    for one in found.values():
        yield visible(f"{one.ledger}: {one}")


def _letter(
    job: str,
    period: Period,
    written: RenderedReport,
    number: int,
    channel: str,
    run_id: str,
    *,
    claimed: bool,
) -> outbox.OutgoingMessage:
    slot = written.report.slot
    stamp = f"{period.start.isoformat()}/{period.end.isoformat()}" if claimed else run_id
    return outbox.OutgoingMessage(
        key=f"{job}/{stamp}/{number}/{channel}",
        channel=channel,
        kind="board" if slot else "report",
        message=replace(written.message, refreshes=job) if slot else written.message,
        slot=f"{job}/{slot}" if slot else None,
        repost=written.report.repost,
        refresh=written.report.refresh,
        run_id=run_id,
        about=(job, "boards" if slot else "reports"),
    )


def _notes(claim: Claim | None, now: datetime) -> list[str]:
    """What the reader of a late report has to know: how late it is, and which periods were left out."""
    if claim is None or claim.due_at is None:
        return []
    late = now - claim.due_at
    older = "older period was" if claim.left_out == 1 else "older periods were"
    return [
        f"late by {duration_text(late)}" if late >= LATE else "",
        f"{claim.left_out} {older} left out" if claim.left_out else "",
    ]


def _noted(findings: Findings, notes: Sequence[str]) -> Findings:
    written = tuple(replace(one, message=one.message.noted(*notes)) for one in findings.written)
    return replace(findings, written=written)


def _observer(bound: BoundJob) -> Observer:
    beat = timedelta(seconds=bound.schedule.seconds) if isinstance(bound.schedule, Every) else None
    return Observer(bound.channels, beat, bound.name)


def _observer_of(runtime: Runtime, alert: StoredAlert) -> Observer:
    """Whose reading it was; a job that is gone left the channels that it spoke in."""
    bound = runtime.jobs.get(alert.job or "")
    return _observer(bound) if bound else Observer(alert.channels)


def _probing(runtime: Runtime) -> set[str]:
    """The jobs that can be asked at any time, because they look at the present."""
    return {name for name, bound in runtime.jobs.items() if bound.enabled and not bound.job.covers.closed}


def _insist_on_all_ledgers(findings: Findings, claim: Claim | None) -> None:
    """A closed period is reported once, so it waits a little for a ledger that cannot be read."""
    unread = {u.ledger: u.why for w in findings.written for book in w.report.books for u in book.unread}
    if claim and unread and claim.attempt < TRIES_FOR_ALL_LEDGERS:
        name, why = next(iter(unread.items()))
        left = plural(TRIES_FOR_ALL_LEDGERS - claim.attempt, "more time")
        raise LedgerError(f"{name} could not be read ({why}); tried {left} before going out without it")


def _patience(attempt: int) -> timedelta:
    return min(LONGEST_RETRY, FIRST_RETRY * (1 << min(attempt - 1, 10)))
