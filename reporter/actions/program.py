"""An action that runs a program with a fixed list of arguments; there is no shell."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from reporter.actions.action import LARGEST_ANSWER, ActionOutcome, filled, shown
from reporter.periods.time_text import duration_text

# What a program finds in its environment: nothing of ours, which holds secrets.
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")

PATIENCE = 1.0
"""Seconds in which what a program wrote arrives here once it has ended."""


@dataclass(frozen=True, slots=True)
class ProgramAction:
    """Runs `run`. A part that is `{agent}`, `{service}` or `{mode}` stands for what was asked."""

    run: tuple[str, ...]
    names: tuple[str, ...] = ()
    timeout: timedelta = timedelta(seconds=30)

    def describe(self, values: Mapping[str, str]) -> str:
        return f"runs {' '.join(filled(self.run, values))}"

    def look(self, values: Mapping[str, str]) -> str:  # noqa: ARG002 - a program cannot be asked
        return ""

    def perform(self, values: Mapping[str, str]) -> ActionOutcome:
        environ = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        said = _Ending()
        try:
            process = subprocess.Popen(  # noqa: S603 - the owner's own list of arguments, and no shell
                filled(self.run, values),
                stdin=subprocess.DEVNULL,
                stdout=said.pipe,
                stderr=subprocess.STDOUT,
                env=environ,
                start_new_session=True,
            )
        except OSError as error:
            return ActionOutcome(done=False, words=f"could not be started: {error.strerror}")
        finally:
            os.close(said.pipe)
        try:
            code = process.wait(self.timeout.total_seconds())
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return ActionOutcome(done=False, words=f"did not end within {duration_text(self.timeout)} and was stopped")
        words = shown(said.read())
        return ActionOutcome(done=code == 0, words=f"exit code {code}{f': {words}' if words else ''}")


class _Ending:
    """Reads what a program writes into `pipe`, in a thread, and keeps the end of it.

    What the program itself started may hold the pipe open for long; it is not waited for.
    """

    def __init__(self) -> None:
        source, self.pipe = os.pipe()
        self._kept = b""
        self._thread = threading.Thread(target=self._follow, args=(source,), name="action", daemon=True)
        self._thread.start()

    def read(self) -> bytes:
        """The last bytes that the program wrote, once it has ended."""
        self._thread.join(PATIENCE)
        return self._kept

    def _follow(self, source: int) -> None:
        with open(source, "rb", buffering=0) as stream:
            while more := stream.read(LARGEST_ANSWER):
                self._kept = (self._kept + more)[-LARGEST_ANSWER:]
