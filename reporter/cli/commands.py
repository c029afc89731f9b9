"""What the commands of the command line do. Loaded when one runs, never for `--help`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from html import escape
from pathlib import Path
from zoneinfo import ZoneInfo

from reporter.cli import alerts, export, outbox, uptime
from reporter import config
from reporter.jobs import changes
from reporter.scheduler import logs
from reporter.app.app import CONFIG, App, ByHand, FolderHome, find_home, make_home, opened
from reporter.jobs.binding import BoundJob
from reporter.cli.run_history import chronicle
from reporter.periods.clock import SystemClock
from reporter.errors import ConfigError, ReporterError
from reporter.messages.message import visible
from reporter.messages.quiet_hours import Noise
from reporter.store.outbox import Fate
from reporter.periods.civil import Period
from reporter.scheduler.runner import Findings

# What sysexits.h calls them.
DELIVERED, FAILED, USAGE, QUEUED, BAD_CONFIG = 0, 1, 2, 75, 78
INTERRUPTED = 130
# How long a command waits until what it tells has arrived; where one message has to wait, those after it do as well.
PATIENCE, NONE = timedelta(seconds=20), timedelta(0)

DEMO_CONFIG = """\
# A made-up trading floor, shown in the terminal.
version: 1
timezone: UTC
store: state/reporter.sqlite
ledgers:
  floor: {{kind: native, url: trading.sqlite, starting_balance: [{balances}]}}
channels:
  terminal: {{kind: console, pictures: {pictures}}}
jobs:
  health_probe: {{params: {{heartbeat_minutes: null}}}}  # nobody trades on, so no agent shows signs of life
  agent_performance:
  daily_summary:
  weekly_leaderboard:
  weekly_report:
  monthly_report:
  pnl_realtime:
  performance_alerts:
targets:
  daily_pnl: 50 USDT
  win_rate: 52%
  drawdown: 100 USDT
  daily_loss: 100 USDT
  review: {{win_rate: 45%, after: 20}}
"""

# A phone shows a page as wide as itself only when it is asked to.
_HEAD = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>reporter preview</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { margin: min(24px, 3vw); background: #313338; color: #b5bac1; font: 13px/1.35 sans-serif; }
p { margin: 4px 0; overflow-wrap: anywhere; }
article { margin-bottom: 16px; }
</style></head>
<body>"""

_MARKS = {"": "✓", "advice": "!"}
_PENDING = {"waiting", "sending", "unclear", "held"}


def run(options: argparse.Namespace) -> int:
    """Run the command that was asked for; what goes wrong is said in a sentence and in the exit code."""
    try:
        code = _COMMANDS[options.command](options)
        sys.stdout.flush()  # here, and not when Python ends, a reader who has gone can be met with grace
    except ConfigError as error:
        complain(str(error))
        return BAD_CONFIG
    except ReporterError as error:
        complain(str(error))
        return FAILED
    except BrokenPipeError:  # whoever read our output has had enough
        _say_no_more()
        return FAILED
    except OSError as error:  # a disk that is full or may not be written to, which the user can mend
        complain(f"{error.filename or 'the output'}: {error.strerror}")
        _say_no_more()
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _say_no_more() -> None:
    """What could not be written is tried once more when Python ends; a second complaint helps nobody."""
    with suppress(OSError):  # a stream without a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(text: str) -> None:
    print(f"reporter: {visible(text, lines=True)}", file=sys.stderr)


def what_next(parser: argparse.ArgumentParser, given: str | None) -> int:
    """`reporter` alone: say what to do next."""
    try:
        home = find_home(given)
    except ConfigError:
        parser.print_help()
        print("\nThere is no home here yet. To look around: reporter demo. To begin: reporter init DIR")
        return USAGE
    parser.print_usage()
    print(f"\nThe home is {home.resolve()}, its config {home / CONFIG}.")
    print("Look for mistakes with `reporter check`, see a report with `reporter preview daily_summary`,")
    print("and start the daemon with `reporter run`.")
    return USAGE


def _daemon(options: argparse.Namespace) -> int:
    logs.start("DEBUG" if options.verbose else "INFO")
    app = App(_home(options), hold=True)
    try:
        app.daemon().run()
    finally:
        app.close()
    return 0


def _run_job(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(_home(options)) as app:
        bound = app.job(options.name)
        with _progress(f"{options.name}: looking and writing"):
            done = app.run_by_hand(bound, options.at, force=options.force)
        return _told(app, options.name, done, partial(_delivered, app, options.name))


def _backfill(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(_home(options)) as app:
        bound = app.job(options.name)
        code, periods = DELIVERED, app.periods_between(bound, options.first, options.last)
        if not periods:
            print(f"{options.name}: nothing to tell, for no {bound.job.covers.unit} of that time is over yet")
        for period in _bar(periods, f"{options.name}: telling"):
            deliver = partial(app.deliver, patience=NONE if code == QUEUED else PATIENCE)
            code = max(code, _told(app, options.name, app.run_period(bound, period), deliver))
            if code == FAILED:
                complain("the periods after it wait for it; run the same command again to go on")
                break
        return code


def _runs(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(_home(options)) as app:
        shown = [app.job(options.name)] if options.name else app.wiring.jobs.values()
        for bound in shown:
            print("\n".join(map(visible, chronicle(app.store, bound, options.limit))))
    return 0


def _told(app: App, name: str, done: ByHand, deliver: Callable[[str], Sequence[Fate]]) -> int:
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
    return _exit_code(fates)


def _delivered(app: App, name: str, run_id: str) -> Sequence[Fate]:
    with _progress(f"{name}: delivering"):
        return app.deliver(run_id, PATIENCE)


def _standing(app: App, name: str, done: ByHand) -> Iterator[str]:
    owed, label = done.standing, done.period.label
    if owed is None or owed.state != "told":
        yield f"{name} {label} is being made by another process just now"
        return
    zone = ZoneInfo(app.job(name).timezone)
    when = f"{owed.settled_at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}" if owed.settled_at else "an earlier time"
    yield f"{name} {label} was told already, at {when} (--force tells it again)"
    yield from (f"  → {_fate(fate)}" for fate in app.fates(owed.run_id or ""))


def _fate(fate: Fate) -> str:
    part = f" (part {fate.part} of {fate.of})" if fate.of > 1 else ""
    if fate.state == "sent":
        return f"{fate.channel}{part}: delivered {fate.url or ''}".rstrip()
    if fate.state in _PENDING:
        return f"{fate.channel}{part}: queued, not delivered yet: {fate.error or 'the channel is busy'}"
    return f"{fate.channel}{part}: {fate.state}: {fate.error or 'replaced by a newer one'}"


def _nothing(app: App, bound: BoundJob) -> str:
    """Why a run that went well has told nothing."""
    noises = [bound.noise or app.wiring.channels[name].etiquette.noise for name in bound.channels]
    if noises and set(noises) == {Noise.OFF}:
        return "not told, for its noise is off"
    return "nothing new to tell"


def _exit_code(fates: Sequence[Fate]) -> int:
    states = {fate.state for fate in fates}
    if states & {"dead", "expired"}:
        return FAILED
    return QUEUED if states & _PENDING else DELIVERED


def _preview(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(_home(options)) as app:
        bound = app.job(options.name)
        with _progress(f"{options.name}: looking and writing"):
            findings = app.ask(bound, options.at)
        _SHOWN_AS[options.format](app, findings)
    return 0


def _as_text(app: App, findings: Findings) -> None:
    from reporter.delivery.outlets.console import ConsoleOutlet

    drawn = any(written.message.attachments for written in findings.written)
    folder = Path(tempfile.mkdtemp(prefix="reporter-preview-")) if drawn else None
    screen = ConsoleOutlet(sys.stdout, zone=app.wiring.zone, pictures=folder)
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
            outlet = app.wiring.channels[name].outlet
            bodies += [outlet.payload(part) for part in outlet.fit(written.message)]
    print(json.dumps(bodies[0] if len(bodies) == 1 else bodies, indent=2, ensure_ascii=False))


def _as_html(app: App, findings: Findings) -> None:
    from reporter.delivery.outlets.html import to_html

    print(_HEAD)
    for written in findings.written:
        print(to_html(written.message, app.wiring.zone))
    for line in _besides(findings) if not findings.written else ():  # a board already shows what was read
        print(f"<p>{escape(line)}</p>")
    print("</body></html>")


def _jobs(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(_home(options)) as app:
        for problem in app.home.catalog.problems:
            print(f"✗ {visible(str(problem), lines=True)}")
        for bound in app.wiring.jobs.values():
            print("\n".join(_job_lines(app, bound)))
        idle = [name for name in app.home.catalog.jobs if name not in app.wiring.jobs]
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


def _check(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    home = _home(options)
    if options.diff:
        return _diff(home)
    with _progress("checking"):
        findings = list(home.check())
    for found in findings:
        print(f"{_MARKS.get(found.trouble, '✗')} {visible(found.text, lines=True)}")
    troubles = {found.trouble for found in findings} - _MARKS.keys()
    return BAD_CONFIG if "config" in troubles else FAILED if troubles else 0


def _diff(home: FolderHome) -> int:
    """What the daemon would take up if it read the files now."""
    with opened(home) as app:
        before, after = app.terms(), changes.terms(app.wiring)
        if before is None:
            print("no daemon has run on this store yet: everything is new to it")
        before = before or {}
        changes = changes.differences(before, after)
        print("\n".join(changes) or "nothing of a job changes")
        for name in after:
            if name not in before or name in changes.changed(before, after):
                details = changes.details(before, after, name) if name in before else ()
                print("\n".join([f"{name}:", *(f"  {line}" for line in details), *_coming(app, app.wiring.jobs[name])]))
    return 0


def _coming(app: App, bound: BoundJob) -> Iterator[str]:
    moments = [moment.astimezone(ZoneInfo(bound.timezone)) for moment in app.planner.next_runs(bound, 5)]
    yield from (f"  next {moment:%a %Y-%m-%d %H:%M:%S %Z}" for moment in moments)
    if not moments:
        yield f"  {bound.schedule.describe()}, from the daemon's start on"


def _outbox(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(_home(options)) as app:
        return outbox.run_outbox(app, options)


def _channels(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(_home(options)) as app:
        return outbox.run_channels(app, options)


def _export(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(_home(options)) as app:
        return export.run(app, options)


def _explain(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(_home(options)) as app:
        return alerts.run_explain(app, options)


def _silence(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(_home(options)) as app:
        return alerts.run_silence(app, options)


def _ack(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(_home(options)) as app:
        return alerts.run_ack(app, options)


def _probe(options: argparse.Namespace) -> int:
    from reporter.cli import probe

    logs.start("CRITICAL")
    return probe.run(_home(options), options)


def _uptime(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(_home(options)) as app:
        return uptime.run(app, options)


def _setup(options: argparse.Namespace) -> int:
    from reporter.cli import setup

    logs.start("CRITICAL")
    return setup.run_setup(find_home(options.home) / CONFIG, options)


def _init(options: argparse.Namespace) -> int:
    folder = Path(options.dir)
    made = make_home(folder)
    for path in made:
        print(f"made {path}")
    if not made:
        print(f"{folder} is a home already; nothing was changed")
    print(f"Now edit {folder / CONFIG}, then: reporter --home {folder} check")
    return 0


def _demo(options: argparse.Namespace) -> int:
    """A home with a made-up trading database, each job shown once, and then the daemon on it."""
    logs.start("WARNING")
    with tempfile.TemporaryDirectory(prefix="reporter-demo-") as scratch:
        folder = Path(options.keep or scratch)
        with _progress("making a trading floor with two months of history"):
            # Where people are told that a picture lies, it has to lie when the demo is over.
            demo_home(folder, "pictures" if options.keep else tempfile.mkdtemp(prefix="reporter-pictures-"))
        home = FolderHome(folder, clock=SystemClock(), stream=sys.stdout)
        app = App(home, hold=not options.once)
        try:
            return _show(app, [options.once] if options.once else list(app.wiring.jobs), once=bool(options.once))
        finally:
            app.close()


def _show(app: App, names: Sequence[str], *, once: bool) -> int:
    code = DELIVERED
    for name in names:
        done = app.run_by_hand(app.job(name), None, force=True)
        if done.outcome is None or done.outcome.error:
            complain(f"{name}: {done.outcome.error if done.outcome else 'not run'}")
            code = FAILED
        else:
            code = max(code, _exit_code(app.deliver(done.outcome.run_id)))
    if not once:
        complain("this is the daemon at work on made-up trades; Ctrl-C ends it")
        app.daemon().run()
    return code


def demo_home(folder: Path, pictures: str) -> None:
    """Make a home whose ledger is a made-up floor and whose channel is the terminal; `pictures` is a folder."""
    from reporter.app import demo

    make_home(folder)
    demo.make(folder / "trading.sqlite", SystemClock().wall())
    balances = ", ".join(f"{money.amount} {money.currency}" for money in demo.STARTING_BALANCES)
    (folder / CONFIG).write_text(DEMO_CONFIG.format(balances=balances, pictures=json.dumps(pictures)), encoding="utf-8")


def _schema(_options: argparse.Namespace) -> int:
    print(json.dumps(config.schema(), indent=2, ensure_ascii=False))
    return 0


def _home(options: argparse.Namespace) -> FolderHome:
    return FolderHome(find_home(options.home), clock=SystemClock())


def _bar(periods: Sequence[Period], text: str) -> Iterator[Period]:
    """The periods one after another, with a bar for people who watch."""
    if not sys.stderr.isatty():
        yield from periods
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), redirect_stdout=sys.stdout.isatty(), transient=True) as bar:
        yield from bar.track(periods, description=text)


@contextmanager
def _progress(text: str) -> Iterator[None]:
    """Show that something is going on, to people only."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _daemon,
    "run-job": _run_job,
    "backfill": _backfill,
    "runs": _runs,
    "preview": _preview,
    "jobs": _jobs,
    "check": _check,
    "probe": _probe,
    "outbox": _outbox,
    "channels": _channels,
    "explain": _explain,
    "silence": _silence,
    "ack": _ack,
    "uptime": _uptime,
    "export": _export,
    "setup": _setup,
    "init": _init,
    "demo": _demo,
    "schema": _schema,
}

_SHOWN_AS: dict[str, Callable[[App, Findings], None]] = {"text": _as_text, "json": _as_json, "html": _as_html}
