"""Is a file there, how old is it, how large? What an agent touches, or a backup writes, shows that it lives."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Threshold
from reporter.periods.clock import Clock
from reporter.probes.loop import aside
from reporter.probes.probe import NEVER, CouldNotLookError, Measurement, ProbeResult, Terms, in_bytes, seconds

# Another machine's clock may be so many seconds ahead; a time further ahead says nothing of how old a file is.
_AHEAD = 60.0


@dataclass(frozen=True, slots=True)
class FileProbe:
    """A file, or the newest of those that a pattern such as `/backup/*.gz` matches.

    `age` limits the seconds since it was last written; `large` and `small` its size in bytes. With `absent` it is well
    when nothing is there, as with the mark that a crash leaves.
    """

    kind: ClassVar[str] = "file"
    host: ClassVar[None] = None
    terms: Terms
    clock: Clock
    path: Path
    age: Threshold = NEVER
    large: Threshold = NEVER
    small: Threshold = NEVER
    absent: bool = False

    def prepare(self) -> None:
        """Nothing to load."""

    async def look(self) -> ProbeResult:
        found = await aside(("file", self.path), self._newest)
        if self.absent:
            return (
                ProbeResult(Level.CRITICAL, "is there, and should not be")
                if found
                else ProbeResult(Level.OK, "not there")
            )
        if found is None:
            return ProbeResult(Level.CRITICAL, "is not there")
        return ProbeResult(Level.OK, "there", measures=tuple(self._measures(found)))

    def _measures(self, found: os.stat_result) -> list[Measurement]:
        age = self.clock.wall().timestamp() - found.st_mtime
        if self.age != NEVER and age < -_AHEAD:
            raise CouldNotLookError(f"it was last written {seconds(-age)} ahead of this machine's clock")
        return [
            Measurement("age", max(age, 0.0), self.age, seconds, "not written for {limit}"),
            Measurement("size", found.st_size, self.large, in_bytes),
            Measurement("size", found.st_size, self.small, in_bytes),
        ]

    def _newest(self) -> os.stat_result | None:
        try:
            paths = [str(self.path)] if self.path.exists() else glob.glob(str(self.path))  # noqa: PTH207
            found = [stat for one in paths if (stat := _stat_or_none(one))]
        except OSError as error:
            raise CouldNotLookError(f"the file cannot be looked at: {error.strerror}") from None
        return max(found, key=lambda one: one.st_mtime, default=None)


def _stat_or_none(path: str) -> os.stat_result | None:
    """None for what went away between two looks, and for a link that leads nowhere."""
    try:
        return os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return None
