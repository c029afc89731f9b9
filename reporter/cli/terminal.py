"""What commands print, and their exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

from reporter.app.app import App
from reporter.app.home import FolderHome, find_home
from reporter.messages.message import visible
from reporter.periods.civil import Period
from reporter.periods.clock import SystemClock
from reporter.store.outbox import DeliveryState

# What sysexits.h calls them.
DELIVERED, FAILED, USAGE, QUEUED, BAD_CONFIG = 0, 1, 2, 75, 78


INTERRUPTED = 130


# How long a command waits until what it tells has arrived; where one message has to wait, those after it do as well.
PATIENCE, NONE = timedelta(seconds=20), timedelta(0)


# A phone shows a page as wide as itself only when it is asked to.
PAGE_HEAD = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>reporter preview</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { margin: min(24px, 3vw); background: #313338; color: #b5bac1; font: 13px/1.35 sans-serif; }
p { margin: 4px 0; overflow-wrap: anywhere; }
article { margin-bottom: 16px; }
</style></head>
<body>"""


PENDING = {"waiting", "sending", "unclear", "held"}


def silence_stdout() -> None:
    """What could not be written is tried once more when Python ends; a second complaint helps nobody."""
    with suppress(OSError):  # a stream without a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(text: str) -> None:
    print(f"reporter: {visible(text, lines=True)}", file=sys.stderr)


def exit_code(fates: Sequence[DeliveryState]) -> int:
    states = {fate.state for fate in fates}
    if states & {"dead", "expired"}:
        return FAILED
    return QUEUED if states & PENDING else DELIVERED


def show(app: App, names: Sequence[str], *, once: bool) -> int:
    code = DELIVERED
    for name in names:
        done = app.run_by_hand(app.job(name), None, force=True)
        if done.outcome is None or done.outcome.error:
            complain(f"{name}: {done.outcome.error if done.outcome else 'not run'}")
            code = FAILED
        else:
            code = max(code, exit_code(app.deliver(done.outcome.run_id)))
    if not once:
        complain("this is the daemon at work on made-up trades; Ctrl-C ends it")
        app.daemon().run()
    return code


def home_of(options: argparse.Namespace) -> FolderHome:
    return FolderHome(find_home(options.home), clock=SystemClock())


def progress_bar(periods: Sequence[Period], text: str) -> Iterator[Period]:
    """The periods one after another, with a bar for people who watch."""
    if not sys.stderr.isatty():
        yield from periods
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), redirect_stdout=sys.stdout.isatty(), transient=True) as bar:
        yield from bar.track(periods, description=text)


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Show that something is going on, to people only."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield
