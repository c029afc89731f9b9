"""The `file` probe: existence, age and size of a file that an agent touches or a backup writes."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from stat import S_ISDIR
from typing import ClassVar, Literal

from reporter.alerts.model import Level
from reporter.alerts.thresholds import NEVER, Measurement
from reporter.config.limits import DurationLimits, LowSizeLimits, SizeLimits
from reporter.config.secrets import HomePath
from reporter.periods.clock import Clock
from reporter.probes.loop import aside
from reporter.probes.number_formats import in_bytes, seconds
from reporter.probes.probe import CouldNotLookError, ProbeResult, Terms
from reporter.probes.settings import ProbeConfig, ProbeInputs

# Another machine's clock may be so many seconds ahead; a time further ahead says nothing of how old a file is.
_AHEAD = 60.0


class FileProbeConfig(ProbeConfig):
    """Looks at a file, or at the newest of several."""

    kind: Literal["file"]
    """`file`."""
    path: HomePath
    """The file, seen from the home; with `*`, `?` or `[…]` the newest of those that fit."""
    age: DurationLimits = DurationLimits()
    """How long ago it may have been written last."""
    size: SizeLimits = SizeLimits()
    """How large it may be."""
    min_size: LowSizeLimits = LowSizeLimits()
    """How small it may be."""
    absent: bool = False
    """`true` for a file that should not be there."""

    def probe(self, given: ProbeInputs) -> FileProbe:
        return FileProbe(given.terms, given.clock, self)


@dataclass(frozen=True, slots=True)
class FileProbe:
    """A file, or the newest of those that a pattern such as `/backup/*.gz` matches.

    With `absent` it is well when nothing is there, as with the mark that a crash leaves.
    """

    kind: ClassVar[str] = "file"
    host: ClassVar[None] = None
    terms: Terms
    clock: Clock
    settings: FileProbeConfig

    def prepare(self) -> None:
        """Nothing to load."""

    async def look(self) -> ProbeResult:
        found = await aside(("file", self.settings.path), self._newest)
        if self.settings.absent:
            return (
                ProbeResult(Level.CRITICAL, "is there, and should not be")
                if found
                else ProbeResult(Level.OK, "not there")
            )
        if found is None:
            return ProbeResult(Level.CRITICAL, "is not there")
        if S_ISDIR(found.st_mode):
            return ProbeResult(Level.CRITICAL, "is a folder: write `/*` behind its path for the newest file in it")
        return ProbeResult(Level.OK, "there", measures=tuple(self._measures(found)))

    def _measures(self, found: os.stat_result) -> list[Measurement]:
        said, age = self.settings, self.clock.wall().timestamp() - found.st_mtime
        if said.age.threshold != NEVER and age < -_AHEAD:
            raise CouldNotLookError(f"it was last written {seconds(-age)} ahead of this machine's clock")
        return [
            Measurement("age", max(age, 0.0), said.age.threshold, seconds, "not written for {limit}"),
            Measurement("size", found.st_size, said.size.threshold, in_bytes),
            Measurement("size", found.st_size, said.min_size.threshold, in_bytes),
        ]

    def _newest(self) -> os.stat_result | None:
        try:
            path = self.settings.path
            if path.exists():
                return _stat_or_none(str(path))
            paths = glob.glob(str(path))  # noqa: PTH207
            found = [stat for name in paths if (stat := _stat_or_none(name)) and not S_ISDIR(stat.st_mode)]
        except OSError as error:
            raise CouldNotLookError(f"the file cannot be looked at: {error.strerror}") from None
        return max(found, key=lambda stat: stat.st_mtime, default=None)


def _stat_or_none(path: str) -> os.stat_result | None:
    """None for what went away between two looks, and for a link that leads nowhere."""
    try:
        return os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return None
