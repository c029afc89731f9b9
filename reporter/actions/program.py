"""An action that runs a program with a fixed list of arguments; there is no shell."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from reporter.actions.action import ActionOutcome, filled, shown
from reporter.periods.time_text import duration_text

# What a program finds in its environment: nothing of ours, which holds secrets.
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")


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
        try:
            done = subprocess.run(  # noqa: S603 - the owner's own list of arguments, and no shell
                filled(self.run, values),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=self.timeout.total_seconds(),
                env=environ,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return ActionOutcome(done=False, words=f"did not end within {duration_text(self.timeout)} and was stopped")
        except OSError as error:
            return ActionOutcome(done=False, words=f"could not be started: {error.strerror}")
        said = shown(done.stdout)
        words = f"exit code {done.returncode}{f': {said}' if said else ''}"
        return ActionOutcome(done=done.returncode == 0, words=words)
