"""The log: one line per fact, with the run that it belongs to, and every secret masked."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

from reporter.messages.message import visible
from reporter.secret import masked

LONGEST_RECORD = 32_000
"""Characters: what is logged beyond them is cut, so that no text of others can fill a disk."""

_run: ContextVar[str] = ContextVar("reporter_run", default="-")


@contextmanager
def run_named(run_id: str) -> Iterator[None]:
    """Every line logged inside carries this run id."""
    token = _run.set(run_id)
    try:
        yield
    finally:
        _run.reset(token)


class _Formatter(logging.Formatter):
    """Adds the run id and masks every secret that the program knows, in messages and tracebacks.

    A line begins with its time, in the machine's zone and with the offset; in systemd's `journal`, which has the time
    itself, with the level as sd-daemon(3) writes it, so that `journalctl -p warning` finds it.
    """

    def __init__(self) -> None:
        super().__init__("%(levelname)-7s [%(run)s] %(message)s")
        self.journal = False

    def format(self, record: logging.LogRecord) -> str:
        record.run = _run.get()
        text = masked(super().format(record), LONGEST_RECORD)
        if not self.journal:
            text = f"{_moment(record)} {text}"
        # What goes on in a further line is set in: no text of others can pass for a line of ours.
        lines = visible(text, lines=True).replace("\n", "\n    ").split("\n")
        level = f"<{_PRIORITIES[record.levelname]}>" if self.journal else ""
        return "\n".join(level + line for line in lines)


# What syslog(3) calls the levels.
_PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).astimezone().isoformat(timespec="milliseconds")


_formatter = _Formatter()


def start(level: str = "INFO", stream: TextIO | None = None, environ: Mapping[str, str] = os.environ) -> None:
    """Log to `stream`, standard error by default. Libraries speak only when something is wrong."""
    handler = logging.StreamHandler(stream or sys.stderr)
    _formatter.journal = _is_the_journal(handler.stream, environ)
    handler.setFormatter(_formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("reporter").setLevel(level)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def _is_the_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a stream is the one that systemd says leads to its journal: its device and inode in $JOURNAL_STREAM."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # no file at all, or closed
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
