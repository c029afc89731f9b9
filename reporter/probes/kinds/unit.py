"""Does a systemd unit run, and how often was it restarted?"""

from __future__ import annotations

import shutil
import subprocess
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Threshold
from reporter.periods.clock import Clock
from reporter.probes.loop import aside
from reporter.probes.probe import NEVER, CouldNotLookError, Measurement, ProbeResult, Terms, in_bytes

_PROPERTIES = "LoadState,ActiveState,SubState,Result,NRestarts,MemoryCurrent"
# Restarts are counted over so many seconds.
_WINDOW = 3600.0
# On their way to a state, not in it.
_PASSING = {"activating", "deactivating", "reloading", "maintenance", "refreshing"}


@dataclass(frozen=True, slots=True)
class UnitProbe:
    """A unit in the state that it should be in, by what `systemctl show` says (systemctl(1)).

    `states` are the ActiveStates that are well; `restarts` limits how often it was restarted within an hour, `memory`
    what it uses in bytes. `user` asks for a unit of the user that the reporter runs as.
    """

    kind: ClassVar[str] = "unit"
    host: ClassVar[None] = None
    terms: Terms
    clock: Clock
    unit: str
    states: tuple[str, ...] = ("active",)
    restarts: Threshold = NEVER
    memory: Threshold = NEVER
    user: bool = False
    _seen: deque[tuple[float, int]] = field(init=False, default_factory=deque, compare=False)

    def prepare(self) -> None:
        """Nothing to load."""

    async def look(self) -> ProbeResult:
        said = await aside(("unit", self.unit, self.user), self._asked)
        if said.get("LoadState") == "not-found":
            return ProbeResult(Level.CRITICAL, "there is no such unit")
        active, sub = said.get("ActiveState", ""), said.get("SubState", "")
        words = active if sub in {"", active} else f"{active} ({sub})"
        if active in self.states:
            return ProbeResult(Level.OK, words, measures=self._measures(said))
        if active in _PASSING and sub != "auto-restart":
            return ProbeResult(Level.WARNING, words)
        return ProbeResult(Level.CRITICAL, f"{words}, expected {' or '.join(self.states)}{_why(said)}")

    def _measures(self, said: Mapping[str, str]) -> tuple[Measurement, ...]:
        found = []
        if (restarts := said.get("NRestarts", "")).isdigit():
            recent = self._within_the_hour(int(restarts))
            found.append(
                Measurement("restarts", recent, self.restarts, trouble="restarted {limit} times within an hour")
            )
        if (memory := said.get("MemoryCurrent", "")).isdigit():
            found.append(Measurement("memory", int(memory), self.memory, in_bytes))
        return tuple(found)

    def _within_the_hour(self, count: int) -> int:
        """How far systemd's own count has risen in the last hour; it begins anew when somebody starts the unit."""
        now = self.clock.monotonic()
        if self._seen and count < self._seen[-1][1]:
            self._seen.clear()
        if not self._seen or count != self._seen[-1][1]:
            self._seen.append((now, count))
        while len(self._seen) > 1 and self._seen[1][0] <= now - _WINDOW:
            self._seen.popleft()
        return count - self._seen[0][1]

    def _asked(self) -> Mapping[str, str]:
        systemctl = shutil.which("systemctl")
        if systemctl is None:
            raise CouldNotLookError("there is no systemd on this machine")
        scope = ["--user"] if self.user else []
        command = [systemctl, *scope, "show", f"--property={_PROPERTIES}", "--", self.unit]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=self.terms.timeout, check=False)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired):
            raise CouldNotLookError("systemctl does not answer") from None
        if done.returncode:
            raise CouldNotLookError(_refusal(done.stderr))
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def _why(said: Mapping[str, str]) -> str:
    result = said.get("Result", "")
    return f": {result}" if result not in {"", "success"} else ""


def _refusal(said: str) -> str:
    if "not been booted with systemd" in said:
        return "this machine runs without systemd"
    if "Failed to connect" in said:
        return "systemd cannot be asked: its bus does not answer"
    return "systemctl refused to answer"
