"""The command announce: announcements of the status page are made, listed and withdrawn."""

from __future__ import annotations

import argparse

from reporter.app.app import App
from reporter.cli.alerts import signed
from reporter.cli.terminal import DONE
from reporter.errors import ReporterError
from reporter.messages.message import visible
from reporter.operations import announcements
from reporter.operations.incidents import later
from reporter.periods.time_text import moment_text
from reporter.store.announcements import Announcement


def run_announce(app: App, options: argparse.Namespace) -> int:
    """`reporter announce [TEXT] [--until TIME] [--severity LEVEL] [--by NAME] [--end NUMBER]`."""
    if options.end is not None:
        if options.text:
            raise ReporterError("--end withdraws an announcement by its number: leave the text out")
        print(f"withdrawn: {_in_words(app, announcements.withdraw(app, options.end))}")
    elif options.text is not None:
        until = later(app, options.until) if options.until else None
        made = announcements.begin(app, options.text, options.severity, until, signed(options.by))
        print(_in_words(app, made))
    else:
        _list(app)
    return DONE


def _list(app: App) -> None:
    found = announcements.standing(app)
    for one in found:
        print(_in_words(app, one))
    if not found:
        print("Nothing is announced. `reporter announce TEXT --until 18:00` shows a text on the status page.")


def _in_words(app: App, one: Announcement) -> str:
    until = f"until {moment_text(one.ends_at, app.runtime.zone)}" if one.ends_at else "until it is withdrawn"
    return visible(f"{one.id}: {one.severity}, {until}, by {one.author}: {one.text}")
