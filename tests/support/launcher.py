"""Starts the daemon as a process under a clock that a test sets: `python -m tests.support.launcher HOME MOMENT`.

The clock begins at MOMENT (ISO 8601) and runs at the usual pace. A file HOME/clock with a number of seconds shifts it
while it runs, as somebody who sets the machine's clock does. A third argument says what `time.monotonic()` read at
MOMENT, so that several processes share one clock; without it the clock begins when the process does.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.cli.daemon import doors
from reporter.errors import ScarceError
from reporter.scheduler import logs


class ShiftedClock:
    """The machine's monotonic clock, and a wall clock of its own."""

    def __init__(self, start: datetime, shift: Path, began: float | None = None) -> None:
        self._start = start
        self._began = time.monotonic() if began is None else began
        self._shift = shift

    def wall(self) -> datetime:
        shift = float(self._shift.read_text()) if os.access(self._shift, os.R_OK) else 0.0
        return self._start + timedelta(seconds=time.monotonic() - self._began + shift)

    def monotonic(self) -> float:
        return time.monotonic()


def main(folder: str, moment: str, began: str | None = None) -> None:
    logs.start()
    home = Path(folder)
    clock = ShiftedClock(datetime.fromisoformat(moment), home / "clock", float(began) if began else None)
    app = App(FolderHome(home, clock=clock), clock=clock, hold=True)
    try:
        running = app.daemon(tick=0.25, watch=0.1)
        with doors(app, running):
            running.run()
    except ScarceError:
        os._exit(1)  # as the command line does: a thread that waits for memory keeps Python from ending
    finally:
        app.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
