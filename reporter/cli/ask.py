"""The command ask: a question as in chat, answered on standard output, as the owner."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reporter.app.app import App
from reporter.cli.alerts import PATIENCE, signed
from reporter.cli.terminal import DONE, USAGE, complain, progress, raise_unless_shown
from reporter.errors import ReporterError
from reporter.operations.answering import Door
from reporter.operations.operation import Actor, NotUnderstoodError, Role


def _attached(paths: list[str]) -> list[tuple[str, bytes]]:
    """The files that come with a question. Raises ReporterError."""
    try:
        return [(Path(path).name, Path(path).read_bytes()) for path in paths]
    except OSError as error:
        raise ReporterError(f"{error.filename} cannot be read: {error.strerror}") from None


def run_ask(app: App, options: argparse.Namespace) -> int:
    """`reporter ask "pnl weekly"`: 0 answered, 1 failed, 2 not understood."""
    from reporter.delivery.outlets.console import ConsoleOutlet

    actor = Actor(signed(None), Role.OWNER, alone=True)
    try:
        with progress("asking"):
            door = Door(app, lambda run_id: app.deliver(run_id, PATIENCE), drawn=False)
            messages = door.answer(" ".join(options.question), actor, _attached(options.attach))
    except NotUnderstoodError as error:
        complain(str(error))
        return USAGE
    screen = ConsoleOutlet(sys.stdout, zone=app.runtime.zone)
    for message in messages:
        raise_unless_shown(screen.post(message))
    return DONE
