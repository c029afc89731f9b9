"""The `sqlite` probe: existence, size, log and damage of a SQLite file. It never writes to the file."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from reporter.alerts.model import Level
from reporter.alerts.thresholds import NEVER, Measurement
from reporter.config.limits import (
    DEFAULT,
    DefaultLimits,
    DurationLimits,
    NumberLimits,
    SizeLimits,
    plain_number,
)
from reporter.config.secrets import HomePath
from reporter.config.types import Duration
from reporter.periods.clock import Clock
from reporter.probes.counters import CounterDelta, CounterHistory
from reporter.probes.ledgers import sqlite_path
from reporter.probes.loop import aside
from reporter.probes.number_formats import ago, in_bytes, percent, seconds, size_within
from reporter.probes.probe import ProbeResult, Terms
from reporter.probes.settings import DatabaseProbeConfig, ProbeInputs
from reporter.trading.ledger.sqlite_file import FileError, reading, sqlite_reason, undisturbed

_PRAGMAS = ("journal_mode", "page_count", "page_size", "freelist_count")
# Who reads a file without a WAL keeps others from writing it, and a bot waits for five seconds at most.
_BRIEF = 1.0
_LONG = 120.0  # seconds that a check may take where it holds nobody up
_AGAIN = 600.0  # a check that found something is made again so soon, in seconds
_WORTH_TELLING = 600.0  # over fewer seconds growth says nothing
_AHEAD = 60.0  # a file that was written further ahead of our clock, in seconds, says nothing about its age
_DAMAGED = "the database disk image is malformed"

Figures = Iterator[tuple[str, str]]


class SqliteProbeConfig(DatabaseProbeConfig):
    """Opens a SQLite file for reading, and now and then reads all of it."""

    address_key: ClassVar[str] = "path"

    kind: Literal["sqlite"]
    """`sqlite`."""
    path: HomePath | None = None
    """The file, seen from the home."""
    size: SizeLimits = SizeLimits()
    """The size of the file; with `critical` the board shows it as a share of that."""
    wal: Annotated[SizeLimits, DefaultLimits("1 GiB")] = DEFAULT
    """The size of the write-ahead log beside it; one that grows is kept from its checkpoint by somebody who reads."""
    free: NumberLimits = NumberLimits()
    """Percent of the file that is free pages, which VACUUM would give back."""
    written: DurationLimits = DurationLimits()
    """How long ago anything was last written to it."""
    integrity_every: Duration | None = Field(timedelta(days=1), json_schema_extra={"default": "1d"})
    """How often all of the file is read for damage; null: never."""

    def probe(self, given: ProbeInputs) -> SqliteProbe:
        return SqliteProbe(given.terms, given.clock, self.path or sqlite_path(given.ledgers.url(self.ledger)), self)


@dataclass(frozen=True, slots=True)
class Integrity:
    """What reading all of a file came to: `fault` is None for one that is whole, `whole` None if it took too long."""

    at: float
    took: float
    whole: bool | None
    fault: str = ""

    def told(self, now: float) -> str:
        if self.whole is None:
            return f"not known: reading all of it takes longer than {seconds(self.took)}"
        age = now - self.at
        return f"{'whole' if self.whole else 'damaged'}, checked {'just now' if age < 60 else ago(age)}"


@dataclass(frozen=True, slots=True)
class _Found:
    """What stands in a file's head and beside it. Sizes are bytes, times seconds."""

    mode: str
    size: int
    free: int
    wal: int
    written: float
    latency: float


@dataclass(slots=True)
class _Kept:
    """What is remembered from look to look."""

    day: CounterHistory = field(default_factory=lambda: CounterHistory(span=86400, step=600))
    integrity: Integrity | None = None
    checking: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True)
class SqliteProbe:
    """The file, opened for each look. Every `integrity_every` all of it is read for damage.

    That may take `brief` seconds where it keeps others from writing.
    """

    kind: ClassVar[str] = "sqlite"
    host: ClassVar[None] = None
    terms: Terms
    clock: Clock
    path: Path
    settings: SqliteProbeConfig
    brief: float = _BRIEF
    _kept: _Kept = field(default_factory=_Kept, repr=False, compare=False)

    def prepare(self) -> None:
        """Nothing to load."""

    async def look(self) -> ProbeResult:
        try:
            found = await aside(("sqlite", self.path), partial(undisturbed, self._open))
        except (sqlite3.Error, OSError) as error:
            return _failed(error, self.path)
        if isinstance(found, ProbeResult):
            return found
        await self._check_if_due(found.mode)
        integrity, now = self._kept.integrity, self.clock.monotonic()
        growth = self._kept.day.since(now, {"size": found.size})
        level, words = Level.OK, "online"
        ahead = found.written - self.clock.wall().timestamp()
        if ahead > _AHEAD and self.settings.written.threshold != NEVER:
            level, words = Level.UNKNOWN, f"online, but last written {seconds(ahead)} ahead of this machine's clock"
        if integrity is not None and integrity.whole is False:
            level, words = Level.CRITICAL, f"damaged: {integrity.fault}"
        return ProbeResult(
            level,
            words,
            measures=tuple(self._measures(found)),
            figures=tuple(_figures(found, growth, integrity, now)),
            latency=found.latency,
        )

    def _open(self) -> _Found | ProbeResult:
        if self.path.is_dir():
            return ProbeResult(Level.CRITICAL, f"{self.path} is a folder, not a file")
        wal = self.path.with_name(f"{self.path.name}-wal")
        if _size(self.path) == 0 and not _size(wal):
            return ProbeResult(Level.CRITICAL, "the file is empty: no database was ever written to it")
        began = time.perf_counter()
        with reading(self.path, self.terms.timeout, pragmas=_PRAGMAS, copy=False) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            latency = time.perf_counter() - began
            told = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _PRAGMAS}
        return _Found(
            mode="wal" if connection.keeps_wal else told["journal_mode"],  # the pragma is not right for a closed file
            size=told["page_count"] * told["page_size"],
            free=told["freelist_count"] * told["page_size"],
            wal=_size(wal) or 0,
            written=max(self.path.stat().st_mtime, wal.stat().st_mtime if _size(wal) else 0),
            latency=latency,
        )

    async def _check_if_due(self, mode: str) -> None:
        """Reading all of a file may take longer than a look: a thread does it, and its result is reported later."""
        kept, now, every = self._kept, self.clock.monotonic(), plain_number(self.settings.integrity_every)
        if every is None or kept.checking:
            return
        pause = _AGAIN if kept.integrity and kept.integrity.whole is False else every
        if kept.integrity is None or now - kept.integrity.at >= pause:
            kept.checking = asyncio.create_task(self._check(now, _LONG if mode == "wal" else self.brief))
            await asyncio.wait([kept.checking], timeout=self.terms.timeout / 4)

    async def _check(self, now: float, patience: float) -> None:
        try:
            self._kept.integrity = await aside(("sqlite-check", self.path), partial(_checked, self.path, now, patience))
        finally:
            self._kept.checking = None

    def _measures(self, found: _Found) -> Iterator[Measurement]:
        limits = self.settings
        yield Measurement("size", found.size, limits.size.threshold, size_within(limits.size.threshold))
        if found.wal or found.mode == "wal":
            yield Measurement("WAL", found.wal, limits.wal.threshold, in_bytes)
        yield Measurement(
            "free pages", 100 * found.free / found.size if found.size else 0.0, limits.free.threshold, percent
        )
        age = self.clock.wall().timestamp() - found.written
        if age < -_AHEAD:
            return
        yield Measurement("last written", max(age, 0), limits.written.threshold, ago, "nothing written since {limit}")


def _figures(
    found: _Found, growth: CounterDelta | None, integrity: Integrity | None, now: float
) -> Iterator[tuple[str, str]]:
    """What has no limit."""
    if growth and growth.within >= _WORTH_TELLING:
        yield "growth", f"{in_bytes(growth.risen['size'])} in {seconds(growth.within)}"
    if integrity:
        yield "integrity", integrity.told(now)
    yield "journal", found.mode


def _checked(path: Path, now: float, patience: float) -> Integrity:
    def check() -> str:
        with reading(path, patience, pragmas=("quick_check",)) as connection:
            return str(connection.execute("PRAGMA quick_check").fetchone()[0])

    try:
        said = undisturbed(check)
    except sqlite3.DatabaseError as error:
        if "malformed" in str(error):
            return Integrity(now, patience, False, _DAMAGED)
        return Integrity(now, patience, None)
    return Integrity(now, patience, said == "ok", "" if said == "ok" else " ".join(said.split())[:120])


def _failed(error: sqlite3.Error | OSError, path: Path) -> ProbeResult:
    words = sqlite_reason(error, path) if isinstance(error, sqlite3.Error) else f"{path} cannot be opened"
    if "malformed" in words:
        return ProbeResult(Level.CRITICAL, f"damaged: {_DAMAGED}")
    name = getattr(error, "sqlite_errorname", "") or ""
    ours = isinstance(error, FileError) or name.startswith("SQLITE_READONLY") or "cannot be opened" in words
    return ProbeResult(Level.UNKNOWN if ours else Level.CRITICAL, words)


def _size(path: Path) -> int | None:
    """The size of a file; None where there is no such file."""
    try:
        return path.stat().st_size
    except OSError:
        return None
