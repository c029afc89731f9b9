"""Keeps one session with a server for looks that follow each other, and ends it seconds after the last of them."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import Any

from sqlalchemy import NullPool
from sqlalchemy.pool import ConnectionPoolEntry

# A session that nobody looked through for so many seconds ends. A report asks several questions, one after the other.
IDLE = 2.0


class BriefPool(NullPool):
    """Keeps the session of the last look, with no transaction open, for the next one within `IDLE` seconds.

    With `pre_ping` a session that ended meanwhile is replaced unnoticed. Of several at a time one is kept. A process
    that was forked uses no session of its parent: to it, it has none.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = threading.Lock()
        self._process = os.getpid()
        self._inherited: list[ConnectionPoolEntry] = []
        self._kept: ConnectionPoolEntry | None = None
        self._since = 0.0
        self._watched = False

    def _do_get(self) -> ConnectionPoolEntry:
        return self._taken() or self._create_connection()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        if record.dbapi_connection is None or not self._keep(record):
            record.close()

    def dispose(self) -> None:
        """End the session that is kept."""
        if record := self._taken():
            record.close()

    def _taken(self) -> ConnectionPoolEntry | None:
        with self._guard:
            if self._process != os.getpid():
                self._leave_to_the_parent()
            record, self._kept = self._kept, None
            return record

    def _leave_to_the_parent(self) -> None:
        """To end a session here would end it there too, so it is neither used nor let go."""
        self._inherited += [self._kept] if self._kept else []
        self._process, self._kept, self._watched = os.getpid(), None, False

    def _keep(self, record: ConnectionPoolEntry) -> bool:
        with self._guard:
            if self._kept is not None or self._process != os.getpid():
                return False
            self._kept, self._since = record, time.monotonic()
            if not self._watched:
                self._watched = True
                self._look_after(IDLE)
            return True

    def _look_after(self, seconds: float) -> None:
        timer = threading.Timer(seconds, self._end_if_idle)
        timer.daemon = True  # it never keeps the process from ending
        timer.name = "ledger-idle"
        timer.start()

    def _end_if_idle(self) -> None:
        with self._guard:
            left = self._since + IDLE - time.monotonic()
            if self._kept is not None and left > 0:
                self._look_after(left)
                return
            record, self._kept, self._watched = self._kept, None, False
        if record is not None:
            with suppress(Exception):  # of a server that is gone
                record.close()
