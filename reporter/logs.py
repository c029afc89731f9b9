"""Log lines for people: one line a fact, with the run they belong to, and no secret in any of them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

from reporter.message import visible

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
    """Adds the run id and, as a second line of defence, masks secrets wherever they might have slipped in."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s [%(run)s] %(message)s")
        self._secrets: frozenset[str] = frozenset()

    def hide(self, secrets: Iterable[str]) -> None:
        self._secrets |= {secret for secret in secrets if len(secret) > 5}

    def format(self, record: logging.LogRecord) -> str:
        record.run = _run.get()
        text = super().format(record)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        # What goes on in a further line is set in: no text of others can pass for a line of ours.
        return visible(text, lines=True).replace("\n", "\n    ")


_formatter = _Formatter()


def start(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Log to `stream`, standard error by default. Libraries speak only when something is wrong."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("reporter").setLevel(level)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def hide(secrets: Iterable[str]) -> None:
    """Mask these values in every line from now on."""
    _formatter.hide(secrets)
