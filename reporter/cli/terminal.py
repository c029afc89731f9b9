"""Output of commands in the terminal: text, progress, errors, and the exit codes."""

from __future__ import annotations

import getpass
import os
import select
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from reporter.errors import ReporterError

if TYPE_CHECKING:
    from reporter.delivery.outlets.outlet import Verdict

T = TypeVar("T")

# 75 and 78 are those of sysexits.h.
DONE, FAILED, USAGE, QUEUED, BAD_CONFIG, INTERRUPTED = 0, 1, 2, 75, 78, 130
# What a shell shows of a program that wrote to a reader who had gone: 128 and the number of SIGPIPE.
NOT_READ = 141


def complain(text: str) -> None:
    from reporter.messages.message import visible

    print(f"reporter: {visible(text, lines=True)}", file=sys.stderr)


def user_name() -> str:
    """Who gives the command; the number of a user who has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def raise_unless_shown(verdict: Verdict) -> None:
    """Raises BrokenPipeError where nobody reads a message that was printed, ReporterError where it could not be."""
    from reporter.delivery.outlets.outlet import Delivered, Never

    if isinstance(verdict, Never) and verdict.gone:
        raise BrokenPipeError(verdict.why)
    if not isinstance(verdict, Delivered):
        silence_output()
        raise ReporterError(verdict.why)


def silence_output() -> None:
    """Python writes buffered output once more when it exits; a second complaint helps nobody."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError):  # a stream without a file
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def wait_until_unread() -> None:
    """Wait until the reader of our standard output has gone; for ever where it is a file."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # an error or a hang-up is reported unasked
    poll.poll()


def progress_bar(steps: Sequence[T], text: str) -> Iterator[T]:
    """The steps one after another, with a bar on a terminal."""
    if not sys.stderr.isatty():
        yield from steps
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), redirect_stdout=sys.stdout.isatty(), transient=True) as bar:
        yield from bar.track(steps, description=text)


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Show on a terminal that work goes on."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield
