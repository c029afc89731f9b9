"""The `unit` probe: state, restarts and memory of a systemd unit."""

from __future__ import annotations

import shutil
import subprocess
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Measurement
from reporter.config.limits import DEFAULT, DefaultLimits, NumberLimits, SizeLimits
from reporter.config.types import Names
from reporter.periods.clock import Clock
from reporter.probes.loop import aside
from reporter.probes.number_formats import in_bytes
from reporter.probes.probe import CouldNotLookError, ProbeResult, Terms
from reporter.probes.settings import ProbeConfig, ProbeInputs

_PROPERTIES = "LoadState,ActiveState,SubState,Result,NRestarts,MemoryCurrent"
# Restarts are counted over so many seconds.
_WINDOW = 3600.0
# On their way to a state, not in it.
_PASSING = {"activating", "deactivating", "reloading", "maintenance", "refreshing"}


class UnitProbeConfig(ProbeConfig):
    """Asks systemd for the state of a unit."""

    kind: Literal["unit"]
    """`unit`."""
    unit: str = Field(min_length=1, max_length=255, pattern=r"^[^\s/-][^\s/]*$", examples=["freqtrade.service"])
    """The unit's name."""
    expect_state: Names = ("active",)
    """The states that are well, one or a list; a service that runs now and then is also `inactive`."""
    restarts: Annotated[NumberLimits, DefaultLimits(1, 5)] = DEFAULT
    """How often systemd may restart it within an hour."""
    memory: SizeLimits = SizeLimits()
    """How much memory it may use."""
    user_unit: bool = False
    """`true` for a unit of the user that the reporter runs as."""

    def probe(self, given: ProbeInputs) -> UnitProbe:
        return UnitProbe(given.terms, given.clock, self)


@dataclass(frozen=True, slots=True)
class UnitProbe:
    """A unit in the state that it should be in, by what `systemctl show` says (systemctl(1))."""

    kind: ClassVar[str] = "unit"
    host: ClassVar[None] = None
    terms: Terms
    clock: Clock
    settings: UnitProbeConfig
    _seen: deque[tuple[float, int]] = field(init=False, default_factory=deque, compare=False)

    def prepare(self) -> None:
        """Nothing to load."""

    async def look(self) -> ProbeResult:
        said = await aside(("unit", self.settings.unit, self.settings.user_unit), self._asked)
        if said.get("LoadState") == "not-found":
            return ProbeResult(Level.CRITICAL, "there is no such unit")
        active, sub = said.get("ActiveState", ""), said.get("SubState", "")
        words = active if sub in {"", active} else f"{active} ({sub})"
        if active in self.settings.expect_state:
            return ProbeResult(Level.OK, words, measures=self._measures(said))
        if active in _PASSING and sub != "auto-restart":
            return ProbeResult(Level.WARNING, words)
        return ProbeResult(Level.CRITICAL, f"{words}, expected {' or '.join(self.settings.expect_state)}{_why(said)}")

    def _measures(self, said: Mapping[str, str]) -> tuple[Measurement, ...]:
        found = []
        if (restarts := said.get("NRestarts", "")).isdigit():
            recent = self._within_the_hour(int(restarts))
            found.append(
                Measurement(
                    "restarts",
                    recent,
                    self.settings.restarts.threshold,
                    trouble="restarted {limit} times within an hour",
                )
            )
        if (memory := said.get("MemoryCurrent", "")).isdigit():
            found.append(Measurement("memory", int(memory), self.settings.memory.threshold, in_bytes))
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
        scope = ["--user"] if self.settings.user_unit else []
        command = [systemctl, *scope, "show", f"--property={_PROPERTIES}", "--", self.settings.unit]
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
