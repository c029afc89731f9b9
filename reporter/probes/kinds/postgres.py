"""The `postgres` probe: a PostgreSQL server as its clients see it and by its own statistics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from reporter.alerts.model import Level
from reporter.alerts.thresholds import Measurement
from reporter.config.limits import DEFAULT, DefaultLimits, DurationLimits, LowNumberLimits, NumberLimits, SizeLimits
from reporter.config.secrets import Address
from reporter.config.types import Duration
from reporter.periods.clock import Clock
from reporter.probes.counters import CounterDelta, CounterHistory
from reporter.probes.number_formats import (
    ago,
    count_of,
    enough,
    in_bytes,
    percent,
    seconds,
    size_within,
    span,
    whole,
)
from reporter.probes.postgres_session import Session, SessionRefusedError, host_of, prepare, session
from reporter.probes.postgres_statistics import COUNTERS, statistics
from reporter.probes.probe import ProbeResult, Terms
from reporter.probes.settings import POSTGRES_SCHEMES, DatabaseProbeConfig, ProbeInputs, server_address
from reporter.secret import Secret

# A size is asked for so seldom, in seconds: the server looks at every file of the database for it.
_SIZE_EVERY = 600.0
# So many bytes may be written before a checkpoint is worth one; a server that is idle makes none.
_WORTH_A_CHECKPOINT = 16 * 1024 * 1024
_MISPLACED = {"standby": "it takes no writes: it should be a primary", "primary": "it should be a standby"}
# Autovacuum lets a tenth of the transaction ids be used up before it begins; percent.
_WORTH_SHOWING = 5.0


PostgresUrl = Annotated[Address, server_address(*POSTGRES_SCHEMES, example="postgresql://USER:PASSWORD@HOST/DATABASE")]


class PostgresProbeConfig(DatabaseProbeConfig):
    """Connects to a PostgreSQL server as any client does, and reads its statistics."""

    kind: Literal["postgres"]
    """`postgres`."""
    url: PostgresUrl | None = None
    """The server's address, with a role and a database; best a reference to a secret."""
    connections: Annotated[NumberLimits, DefaultLimits(80, 95)] = DEFAULT
    """Percent of max_connections in use."""
    slow_after: Duration = Field(timedelta(minutes=1), json_schema_extra={"default": "1m"})
    """From when on a query counts as slow; those of pg_dump and pg_basebackup do not."""
    slow_queries: Annotated[NumberLimits, DefaultLimits(1)] = DEFAULT
    """How many slow queries run in this database."""
    idle_in_transaction: Annotated[DurationLimits, DefaultLimits("10m")] = DEFAULT
    """How long a session of this database has had a transaction open without doing anything."""
    lock_wait: Annotated[DurationLimits, DefaultLimits("30s", "5m")] = DEFAULT
    """How long a session of this database has waited for a lock."""
    replication_lag: Annotated[DurationLimits, DefaultLimits("30s", "5m")] = DEFAULT
    """How far a standby is behind, seen from either side."""
    expect_role: Literal["primary", "standby"] | None = None
    """What the server must be: after a failover a bot may find that it cannot write any more."""
    standbys: int = Field(0, ge=0)
    """How many standbys should be connected; fewer is a warning."""
    kept_wal: Annotated[SizeLimits, DefaultLimits("1 GiB")] = DEFAULT
    """How much WAL is kept for a replication slot that nobody reads."""
    cache_hits: LowNumberLimits = LowNumberLimits()
    """Percent of blocks found in memory within the last hour."""
    checkpoint: DurationLimits = DurationLimits()
    """How long ago the last checkpoint was; it counts only where much was written since."""
    size: SizeLimits = SizeLimits()
    """The size of the database; with `critical` the board shows it as a share of that."""
    transaction_ids: Annotated[NumberLimits, DefaultLimits(50, 75)] = DEFAULT
    """Percent of the transaction ids that are used up; at 100 the server stops, and autovacuum is what frees them."""

    def probe(self, given: ProbeInputs) -> PostgresProbe:
        return PostgresProbe(given.terms, given.clock, self.url or given.ledgers.url(self.ledger), self)


@dataclass(slots=True)
class _Kept:
    """What is remembered from look to look."""

    hour: CounterHistory = field(default_factory=CounterHistory)
    day: CounterHistory = field(default_factory=lambda: CounterHistory(span=86400, step=600))
    weighed: float | None = None
    size: float | None = None
    growth: CounterDelta | None = None


@dataclass(frozen=True, slots=True)
class PostgresProbe:
    """A connection of its own for each look, as a new client would get it, and a question to the statistics.

    The latency is that of connecting and of the first answer.
    """

    kind: ClassVar[str] = "postgres"
    terms: Terms
    clock: Clock
    url: Secret
    limits: PostgresProbeConfig
    _kept: _Kept = field(default_factory=_Kept, repr=False, compare=False)

    @property
    def host(self) -> str | None:
        return host_of(self.url)

    def prepare(self) -> None:
        """Load psycopg."""
        prepare()

    async def look(self) -> ProbeResult:
        began = time.perf_counter()
        try:
            async with session(self.url, self.terms.timeout) as asked:
                return await self._seen(asked, time.perf_counter() - began)
        except SessionRefusedError as error:
            return error.sight

    async def _seen(self, asked: Session, latency: float) -> ProbeResult:
        try:
            (told,) = await asked.ask(statistics(asked.version, self.limits.slow_after.total_seconds()))
        except SessionRefusedError as error:
            return _without_statistics(error, latency)
        await self._weigh(asked)
        row = SimpleNamespace(**told)
        change = self._kept.hour.since(self.clock.monotonic(), {name: float(told[name] or 0) for name in COUNTERS})
        role = "standby" if row.standby else "primary"
        wrong = self.limits.expect_role not in {None, role}
        words = "online, a standby" if row.standby else "online"
        return ProbeResult(
            Level.CRITICAL if wrong else Level.OK,
            f"{words}, but {_MISPLACED[role]}" if wrong else words,
            measures=tuple(_measures(row, change, self._kept.size, self.limits)),
            figures=tuple(_figures(row, change, self._kept)),
            latency=latency,
        )

    async def _weigh(self, asked: Session) -> None:
        """Ask for the size, now and then. It may take long, and says nothing of whether the server is well."""
        kept, now = self._kept, self.clock.monotonic()
        if kept.weighed is not None and now - kept.weighed < _SIZE_EVERY:
            return
        kept.weighed = now
        with suppress(SessionRefusedError, TimeoutError):
            async with asyncio.timeout(self.terms.timeout / 4):
                (row,) = await asked.ask("SELECT pg_database_size(current_database())::float8 AS size")
            kept.size, kept.growth = row["size"], kept.day.since(now, row)


def _without_statistics(error: SessionRefusedError, latency: float) -> ProbeResult:
    """Not every server that speaks the protocol keeps PostgreSQL's statistics, nor shows them to every role."""
    if error.code is None or not error.code.startswith(("42", "0A")):
        return error.sight
    return ProbeResult(Level.OK, "online", figures=(("statistics", "not visible to this role"),), latency=latency)


def _measures(
    row: Any, change: CounterDelta | None, known: float | None, limits: PostgresProbeConfig
) -> Iterator[Measurement]:
    """What stands against a limit, what clients feel first."""
    yield Measurement(
        "connections", 100 * row.used / row.most, limits.connections.threshold, partial(count_of, row.most)
    )
    if row.sees_all:
        yield from _sessions(row, limits)
    found = change.share("blocks_found", "blocks_read") if change else None
    if found is not None:
        yield Measurement("cache hits", found, limits.cache_hits.threshold, percent)
    yield from _replication(row, limits)
    yield _checkpoint(row, limits)
    if known is not None:
        yield Measurement("size", known, limits.size.threshold, size_within(limits.size.threshold))
    if row.transaction_ids >= _WORTH_SHOWING:
        used = "more than {limit} of the transaction ids are used up: is autovacuum at work?"
        yield Measurement("transaction ids", row.transaction_ids, limits.transaction_ids.threshold, percent, used)


def _checkpoint(row: Any, limits: PostgresProbeConfig) -> Measurement:
    old = "no checkpoint since {limit}"
    if row.since_checkpoint > _WORTH_A_CHECKPOINT:
        return Measurement("last checkpoint", row.checkpoint, limits.checkpoint.threshold, ago, old)
    return Measurement("last checkpoint", row.checkpoint, shown=_little_since)


def _sessions(row: Any, limits: PostgresProbeConfig) -> Iterator[Measurement]:
    """What sessions do; a role without pg_read_all_stats sees only its own."""
    longer = f"queries run for longer than {seconds(limits.slow_after.total_seconds())}"
    yield Measurement("slow queries", row.slow, limits.slow_queries.threshold, trouble=longer)
    idle = "a transaction is open and idle for more than {limit}"
    yield Measurement("idle in transaction", row.idle or 0, limits.idle_in_transaction.threshold, span, idle)
    waits = "a session has waited for a lock for more than {limit}"
    yield Measurement("waiting for a lock", row.waiting or 0, limits.lock_wait.threshold, span, waits)


def _replication(row: Any, limits: PostgresProbeConfig) -> Iterator[Measurement]:
    if row.standby:
        yield Measurement("behind its primary", row.behind, limits.replication_lag.threshold, span)
    elif limits.standbys or row.standbys:
        yield Measurement(
            "standbys", row.standbys, enough(limits.standbys), whole, "fewer standbys than {limit} are connected"
        )
    if row.lag is not None:
        yield Measurement("replication lag", row.lag, limits.replication_lag.threshold, span)
    if row.kept_wal:
        kept = "more than {limit} of WAL is kept for a standby that is away"
        yield Measurement("WAL kept for the absent", row.kept_wal, limits.kept_wal.threshold, in_bytes, kept)


def _figures(row: Any, change: CounterDelta | None, kept: _Kept) -> Iterator[tuple[str, str]]:
    """What has no limit."""
    if row.slow:
        yield "slowest query", f"{seconds(row.slowest)} so far"
    if row.standby:
        yield "primary", "connected" if row.fed else "not connected"
    if change:
        yield "deadlocks", change.told("deadlocks")
        yield "transactions", f"{change.rate('transactions'):,.1f}/s"
    if kept.growth and kept.growth.within >= _SIZE_EVERY:
        yield "growth", f"{in_bytes(kept.growth.risen['size'])} in {seconds(kept.growth.within)}"
    yield "up", seconds(row.uptime)
    yield "version", row.version
    if not row.sees_all:
        yield "sessions of others", "hidden without pg_monitor"


def _little_since(figure: float) -> str:
    return f"{ago(figure)}, little written since"
