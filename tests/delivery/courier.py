"""The daemon in a process that may be killed at any moment, at a clock that is ahead of the machine's."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from reporter.app.app import App
from reporter.app.home import FolderHome
from reporter.periods.clock import SystemClock

# Libraries are loaded once, and each process begins as a copy of that: it is there in a tenth of the time.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "tests.delivery.courier",
        "reporter.delivery.outlets.discord.outlet",
        "reporter.delivery.outlets.telegram.outlet",
        "sqlalchemy.dialects.sqlite",
        "reporter.cli.setup",
    ]
)


class AheadClock(SystemClock):
    """The machine's clock, so many seconds ahead."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.ahead = ahead

    def wall(self) -> datetime:
        return super().wall() + timedelta(seconds=self.ahead)


def work(folder: str, environ: Mapping[str, str], ahead: float) -> None:
    """Be the daemon of a home until the end, which comes from outside."""
    clock = AheadClock(ahead)
    app = App(FolderHome(Path(folder), clock=clock, environ=environ), clock=clock, hold=True)
    app.daemon(tick=0.5).run()
    app.close()


def start(folder: Path, environ: Mapping[str, str], ahead: float) -> ForkServerProcess:
    process = FORKS.Process(target=work, args=(str(folder), dict(environ), ahead), daemon=True)
    process.start()
    return process
