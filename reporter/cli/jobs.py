"""Commands about jobs: run-job, backfill, runs, jobs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

from reporter.app.app import App, ManualRun
from reporter.cli.run_history import run_history
from reporter.cli.terminal import DONE, FAILED, QUEUED, complain, progress, progress_bar
from reporter.errors import ReporterError
from reporter.jobs.binding import BoundJob
from reporter.messages.message import visible
from reporter.messages.quiet_hours import Noise
from reporter.periods.time_text import moment_text
from reporter.store.outbox import QueuedMessage

# How long a command waits for delivery. Once a message is queued, those after it have to wait as well.
PATIENCE, NONE = timedelta(seconds=20), timedelta(0)
PENDING = {"waiting", "sending", "unclear", "held"}


def run_job(app: App, options: argparse.Namespace) -> int:
    """`reporter run-job NAME [--at DATE] [--force]`."""
    bound = app.job(options.name)
    _insist_on_channels(app, bound)
    with progress(f"{options.name}: running"):
        run = app.run_by_hand(bound, options.at, force=options.force)
    return _show_run(app, options.name, run, partial(_delivered, app, options.name))


def backfill(app: App, options: argparse.Namespace) -> int:
    """`reporter backfill NAME --from DATE [--to DATE]`."""
    bound = app.job(options.name)
    _insist_on_channels(app, bound)
    code, periods = DONE, app.periods_between(bound, options.first, options.last)
    if not periods:
        print(f"{options.name}: nothing to send, because no {bound.job.covers.unit} of that time is over yet")
    for period in progress_bar(periods, f"{options.name}: sending"):
        deliver = partial(app.deliver, patience=NONE if code == QUEUED else PATIENCE)
        code = max(code, _show_run(app, options.name, app.run_period(bound, period), deliver))
        if code == FAILED:
            complain("the later periods were not tried; run the same command again to continue")
            break
    return code


def list_runs(app: App, options: argparse.Namespace) -> int:
    """`reporter runs [NAME] [--limit N]`."""
    shown = [app.job(options.name)] if options.name else app.runtime.jobs.values()
    for bound in shown:
        print("\n".join(map(visible, run_history(app.store, bound, options.limit))))
    return DONE


def exit_code(deliveries: Sequence[QueuedMessage]) -> int:
    states = {delivery.state for delivery in deliveries}
    if states & {"dead", "expired"}:
        return FAILED
    return QUEUED if states & PENDING else DONE


def _insist_on_channels(app: App, bound: BoundJob) -> None:
    """Raises ReporterError if a channel of the job cannot be posted to from here."""
    for name in bound.channels:
        if why := app.unavailable(name):
            raise ReporterError(why)


def _show_run(app: App, name: str, run: ManualRun, deliver: Callable[[str], Sequence[QueuedMessage]]) -> int:
    """Print how a manual run ended and where its messages are."""
    if run.outcome is None:
        print("\n".join(map(visible, _why_not_run(app, name, run))))
        return DONE if run.standing and run.standing.state == "told" else FAILED
    if run.outcome.error:
        complain(f"{name} {run.period.label}: {run.outcome.error}")
        if run.outcome.retry_at:
            complain("the period stays owed: a running daemon tries it again")
        return FAILED
    deliveries = deliver(run.outcome.run_id)
    if not deliveries:
        print(f"{name} {run.period.label}: {_why_nothing(app, app.job(name))}")
    for delivery in deliveries:
        print(f"{name} {run.period.label} → {visible(_delivery_line(delivery))}")
    return exit_code(deliveries)


def _delivered(app: App, name: str, run_id: str) -> Sequence[QueuedMessage]:
    with progress(f"{name}: delivering"):
        return app.deliver(run_id, PATIENCE)


def _why_not_run(app: App, name: str, run: ManualRun) -> Iterator[str]:
    owed, label = run.standing, run.period.label
    if owed is None or owed.state != "told":
        yield f"another process runs {name} for {label} just now"
        return
    zone = ZoneInfo(app.job(name).timezone)
    when = moment_text(owed.settled_at, zone) if owed.settled_at else "an earlier time"
    yield f"{name} {label} was sent before, at {when} (--force sends it again)"
    yield from (f"  → {_delivery_line(delivery)}" for delivery in app.messages_of(owed.run_id or ""))


def _delivery_line(delivery: QueuedMessage) -> str:
    part = f" (part {delivery.part} of {delivery.parts})" if delivery.is_split else ""
    if delivery.state == "sent":
        return f"{delivery.channel}{part}: delivered {delivery.url or ''}".rstrip()
    if delivery.state in PENDING:
        return f"{delivery.channel}{part}: queued, not delivered yet: {delivery.error or 'the channel is busy'}"
    return f"{delivery.channel}{part}: {delivery.state}: {delivery.error or 'replaced by a newer one'}"


def _why_nothing(app: App, bound: BoundJob) -> str:
    """Why a successful run has sent nothing."""
    noises = [bound.noise or app.runtime.channels[name].quiet_rules.noise for name in bound.channels]
    if noises and set(noises) == {Noise.OFF}:
        return "not sent, because its noise is off"
    return "nothing new to send"


def list_jobs(app: App, _options: argparse.Namespace) -> int:
    """`reporter jobs`."""
    for problem in app.home.catalog.problems:
        print(f"✗ {visible(str(problem), lines=True)}")
    for bound in app.runtime.jobs.values():
        print("\n".join(_job_lines(app, bound)))
    idle = [name for name in app.home.catalog.jobs if name not in app.runtime.jobs]
    if idle:
        print(f"not in the config: {', '.join(idle)}")
    return DONE


def _job_lines(app: App, bound: BoundJob) -> Iterator[str]:
    moment = app.planner.next_due(bound).astimezone(ZoneInfo(bound.timezone))
    origin = "stock" if bound.job.stock else str(bound.job.origin)
    turn = f"next {moment:%a %Y-%m-%d %H:%M:%S %Z}" if bound.enabled else "disabled (enabled: false)"
    yield f"{bound.name}  ({origin}) → {', '.join(bound.channels)}"
    if bound.job.doc:
        yield f"  {visible(bound.job.doc.partition(chr(10))[0])}"
    about = bound.job.covers.replace("now", "the present").replace("last ", "the last ")
    yield f"  {bound.schedule.describe()}, about {about}; {turn}"
