"""The daemon as it is used: a process that is started, watched, killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tests.support.paths import ROOT
from tests.support.stage import Stage

PATIENCE = 120.0

APPRISE = "ignore:'imghdr' is deprecated"  # which Apprise loads
DISCORD_PY = "ignore:'audioop' is deprecated"  # which discord.py loads


class Process:
    """A running daemon and what it has logged. `started_by` is a command that starts another one."""

    def __init__(
        self,
        home: Path,
        moment: datetime,
        environ: Mapping[str, str],
        began: float | None = None,
        started_by: Sequence[str] = (),
    ) -> None:
        self._lines: list[str] = []
        clock = [moment.isoformat()] if began is None else [moment.isoformat(), repr(began)]
        self.process = subprocess.Popen(
            [
                *started_by,
                sys.executable,
                "-W",
                "error",
                "-W",
                APPRISE,
                "-W",
                DISCORD_PY,
                "-m",
                "tests.support.launcher",
                str(home),
                *clock,
            ],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **environ},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def log(self) -> str:
        return "".join(self._lines)

    @property
    def megabytes(self) -> float:
        """What it holds in memory now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def says(self, text: str, *, times: int = 1) -> None:
        """Wait until the log has a text so many times."""
        until(lambda: self.log.count(text) >= times, lambda: f"no {text!r} in the log:\n{self.log}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Send a signal and wait for the end; how many seconds that took."""
        started = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(PATIENCE)
        self._reader.join(5)
        return time.monotonic() - started

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self._lines.append(line)
        self.process.stderr.close()


def reporter(stage: Stage, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, as a user runs it."""
    command = [sys.executable, "-W", "error", "-W", APPRISE, "-m", "reporter", "--home", str(stage.folder), *arguments]
    environ = {"PATH": os.environ["PATH"], **stage.environ}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def daemon(
    home: Path,
    moment: datetime,
    environ: Mapping[str, str],
    began: float | None = None,
    started_by: Sequence[str] = (),
) -> Iterator[Process]:
    """A daemon that is gone at the end, however the test ends."""
    running = Process(home, moment, environ, began, started_by)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop(signal.SIGKILL)


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def until(done: Callable[[], bool], otherwise: Callable[[], str], seconds: float = PATIENCE) -> None:
    """Wait until something holds; a generous guard against a hang."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(otherwise())
        time.sleep(0.02)
