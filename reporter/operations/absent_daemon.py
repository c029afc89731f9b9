"""Whether no daemon runs, so that what the store knows of alerts is of the past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reporter.app.app import App
from reporter.store import run_log


@dataclass(frozen=True, slots=True)
class AbsentDaemon:
    """No daemon runs. `last_run` is when one last began a job; None where none ever has."""

    last_run: datetime | None


def absent_daemon(app: App) -> AbsentDaemon | None:
    """None where a daemon runs, and where nobody can say, as on PostgreSQL."""
    if app.store.has_daemon() is not False:
        return None
    with app.store.read() as connection:
        return AbsentDaemon(run_log.last_run_by_daemon(connection))
