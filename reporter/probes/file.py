"""Is a file there, how old is it, how large? What an agent touches, or a backup writes, shows that it lives."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from reporter.alerts import Level
from reporter.clock import Clock
from reporter.probes import NEVER, CouldNotLookError, Measure, Sight, Terms, in_bytes, seconds
from reporter.probes.loop import aside
from reporter.thresholds import Threshold


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

    async def look(self) -> Sight:
        found = await aside(("file", self.path), self._newest)
        if self.absent:
            return Sight(Level.CRITICAL, "is there, and should not be") if found else Sight(Level.OK, "not there")
        if found is None:
            return Sight(Level.CRITICAL, "is not there")
        return Sight(Level.OK, "there", measures=tuple(self._measures(found)))

    def _measures(self, found: os.stat_result) -> list[Measure]:
        age = max(0.0, self.clock.wall().timestamp() - found.st_mtime)
        return [
            Measure("age", age, self.age, seconds, "not written for {limit}"),
            Measure("size", found.st_size, self.large, in_bytes),
            Measure("size", found.st_size, self.small, in_bytes),
        ]

    def _newest(self) -> os.stat_result | None:
        try:
            found = [self.path.stat()] if self.path.exists() else [os.stat(one) for one in glob.glob(str(self.path))]  # noqa: PTH116, PTH207
        except FileNotFoundError:  # it went away between two looks
            return None
        except OSError as error:
            raise CouldNotLookError(f"the file cannot be looked at: {error.strerror}") from None
        return max(found, key=lambda one: one.st_mtime, default=None)
