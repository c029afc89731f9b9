"""The command demo: the program at work on an invented trading desk."""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

from reporter.app import demo, demo_floor
from reporter.app.app import App
from reporter.app.home import CONFIG, FolderHome, make_home
from reporter.cli.daemon import doors
from reporter.cli.jobs import exit_code
from reporter.cli.terminal import DONE, FAILED, NOT_READ, complain, progress, wait_until_unread
from reporter.periods.clock import SystemClock
from reporter.scheduler import logs

DEMO_CONFIG = """\
# An invented trading desk, shown in the terminal.
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
INVENTED = "Everything here is invented: agents, trades, prices and events. Only the state of this machine is real."
WEB = 'web: {listen: "127.0.0.1:0", public: all}  # whoever is at this machine may look\n'


def run_demo(options: argparse.Namespace) -> int:
    """`reporter demo [--floor] [--web] [--once JOB] [--keep DIR]`: each report once, and then the daemon."""
    logs.start("WARNING")
    with tempfile.TemporaryDirectory(prefix="reporter-demo-") as scratch:
        folder = Path(options.keep or scratch)
        with progress("inventing two months of trades"):
            # Where people are told that a picture lies, it has to lie when the command is over.
            demo_home(
                folder,
                None if options.once and not options.keep else "pictures",
                WEB if options.web and not options.once else "",
                floor=options.floor,
            )
        app = App(FolderHome(folder, clock=SystemClock(), stream=sys.stdout), hold=not options.once)
        try:
            if options.once:
                return _run_jobs(app, [options.once])
            return _run(app, folder / "trading.sqlite" if options.floor else None)
        finally:
            app.close()


def _run(app: App, floor: Path | None) -> int:
    """The address of the pages first, then each report once, and the daemon until it is stopped.

    `floor` is the database of a whole floor, which trades on.
    """
    daemon, unread = app.daemon(), threading.Event()
    threading.Thread(target=_stop_when_unread, args=(app, unread), name="reader", daemon=True).start()
    with doors(app, daemon) as address:
        print(f"{INVENTED}\n", flush=True)
        if address:
            complain(f"the pages are at {address}; they show invented trades")
        # Where the messages go elsewhere, a terminal shows that more of them come.
        with progress("the floor is at work") if floor and not sys.stdout.isatty() else nullcontext():
            code = _play_floor(app, floor) if floor else _run_jobs(app, list(app.runtime.jobs))
        if not app.stopping.is_set():
            complain("the daemon now runs on invented trades; press Ctrl-C to stop it")
            daemon.run()
    return NOT_READ if unread.is_set() else code


def _stop_when_unread(app: App, unread: threading.Event) -> None:
    wait_until_unread()
    logging.disable()  # what was not shown to the end is nobody's trouble: the floor is invented
    unread.set()
    app.stopping.set()


def _play_floor(app: App, path: Path) -> int:
    """Every channel of a whole floor; from then on the floor trades in a thread."""
    wrong = demo_floor.play(app, path, app.stopping.wait)
    if app.stopping.is_set():
        return DONE
    for sentence in wrong:
        complain(sentence)
    threading.Thread(target=_trade_on, args=(app, path), name="demo", daemon=True).start()
    return FAILED if wrong else DONE


def _trade_on(app: App, path: Path) -> None:
    luck = random.Random(2)  # noqa: S311 - nothing here is secret
    while not app.stopping.wait(luck.uniform(4, 20)):
        demo_floor.trade_on(path, app.clock.wall(), luck, luck.sample(demo.CAST, luck.choice((1, 1, 2))))


def demo_home(
    folder: Path, pictures: str | None, web: str = "", *, floor: bool = False, now: datetime | None = None
) -> None:
    """Create a home with an invented trading database, whose channel is the terminal; `pictures` is a folder, or None
    where none are drawn, and `web` the part of the config about the pages. With `floor`, it has all channels and jobs
    of a whole floor."""
    make_home(folder)
    demo.make(folder / "trading.sqlite", now or SystemClock().wall())
    balances = ", ".join(f"{money.amount} {money.currency}" for money in demo.STARTING_BALANCES)
    shown = json.dumps(pictures)  # null draws none
    text = demo_floor.floor_config(shown) if floor else DEMO_CONFIG.format(balances=balances, pictures=shown)
    (folder / CONFIG).write_text(text + web, encoding="utf-8")


def _run_jobs(app: App, names: Sequence[str]) -> int:
    code = DONE
    for name in names:
        if app.stopping.is_set():
            break
        done = app.run_by_hand(app.job(name), None, force=True)
        if app.stopping.is_set():
            break
        if done.outcome is None or done.outcome.error:
            complain(f"{name}: {done.outcome.error if done.outcome else 'not run'}")
            code = FAILED
        else:
            code = max(code, exit_code(app.deliver(done.outcome.run_id)))
    return code
