"""The log: one line per fact, with the run that it belongs to, and every secret masked."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO

from reporter.messages.message import visible
from reporter.secret import masked

LONGEST_RECORD = 32_000
"""Characters: what is logged beyond them is cut, so that no text of others can fill a disk."""
JOURNAL = Path("/run/systemd/journal/socket")
"""Where systemd's journal takes entries with fields (systemd.io/JOURNAL_NATIVE_PROTOCOL)."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How the daemon logs. `levels` are those of packages such as `delivery`; `file` is None for standard error, and
    else is put aside at `max_size` bytes, `keep` times."""

    format: str = "text"
    level: str = "INFO"
    levels: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    max_size: int = 10_000_000
    keep: int = 5


@dataclass(frozen=True, slots=True)
class _RunLabel:
    """The run that a line belongs to."""

    id: str = "-"
    job: str = ""
    period: str = ""


_run: ContextVar[_RunLabel] = ContextVar("reporter_run", default=_RunLabel())  # noqa: B039 - it is frozen


@contextmanager
def run_named(run_id: str, job: str = "", period: str = "") -> Iterator[None]:
    """Every line logged inside carries this run id, and in JSON the job and its period too."""
    token = _run.set(_RunLabel(run_id, job, period))
    try:
        yield
    finally:
        _run.reset(token)


_request: ContextVar[str] = ContextVar("reporter_request", default="")


@contextmanager
def request_named(request_id: str) -> Iterator[None]:
    """Every line logged inside carries the id of this HTTP request."""
    token = _request.set(request_id)
    try:
        yield
    finally:
        _request.reset(token)


def _labels() -> dict[str, str]:
    """What a line belongs to; what does not apply is left out."""
    run = _run.get()
    found = {"run": run.id.strip("-"), "request": _request.get(), "job": run.job, "period": run.period}
    return {name: masked(value) for name, value in found.items() if value}


class _Formatter(logging.Formatter):
    """Adds the run id and masks every secret that the program knows, in messages and tracebacks.

    A line begins with its time, in the machine's zone and with the offset; in systemd's `journal`, which has the time
    itself, with the level as sd-daemon(3) writes it, so that `journalctl -p warning` finds it.
    """

    def __init__(self) -> None:
        super().__init__("%(levelname)-7s [%(run)s] %(message)s")
        self.journal = False

    def entry(self, record: logging.LogRecord) -> str:
        """What is logged, without its time."""
        labels = _labels()
        record.run = labels.get("run") or labels.get("request") or "-"
        return visible(masked(super().format(record), LONGEST_RECORD), lines=True)

    def format(self, record: logging.LogRecord) -> str:
        text = self.entry(record)
        if not self.journal:
            text = f"{_moment(record)} {text}"
        # What goes on in a further line is set in: no text of others can pass for a line of ours.
        lines = text.replace("\n", "\n    ").split("\n")
        level = f"<{_PRIORITIES[record.levelname]}>" if self.journal else ""
        return "\n".join(level + line for line in lines)


# What syslog(3) calls the levels.
_PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).astimezone().isoformat(timespec="milliseconds")


class _JsonFormatter(logging.Formatter):
    """One JSON object a line, for programs: what does not apply is left out."""

    def format(self, record: logging.LogRecord) -> str:
        error = self.formatException(record.exc_info) if record.exc_info else ""
        found = {
            "time": _moment(record),
            "level": record.levelname,
            "logger": record.name,
            **_labels(),
            "message": masked(record.getMessage(), LONGEST_RECORD),
            "error": masked(error, LONGEST_RECORD),
        }
        return json.dumps({name: value for name, value in found.items() if value}, ensure_ascii=False)


_formatter = _Formatter()


class _JournalHandler(logging.StreamHandler[TextIO]):
    """Sends entries with fields to systemd's journal; while it takes none they are lines on standard error."""

    def __init__(self, stream: TextIO, journal: Path) -> None:
        super().__init__(stream)
        self._journal = str(journal)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record."""
        try:
            self._socket.sendto(
                b"".join(_journal_field(*field) for field in self._fields(record).items()), self._journal
            )
        except (OSError, ValueError):  # gone, full, or an entry that is too large
            super().emit(record)

    def close(self) -> None:
        """End it; standard error stays open."""
        self._socket.close()
        super().close()

    def _fields(self, record: logging.LogRecord) -> dict[str, str]:
        formatter = self.formatter or _formatter
        return {
            "MESSAGE": formatter.entry(record) if isinstance(formatter, _Formatter) else formatter.format(record),
            "PRIORITY": str(_PRIORITIES[record.levelname]),
            "SYSLOG_IDENTIFIER": "reporter",
            "LOGGER": record.name,
            **{f"REPORTER_{name.upper()}": value for name, value in _labels().items()},
        }


def _journal_field(name: str, value: str) -> bytes:
    """A field as the journal reads it: with its length, so that a value may hold any character."""
    content = value.encode("utf-8", "replace")
    return name.encode() + b"\n" + len(content).to_bytes(8, "little") + content + b"\n"


def configure(settings: LogSettings, *, verbose: bool = False) -> None:
    """Log as the config says. A file that cannot be written leaves the log on standard error, with a warning."""
    start("DEBUG" if verbose else settings.level)
    root = logging.getLogger()
    why = _into_file(root, settings) if settings.file else ""
    if settings.format == "json":
        root.handlers[0].setFormatter(_JsonFormatter())
    for name in _with_own_level:
        logging.getLogger(name).setLevel(logging.NOTSET)
    _with_own_level.clear()
    for package, level in settings.levels.items():
        name = f"reporter.{package.removeprefix('reporter.')}"
        _with_own_level.add(name)
        logging.getLogger(name).setLevel(level)
    if why:
        logging.getLogger(__name__).warning(
            "the log goes to standard error: %s cannot be written: %s", settings.file, why
        )


_with_own_level: set[str] = set()


def _into_file(root: logging.Logger, settings: LogSettings) -> str:
    """Log into the file; returns why that is not possible."""
    file = settings.file
    if file is None:
        return ""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = _PrivateFile(file, maxBytes=settings.max_size, backupCount=settings.keep, encoding="utf-8")
    except OSError as error:
        return error.strerror or type(error).__name__
    handler.setFormatter(_formatter)
    root.handlers[:] = [handler]
    return ""


class _PrivateFile(RotatingFileHandler):
    """A file for its owner alone, which no link can lead elsewhere."""

    def _open(self) -> Any:
        def private(path: str, flags: int) -> int:
            return os.open(path, flags | os.O_NOFOLLOW, 0o600)

        return open(self.baseFilename, self.mode, encoding=self.encoding, opener=private)


def start(
    level: str = "INFO",
    stream: TextIO | None = None,
    environ: Mapping[str, str] = os.environ,
    journal: Path = JOURNAL,
) -> None:
    """Log to `stream`, standard error by default. Libraries speak only when something is wrong.

    Where the stream leads to systemd's journal, entries go to the socket `journal`, with their fields.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    _formatter.journal = _is_the_journal(handler.stream, environ)
    if _formatter.journal and journal.is_socket():
        handler = _JournalHandler(handler.stream, journal)
    handler.setFormatter(_formatter)
    root = logging.getLogger()
    for old in root.handlers:
        if isinstance(old, _PrivateFile | _JournalHandler):
            old.close()
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
