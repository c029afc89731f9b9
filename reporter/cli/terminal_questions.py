"""Questions in the terminal of a mock run: each line that is typed is one, and it is answered as the owner."""

from __future__ import annotations

import logging
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reporter.app.app import App
from reporter.cli.alerts import signed
from reporter.cli.terminal import complain
from reporter.errors import ReporterError
from reporter.operations.answering import Door
from reporter.operations.operation import Actor, Role
from reporter.secret import masked

log = logging.getLogger(__name__)

_STDIN = 0
_LONGEST = 16_000  # bytes of a question


@contextmanager
def answered_here(app: App, deliver: Callable[[str], object]) -> Iterator[None]:
    """Answer what is typed until the end of the block; nothing where standard input is no terminal and has ended."""
    stopped, stop = os.pipe()
    thread = threading.Thread(target=_listen, args=(app, deliver, stopped), name="terminal", daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.close(stop)
        thread.join(5)
        os.close(stopped)


def _listen(app: App, deliver: Callable[[str], object], stopped: int) -> None:
    from reporter.delivery.outlets.console import ConsoleOutlet

    log.info("write a question here, such as `plan d long BTC`; `help` lists them")
    door, screen = Door(app, deliver, drawn=False), ConsoleOutlet(sys.stdout, zone=app.runtime.zone)
    actor = Actor(signed(None), Role.OWNER, alone=True)
    for question in filter(str.strip, _typed(stopped)):
        try:
            for message in door.answer(question, actor):
                screen.post(message)
        except ReporterError as error:
            complain(masked(str(error)))
        except Exception:
            log.exception("a question could not be answered")


def _typed(stopped: int) -> Iterator[str]:
    """The lines of standard input; a read of it would keep the program from ending, so it is asked first."""
    waiting = select.poll()
    for file in (_STDIN, stopped):
        waiting.register(file, select.POLLIN)
    kept = b""
    while not {file for file, _ in waiting.poll()} & {stopped} and _is_ours():
        try:
            read = os.read(_STDIN, 4096)
        except OSError:
            return
        *lines, kept = (kept + read).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in lines)
        if not read or len(kept) > _LONGEST:
            return


def _is_ours() -> bool:
    """Whether the terminal is; one who reads it in the background is stopped by the system."""
    return not os.isatty(_STDIN) or os.tcgetpgrp(_STDIN) == os.getpgrp()
