"""Commands about jobs: run-job, backfill, runs, preview, jobs."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from html import escape
from pathlib import Path
from zoneinfo import ZoneInfo

from reporter.app.app import App, ManualRun, opened
from reporter.cli.run_history import run_history
from reporter.cli.terminal import (
    DELIVERED,
    FAILED,
    NONE,
    PAGE_HEAD,
    PATIENCE,
    PENDING,
    QUEUED,
    complain,
    exit_code,
    home_of,
    progress,
    progress_bar,
)
from reporter.jobs.binding import BoundJob
from reporter.messages.message import visible
from reporter.messages.quiet_hours import Noise
from reporter.scheduler import logs
from reporter.scheduler.runner import Findings
from reporter.store.outbox import DeliveryState


def run_job(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(home_of(options)) as app:
        bound = app.job(options.name)
        with progress(f"{options.name}: looking and writing"):
            done = app.run_by_hand(bound, options.at, force=options.force)
        return _told(app, options.name, done, partial(_delivered, app, options.name))


def backfill(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(home_of(options)) as app:
        bound = app.job(options.name)
        code, periods = DELIVERED, app.periods_between(bound, options.first, options.last)
        if not periods:
            print(f"{options.name}: nothing to tell, for no {bound.job.covers.unit} of that time is over yet")
        for period in progress_bar(periods, f"{options.name}: telling"):
            deliver = partial(app.deliver, patience=NONE if code == QUEUED else PATIENCE)
            code = max(code, _told(app, options.name, app.run_period(bound, period), deliver))
            if code == FAILED:
                complain("the periods after it wait for it; run the same command again to go on")
                break
        return code


def list_runs(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(home_of(options)) as app:
        shown = [app.job(options.name)] if options.name else app.runtime.jobs.values()
        for bound in shown:
            print("\n".join(map(visible, run_history(app.store, bound, options.limit))))
    return 0


def _told(app: App, name: str, done: ManualRun, deliver: Callable[[str], Sequence[DeliveryState]]) -> int:
    """Say what became of a run by hand, and where its messages are."""
    if done.outcome is None:
        print("\n".join(map(visible, _standing(app, name, done))))
        return DELIVERED if done.standing and done.standing.state == "told" else FAILED
    if done.outcome.error:
        complain(f"{name} {done.period.label}: {done.outcome.error}")
        if done.outcome.retry_at:
            complain("it stays owed: a running daemon tries it again")
        return FAILED
    fates = deliver(done.outcome.run_id)
    if not fates:
        print(f"{name} {done.period.label}: {_nothing(app, app.job(name))}")
    for fate in fates:
        print(f"{name} {done.period.label} → {visible(_fate(fate))}")
    return exit_code(fates)


def _delivered(app: App, name: str, run_id: str) -> Sequence[DeliveryState]:
    with progress(f"{name}: delivering"):
        return app.deliver(run_id, PATIENCE)


def _standing(app: App, name: str, done: ManualRun) -> Iterator[str]:
    owed, label = done.standing, done.period.label
    if owed is None or owed.state != "told":
        yield f"{name} {label} is being made by another process just now"
        return
    zone = ZoneInfo(app.job(name).timezone)
    when = f"{owed.settled_at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}" if owed.settled_at else "an earlier time"
    yield f"{name} {label} was told already, at {when} (--force tells it again)"
    yield from (f"  → {_fate(fate)}" for fate in app.fates(owed.run_id or ""))


def _fate(fate: DeliveryState) -> str:
    part = f" (part {fate.part} of {fate.of})" if fate.of > 1 else ""
    if fate.state == "sent":
        return f"{fate.channel}{part}: delivered {fate.url or ''}".rstrip()
    if fate.state in PENDING:
        return f"{fate.channel}{part}: queued, not delivered yet: {fate.error or 'the channel is busy'}"
    return f"{fate.channel}{part}: {fate.state}: {fate.error or 'replaced by a newer one'}"


def _nothing(app: App, bound: BoundJob) -> str:
    """Why a run that went well has told nothing."""
    noises = [bound.noise or app.runtime.channels[name].etiquette.noise for name in bound.channels]
    if noises and set(noises) == {Noise.OFF}:
        return "not told, for its noise is off"
    return "nothing new to tell"


def preview(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(home_of(options)) as app:
        bound = app.job(options.name)
        with progress(f"{options.name}: looking and writing"):
            findings = app.ask(bound, options.at)
        _SHOWN_AS[options.format](app, findings)
    return 0


def _as_text(app: App, findings: Findings) -> None:
    from reporter.delivery.outlets.console import ConsoleOutlet

    drawn = any(written.message.attachments for written in findings.written)
    folder = Path(tempfile.mkdtemp(prefix="reporter-preview-")) if drawn else None
    screen = ConsoleOutlet(sys.stdout, zone=app.runtime.zone, pictures=folder)
    for written in findings.written:
        print(f"→ {', '.join(written.channels)}", flush=True)
        screen.post(written.message)
    for line in _besides(findings):
        print(line)


def _besides(findings: Findings) -> Iterator[str]:
    """What there is besides messages: readings, which are judged and not told as they are; or nothing at all."""
    for seen in findings.observations:
        yield f"{seen.level:<8} {visible(f'{seen.subject}: {seen.detail}')}"
    if not findings.written and not findings.observations:
        yield "nothing to tell"


def _as_json(app: App, findings: Findings) -> None:
    """The bodies as they would be sent: one object, or a list where it takes several messages."""
    bodies = []
    for written in findings.written:
        for name in written.channels:
            outlet = app.runtime.channels[name].outlet
            bodies += [outlet.payload(part) for part in outlet.fit(written.message)]
    print(json.dumps(bodies[0] if len(bodies) == 1 else bodies, indent=2, ensure_ascii=False))


def _as_html(app: App, findings: Findings) -> None:
    from reporter.delivery.outlets.html import to_html

    print(PAGE_HEAD)
    for written in findings.written:
        print(to_html(written.message, app.runtime.zone))
    for line in _besides(findings) if not findings.written else ():  # a board already shows what was read
        print(f"<p>{escape(line)}</p>")
    print("</body></html>")


def list_jobs(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(home_of(options)) as app:
        for problem in app.home.catalog.problems:
            print(f"✗ {visible(str(problem), lines=True)}")
        for bound in app.runtime.jobs.values():
            print("\n".join(_job_lines(app, bound)))
        idle = [name for name in app.home.catalog.jobs if name not in app.runtime.jobs]
        if idle:
            print(f"not in the config: {', '.join(idle)}")
    return 0


def _job_lines(app: App, bound: BoundJob) -> Iterator[str]:
    moment = app.planner.next_due(bound).astimezone(ZoneInfo(bound.timezone))
    origin = "stock" if bound.job.stock else str(bound.job.origin)
    turn = f"next {moment:%a %Y-%m-%d %H:%M:%S %Z}" if bound.enabled else "at rest (enabled: false)"
    yield f"{bound.name}  ({origin}) → {', '.join(bound.channels)}"
    if bound.job.doc:
        yield f"  {visible(bound.job.doc.partition(chr(10))[0])}"
    about = bound.job.covers.replace("now", "the present").replace("last ", "the last ")
    yield f"  {bound.schedule.describe()}, about {about}; {turn}"


_SHOWN_AS: dict[str, Callable[[App, Findings], None]] = {"text": _as_text, "json": _as_json, "html": _as_html}
