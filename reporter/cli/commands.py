"""What the commands of the command line do. Loaded when one runs, never for `--help`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from reporter.app.app import App, opened
from reporter.app.home import CONFIG, FolderHome, find_home, make_home
from reporter.cli import alerts, export, outbox, uptime
from reporter.cli.check import check
from reporter.cli.jobs import backfill, list_jobs, list_runs, preview, run_job
from reporter.cli.terminal import (
    BAD_CONFIG,
    FAILED,
    INTERRUPTED,
    USAGE,
    complain,
    home_of,
    progress,
    show,
    silence_stdout,
)
from reporter.config import loading
from reporter.errors import ConfigError, ReporterError
from reporter.periods.clock import SystemClock
from reporter.scheduler import logs

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
        silence_stdout()
        return FAILED
    except OSError as error:  # a disk that is full or may not be written to, which the user can mend
        complain(f"{error.filename or 'the output'}: {error.strerror}")
        silence_stdout()
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


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
    app = App(home_of(options), hold=True)
    try:
        app.daemon().run()
    finally:
        app.close()
    return 0


def _outbox(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(home_of(options)) as app:
        return outbox.run_outbox(app, options)


def _channels(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(home_of(options)) as app:
        return outbox.run_channels(app, options)


def _export(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(home_of(options)) as app:
        return export.run(app, options)


def _explain(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(home_of(options)) as app:
        return alerts.run_explain(app, options)


def _silence(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(home_of(options)) as app:
        return alerts.run_silence(app, options)


def _ack(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(home_of(options)) as app:
        return alerts.run_ack(app, options)


def _probe(options: argparse.Namespace) -> int:
    from reporter.cli import probe

    logs.start("CRITICAL")
    return probe.run(home_of(options), options)


def _uptime(options: argparse.Namespace) -> int:
    logs.start("CRITICAL")
    with opened(home_of(options)) as app:
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
        with progress("making a trading floor with two months of history"):
            # Where people are told that a picture lies, it has to lie when the demo is over.
            demo_home(folder, "pictures" if options.keep else tempfile.mkdtemp(prefix="reporter-pictures-"))
        home = FolderHome(folder, clock=SystemClock(), stream=sys.stdout)
        app = App(home, hold=not options.once)
        try:
            return show(app, [options.once] if options.once else list(app.runtime.jobs), once=bool(options.once))
        finally:
            app.close()


def demo_home(folder: Path, pictures: str) -> None:
    """Make a home whose ledger is a made-up floor and whose channel is the terminal; `pictures` is a folder."""
    from reporter.app import demo

    make_home(folder)
    demo.make(folder / "trading.sqlite", SystemClock().wall())
    balances = ", ".join(f"{money.amount} {money.currency}" for money in demo.STARTING_BALANCES)
    (folder / CONFIG).write_text(DEMO_CONFIG.format(balances=balances, pictures=json.dumps(pictures)), encoding="utf-8")


def _schema(_options: argparse.Namespace) -> int:
    print(json.dumps(loading.schema(), indent=2, ensure_ascii=False))
    return 0


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _daemon,
    "run-job": run_job,
    "backfill": backfill,
    "runs": list_runs,
    "preview": preview,
    "jobs": list_jobs,
    "check": check,
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
