"""Keeps how the doors in chat stand, for commands: `reporter chat` is a process of its own."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import asdict
from datetime import datetime
from queue import SimpleQueue

from sqlalchemy.exc import SQLAlchemyError

from reporter.errors import ReporterError
from reporter.scheduler.chat_settings import DoorState
from reporter.store.database import Store, fact
from reporter.store.run_log import remember

log = logging.getLogger(__name__)

SERVICES = ("telegram", "discord")


class DoorLog:
    """One row a door. Saving returns at once: a door does not wait for a store that is busy."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: SimpleQueue[DoorState] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def save(self, state: DoorState) -> None:
        """Save a state, in the order of the calls."""
        self._waiting.put(state)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="door-log", daemon=True)
                self._thread.start()

    def states(self) -> list[DoorState]:
        """How each door stood that the last daemon had."""
        with self._store.read() as connection:
            found = [fact(connection, _name(service)) for service in SERVICES]
        return [_read(text) for text in found if text]

    def _run(self) -> None:
        while True:
            state = self._waiting.get()
            try:
                with self._store.begin() as connection:
                    remember(connection, _name(state.service), json.dumps(asdict(state), default=datetime.isoformat))
            except (ReporterError, SQLAlchemyError, OSError) as error:
                log.warning("how the door of %s stands could not be saved: %s", state.service, error)


def _name(service: str) -> str:
    return f"door {service}"


def _read(text: str) -> DoorState:
    values = json.loads(text)
    moments = {name: datetime.fromisoformat(values[name]) for name in ("since", "error_at") if values[name]}
    return DoorState(**(values | moments))
